//! Cost per request with many clients: processor time of our server with 2,000 connected clients beside the same with 10.
//! One client is subscribed to the list of clients.

use std::io;

use crate::exchange;
use crate::goal::Goal;
use crate::load::{Client, Pool};
use crate::report::Report;
use crate::servers::{Programs, Server, ServerKind};
use crate::settings::Settings;
use crate::statistics::Series;

const FEW: usize = 10;
const MANY: usize = 2_000;
const JOINS: usize = 400;
const NOTICES: usize = 20;
/// Subscribers that do not read.
const SUBSCRIBERS: [usize; 2] = [500, 2_000];

/// Processor time in µs: of a request, of a client that joins, asks and leaves, and of one notice to
/// one client.
struct GrowthCosts {
    request: f64,
    join: f64,
    notice: f64,
}

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let (mut request, mut join, mut notice) =
        (Series::default(), Series::default(), Series::default());
    let (Some(few), Some(many)) =
        (programs.start(ServerKind::Ours, 0)?, programs.start(ServerKind::Ours, 0)?)
    else {
        return Ok(());
    };
    let mut few = ClientGroup::join(few, FEW)?;
    let mut many = ClientGroup::join(many, MANY)?;
    for _ in 0..settings.rounds {
        for (standing, of) in [
            (
                &mut many,
                (|series: &mut Series| &mut series.ours) as fn(&mut Series) -> &mut Vec<f64>,
            ),
            (&mut few, |series| &mut series.raw),
        ] {
            let costs = standing.measure(settings)?;
            of(&mut request).push(costs.request);
            of(&mut join).push(costs.join);
            of(&mut notice).push(costs.notice);
        }
    }
    for (what, series) in [
        ("a request", request),
        ("a join, a ping and a leave", join),
        ("a notice to a client", notice),
    ] {
        let work = format!("growth: {what}, {MANY} clients");
        let row = report.add(work, "us", series, &[Goal::raw_at_most(1.20)]);
        row.beside(format!("at {FEW}"), "");
    }
    Ok(())
}

/// Subscribers to the list of clients that read nothing.
pub(super) fn subscribers(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let (mut each, mut left) = (Series::default(), Series::default());
    for _ in 0..settings.rounds.min(3) {
        for (count, of) in [(&SUBSCRIBERS[0], &mut each.raw), (&SUBSCRIBERS[1], &mut each.ours)] {
            let Some(server) = programs.start(ServerKind::Ours, 0)? else { return Ok(()) };
            let subscribe = exchange::json("events/subscribe", r#"{"topics":["clients"]}"#);
            let before = server.memory()?;
            let mut silent = Vec::new();
            for _ in 0..*count {
                let mut client = Client::connect(&server.socket)?;
                client.send(&subscribe.request)?;
                silent.push(client);
            }
            server.settle()?;
            of.push((server.memory()? - before) / *count as f64);
            drop(silent);
            server.settle()?;
            if *count == SUBSCRIBERS[1] {
                left.ours.push(server.memory()?);
                left.raw.push(before);
            }
        }
    }
    let [few, many] = SUBSCRIBERS;
    let work = format!("growth: a subscriber that reads nothing, {many}");
    report.add(work, "KiB", each, &[Goal::at_most(20.0)]).beside(format!("at {few}"), "");
    let work = format!("growth: memory after {many} have left");
    report.add(work, "KiB", left, &[Goal::raw_at_most(1.20)]).beside("before", "");
    Ok(())
}

struct ClientGroup {
    server: Server,
    pool: Pool,
    clients: usize,
    active: Pool,
    control: Client,
    _subscriber: Client,
}

impl ClientGroup {
    fn join(server: Server, clients: usize) -> io::Result<Self> {
        let mut subscriber = Client::connect(&server.socket)?;
        subscriber.ask(&exchange::json("events/subscribe", r#"{"topics":["clients"]}"#).request)?;
        let mut pool = Pool::connect(&server.socket, clients)?;
        pool.each(&exchange::with_notices(), 0)?;
        let active = Pool::connect(&server.socket, FEW)?;
        let control = Client::connect(&server.socket)?;
        Ok(Self { server, pool, clients, active, control, _subscriber: subscriber })
    }

    fn measure(&mut self, settings: &Settings) -> io::Result<GrowthCosts> {
        let Self { server, pool, clients, active, control, .. } = self;
        server.settle()?;
        let since = server.cpu()?;
        let load = active.load(&exchange::ping(), settings.slice / 2)?;
        let request = (server.cpu()? - since) * 1e6 / load.requests as f64;

        server.settle()?;
        let since = server.cpu()?;
        for _ in 0..JOINS {
            Client::connect(&server.socket)?.ask(&exchange::ping().request)?;
        }
        server.settle()?;
        let join = (server.cpu()? - since) * 1e6 / JOINS as f64;

        // As many notices in all to few as to many would take too long: their cost is per client.
        let order = exchange::json("server/shutdown", r#"{"delayMs":3600000}"#);
        let cancel = exchange::json("server/shutdown/cancel", "");
        let since = server.cpu()?;
        for exchange in [&order, &cancel].into_iter().cycle().take(NOTICES) {
            control.send(&exchange.request)?;
            pool.receive(exchange.end)?;
            control.take()?;
        }
        server.settle()?;
        let notice = (server.cpu()? - since) * 1e6 / (NOTICES * *clients) as f64;
        Ok(GrowthCosts { request, join, notice })
    }
}
