//! Many boxes on one hub, in one process: how long they take to connect, what each costs the hub, and how long a list of them
//! and a command on all of them take.

use std::io;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Instant;

use rustls::sign::SingleCertAndKey;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use topside_shared::Pin;
use topside_shared::fleet::{BoxEntry, ROSTER_KEY, VerifiedRoster};
use topside_shared::hub::{HubConnection, HubRole};
use topside_shared::private_key::PrivateKey;
use topside_shared::time::Time;
use topside_shared::tls::{any_name, client_config};

use super::hub::Hub;
use super::{Helper, failed};
use crate::baseline::boxes;
use crate::exchange;
use crate::goal::Goal;
use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;
use crate::statistics::Series;

/// Sessions that are open at the same time, as many as `topside run` has.
const AT_ONCE: usize = 64;

pub(super) fn measure(
    hub: &Hub,
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let count = programs.clients(settings.fleet_boxes);
    let keys = (0..count).map(boxes::key).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let Some(topside) = programs.topside() else { return Ok(()) };
    let pins: Vec<Pin> = keys.iter().map(PrivateKey::pin).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(create(hub, topside, &pins))?;
    let before = hub.memory()?;
    let mut command = Command::new(programs.own());
    command.arg("raw-boxes").arg(hub.strings()).arg(count.to_string());
    let swarm = Helper::start(command)?;
    let name = |what: &str| format!("fleet: {count} boxes on one hub: {what}");
    let connected = Series::alone([swarm.number::<f64>()?]);
    report.add(name("all connected"), "s", connected, &[Goal::at_most(15.0)]);
    let memory = (hub.memory()? - before) / count as f64;
    report.add("  memory of a box at the hub", "KiB", Series::alone([memory]), &[]);

    let rounds = settings.rounds.min(3);
    let times = (0..rounds).map(|_| list(hub, topside, count)).collect::<io::Result<Vec<_>>>()?;
    report.add(name("list with their presence"), "s", Series::alone(times), &[Goal::at_most(1.0)]);

    let mut times = Vec::new();
    for _ in 0..rounds {
        let started = Instant::now();
        runtime.block_on(on_all(hub, &pins))?;
        times.push(started.elapsed().as_secs_f64());
    }
    report.add(name("uptime on all"), "s", Series::alone(times), &[Goal::at_most(5.0)]);
    Ok(())
}

/// Creates the fleet as an admin does, with all boxes on its roster.
async fn create(hub: &Hub, topside: &Path, pins: &[Pin]) -> io::Result<()> {
    let string = std::fs::read_to_string(hub.strings())?;
    let mut create = hub.admin(topside);
    create.args(["fleet", "create", "bench", "--hub"]).arg(string.trim());
    succeeded(create.output()?)?;
    let authority = PrivateKey::load(&hub.path("fleets/bench/authority.key")).map_err(failed)?;
    let authority = authority.ok_or_else(|| failed("the fleet has no authority"))?;
    let access = hub.access(HubRole::Admin)?;
    let bucket = HubConnection::open(&access).await.map_err(failed)?.bucket();
    let entry = bucket.get(ROSTER_KEY).await.map_err(failed)?;
    let entry = entry.ok_or_else(|| failed("the fleet has no roster"))?;
    let roster = VerifiedRoster::read(&entry.value, &authority.pin(), &access.fleet);
    let mut roster = roster.map_err(failed)?.roster().next(Time::now());
    let entry_of = |(number, pin): (usize, &Pin)| BoxEntry {
        name: boxes::name(number),
        pin: *pin,
        tags: vec![],
    };
    roster.boxes = pins.iter().enumerate().map(entry_of).collect();
    let text = roster.sign(&authority).map_err(failed)?.text().to_owned();
    bucket.put_after(ROSTER_KEY, text.into(), entry.sequence).await.map_err(failed)?;
    Ok(())
}

/// How many seconds `topside` takes to list all boxes, which have to be at the hub.
fn list(hub: &Hub, topside: &Path, count: usize) -> io::Result<f64> {
    let started = Instant::now();
    let listed = hub.admin(topside).args(["fleet", "boxes", "--json"]).output()?;
    let time = started.elapsed().as_secs_f64();
    let listed: Value = serde_json::from_slice(&succeeded(listed)?.stdout)?;
    let states = listed["boxes"].as_array().into_iter().flatten().map(|each| &each["state"]);
    match states.filter(|state| **state == "hub").count() {
        found if found == count => Ok(time),
        found => Err(failed(format!("{found} of {count} boxes are listed as at the hub"))),
    }
}

fn succeeded(output: Output) -> io::Result<Output> {
    match output.status.success() {
        true => Ok(output),
        false => Err(failed(String::from_utf8_lossy(&output.stderr))),
    }
}

/// Dials each box over one connection to the hub, with a TLS handshake each, and runs `uptime` there.
async fn on_all(hub: &Hub, pins: &[Pin]) -> io::Result<()> {
    let access = hub.access(HubRole::Person)?;
    let connection = HubConnection::open(&access).await.map_err(failed)?;
    let own = boxes::key(usize::MAX).map_err(failed)?.certified_key();
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut sessions = JoinSet::new();
    for pin in pins.iter().copied() {
        let (connection, slots) = (connection.clone(), Arc::clone(&slots));
        let config = client_config(pin, Arc::new(SingleCertAndKey::from(own.clone())));
        let connector = TlsConnector::from(Arc::new(config.map_err(failed)?));
        sessions.spawn(async move {
            let _slot = slots.acquire_owned().await.map_err(failed)?;
            uptime(&connection, &connector, &pin).await
        });
    }
    while let Some(ended) = sessions.join_next().await {
        ended??;
    }
    Ok(())
}

async fn uptime(connection: &HubConnection, connector: &TlsConnector, pin: &Pin) -> io::Result<()> {
    let stream = connection.dial(pin).await.map_err(failed)?;
    let mut stream = BufReader::new(connector.connect(any_name(), stream).await?);
    for request in
        [exchange::with_notices(), exchange::json("commands/list", ""), exchange::run("uptime")]
    {
        stream.write_all(&request.request).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        stream.read_until(b'\n', &mut answer).await?;
        exchange::is_answer(&answer)?;
    }
    stream.shutdown().await
}
