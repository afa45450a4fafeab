//! Many boxes on one hub, in one process: how long they take to connect, what each costs the hub, and how long a command on
//! all of them takes.

use std::io;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use rustls::sign::SingleCertAndKey;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use topside_shared::Pin;
use topside_shared::hub::HubConnection;
use topside_shared::private_key::PrivateKey;
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
    let before = hub.memory()?;
    let mut command = Command::new(programs.own());
    command.arg("raw-boxes").arg(hub.strings()).arg(count.to_string());
    let swarm = Helper::start(command)?;
    let name = |what: &str| format!("fleet: {count} boxes on one hub: {what}");
    let connected = Series::alone([swarm.number::<f64>()?]);
    report.add(name("all connected"), "s", connected, &[Goal::at_most(15.0)]);
    let memory = (hub.memory()? - before) / count as f64;
    report.add("  memory of a box at the hub", "KiB", Series::alone([memory]), &[]);

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut times = Vec::new();
    for _ in 0..settings.rounds.min(3) {
        let started = Instant::now();
        runtime.block_on(on_all(hub, keys.iter().map(PrivateKey::pin).collect()))?;
        times.push(started.elapsed().as_secs_f64());
    }
    report.add(name("uptime on all"), "s", Series::alone(times), &[Goal::at_most(5.0)]);
    Ok(())
}

/// Dials each box over one connection to the hub, with a TLS handshake each, and runs `uptime` there.
async fn on_all(hub: &Hub, pins: Vec<Pin>) -> io::Result<()> {
    let connection = HubConnection::open(&hub.person()?).await.map_err(failed)?;
    let own = boxes::key(usize::MAX).map_err(failed)?.certified_key();
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut sessions = JoinSet::new();
    for pin in pins {
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
