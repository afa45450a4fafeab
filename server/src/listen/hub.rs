//! Connections through a hub: the box listens there under its pin. What dials it shakes hands as over TCP, under the same
//! limits; all callers of the hub are one source.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::time::Instant;
use topside_shared::Pin;
use topside_shared::hub::{HubAccess, HubConnection, IncomingDial, Refusal};
use topside_shared::private_key::PrivateKey;
use topside_shared::tls::server_config;

use crate::admission::tcp_port::KEY_FILE;
use crate::base::peer::{Peer, RemoteEnd};
use crate::base::random;
use crate::listen::handshake;
use crate::net::hub_link::HubState;
use crate::net::hub_membership;
use crate::server::Server;

/// Longest pause before a new try to connect. The pause is random, and at least half of it.
const RETRY: Duration = Duration::from_secs(4);
/// Shortest time between two log lines about a hub that cannot be reached.
const LOG_INTERVAL: Duration = Duration::from_secs(600);

/// What the server shows to callers of a hub.
#[derive(Debug, Clone)]
struct Shown {
    pin: Pin,
    tls: Arc<ServerConfig>,
}

/// Listens at the hub that the box has joined, until the server closes. Without one it waits.
pub(crate) async fn run(server: Arc<Server>) {
    let listen = async {
        let mut joined = read(&server).await;
        loop {
            let state = if joined.is_some() { HubState::Away } else { HubState::None };
            server.hub.set(state);
            let listening = async {
                match &joined {
                    Some((access, shown)) => listen(&server, access, shown).await,
                    None => std::future::pending().await,
                }
            };
            let now = tokio::select! {
                () = listening => unreachable!("listening goes on for ever"),
                now = next_change(&server, joined.as_ref().map(|(access, _)| access)) => now,
            };
            joined = now;
        }
    };
    tokio::select! {
        () = listen => {}
        () = server.tcp.closed() => {}
    }
}

/// Waits until the box has joined another hub, or has left its own.
async fn next_change(
    server: &Arc<Server>,
    before: Option<&HubAccess>,
) -> Option<(HubAccess, Shown)> {
    loop {
        server.hub.read_again.notified().await;
        let now = read(server).await;
        if now.as_ref().map(|(access, _)| access) != before {
            if let Some(left) = before {
                tracing::info!(target: "topside", fleet = %left.fleet, "left the hub");
            }
            return now;
        }
    }
}

/// The hub that the box has joined, and the key to show there.
async fn read(server: &Arc<Server>) -> Option<(HubAccess, Shown)> {
    let read = |server: &Server| {
        let now = server.now();
        let state = &now.config.state;
        let access = hub_membership::read(state).map_err(|error| error.to_string())?;
        let Some(access) = access else { return Ok(None) };
        let key = PrivateKey::load_or_make(&state.join(KEY_FILE));
        let key = key.map_err(|error| error.to_string())?;
        let tls = server_config(key.certified_key(), Arc::clone(&server.keys) as _);
        let tls = tls.map_err(|error| error.to_string())?;
        Ok(Some((access, Shown { pin: key.pin(), tls: Arc::new(tls) })))
    };
    let read = server.blocking(read).await.unwrap_or_else(|error| Err(error.message));
    read.unwrap_or_else(|error: String| {
        tracing::error!(target: "topside", error, "no connection to a hub");
        None
    })
}

/// Connects, and accepts what dials the box. Tries again for ever.
async fn listen(server: &Arc<Server>, access: &HubAccess, shown: &Shown) {
    let mut logged: Option<Instant> = None;
    loop {
        match HubConnection::open(access).await {
            Ok(hub) => {
                logged = None;
                serve(server, access, shown, hub).await;
            }
            Err(error) => {
                if logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
                    logged = Some(Instant::now());
                    tracing::warn!(target: "topside", fleet = %access.fleet, %error, "not at the hub");
                }
            }
        }
        tokio::time::sleep(pause()).await;
    }
}

/// Accepts until the connection has ended for good; it reconnects by itself.
async fn serve(server: &Arc<Server>, access: &HubAccess, shown: &Shown, hub: HubConnection) {
    let mut dials = match hub.listen(&shown.pin).await {
        Ok(dials) => dials,
        Err(error) => {
            tracing::warn!(target: "topside", fleet = %access.fleet, %error, "not at the hub");
            return;
        }
    };
    let mut link = hub.clone();
    let mut was_connected = false;
    loop {
        let is_connected = link.is_connected();
        if is_connected != was_connected {
            was_connected = is_connected;
            let place = format!("{} ({})", access.fleet, access.places());
            match is_connected {
                true => tracing::info!(target: "topside", hub = place, "listening at the hub"),
                false => {
                    tracing::warn!(target: "topside", hub = place, "the connection to the hub is lost");
                }
            }
            server.hub.set(if is_connected { HubState::Listening(place) } else { HubState::Away });
        }
        tokio::select! {
            dial = dials.next() => match dial {
                Some(dial) => accept(server, shown, dial).await,
                None => break,
            },
            () = link.changed() => {}
        }
    }
    server.hub.set(HubState::Away);
}

async fn accept(server: &Arc<Server>, shown: &Shown, dial: IncomingDial) {
    match server.tcp.admission.enter(Peer::Hub, Instant::now()) {
        Ok(permit) => {
            let (here, tls) = (Arc::clone(server), Arc::clone(&shown.tls));
            server.spawn(async move {
                match dial.accept().await {
                    Ok(stream) => handshake::run(here, tls, stream, RemoteEnd::Hub, permit).await,
                    Err(error) => {
                        tracing::debug!(target: "topside", %error, "a dial through the hub failed");
                    }
                }
            });
        }
        Err(limit) => {
            tracing::debug!(target: "topside", limit = limit.name(), "dial through the hub not admitted");
            server.counters.limited(limit);
            // The caller finds out after a while.
            let _ = dial.refuse(Refusal::Busy).await;
        }
    }
}

fn pause() -> Duration {
    let random = random::bytes().map_or(128, |[byte]| byte);
    (RETRY / 2).mul_f64(1.0 + f64::from(random) / 255.0)
}
