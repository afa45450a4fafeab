//! Connections to hubs: all sessions of this process share one for each hub.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{self, Handle};
use topside_shared::Pin;
use topside_shared::hub::{
    ConnectHubError, DialError, HubAccess, HubConnection, HubStream, Refusal,
};

use super::error::ConnectError;

/// The hubs of this process.
static HUBS: Mutex<Vec<Arc<KnownHub>>> = Mutex::new(Vec::new());

/// One hub, and the connection to it.
struct KnownHub {
    access: HubAccess,
    /// A connection ends with its runtime.
    runtime: runtime::Id,
    /// Tries to connect that have ended.
    tries: AtomicU64,
    slot: tokio::sync::Mutex<Slot>,
}

/// The result of the last try.
#[derive(Default)]
struct Slot {
    open: Option<HubConnection>,
    failure: Option<(String, bool)>,
}

/// Finds a hub, or notes it. Its connection may not be open yet.
fn find(access: &HubAccess) -> Arc<KnownHub> {
    let runtime = Handle::current().id();
    let mut all = HUBS.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = |hub: &&Arc<KnownHub>| hub.runtime == runtime && hub.access == *access;
    if let Some(hub) = all.iter().find(is_same) {
        return Arc::clone(hub);
    }
    // One of another runtime that no caller holds is closed.
    all.retain(|hub| Arc::strong_count(hub) > 1 || hub.runtime == runtime);
    let new = KnownHub {
        access: access.clone(),
        runtime,
        tries: AtomicU64::new(0),
        slot: tokio::sync::Mutex::default(),
    };
    let new = Arc::new(new);
    all.push(Arc::clone(&new));
    new
}

/// The connection to a hub: the one that is open, or a new one. Callers that wait for the same try share its result.
pub(super) async fn open(access: &HubAccess) -> Result<HubConnection, ConnectError> {
    let hub = find(access);
    let before = hub.tries.load(Ordering::Relaxed);
    let mut slot = hub.slot.lock().await;
    if let Some(open) = slot.open.as_ref().filter(|open| open.is_connected()) {
        return Ok(open.clone());
    }
    if let Some((why, lasting)) = &slot.failure
        && hub.tries.load(Ordering::Relaxed) != before
    {
        return Err(ConnectError::NoHub { why: why.clone(), lasting: *lasting });
    }
    let result = HubConnection::open(access).await;
    hub.tries.fetch_add(1, Ordering::Relaxed);
    *slot = Slot::default();
    match result {
        Ok(open) => {
            slot.open = Some(open.clone());
            Ok(open)
        }
        Err(error) => {
            let error = no_hub(&error);
            if let ConnectError::NoHub { why, lasting } = &error {
                slot.failure = Some((why.clone(), *lasting));
            }
            Err(error)
        }
    }
}

fn no_hub(error: &ConnectHubError) -> ConnectError {
    ConnectError::NoHub { why: error.to_string(), lasting: error.is_lasting() }
}

/// Dials a box at a hub.
pub(super) async fn dial(access: &HubAccess, server: &Pin) -> Result<HubStream, ConnectError> {
    let hub = open(access).await?;
    let fleet = access.fleet.to_string();
    hub.dial(server).await.map_err(|error| match error {
        DialError::Away => ConnectError::NotAtHub { hub: fleet },
        DialError::Silent => ConnectError::NoAnswer { at: format!("the hub of {fleet}") },
        DialError::Refused(Refusal::Busy | Refusal::Closing | Refusal::Other) => {
            ConnectError::BusyAtHub { hub: fleet }
        }
        DialError::Malformed | DialError::Hub(_) => ConnectError::NoHub {
            why: format!("the hub of {fleet} does not carry it: {error}"),
            lasting: false,
        },
    })
}
