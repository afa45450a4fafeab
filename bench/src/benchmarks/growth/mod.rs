//! Growth: what one thing costs among many, beside the same among few. A ratio near 1 is a straight line; a cost that grows
//! with the square of the number shows the ratio of the numbers.

mod audit;
mod clients;
mod menu;
mod records;
mod runs;

use std::io;

use crate::goal::Goal;
use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;
use crate::statistics::Series;

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    clients::measure(programs, settings, report)?;
    clients::subscribers(programs, settings, report)?;
    runs::measure(programs, settings, report)?;
    menu::measure(programs, settings, report)?;
    records::measure(programs, settings, report)?;
    audit::measure(programs, settings, report)
}

/// A curve: each figure of `cost` for these counts, the first of which is the smallest. One row for each larger count.
fn add_curves<const FIGURES: usize>(
    report: &mut Report,
    settings: &Settings,
    names: [(&str, &'static str); FIGURES],
    counts: &[usize],
    mut cost: impl FnMut(usize) -> io::Result<[f64; FIGURES]>,
) -> io::Result<()> {
    let mut all: Vec<[Series; FIGURES]> =
        counts[1..].iter().map(|_| std::array::from_fn(|_| Series::default())).collect();
    for _ in 0..settings.rounds.min(3) {
        let few = cost(counts[0])?;
        for (many, series) in counts[1..].iter().zip(&mut all) {
            for ((series, ours), raw) in series.iter_mut().zip(cost(*many)?).zip(few) {
                series.ours.push(ours);
                series.raw.push(raw);
            }
        }
    }
    for (index, (name, unit)) in names.into_iter().enumerate() {
        for (many, series) in counts[1..].iter().zip(&all) {
            let work = format!("growth: {name}, {many}");
            let goal = [Goal::raw_at_most(1.50)];
            let few = format!("at {}", counts[0]);
            report.add(work, unit, series[index].clone(), &goal).beside(few, "");
        }
    }
    Ok(())
}
