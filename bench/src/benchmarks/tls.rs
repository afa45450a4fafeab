//! Cost of TLS 1.3 over TCP: requests, an idle session, handshakes, and many sessions at once.

use std::io;
use std::time::Instant;

use super::{memory, requests};
use crate::exchange::{self, Exchange};
use crate::goal::Goal;
use crate::load::{Client, Pool};
use crate::report::Report;
use crate::servers::{Programs, Server, ServerKind, Transport};
use crate::settings::Settings;
use crate::statistics::{Series, median};

const JOINS: usize = 200;
const FEW: usize = 10;

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    requests::measure_with(Transport::Tls, programs, settings, report)?;
    let idle = memory::series(Transport::Tls, programs, settings)?;
    report.add("TLS: memory of an idle session", "KiB", idle, &[Goal::at_most(14.0)]);
    joins(programs, settings, report)?;
    crowd(programs, settings, report)
}

/// Connect, handshake, one request, and away; one after the other.
fn joins(programs: &Programs, settings: &Settings, report: &mut Report) -> io::Result<()> {
    let (Some(ours), Some(raw)) =
        (start(programs, ServerKind::Ours)?, start(programs, ServerKind::RawJson(1))?)
    else {
        return Ok(());
    };
    let (mut time, mut cpu) = (Series::default(), Series::default());
    for _ in 0..settings.rounds {
        for (server, time, cpu) in
            [(&ours, &mut time.ours, &mut cpu.ours), (&raw, &mut time.raw, &mut cpu.raw)]
        {
            server.settle()?;
            let (before, started) = (server.cpu()?, Instant::now());
            for _ in 0..JOINS {
                Client::connect(server.address(Transport::Tls))?.ask(&exchange::ping().request)?;
            }
            time.push(started.elapsed().as_secs_f64() * 1e6 / JOINS as f64);
            server.settle()?;
            cpu.push((server.cpu()? - before) * 1e6 / JOINS as f64);
        }
    }
    report.add("TLS: connect, handshake, one request", "us", time, &[Goal::raw_at_most(1.25)]);
    report.add("  processor of the server", "us", cpu, &[Goal::raw_at_most(1.15)]);
    Ok(())
}

/// All sessions that there may be: how they come in, what each holds, what a request costs among them, and
/// when the last of them has a notice.
fn crowd(programs: &Programs, settings: &Settings, report: &mut Report) -> io::Result<()> {
    let sessions = programs.clients(settings.broadcast_clients);
    let [mut memory, mut notice, mut request, mut growth] = [(); 4].map(|()| Series::default());
    // Each round takes handshakes for as many sessions on both sides.
    for _ in 0..settings.rounds.min(3) {
        let order = exchange::json("server/shutdown", r#"{"delayMs":3600000,"reason":"bench"}"#);
        let cancel = exchange::json("server/shutdown/cancel", "");
        if let Some(server) = start(programs, ServerKind::Ours)? {
            let control = Client::connect(&server.socket)?;
            let group =
                SessionGroup { join: exchange::with_notices(), notices: vec![order, cancel] };
            let costs = group.measure(&server, control, sessions, settings)?;
            memory.ours.push(costs.memory);
            notice.ours.push(costs.notice);
            request.ours.push(costs.request);
            growth.ours.push(costs.request);
            growth.raw.push(costs.request_of_few);
        }
        if let Some(server) = start(programs, ServerKind::RawJson(1))? {
            let control = Client::connect(server.address(Transport::Tls))?;
            let notices = vec![exchange::json("broadcast", "")];
            let group = SessionGroup { join: exchange::json("subscribe", ""), notices };
            let costs = group.measure(&server, control, sessions, settings)?;
            memory.raw.push(costs.memory);
            notice.raw.push(costs.notice);
            request.raw.push(costs.request);
        }
    }
    let of = |what: &str| format!("TLS: {what}, {sessions} sessions");
    report.add(of("memory of each"), "KiB", memory, &[Goal::at_most(14.0)]);
    report.add(of("a notice to all"), "ms", notice, &[Goal::raw_at_most(1.15)]);
    report.add(of("processor a ping"), "us", request, &[Goal::raw_at_most(1.15)]);
    let flat = [Goal::raw_at_most(1.20)];
    let row = report.add("  the same", "us", growth, &flat);
    row.beside(format!("at {FEW}"), "");
    Ok(())
}

fn start(programs: &Programs, kind: ServerKind) -> io::Result<Option<Server>> {
    programs.start_with(Transport::Tls, kind, 0)
}

/// How the sessions of a crowd ask for notices, and what brings one about.
struct SessionGroup {
    join: Exchange,
    notices: Vec<Exchange>,
}

struct TlsCosts {
    /// KiB of a session.
    memory: f64,
    /// Until the last session has a notice, in ms.
    notice: f64,
    /// Processor time of a request among all of them, and among few, in us.
    request: f64,
    request_of_few: f64,
}

impl SessionGroup {
    fn measure(
        &self,
        server: &Server,
        mut control: Client,
        sessions: usize,
        settings: &Settings,
    ) -> io::Result<TlsCosts> {
        let way = server.address(Transport::Tls);
        let mut active = Pool::connect(way, FEW)?;
        let mut ping = || {
            server.settle()?;
            let before = server.cpu()?;
            let load = active.load(&exchange::ping(), settings.slice / 2)?;
            io::Result::Ok((server.cpu()? - before) * 1e6 / load.requests as f64)
        };
        let request_of_few = ping()?;
        let before = server.memory()?;
        let mut pool = Pool::connect(way, sessions)?;
        pool.each(&self.join, 0)?;
        server.settle()?;
        let memory = (server.memory()? - before) / sessions as f64;
        let request = ping()?;
        let mut times = Vec::new();
        for exchange in self.notices.iter().cycle().take(6) {
            let started = Instant::now();
            control.send(&exchange.request)?;
            pool.receive(exchange.end)?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            control.take()?;
        }
        Ok(TlsCosts { memory, notice: median(&times).unwrap_or(0.0), request, request_of_few })
    }
}
