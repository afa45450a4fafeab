//! A burst of lists: 400 clients ask for the runs at the same moment. Counts the connections to the database that stay, and
//! the memory.

use std::fs;
use std::io;

use crate::exchange;
use crate::goal::Goal;
use crate::load::{Client, Pool};
use crate::report::Report;
use crate::servers::{Programs, Server, ServerKind};
use crate::settings::Settings;
use crate::statistics::Series;

const CLIENTS: usize = 400;
/// Rows of each list.
const RUNS: usize = 500;

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let [mut connections, mut growth] = [(); 2].map(|()| Series::default());
    for _ in 0..settings.rounds.min(3) {
        let Some(server) = programs.start(ServerKind::Ours, 0)? else { return Ok(()) };
        let mut client = Client::connect(&server.socket)?;
        for _ in 0..RUNS {
            client.ask(&exchange::run("nothing").request)?;
        }
        let list = exchange::json("runs/list", &format!(r#"{{"limit":{RUNS}}}"#));
        // One list before, so that what each server has once is not counted.
        client.text(&list.request)?;
        let mut pool = Pool::connect(&server.socket, CLIENTS)?;
        pool.each(&exchange::ping(), 0)?;
        server.settle()?;
        let (memory, before) = (server.memory()?, databases(&server)?);
        pool.each(&list, 0)?;
        server.settle()?;
        connections.ours.push(databases(&server)? - before);
        growth.ours.push((server.memory()? - memory).max(0.0) / 1024.0);
    }
    let work = format!("runs/list of {CLIENTS} clients at once: databases opened");
    report.add(work, "", connections, &[Goal::at_most(0.0)]);
    report.add("  memory that it leaves", "MiB", growth, &[Goal::at_most(8.0)]);
    Ok(())
}

/// Descriptors of `runs.db`.
fn databases(server: &Server) -> io::Result<f64> {
    let open = fs::read_dir(server.proc("fd"))?.flatten();
    let names = open.filter_map(|file| fs::read_link(file.path()).ok());
    Ok(names.filter(|name| name.ends_with("runs.db")).count() as f64)
}
