//! Whether things cost more when there are many clients: processor time of our server with 2,000
//! standing clients (as *ours*) against the same with 10 (as *raw*), one of them subscribed to the
//! list of clients.

use std::io;

use crate::load::{Line, Pool};
use crate::measure::Series;
use crate::servers::{Kind, Place, Server};
use crate::settings::Settings;
use crate::table::{Goal, Table};
use crate::wire;

const FEW: usize = 10;
const MANY: usize = 2_000;
const JOINS: usize = 400;
const NOTICES: usize = 20;

/// Processor time in µs: of a request, of a client that joins, asks and leaves, and of one notice to
/// one client.
struct Costs {
    request: f64,
    join: f64,
    notice: f64,
}

pub(crate) fn measure(place: &Place, settings: &Settings, table: &mut Table) -> io::Result<()> {
    let (mut request, mut join, mut notice) =
        (Series::default(), Series::default(), Series::default());
    let (Some(few), Some(many)) = (place.start(Kind::Ours, 0)?, place.start(Kind::Ours, 0)?) else {
        return Ok(());
    };
    let mut few = Standing::join(few, FEW)?;
    let mut many = Standing::join(many, MANY)?;
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
    let goal = Goal::AtMost(Some(1.20), None);
    let of = |what: &str| format!("{what}, {MANY} clients : {FEW}");
    table.add(of("growth: a request"), "us", request, goal);
    table.add(of("growth: a join, a ping and a leave"), "us", join, goal);
    table.add(of("growth: a notice to a client"), "us", notice, goal);
    Ok(())
}

struct Standing {
    server: Server,
    pool: Pool,
    clients: usize,
    active: Pool,
    control: Line,
    _subscriber: Line,
}

impl Standing {
    fn join(server: Server, clients: usize) -> io::Result<Self> {
        let mut subscriber = Line::connect(&server.socket)?;
        subscriber.ask(&wire::json("events/subscribe", r#"{"topics":["clients"]}"#).request)?;
        let mut pool = Pool::connect(&server.socket, clients)?;
        pool.each(&wire::with_notices(), 0)?;
        let active = Pool::connect(&server.socket, FEW)?;
        let control = Line::connect(&server.socket)?;
        Ok(Self { server, pool, clients, active, control, _subscriber: subscriber })
    }

    fn measure(&mut self, settings: &Settings) -> io::Result<Costs> {
        let Self { server, pool, clients, active, control, .. } = self;
        server.settle()?;
        let since = server.cpu()?;
        let load = active.load(&wire::ping(), settings.slice / 2)?;
        let request = (server.cpu()? - since) * 1e6 / load.requests as f64;

        server.settle()?;
        let since = server.cpu()?;
        for _ in 0..JOINS {
            Line::connect(&server.socket)?.ask(&wire::ping().request)?;
        }
        server.settle()?;
        let join = (server.cpu()? - since) * 1e6 / JOINS as f64;

        // As many notices in all to few as to many would take too long: their cost is per client.
        let order = wire::json("server/shutdown", r#"{"delayMs":3600000}"#);
        let cancel = wire::json("server/shutdown/cancel", "");
        let since = server.cpu()?;
        for talk in [&order, &cancel].into_iter().cycle().take(NOTICES) {
            control.send(&talk.request)?;
            pool.told(talk.end)?;
            control.take()?;
        }
        server.settle()?;
        let notice = (server.cpu()? - since) * 1e6 / (NOTICES * *clients) as f64;
        Ok(Costs { request, join, notice })
    }
}
