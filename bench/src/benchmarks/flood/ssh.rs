//! Output to a program, compared with `ssh`.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::baseline::ssh::Sshd;
use crate::exchange;
use crate::goal::Goal;
use crate::load::Client;
use crate::report::Report;
use crate::servers::{Programs, ServerKind, Transport};
use crate::settings::Settings;
use crate::statistics::Series;

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let (Some(near), Some(far), Some(topside)) = (
        programs.start(ServerKind::Ours, settings.output_bytes)?,
        programs.start_with(Transport::Tls, ServerKind::Ours, settings.output_bytes)?,
        programs.topside(),
    ) else {
        return Ok(());
    };
    let sshd = Sshd::start()?;
    let [mut program, mut socket, mut tls] = [(); 3].map(|()| Series::default());
    let size = settings.output_bytes.to_string();
    for _ in 0..settings.rounds {
        let mut print = Command::new(programs.own());
        print.args(["print", &size]);
        program.raw.push(rate(&mut print, settings.output_bytes)?);
        let mut run = Command::new(topside);
        near.environment(&mut run);
        run.args(["run", "flood"]);
        program.ours.push(rate(&mut run, settings.output_bytes)?);
        let request = exchange::json("command/run", r#"{"command":"flood","stream":true}"#).request;
        for (server, transport, series) in
            [(&near, Transport::Socket, &mut socket), (&far, Transport::Tls, &mut tls)]
        {
            let (mut line, started) = (Client::connect(server.address(transport))?, Instant::now());
            line.ask(&request)?;
            series.ours.push(settings.output_bytes as f64 / 1e6 / started.elapsed().as_secs_f64());
        }
        if let Some(sshd) = &sshd {
            let mut ssh = sshd.command(&format!("{} print {size}", programs.own().display()));
            let rate = rate(&mut ssh, settings.output_bytes)?;
            for series in [&mut program, &mut socket, &mut tls] {
                series.peer.push(rate);
            }
        }
    }
    let of = format!("{} MiB", settings.output_bytes >> 20);
    let on = |way: &str| format!("{of} on {way}");
    let row = report.add(on("the socket to a reader"), "MB/s", socket, &[Goal::peer_at_least(1.2)]);
    row.beside("", "ssh");
    let row = report.add(on("TLS to a reader"), "MB/s", tls, &[Goal::peer_at_least(1.0)]);
    row.beside("", "ssh");
    let goals = [Goal::raw_at_least(0.25), Goal::peer_at_least(2.0)];
    report.add(format!("{of} to `topside run`"), "MB/s", program, &goals).beside("a pipe", "ssh");
    Ok(())
}

/// How fast a program's output comes, in MB/s.
fn rate(command: &mut Command, wanted: u64) -> io::Result<f64> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (mut buffer, mut came) = (vec![0; 256 * 1024], 0);
    while let count @ 1.. = out.read(&mut buffer)? {
        came += count as u64;
    }
    let time = started.elapsed().as_secs_f64();
    let status = child.wait()?;
    if came != wanted || !status.success() {
        let message = format!("{came} bytes came of {wanted}, {status}");
        return Err(io::Error::other(message));
    }
    Ok(wanted as f64 / 1e6 / time)
}
