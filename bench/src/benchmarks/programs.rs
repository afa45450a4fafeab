//! Runs of `/bin/true`: over one open connection, and with a new client program for each run.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::baseline::json::spawn_true;
use crate::baseline::ssh::Sshd;
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
    let (Some(ours), Some(raw)) =
        (programs.start(ServerKind::Ours, 0)?, programs.start(ServerKind::RawJson(1), 0)?)
    else {
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sshd = Sshd::start()?;
    let mut our_line = Client::connect(&ours.socket)?;
    let mut raw_line = Client::connect(&raw.socket)?;
    let request = exchange::run("nothing").request;
    let (mut open, mut local, mut whole) =
        (Series::default(), Series::default(), Series::default());
    for _ in 0..settings.rounds {
        let rate = again(settings.slice, || our_line.ask(&request).map(drop))?;
        open.ours.push(rate);
        local.ours.push(rate);
        open.raw.push(again(settings.slice, || raw_line.ask(exchange::RAW_SPAWN).map(drop))?);
        local.raw.push(again(settings.slice, || runtime.block_on(spawn_true()))?);
        let Some(topside) = programs.topside() else { continue };
        whole.ours.push(again(settings.slice, || {
            let mut command = Command::new(topside);
            command.args(["run", "nothing"]);
            ours.environment(&mut command);
            succeed(&mut command)
        })?);
        whole.raw.push(again(settings.slice, || {
            succeed(Command::new(programs.own()).arg("raw-run").arg(&raw.socket))
        })?);
        let Some(sshd) = &sshd else { continue };
        whole
            .peer
            .push(again(settings.slice, || succeed(&mut sshd.over_open_connection("/bin/true")))?);
    }
    report.add("run /bin/true, open connection", "/s", open, &[Goal::raw_at_least(0.85)]);
    report.add("  the same", "/s", local, &[]).beside("spawning here", "");
    let goals = [Goal::raw_at_least(0.70), Goal::peer_at_least(3.0)];
    let row = report.add("topside run, whole program each time", "/s", whole, &goals);
    row.beside("raw", "ssh with ControlMaster");
    Ok(())
}

/// How often a second.
fn again(slice: Duration, mut once: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < slice {
        once()?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("a client program failed")) }
}
