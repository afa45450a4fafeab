//! Many runs that end at once: cancelled together, and with the server.

use std::io;
use std::time::Instant;

use super::add_curves;
use crate::exchange;
use crate::goal::Goal;
use crate::load::{Client, pings_during};
use crate::report::Report;
use crate::servers::{Programs, Server};
use crate::settings::Settings;
use crate::statistics::Series;

const COUNTS: [usize; 3] = [16, 100, MOST];
const MOST: usize = 500;
const MENU: &str = "[commands.stay]\nexec = [\"sleep\", \"1000\"]\ntimeout = \"none\"\n";
const SETTINGS: &str = "[limits]\nmax_runs = 0\nmax_runs_per_client = 0\n";

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let names = [("cancel of a run", "us"), ("end of a server with a run", "ms")];
    let [mut cancels, mut pings, mut ends] = [(); 3].map(|()| Series::default());
    add_curves(report, settings, names, &COUNTS, |count| {
        let (cancel, end) = (cancel(programs, count)?, end(programs, count)?);
        if count == MOST {
            cancels.ours.push(cancel.time);
            pings.ours.push(cancel.ping);
            ends.ours.push(end);
        }
        Ok([cancel.cpu / count as f64, end / count as f64])
    })?;
    report.add(format!("cancel of {MOST} runs at once"), "ms", cancels, &[Goal::at_most(400.0)]);
    let work = "  slowest ping of another client meanwhile";
    report.add(work, "ms", pings, &[Goal::at_most(10.0)]);
    let work = format!("end of a server with {MOST} runs");
    report.add(work, "ms", ends, &[Goal::at_most(2_000.0)]);
    Ok(())
}

/// What it costs to cancel some runs at once.
struct Cancel {
    /// Processor time in µs.
    cpu: f64,
    /// Until the last has ended, in ms.
    time: f64,
    /// The slowest ping of another client meanwhile, in ms.
    ping: f64,
}

/// A server with live runs, and for each run one client and the run's number.
fn start(programs: &Programs, count: usize) -> io::Result<(Server, Vec<(Client, u64)>)> {
    let server = programs.start_with_files(MENU, SETTINGS)?;
    let request = exchange::json("command/run", r#"{"command":"stay","wait":false}"#).request;
    let mut runs = Vec::new();
    for _ in 0..count {
        let mut client = Client::connect(&server.socket)?;
        let answer: serde_json::Value = serde_json::from_str(&client.text(&request)?)?;
        let run = answer["result"]["runId"].as_u64();
        runs.push((client, run.ok_or_else(|| io::Error::other(answer.to_string()))?));
    }
    server.settle()?;
    Ok((server, runs))
}

fn cancel(programs: &Programs, count: usize) -> io::Result<Cancel> {
    let (server, mut runs) = start(programs, count)?;
    let since = server.cpu()?;
    let started = Instant::now();
    let (pings, time) = pings_during(&server.socket, |_| {
        cancel_all(&mut runs)?;
        Ok(started.elapsed())
    })?;
    let ping = pings.into_iter().fold(0.0, f64::max);
    let cpu = (server.cpu()? - since) * 1e6;
    Ok(Cancel { cpu, time: time.as_secs_f64() * 1e3, ping })
}

fn cancel_all(runs: &mut [(Client, u64)]) -> io::Result<()> {
    for (client, run) in runs.iter_mut() {
        client.send(&exchange::json("run/cancel", &format!(r#"{{"runId":{run}}}"#)).request)?;
    }
    for (client, _) in runs {
        client.answer()?;
    }
    Ok(())
}

/// Time from the order to the end of the server, in ms.
fn end(programs: &Programs, count: usize) -> io::Result<f64> {
    let (mut server, _runs) = start(programs, count)?;
    let since = Instant::now();
    server.terminate()?;
    Ok(since.elapsed().as_secs_f64() * 1e3)
}
