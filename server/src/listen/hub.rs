//! Connections through a hub: the box listens there under its pin. What dials it shakes hands as over TCP, under the same
//! limits; all callers of the hub are one source.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::time::Instant;
use topside_shared::Pin;
use topside_shared::hub::{Bucket, HubAccess, HubConnection, IncomingDial, IncomingDials, Refusal};
use topside_shared::private_key::PrivateKey;
use topside_shared::tls::server_config;

use crate::base::mutex::Mutex;
use crate::base::peer::{Peer, RemoteEnd};
use crate::base::random;
use crate::fleet::{self, Fleet};
use crate::listen::handshake;
use crate::net::fleet_files::Membership;
use crate::net::hub_link::HubState;
use crate::server::Server;

/// Longest pause before a new try to connect. The pause is random, and at least half of it.
const RETRY: Duration = Duration::from_secs(4);
/// Shortest time between two log lines about a hub that cannot be reached.
const LOG_INTERVAL: Duration = Duration::from_secs(600);

/// The key that the server shows to callers of a hub.
#[derive(Debug, Clone)]
struct Shown {
    pin: Pin,
    tls: Arc<ServerConfig>,
}

/// The bucket of a fleet, while the server is connected to its hub. The mutex is never held across an `.await`.
type Connected = Mutex<Option<(Bucket, Pin)>>;

/// Listens at the hub of the fleet that the box has joined, until the server closes. Without one it waits.
pub(crate) async fn run(server: Arc<Server>) {
    let connected = Connected::default();
    let listen = async {
        let mut joined = read(&server).await;
        loop {
            let state = if joined.is_some() { HubState::Away } else { HubState::None };
            server.hub.set(state);
            let before = joined.as_ref().map(|(fleet, _)| fleet.membership.clone());
            let listening = async {
                match &mut joined {
                    Some((fleet, shown)) => listen(&server, fleet, shown, &connected).await,
                    None => std::future::pending().await,
                }
            };
            let now = tokio::select! {
                () = listening => unreachable!("listening goes on for ever"),
                now = next_change(&server, before.as_ref()) => now,
            };
            *connected.lock() = None;
            if let Some((left, _)) = &joined {
                tracing::info!(target: "topside", fleet = %left.membership.join.access.fleet, "left the hub");
                fleet::left(left);
            }
            joined = now;
        }
    };
    tokio::select! {
        () = listen => {}
        () = server.tcp.closed() => {}
    }
    let last = connected.lock().clone();
    if let Some((bucket, pin)) = last {
        fleet::say_stopping(&server, &bucket, &pin).await;
    }
}

/// Waits until the box has joined another fleet, or has left its own.
async fn next_change(server: &Arc<Server>, before: Option<&Membership>) -> Option<(Fleet, Shown)> {
    loop {
        server.hub.read_again.notified().await;
        let now = read(server).await;
        // When the hub has stored the announcement does not matter here.
        let differs = match (&now, before) {
            (Some((now, _)), Some(before)) => {
                now.membership.join != before.join
                    || now.membership.announcement != before.announcement
            }
            (None, None) => false,
            (_, _) => true,
        };
        if differs {
            return now;
        }
    }
}

/// The fleet that the box has joined, and the key to show at its hub.
async fn read(server: &Arc<Server>) -> Option<(Fleet, Shown)> {
    let here = Arc::clone(server);
    let read = move |server: &Server| {
        let Some((mut fleet, key)) = Fleet::open(&here).map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        fleet.apply();
        let shown = Shown::new(server, &key).map_err(|error| error.to_string())?;
        Ok(Some((fleet, shown)))
    };
    let read = server.blocking(read).await.unwrap_or_else(|error| Err(error.message));
    read.unwrap_or_else(|error: String| {
        tracing::error!(target: "topside", error, "no connection to a hub");
        None
    })
}

impl Shown {
    fn new(server: &Server, key: &PrivateKey) -> Result<Self, rustls::Error> {
        let tls = server_config(key.certified_key(), Arc::clone(&server.keys) as _)?;
        Ok(Self { pin: key.pin(), tls: Arc::new(tls) })
    }
}

/// Connects, and accepts what dials the box. Tries again for ever.
async fn listen(server: &Arc<Server>, fleet: &mut Fleet, shown: &Shown, connected: &Connected) {
    let mut logged: Option<Instant> = None;
    let access = fleet.membership.join.access.clone();
    loop {
        match HubConnection::open(&access).await {
            Ok(hub) => match hub.listen(&shown.pin).await {
                Ok(dials) => {
                    logged = None;
                    *connected.lock() = Some((hub.bucket(), shown.pin));
                    // Both end with the connection.
                    tokio::select! {
                        () = serve(server, &access, shown, hub.clone(), dials) => {}
                        () = fleet.attend(&hub) => {}
                    }
                    *connected.lock() = None;
                    server.hub.set(HubState::Away);
                }
                Err(error) => {
                    tracing::warn!(target: "topside", fleet = %access.fleet, %error, "not at the hub");
                }
            },
            Err(error) => {
                if logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
                    logged = Some(Instant::now());
                    tracing::warn!(target: "topside", fleet = %access.fleet, %error, "not at the hub");
                }
                fleet.unreachable(&error.to_string());
            }
        }
        tokio::time::sleep(random::jitter(RETRY)).await;
    }
}

/// Accepts until the connection has ended for good; it reconnects by itself.
async fn serve(
    server: &Arc<Server>,
    access: &HubAccess,
    shown: &Shown,
    hub: HubConnection,
    mut dials: IncomingDials,
) {
    let mut link = hub;
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
                None => return,
            },
            () = link.changed() => {}
        }
    }
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
