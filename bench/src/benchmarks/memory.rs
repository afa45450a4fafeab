//! Memory of an idle client: growth of resident memory by 2,000 connections that have sent one request each. 1,000 connections
//! exist before, so that fixed costs are not counted.

use std::io;

use crate::exchange;
use crate::goal::Goal;
use crate::load::Pool;
use crate::report::Report;
use crate::servers::{Programs, ServerKind, Transport};
use crate::settings::Settings;
use crate::statistics::Series;

const BEFORE: usize = 1_000;
const MORE: usize = 2_000;

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    // The goal is a figure; raw and Redis show what this machine makes of it.
    let work = "memory of an idle client";
    report.add(work, "KiB", series(Transport::Socket, programs, settings)?, &[Goal::at_most(3.0)]);
    Ok(())
}

pub(super) fn series(
    transport: Transport,
    programs: &Programs,
    settings: &Settings,
) -> io::Result<Series> {
    let mut series = Series::default();
    for _ in 0..settings.rounds.min(3) {
        series.ours.extend(growth(transport, programs, ServerKind::Ours)?);
        series.raw.extend(growth(transport, programs, ServerKind::RawJson(1))?);
        series.peer.extend(growth(transport, programs, ServerKind::Redis)?);
    }
    Ok(series)
}

fn growth(transport: Transport, programs: &Programs, kind: ServerKind) -> io::Result<Option<f64>> {
    let Some(server) = programs.start_with(transport, kind, 0)? else { return Ok(None) };
    let exchange =
        if kind == ServerKind::Redis { exchange::redis_ping() } else { exchange::ping() };
    let way = server.address(transport);
    let mut pool = Pool::connect(way, BEFORE)?;
    pool.each(&exchange, 0)?;
    server.settle()?;
    let before = server.memory()?;
    pool.grow(way, BEFORE + MORE)?;
    pool.each(&exchange, BEFORE)?;
    server.settle()?;
    Ok(Some((server.memory()? - before) / MORE as f64))
}
