//! A flood: more output than anybody reads, to a reader that has stopped and to a live screen, and what that
//! costs everybody else; how fast output goes to a program beside `ssh`; and a scrollback of a million lines.

mod drawing;
mod live;
mod ssh;
mod stopped;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::load::Line;
use crate::servers::Place;
use crate::settings::Settings;
use crate::table::Table;
use crate::wire;

/// Between two pings of somebody else: he is there, and is no load.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) fn measure(place: &Place, settings: &Settings, table: &mut Table) -> io::Result<()> {
    stopped::measure(place, settings, table)?;
    live::measure(place, settings, table)?;
    ssh::measure(place, settings, table)?;
    drawing::measure(settings, table);
    Ok(())
}

/// Pings as another client until it is over; how long each took, in ms.
fn pings(socket: &Path, over: &AtomicBool) -> io::Result<Vec<f64>> {
    let mut line = Line::connect(&socket.to_owned())?;
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        line.ask(&wire::ping().request)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(PAUSE);
    }
    Ok(times)
}

/// The value that `part` of 100 do not exceed.
fn percentile(mut values: Vec<f64>, part: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() * part / 100).min(values.len().saturating_sub(1));
    values.get(index).copied().unwrap_or(f64::NAN)
}
