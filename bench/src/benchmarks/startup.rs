//! Time from the start of the process to the first answer, and the memory it holds then.

use std::io;

use crate::goal::Goal;
use crate::report::Report;
use crate::servers::{Programs, ServerKind};
use crate::settings::Settings;
use crate::statistics::Series;

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let (mut time, mut memory) = (Series::default(), Series::default());
    for _ in 0..settings.rounds * 2 {
        for kind in [ServerKind::Ours, ServerKind::RawJson(1), ServerKind::Redis] {
            let Some(server) = programs.start(kind, 0)? else { continue };
            server.settle()?;
            let of = |series: &mut Series, figure: f64| match kind {
                ServerKind::Ours => series.ours.push(figure),
                ServerKind::Redis => series.peer.push(figure),
                ServerKind::RawJson(_) | ServerKind::RawLine => series.raw.push(figure),
            };
            of(&mut time, server.start.as_secs_f64() * 1e3);
            of(&mut memory, server.memory()? / 1024.0);
        }
    }
    for (name, path, goal) in [
        ("topside", programs.topside(), vec![Goal::at_most(14.0)]),
        ("topsided", Some(programs.topsided()), Vec::new()),
    ] {
        let size = path.map(std::fs::metadata).transpose()?.map(|file| file.len() as f64 / 1e6);
        let series = Series::alone(size);
        report.add(format!("size of {name}"), "MB", series, &goal);
    }
    report.add("start to first answer", "ms", time, &[Goal::at_most(6.0)]);
    report.add("idle memory", "MiB", memory, &[Goal::at_most(6.0)]);
    Ok(())
}
