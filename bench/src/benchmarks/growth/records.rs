//! Many records: lists of runs with filters, the first run after a start, and the end of a large output.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::add_curves;
use crate::exchange;
use crate::goal::Goal;
use crate::load::Client;
use crate::report::Report;
use crate::servers::{Programs, Server};
use crate::settings::Settings;
use crate::statistics::Series;

const ROWS: [usize; 2] = [5_000, 100_000];
/// Rows of one measurement that takes a while.
const MANY_ROWS: usize = 1_000_000;
/// Rows that are deleted while runs start.
const OLD_ROWS: usize = 500_000;
const OUTPUT_MIB: [usize; 2] = [16, 128];
/// The limits allow more. A larger file would take minutes to write; each attach reads an index, which grows by 128 bytes for
/// each MiB.
const LARGE_OUTPUT_MIB: usize = 1024;
/// For how long runs are started while rows are deleted.
const DELETION: Duration = Duration::from_secs(3);
/// Requests of one measurement.
const REQUESTS: usize = 20;

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let names = [("start and first run among rows", "us"), ("list of two filters", "us")];
    add_curves(report, settings, names, &ROWS, |rows| rows_cost(programs, rows))?;
    many_rows(programs, report)?;
    retention(programs, report)?;
    let names = [("the end of an output of MiB", "us")];
    add_curves(report, settings, names, &OUTPUT_MIB, |mib| output_cost(programs, mib))?;
    first_byte(programs, report)
}

/// Time of a list and of the first run after a start, among many rows.
fn many_rows(programs: &Programs, report: &mut Report) -> io::Result<()> {
    let mut server = among(programs, MANY_ROWS, "")?;
    let (mut first, mut list) = (Series::default(), Series::default());
    let ms = |started: Instant| started.elapsed().as_secs_f64() * 1e3;
    for _ in 0..3 {
        server.restart(programs, |_| Ok(()))?;
        let mut client = Client::connect(&server.socket)?;
        let started = Instant::now();
        client.ask(&exchange::run("nothing").request)?;
        first.ours.push(ms(started));
    }
    let mut client = Client::connect(&server.socket)?;
    for _ in 0..REQUESTS {
        let started = Instant::now();
        client.ask(&filtered_list())?;
        list.ours.push(ms(started));
    }
    let of = |what: &str| format!("growth: {what}, {MANY_ROWS} rows");
    report.add(of("a list of two filters"), "ms", list, &[Goal::at_most(5.0)]);
    report.add(of("the first run after a start"), "ms", first, &[Goal::at_most(15.0)]);
    Ok(())
}

/// The slowest run while old rows are deleted.
fn retention(programs: &Programs, report: &mut Report) -> io::Result<()> {
    let server = among(programs, OLD_ROWS, "[runs]\nkeep_bytes = \"4MiB\"\n")?;
    let mut client = Client::connect(&server.socket)?;
    let (until, mut slowest) = (Instant::now() + DELETION, Duration::ZERO);
    while Instant::now() < until {
        let started = Instant::now();
        client.ask(&exchange::run("nothing").request)?;
        slowest = slowest.max(started.elapsed());
    }
    let series = Series::alone([slowest.as_secs_f64() * 1e3]);
    let work = format!("growth: the slowest run while {OLD_ROWS} rows are deleted");
    report.add(work, "ms", series, &[Goal::at_most(20.0)]);
    Ok(())
}

/// A server that was started with this `server.toml` on a database of `rows` rows.
fn among(programs: &Programs, rows: usize, settings: &str) -> io::Result<Server> {
    let mut server = programs.start_with_files(&programs.menu(0), "")?;
    Client::connect(&server.socket)?.ask(&exchange::run("nothing").request)?;
    server.restart(programs, |directory| {
        fs::write(directory.join("server.toml"), settings)?;
        fill(&directory.join("runs.db"), rows)
    })?;
    Ok(server)
}

/// The two filters match some of the oldest rows only.
fn filtered_list() -> Vec<u8> {
    exchange::json("runs/list", r#"{"command":"df","user":"ann","limit":10}"#).request
}

/// Processor time with this many rows in the database, in µs.
fn rows_cost(programs: &Programs, rows: usize) -> io::Result<[f64; 2]> {
    let server = among(programs, rows, "")?;
    let mut client = Client::connect(&server.socket)?;
    client.ask(&exchange::run("nothing").request)?;
    let first = server.cpu()?;
    let list = filtered_list();
    client.ask(&list)?;
    let since = server.cpu()?;
    for _ in 0..REQUESTS {
        client.ask(&list)?;
    }
    let list = (server.cpu()? - since) / REQUESTS as f64;
    Ok([first, list].map(|seconds| seconds * 1e6))
}

/// Copies the only row, as ended runs of other commands and users.
fn fill(path: &Path, rows: usize) -> io::Result<()> {
    let columns =
        "owner, role, args, client, address, state, started, aged_from, ended, bytes, size";
    let insert = format!(
        "WITH RECURSIVE n(i) AS (SELECT 200 UNION ALL SELECT i + 1 FROM n WHERE i < {rows} + 200) \
         INSERT INTO runs (id, command, user, {columns}) \
         SELECT i, iif(i < 210 OR i % 2, 'df', 'du'), iif(i < 210 OR i % 2 = 0, 'ann', 'bob'), {columns} \
         FROM n, (SELECT {columns} FROM runs LIMIT 1)"
    );
    Connection::open(path).and_then(|rows| rows.execute_batch(&insert)).map_err(io::Error::other)
}

/// Processor time of reading the last bytes of an output of this size in MiB after a start, in µs.
fn output_cost(programs: &Programs, mib: usize) -> io::Result<[f64; 1]> {
    let server = with_output(programs, mib)?;
    let mut client = Client::connect(&server.socket)?;
    let attach = attach((mib << 20) - 100);
    client.ask(&attach)?;
    let since = server.cpu()?;
    for _ in 0..REQUESTS {
        client.ask(&attach)?;
    }
    Ok([(server.cpu()? - since) * 1e6 / REQUESTS as f64])
}

/// Time to the first byte of a large output, from its begin, its middle and its end.
fn first_byte(programs: &Programs, report: &mut Report) -> io::Result<()> {
    let server = with_output(programs, LARGE_OUTPUT_MIB)?;
    let bytes = LARGE_OUTPUT_MIB << 20;
    let mut series = Series::default();
    for from in [0, bytes / 2, bytes - 100].into_iter().cycle().take(REQUESTS) {
        let mut client = Client::connect(&server.socket)?;
        let started = Instant::now();
        client.send(&attach(from))?;
        client.take()?;
        series.ours.push(started.elapsed().as_secs_f64() * 1e3);
        drop(client);
        server.settle()?;
    }
    let work = format!("the first byte of an output of {LARGE_OUTPUT_MIB} MiB, at any offset");
    report.add(work, "ms", series, &[Goal::at_most(10.0)]);
    Ok(())
}

fn attach(from: usize) -> Vec<u8> {
    exchange::json("run/attach", &format!(r#"{{"runId":1,"from":{from}}}"#)).request
}

/// A server that was started again after a run with an output of this size in MiB.
fn with_output(programs: &Programs, mib: usize) -> io::Result<Server> {
    let settings = "[runs]\nkeep_bytes = \"4GiB\"\n";
    let mut server = programs.start_with_files(&programs.menu((mib << 20) as u64), settings)?;
    let run = exchange::json("command/run", r#"{"command":"flood","stream":true}"#).request;
    Client::connect(&server.socket)?.ask(&run)?;
    server.restart(programs, |_| Ok(()))?;
    Client::connect(&server.socket)?.ask(&exchange::ping().request)?;
    Ok(server)
}
