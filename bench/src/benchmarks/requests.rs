//! Small requests: rate, latency (median and 99th percentile) and processor time of the server.

use std::io;
use std::time::Duration;

use crate::exchange::{self, Exchange};
use crate::load::{LoadResult, Pool};
use crate::report::{Goal, Report};
use crate::servers::{Programs, Server, ServerKind, Transport};
use crate::settings::Settings;
use crate::statistics::Series;

/// One server and what it is asked.
struct Contender {
    server: Server,
    pool: Pool,
}

impl Contender {
    fn start(
        programs: &Programs,
        transport: Transport,
        kind: ServerKind,
        clients: usize,
    ) -> io::Result<Option<Self>> {
        let Some(server) = programs.start_with(transport, kind, 0)? else { return Ok(None) };
        let mut pool = Pool::connect(server.address(transport), clients)?;
        if kind == ServerKind::Redis {
            pool.each(&exchange::redis_set(), 0)?;
        }
        Ok(Some(Self { server, pool }))
    }

    /// One slice, and the processor time of a request in µs.
    fn load(&mut self, exchange: &Exchange, slice: Duration) -> io::Result<(LoadResult, f64)> {
        let before = self.server.cpu()?;
        let load = self.pool.load(exchange, slice)?;
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
    fn push(
        &mut self,
        ours: (LoadResult, f64),
        raw: (LoadResult, f64),
        peer: Option<(LoadResult, f64)>,
    ) {
        for (series, of) in [
            (&mut self.rate, (|(load, _)| load.rate) as fn((LoadResult, f64)) -> f64),
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

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    measure_with(Transport::Socket, programs, settings, report)
}

/// The same by either way. Transport TLS there is no line echo: what sockets cost alone is known then.
pub(super) fn measure_with(
    transport: Transport,
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    // Redis is the peer of the socket; over TLS it is there to be known.
    let (rate, by) = match transport {
        Transport::Socket => (Goal::AtLeast(Some(0.90), Some(1.0)), ""),
        Transport::Tls => (Goal::AtLeast(Some(0.90), None), "TLS: "),
    };
    let cost = Goal::AtMost(Some(1.15), None);
    for clients in [1, 50, 500] {
        let start = |kind| Contender::start(programs, transport, kind, clients);
        let must = |side: Option<Contender>| side.ok_or_else(|| io::Error::other("no server"));
        let mut ours = must(start(ServerKind::Ours)?)?;
        let mut raw = must(start(ServerKind::RawJson(1))?)?;
        let mut line = match transport {
            Transport::Socket => start(ServerKind::RawLine)?,
            Transport::Tls => None,
        };
        let mut redis = start(ServerKind::Redis)?;
        let (mut ping, mut floor, mut echo) =
            (Figures::default(), Figures::default(), Figures::default());
        // The first round warms everything up and does not count.
        for round in 0..=settings.rounds {
            let slice = if round == 0 { settings.slice / 4 } else { settings.slice };
            let our_ping = ours.load(&exchange::ping(), slice)?;
            let raw_ping = raw.load(&exchange::ping(), slice)?;
            let mut of_redis =
                |exchange| redis.as_mut().map(|side| side.load(&exchange, slice)).transpose();
            let get = of_redis(exchange::redis_get())?;
            let redis_ping = of_redis(exchange::redis_ping())?;
            let our_echo = ours.load(&exchange::echo(), slice)?;
            let raw_echo = raw.load(&exchange::echo(), slice)?;
            let lines =
                line.as_mut().map(|side| side.load(&exchange::line(), slice)).transpose()?;
            if round > 0 {
                ping.push(our_ping, raw_ping, get);
                echo.push(our_echo, raw_echo, get);
                if let Some(lines) = lines {
                    floor.push(our_ping, lines, redis_ping);
                }
            }
        }
        let of = |what: &str| format!("{by}{what}, {clients} clients");
        report.add(of("ping"), "/s", ping.rate, rate);
        if line.is_some() {
            let work = of("  beside the line echo and Redis PING");
            report.add(work, "/s", floor.rate, Goal::None);
        }
        report.add(of("  p50"), "ms", ping.p50, Goal::None);
        report.add(of("  p99"), "ms", ping.p99, Goal::None);
        report.add(of("command echo"), "/s", echo.rate, rate);
        report.add(of("  p50"), "ms", echo.p50, Goal::None);
        report.add(of("  p99"), "ms", echo.p99, Goal::None);
        if clients == 50 {
            report.add(of("processor a ping"), "us", ping.cpu, cost);
            report.add(of("processor a command echo"), "us", echo.cpu, cost);
        }
    }
    Ok(())
}
