//! Asks the hubs for the members of the fleets of this device, and saves their answers.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::hub::{FleetHub, FleetHubError};
use crate::connect::fleet_store::{Fleet, SavedFleets, saved};
use crate::connect::remote::saved_key;

/// How long all hubs together may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks the hub of one fleet.
pub(crate) async fn refresh(state: &Path, fleet: &mut Fleet) -> Result<FleetHub, FleetHubError> {
    let own = saved_key(state)?.map(|key| key.pin());
    let hub = FleetHub::open(&fleet.access).await?;
    let at_hub = hub.read(fleet, own).await?;
    fleet.save_members()?;
    match at_hub.refused {
        Some(refused) => Err(refused),
        None if fleet.members.own.is_none() => Err(FleetHubError::NotListed(fleet.name().clone())),
        None => Ok(hub),
    }
}

/// Asks the hubs of all fleets, on a thread and a runtime of its own, so that callers need none. Returns a sentence for each
/// that did not answer: what is saved is used for those.
pub(crate) fn refresh_all(state: &Path) -> Vec<String> {
    let Ok(SavedFleets { fleets, unusable }) = saved(state) else { return Vec::new() };
    let mut said: Vec<String> =
        unusable.iter().map(|(_, error)| format!("note: {error}")).collect();
    if fleets.is_empty() {
        return said;
    }
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| vec![format!("the hubs cannot be asked: {error}")])?;
        let notes = runtime.block_on(join_all(fleets.into_iter().map(|mut fleet| async move {
            let name = fleet.name().to_string();
            let why = match timeout(PATIENCE, refresh(state, &mut fleet)).await {
                Ok(Ok(_)) => return None,
                Ok(Err(error @ FleetHubError::NotListed(_))) => {
                    return Some(format!("note: {error}"));
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => {
                    format!("the hub of {name} has not answered for {} s", PATIENCE.as_secs())
                }
            };
            Some(format!("note: {why}; the boxes of {name} are those that this device knows"))
        })));
        // A lookup of a name may take long, and its result is not needed any more.
        runtime.shutdown_background();
        Ok(notes.into_iter().flatten().collect())
    };
    let asked = std::thread::scope(|scope| scope.spawn(ask).join());
    if let Ok(Ok(notes) | Err(notes)) = asked {
        said.extend::<Vec<String>>(notes);
    }
    said
}
