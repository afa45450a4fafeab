//! Many boxes in one process, each with a key and a connection to the hub of its own. They announce their presence once, and
//! answer what `topside run uptime` asks.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use topside_shared::fleet::{PRESENCE_INTERVAL, Presence, PresenceState, presence_key};
use topside_shared::hub::{HubAccess, HubConnection, HubRole, HubStream, IncomingDials};
use topside_shared::private_key::{PrivateKey, PrivateKeyError, Seed};
use topside_shared::time::Time;
use topside_shared::tls::server_config;

use super::hub_end;
use super::tls::AnyClientKey;

/// Connections to the hub that are being opened at the same time.
const AT_ONCE: usize = 64;

/// The key of a box, by its number.
pub(crate) fn key(number: usize) -> Result<PrivateKey, PrivateKeyError> {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    PrivateKey::from_seed(&Seed::from_bytes(seed))
}

/// The name of a box, by its number.
pub(crate) fn name(number: usize) -> String {
    format!("box-{number:05}")
}

/// Serves until it is killed. It prints how many seconds it took until all listened at the hub, which has their presence.
pub(crate) fn serve(strings: &Path, count: &str) -> io::Result<()> {
    let access = Arc::new(hub_end::access(strings, HubRole::Box)?);
    let count: usize = count.parse().map_err(io::Error::other)?;
    let keys = (0..count).map(key).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let (started, slots) = (Instant::now(), Arc::new(Semaphore::new(AT_ONCE)));
        let mut joining = JoinSet::new();
        for (number, key) in keys.into_iter().enumerate() {
            let (access, slots) = (Arc::clone(&access), Arc::clone(&slots));
            joining.spawn(async move {
                let _slot = slots.acquire_owned().await.map_err(io::Error::other)?;
                join(&access, &key, name(number)).await
            });
        }
        let mut boxes = JoinSet::new();
        while let Some(joined) = joining.join_next().await {
            let (dials, acceptor) = joined??;
            boxes.spawn(listen(dials, acceptor));
        }
        println!("{}", started.elapsed().as_secs_f64());
        io::stdout().flush()?;
        boxes.join_next().await;
        Err(io::Error::other("a box has lost the hub"))
    })
}

async fn join(
    access: &HubAccess,
    key: &PrivateKey,
    name: String,
) -> io::Result<(IncomingDials, TlsAcceptor)> {
    let hub = HubConnection::open(access).await.map_err(io::Error::other)?;
    let dials = hub.listen(&key.pin()).await.map_err(io::Error::other)?;
    let presence = Presence {
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: PresenceState::Up,
        load: Some(0.1),
        runs: 0,
        shutdown: None,
        at: Time::now(),
        every: PRESENCE_INTERVAL.as_secs(),
    };
    let presence = serde_json::to_vec(&presence)?;
    // The answer shows that the hub has taken what was sent before: the box can be dialled.
    let stored = hub.bucket().put(&presence_key(&key.pin()), presence.into()).await;
    stored.map_err(io::Error::other)?;
    let config = server_config(key.certified_key(), Arc::new(AnyClientKey));
    Ok((dials, TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?))))
}

async fn listen(mut dials: IncomingDials, acceptor: TlsAcceptor) {
    while let Some(dial) = dials.next().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Ok(stream) = dial.accept().await {
                // A caller that leaves ends its session alone.
                let _ = session(acceptor, stream).await;
            }
        });
    }
}

async fn session(acceptor: TlsAcceptor, stream: HubStream) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(acceptor.accept(stream).await?);
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Value = serde_json::from_str(&line)?;
        let result = result(request["method"].as_str().unwrap_or_default());
        let answer =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}\n", request["id"]);
        writer.write_all(answer.as_bytes()).await?;
        writer.flush().await?;
    }
    writer.shutdown().await
}

fn result(method: &str) -> Value {
    match method {
        "command/run" => json!({
            "state": "succeeded", "output": "up 3 days, load 0.1\n", "exitCode": 0, "durationMs": 1
        }),
        "commands/list" => json!({
            "revision": 1,
            "commands": [{
                "name": "uptime", "title": "How long the box has been on", "category": "General", "aliases": [],
                "effect": "read", "args": []
            }],
        }),
        _ => json!({}),
    }
}
