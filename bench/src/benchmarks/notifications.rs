//! Fan-out: one notification to many clients, until the last client has read it. Our server schedules and cancels a shutdown,
//! the baseline uses a broadcast channel, Redis uses PUBLISH.

use std::io;
use std::time::Instant;

use crate::exchange::{self, AnswerEnd};
use crate::goal::Goal;
use crate::load::{Client, Pool};
use crate::report::Report;
use crate::servers::{Programs, Server, ServerKind};
use crate::settings::Settings;
use crate::statistics::{Series, median};

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    for wanted in [2_000, settings.broadcast_clients] {
        let clients = programs.clients(wanted);
        if clients < wanted {
            println!("absent: descriptors for {wanted} clients; uses {clients}");
        }
        let (mut one, mut two, mut cpu) = (Series::default(), Series::default(), Series::default());
        let start = |kind| programs.start(kind, 0);
        let (ours, raw, raw2, redis) = (
            start(ServerKind::Ours)?,
            start(ServerKind::RawJson(1))?,
            start(ServerKind::RawJson(2))?,
            start(ServerKind::Redis)?,
        );
        for _ in 0..settings.rounds {
            // One crowd at a time: all of them would not find descriptors enough.
            if let Some(server) = &ours {
                let delivery = notify(server, clients, &exchange::with_notices(), &shutdowns())?;
                one.ours.push(delivery.ms);
                two.ours.push(delivery.ms);
                cpu.ours.push(delivery.cpu);
            }
            let broadcast = [(exchange::json("broadcast", "").request, AnswerEnd::Line)];
            if let Some(server) = &raw {
                let delivery =
                    notify(server, clients, &exchange::json("subscribe", ""), &broadcast)?;
                one.raw.push(delivery.ms);
                cpu.raw.push(delivery.cpu);
            }
            if let Some(server) = &raw2 {
                two.raw.push(
                    notify(server, clients, &exchange::json("subscribe", ""), &broadcast)?.ms,
                );
            }
            if let Some(server) = &redis {
                let notices = [exchange::redis_publish()];
                let delivery = notify(server, clients, &exchange::redis_subscribe(), &notices)?;
                one.peer.push(delivery.ms);
                two.peer.push(delivery.ms);
                cpu.peer.push(delivery.cpu);
            }
        }
        report.add(
            format!("a notice to {clients} clients, raw on 1 worker"),
            "ms",
            one,
            &[Goal::raw_at_most(1.15), Goal::peer_at_most(0.95)],
        );
        report.add(format!("a notice to {clients} clients, raw on 2 workers"), "ms", two, &[]);
        // Steadier than the time, where the machine has other things to do.
        report.add("  processor a notified client", "us", cpu, &[]);
    }
    Ok(())
}

/// Orders a shutdown in an hour, and cancels it: a notice each.
fn shutdowns() -> [(Vec<u8>, AnswerEnd); 2] {
    let order = exchange::json("server/shutdown", r#"{"delayMs":3600000,"reason":"bench"}"#);
    [order, exchange::json("server/shutdown/cancel", "")]
        .map(|exchange| (exchange.request, AnswerEnd::Line))
}

/// One notice.
struct Delivery {
    /// Until the last client had read it; the median.
    ms: f64,
    /// Of the server, for one client, in µs.
    cpu: f64,
}

/// Connects `clients` that `join`, and tells them all of `notices` three times over.
fn notify(
    server: &Server,
    clients: usize,
    join: &exchange::Exchange,
    notices: &[(Vec<u8>, AnswerEnd)],
) -> io::Result<Delivery> {
    let mut control = Client::connect(&server.socket)?;
    let mut pool = Pool::connect(&server.socket, clients)?;
    pool.each(join, 0)?;
    server.settle()?;
    let mut times = Vec::new();
    let since = server.cpu()?;
    for _ in 0..3 {
        for (request, end) in notices {
            let started = Instant::now();
            control.send(request)?;
            pool.receive(*end)?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            control.take()?;
        }
    }
    let cpu = (server.cpu()? - since) * 1e6 / (times.len() * clients) as f64;
    drop(pool);
    server.settle()?;
    Ok(Delivery { ms: median(&times).unwrap_or(0.0), cpu })
}
