//! From the command `shutdown` to the end of the process, with 1,000 clients who are all told.

use std::io;
use std::time::Instant;

use crate::load::{Line, Pool};
use crate::measure::Series;
use crate::servers::{Kind, Place};
use crate::settings::Settings;
use crate::table::{Goal, Table};
use crate::wire;

const CLIENTS: usize = 1_000;

pub(crate) fn measure(place: &Place, settings: &Settings, table: &mut Table) -> io::Result<()> {
    let mut series = Series::default();
    let order = wire::json("command/run", r#"{"command":"shutdown","confirm":true}"#);
    for _ in 0..settings.rounds {
        if let Some(mut server) = place.start(Kind::Ours, 0)? {
            let mut pool = Pool::connect(&server.socket, CLIENTS)?;
            pool.each(&wire::with_notices(), 0)?;
            server.settle()?;
            let mut control = Line::connect(&server.socket)?;
            let begun = Instant::now();
            control.ask(&order.request)?;
            drop(control);
            pool.ended(Some("session/ended"))?;
            if !server.exited()? {
                return Err(io::Error::other("our server did not end well"));
            }
            series.ours.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        if let Some(mut server) = place.start(Kind::Redis, 0)? {
            let mut pool = Pool::connect(&server.socket, CLIENTS)?;
            pool.each(&wire::redis_ping(), 0)?;
            server.settle()?;
            let mut control = Line::connect(&server.socket)?;
            let begun = Instant::now();
            control.send(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n")?;
            // It tells nobody.
            pool.ended(None)?;
            server.exited()?;
            series.peer.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    table.add(
        format!("shutting down {CLIENTS} clients, all told"),
        "ms",
        series,
        Goal::Figure(200.0),
    );
    Ok(())
}
