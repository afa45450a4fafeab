//! Output to a client that has asked for it and does not read.

use std::io;
use std::time::{Duration, Instant};

use crate::exchange;
use crate::goal::Goal;
use crate::load::{Client, pings_during};
use crate::report::Report;
use crate::servers::{Programs, Server, ServerKind};
use crate::settings::Settings;
use crate::statistics::{Series, percentile};

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let [mut before, mut growth, mut rate, mut ping] = [(); 4].map(|()| Series::default());
    for _ in 0..settings.rounds.min(3) {
        let Some(server) = programs.start(ServerKind::Ours, settings.flood_bytes)? else {
            return Ok(());
        };
        let mut reader = Client::connect(&server.socket)?;
        server.settle()?;
        let memory = server.memory()?;
        server.forget_peak()?;
        reader
            .send(&exchange::json("command/run", r#"{"command":"gush","stream":true}"#).request)?;
        let started = Instant::now();
        let (times, ()) = pings_during(&server.socket, |_| until_ended(&server, 1))?;
        rate.ours.push(settings.flood_bytes as f64 / 1e6 / started.elapsed().as_secs_f64());
        before.ours.push(memory / 1024.0);
        growth.ours.push((server.peak()? - memory) / 1024.0);
        ping.ours.push(percentile(times, 99));
    }
    let work = format!("{} MiB to a stopped reader", settings.flood_bytes >> 20);
    report.add(work, "MB/s", rate, &[]);
    report.add("  memory of the server before", "MiB", before, &[]);
    report.add("  the most that it grew meanwhile", "MiB", growth, &[Goal::at_most(8.0)]);
    report.add("  p99 of another client's ping", "ms", ping, &[Goal::at_most(100.0)]);
    Ok(())
}

/// Waits until this many runs have ended.
pub(super) fn until_ended(server: &Server, runs: usize) -> io::Result<()> {
    let mut line = Client::connect(&server.socket)?;
    let request = exchange::json("runs/list", r#"{"command":"gush","limit":9}"#).request;
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let answer = line.text(&request)?;
        // It may not have started.
        if answer.matches("\"state\":\"succeeded\"").count() >= runs {
            return Ok(());
        }
        if Instant::now() > until || answer.contains("\"state\":\"failed\"") {
            return Err(io::Error::other(format!("the flood did not end: {answer}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
