//! Connections to hubs: all sessions of this process share one for each hub.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{self, Handle};
use topside_shared::Pin;
use topside_shared::hub::{
    ConnectHubError, DialError, HubAccess, HubConnection, HubStream, Refusal,
};

use super::error::ConnectError;

/// The connections of this process.
static SHARED: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

/// The connection to one hub.
struct Shared {
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

/// Finds the connection to a hub, which may not be open yet.
fn shared(access: &HubAccess) -> Arc<Shared> {
    let runtime = Handle::current().id();
    let mut all = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = |shared: &&Arc<Shared>| shared.runtime == runtime && shared.access == *access;
    if let Some(shared) = all.iter().find(is_same) {
        return Arc::clone(shared);
    }
    // One of another runtime that no caller holds is closed.
    all.retain(|shared| Arc::strong_count(shared) > 1 || shared.runtime == runtime);
    let new = Shared {
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
    let shared = shared(access);
    let before = shared.tries.load(Ordering::Relaxed);
    let mut slot = shared.slot.lock().await;
    if let Some(open) = slot.open.as_ref().filter(|open| open.is_connected()) {
        return Ok(open.clone());
    }
    if let Some((why, lasting)) = &slot.failure
        && shared.tries.load(Ordering::Relaxed) != before
    {
        return Err(ConnectError::NoHub { why: why.clone(), lasting: *lasting });
    }
    let result = HubConnection::open(access).await;
    shared.tries.fetch_add(1, Ordering::Relaxed);
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
