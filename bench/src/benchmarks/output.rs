//! Throughput of a program's output to one client that only reads.

use std::io;
use std::time::Instant;

use crate::exchange;
use crate::goal::Goal;
use crate::load::Client;
use crate::report::Report;
use crate::servers::{Programs, ServerKind};
use crate::settings::Settings;
use crate::statistics::Series;

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let (Some(ours), Some(raw)) = (
        programs.start(ServerKind::Ours, settings.output_bytes)?,
        programs.start(ServerKind::RawJson(1), 0)?,
    ) else {
        return Ok(());
    };
    let request = exchange::json("command/run", r#"{"command":"flood","stream":true}"#).request;
    let raw_request = exchange::json("output", &settings.output_bytes.to_string()).request;
    let (mut rate, mut cpu) = (Series::default(), Series::default());
    for _ in 0..settings.rounds {
        let sides = [
            (&ours, &request, &mut rate.ours, &mut cpu.ours),
            (&raw, &raw_request, &mut rate.raw, &mut cpu.raw),
        ];
        for (server, request, rate, cpu) in sides {
            let mut line = Client::connect(&server.socket)?;
            let before = server.cpu()?;
            let started = Instant::now();
            let came = line.ask(request)?;
            let time = started.elapsed().as_secs_f64();
            // Each line of 80 bytes takes one more as JSON: less than that, and some was left out.
            if came < settings.output_bytes + settings.output_bytes / 80 {
                let message = format!("{came} bytes came of {} of output", settings.output_bytes);
                return Err(io::Error::other(message));
            }
            rate.push(settings.output_bytes as f64 / 1e6 / time);
            cpu.push((server.cpu()? - before) * 1e6 / (settings.output_bytes as f64 / 1e6));
        }
    }
    let work = format!("{} MiB of output to a client", settings.output_bytes >> 20);
    report.add(work, "MB/s", rate, &[Goal::raw_at_least(0.90)]);
    report.add("  processor a megabyte", "us", cpu, &[]);
    Ok(())
}
