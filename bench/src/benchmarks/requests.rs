//! Small requests: rate, latency (median and 99th percentile) and processor time of the server.

use std::io;
use std::time::Duration;

use crate::exchange::{self, Exchange};
use crate::goal::Goal;
use crate::load::{LoadResult, Pool};
use crate::report::Report;
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

/// The goals for a number of clients.
struct Goals {
    ping: Vec<Goal>,
    ping_cpu: Vec<Goal>,
    builtin: Vec<Goal>,
    builtin_cpu: Vec<Goal>,
}

/// The numbers of clients, each with its goals.
fn goals(transport: Transport) -> [(usize, Goals); 3] {
    let (ping, redis, ping_cpu) = match transport {
        Transport::Socket => ([0.95, 0.92, 0.90], [1.0; 3], 1.08),
        Transport::Tls => ([0.95; 3], [1.0, 1.35, 1.25], 1.15),
    };
    let builtin = [0.90, 0.80, 0.75];
    std::array::from_fn(|index| {
        let clients = [1, 50, 500][index];
        // At one client most of the time is that of sleeping and waking; at 500 it varies more.
        let cpu = |ratio| if clients == 50 { vec![Goal::raw_at_most(ratio)] } else { Vec::new() };
        let goals = Goals {
            ping: vec![Goal::raw_at_least(ping[index]), Goal::peer_at_least(redis[index])],
            ping_cpu: cpu(ping_cpu),
            builtin: vec![Goal::raw_at_least(builtin[index])],
            builtin_cpu: cpu(1.25),
        };
        (clients, goals)
    })
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
    let by = if transport == Transport::Tls { "TLS: " } else { "" };
    for (clients, goals) in goals(transport) {
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
        let peer = "Redis GET";
        report.add(of("ping"), "/s", ping.rate, &goals.ping).beside("raw", peer);
        if line.is_some() {
            report.add("  the same", "/s", floor.rate, &[]).beside("line echo", "Redis PING");
        }
        report.add("  p50", "ms", ping.p50, &[]).beside("raw", peer);
        report.add("  p99", "ms", ping.p99, &[]).beside("raw", peer);
        report.add("  processor", "us", ping.cpu, &goals.ping_cpu).beside("raw", peer);
        report.add(of("built-in echo"), "/s", echo.rate, &goals.builtin).beside("raw", peer);
        report.add("  p50", "ms", echo.p50, &[]).beside("raw", peer);
        report.add("  p99", "ms", echo.p99, &[]).beside("raw", peer);
        report.add("  processor", "us", echo.cpu, &goals.builtin_cpu).beside("raw", peer);
    }
    Ok(())
}
