//! Many runs that end at once: cancelled together, and with the server.

use std::io;
use std::time::Instant;

use super::add_curves;
use crate::exchange;
use crate::load::Client;
use crate::report::Report;
use crate::servers::{Programs, Server};
use crate::settings::Settings;

const COUNTS: [usize; 3] = [16, 100, 400];
const MENU: &str = "[commands.stay]\nexec = [\"sleep\", \"1000\"]\ntimeout = \"none\"\n";
const SETTINGS: &str = "[limits]\nmax_runs = 0\nmax_runs_per_client = 0\n";

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let names = [("cancel of a run", "us"), ("end of a server with a run", "ms")];
    add_curves(report, settings, names, &COUNTS, |count| {
        Ok([cancel(programs, count)?, end(programs, count)?])
    })
}

/// A server, and one client for each of so many live runs, with the number of the run.
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

/// Processor time of a cancel, in µs.
fn cancel(programs: &Programs, count: usize) -> io::Result<f64> {
    let (server, mut runs) = start(programs, count)?;
    let since = server.cpu()?;
    for (client, run) in &mut runs {
        client.send(&exchange::json("run/cancel", &format!(r#"{{"runId":{run}}}"#)).request)?;
    }
    for (client, _) in &mut runs {
        client.answer()?;
    }
    Ok((server.cpu()? - since) * 1e6 / count as f64)
}

/// Time from the order to the end of the server, for each run, in ms.
fn end(programs: &Programs, count: usize) -> io::Result<f64> {
    let (mut server, _runs) = start(programs, count)?;
    let since = Instant::now();
    server.terminate()?;
    Ok(since.elapsed().as_secs_f64() * 1e3 / count as f64)
}
