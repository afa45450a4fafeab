//! Flood benchmarks: a program writes more output than a client reads. They measure a stopped reader, a live screen, the cost
//! for other clients, output to a program compared with `ssh`, and a scrollback of a million lines.

mod frame_time;
mod screen;
mod ssh;
mod stopped_reader;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::exchange;
use crate::load::Client;
use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;

/// Interval between two pings of the other client: short enough to measure, too long to be a load.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    stopped_reader::measure(programs, settings, report)?;
    screen::measure(programs, settings, report)?;
    ssh::measure(programs, settings, report)?;
    frame_time::measure(settings, report);
    Ok(())
}

/// Pings as another client until it is over; how long each took, in ms.
fn pings(socket: &Path, done: &AtomicBool) -> io::Result<Vec<f64>> {
    let mut line = Client::connect(&socket.to_owned())?;
    let mut times = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let started = Instant::now();
        line.ask(&exchange::ping().request)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
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
