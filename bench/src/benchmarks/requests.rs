//! Small requests: how many a second, how late the last of them, and what they cost the server.

use std::io;
use std::time::Duration;

use crate::load::{Load, Pool};
use crate::measure::Series;
use crate::servers::{Kind, Over, Place, Server};
use crate::settings::Settings;
use crate::table::{Goal, Table};
use crate::wire::{self, Talk};

/// One server and what it is asked.
struct Side {
    server: Server,
    pool: Pool,
}

impl Side {
    fn start(place: &Place, over: Over, kind: Kind, clients: usize) -> io::Result<Option<Self>> {
        let Some(server) = place.start_over(over, kind, 0)? else { return Ok(None) };
        let mut pool = Pool::connect(server.way(over), clients)?;
        if kind == Kind::Redis {
            pool.each(&wire::redis_set(), 0)?;
        }
        Ok(Some(Self { server, pool }))
    }

    /// One slice, and the processor time of a request in µs.
    fn load(&mut self, talk: &Talk, slice: Duration) -> io::Result<(Load, f64)> {
        let before = self.server.cpu()?;
        let load = self.pool.load(talk, slice)?;
        let cpu = (self.server.cpu()? - before) * 1e6 / load.requests as f64;
        Ok((load, cpu))
    }
}

#[derive(Default)]
struct Figures {
    rate: Series,
    p50: Series,
    p99: Series,
    cpu: Series,
}

impl Figures {
    fn push(&mut self, ours: (Load, f64), raw: (Load, f64), peer: Option<(Load, f64)>) {
        for (series, of) in [
            (&mut self.rate, (|(load, _)| load.rate) as fn((Load, f64)) -> f64),
            (&mut self.p50, |(load, _)| load.p50),
            (&mut self.p99, |(load, _)| load.p99),
            (&mut self.cpu, |(_, cpu)| cpu),
        ] {
            series.ours.push(of(ours));
            series.raw.push(of(raw));
            series.peer.extend(peer.map(of));
        }
    }
}

pub(crate) fn measure(place: &Place, settings: &Settings, table: &mut Table) -> io::Result<()> {
    measure_over(Over::Socket, place, settings, table)
}

/// The same by either way. Over TLS there is no line echo: what sockets cost alone is known then.
pub(super) fn measure_over(
    over: Over,
    place: &Place,
    settings: &Settings,
    table: &mut Table,
) -> io::Result<()> {
    // Redis is the peer of the socket; over TLS it is there to be known.
    let (rate, by) = match over {
        Over::Socket => (Goal::AtLeast(Some(0.90), Some(1.0)), ""),
        Over::Tls => (Goal::AtLeast(Some(0.90), None), "TLS: "),
    };
    let cost = Goal::AtMost(Some(1.15), None);
    for clients in [1, 50, 500] {
        let start = |kind| Side::start(place, over, kind, clients);
        let must = |side: Option<Side>| side.ok_or_else(|| io::Error::other("no server"));
        let mut ours = must(start(Kind::Ours)?)?;
        let mut raw = must(start(Kind::RawJson(1))?)?;
        let mut line = match over {
            Over::Socket => start(Kind::RawLine)?,
            Over::Tls => None,
        };
        let mut redis = start(Kind::Redis)?;
        let (mut ping, mut floor, mut echo) =
            (Figures::default(), Figures::default(), Figures::default());
        // The first round warms everything up and does not count.
        for round in 0..=settings.rounds {
            let slice = if round == 0 { settings.slice / 4 } else { settings.slice };
            let our_ping = ours.load(&wire::ping(), slice)?;
            let raw_ping = raw.load(&wire::ping(), slice)?;
            let mut of_redis =
                |talk| redis.as_mut().map(|side| side.load(&talk, slice)).transpose();
            let get = of_redis(wire::redis_get())?;
            let redis_ping = of_redis(wire::redis_ping())?;
            let our_echo = ours.load(&wire::echo(), slice)?;
            let raw_echo = raw.load(&wire::echo(), slice)?;
            let lines = line.as_mut().map(|side| side.load(&wire::line(), slice)).transpose()?;
            if round > 0 {
                ping.push(our_ping, raw_ping, get);
                echo.push(our_echo, raw_echo, get);
                if let Some(lines) = lines {
                    floor.push(our_ping, lines, redis_ping);
                }
            }
        }
        let of = |what: &str| format!("{by}{what}, {clients} clients");
        table.add(of("ping"), "/s", ping.rate, rate);
        if line.is_some() {
            let work = of("  beside the line echo and Redis PING");
            table.add(work, "/s", floor.rate, Goal::None);
        }
        table.add(of("  p50"), "ms", ping.p50, Goal::None);
        table.add(of("  p99"), "ms", ping.p99, Goal::None);
        table.add(of("command echo"), "/s", echo.rate, rate);
        table.add(of("  p50"), "ms", echo.p50, Goal::None);
        table.add(of("  p99"), "ms", echo.p99, Goal::None);
        if clients == 50 {
            table.add(of("processor a ping"), "us", ping.cpu, cost);
            table.add(of("processor a command echo"), "us", echo.cpu, cost);
        }
    }
    Ok(())
}
