//! Many records: lists of runs with filters, the first run after a start, and the end of a large output.

use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::add_curves;
use crate::exchange;
use crate::load::Client;
use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;

const ROWS: [usize; 3] = [5_000, 20_000, 100_000];
const OUTPUT_MIB: [usize; 2] = [16, 128];
/// Requests of one measurement.
const REQUESTS: usize = 20;

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let names = [("start and first run among rows", "us"), ("list of two filters", "us")];
    add_curves(report, settings, names, &ROWS, |rows| rows_cost(programs, rows))?;
    let names = [("the end of an output of MiB", "us")];
    add_curves(report, settings, names, &OUTPUT_MIB, |mib| output_cost(programs, mib))
}

/// Processor time among so many rows, in µs.
fn rows_cost(programs: &Programs, rows: usize) -> io::Result<[f64; 2]> {
    let mut server = programs.start_with_files(&programs.menu(0), "")?;
    Client::connect(&server.socket)?.ask(&exchange::run("nothing").request)?;
    server.restart(programs, |directory| fill(&directory.join("runs.db"), rows))?;
    let mut client = Client::connect(&server.socket)?;
    client.ask(&exchange::run("nothing").request)?;
    let first = server.cpu()?;
    // The two filters match some of the oldest rows only.
    let list = exchange::json("runs/list", r#"{"command":"df","user":"ann","limit":10}"#).request;
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

/// Processor time of reading the last bytes of an output of so many MiB after a start, in µs.
fn output_cost(programs: &Programs, mib: usize) -> io::Result<[f64; 1]> {
    let bytes = mib << 20;
    let mut server = programs.start_with_files(&programs.menu(bytes as u64), "")?;
    let mut client = Client::connect(&server.socket)?;
    let run = exchange::json("command/run", r#"{"command":"flood","stream":true}"#).request;
    client.ask(&run)?;
    server.restart(programs, |_| Ok(()))?;
    let mut client = Client::connect(&server.socket)?;
    client.ask(&exchange::ping().request)?;
    let from = bytes - 100;
    let attach = format!(r#"{{"runId":1,"from":{from}}}"#);
    let attach = exchange::json("run/attach", &attach).request;
    client.ask(&attach)?;
    let since = server.cpu()?;
    for _ in 0..REQUESTS {
        client.ask(&attach)?;
    }
    Ok([(server.cpu()? - since) * 1e6 / REQUESTS as f64])
}
