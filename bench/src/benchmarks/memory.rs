//! What an idle client costs: growth of resident memory by 2,000 connections, each of which has
//! asked once, on top of 1,000 of them, so that what is there once is not counted.

use std::io;

use crate::load::Pool;
use crate::measure::Series;
use crate::servers::{Kind, Over, Place};
use crate::settings::Settings;
use crate::table::{Goal, Table};
use crate::wire;

const BEFORE: usize = 1_000;
const MORE: usize = 2_000;

pub(crate) fn measure(place: &Place, settings: &Settings, table: &mut Table) -> io::Result<()> {
    // The goal is a figure; raw and Redis show what this machine makes of it.
    let work = "memory of an idle client";
    table.add(work, "KiB", series(Over::Socket, place, settings)?, Goal::Figure(3.0));
    Ok(())
}

pub(super) fn series(over: Over, place: &Place, settings: &Settings) -> io::Result<Series> {
    let mut series = Series::default();
    for _ in 0..settings.rounds.min(3) {
        series.ours.extend(growth(over, place, Kind::Ours)?);
        series.raw.extend(growth(over, place, Kind::RawJson(1))?);
        series.peer.extend(growth(over, place, Kind::Redis)?);
    }
    Ok(series)
}

fn growth(over: Over, place: &Place, kind: Kind) -> io::Result<Option<f64>> {
    let Some(server) = place.start_over(over, kind, 0)? else { return Ok(None) };
    let talk = if kind == Kind::Redis { wire::redis_ping() } else { wire::ping() };
    let way = server.way(over);
    let mut pool = Pool::connect(way, BEFORE)?;
    pool.each(&talk, 0)?;
    server.settle()?;
    let before = server.memory()?;
    pool.grow(way, BEFORE + MORE)?;
    pool.each(&talk, BEFORE)?;
    server.settle()?;
    Ok(Some((server.memory()? - before) / MORE as f64))
}
