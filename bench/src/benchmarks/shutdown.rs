//! Time from the command `shutdown` to the end of the process, with 1,000 clients that are notified.

use std::io;
use std::time::Instant;

use crate::exchange;
use crate::goal::Goal;
use crate::load::{Client, Pool};
use crate::report::Report;
use crate::servers::{Programs, ServerKind};
use crate::settings::Settings;
use crate::statistics::Series;

const CLIENTS: usize = 1_000;

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let mut series = Series::default();
    let order = exchange::json("command/run", r#"{"command":"shutdown","confirm":true}"#);
    for _ in 0..settings.rounds {
        if let Some(mut server) = programs.start(ServerKind::Ours, 0)? {
            let mut pool = Pool::connect(&server.socket, CLIENTS)?;
            pool.each(&exchange::with_notices(), 0)?;
            server.settle()?;
            let mut control = Client::connect(&server.socket)?;
            let started = Instant::now();
            control.ask(&order.request)?;
            drop(control);
            pool.ended(Some("session/ended"))?;
            if !server.exited()? {
                return Err(io::Error::other("our server did not end well"));
            }
            series.ours.push(started.elapsed().as_secs_f64() * 1e3);
        }
        if let Some(mut server) = programs.start(ServerKind::Redis, 0)? {
            let mut pool = Pool::connect(&server.socket, CLIENTS)?;
            pool.each(&exchange::redis_ping(), 0)?;
            server.settle()?;
            let mut control = Client::connect(&server.socket)?;
            let started = Instant::now();
            control.send(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n")?;
            // Redis does not notify its clients.
            pool.ended(None)?;
            server.exited()?;
            series.peer.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    report.add(
        format!("shutting down {CLIENTS} notified clients"),
        "ms",
        series,
        &[Goal::at_most(15.0)],
    );
    Ok(())
}
