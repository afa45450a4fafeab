//! What an idle client costs: growth of resident memory by 2,000 connections, each of which has
//! asked once, on top of 1,000 of them, so that what is there once is not counted.

use std::io;

use crate::load::Pool;
use crate::measure::Series;
use crate::program::Plan;
use crate::servers::{Kind, Place};
use crate::table::{Goal, Table};
use crate::wire;

const BEFORE: usize = 1_000;
const MORE: usize = 2_000;

pub(crate) fn measure(place: &Place, plan: &Plan, table: &mut Table) -> io::Result<()> {
    let mut series = Series::default();
    for _ in 0..plan.rounds.min(3) {
        series.ours.extend(growth(place, Kind::Ours)?);
        series.raw.extend(growth(place, Kind::RawJson(1))?);
        series.peer.extend(growth(place, Kind::Redis)?);
    }
    // The goal is a figure; raw and Redis show what this machine makes of it.
    table.add("memory of an idle client", "KiB", series, Goal::Figure(3.0));
    Ok(())
}

fn growth(place: &Place, kind: Kind) -> io::Result<Option<f64>> {
    let Some(server) = place.start(kind, 0)? else { return Ok(None) };
    let talk = if kind == Kind::Redis { wire::redis_ping() } else { wire::ping() };
    let mut pool = Pool::connect(&server.socket, BEFORE)?;
    pool.each(&talk, 0)?;
    server.settle()?;
    let before = server.memory()?;
    pool.grow(&server.socket, BEFORE + MORE)?;
    pool.each(&talk, BEFORE)?;
    server.settle()?;
    Ok(Some((server.memory()? - before) / MORE as f64))
}
