//! The connection to a hub and the standing in a fleet, as others see them, and the request to look again which fleet the box
//! has joined.

use tokio::sync::Notify;
use topside_shared::methods::FleetStatus;

use crate::base::mutex::Mutex;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum HubState {
    /// The box has joined none.
    #[default]
    None,
    /// It has joined one, and is not connected to it now.
    Away,
    /// It listens at the hub of this fleet, with these addresses.
    #[cfg_attr(not(feature = "hub"), expect(dead_code, reason = "the hub's task sets it"))]
    Listening(String),
}

/// The mutexes are never held across an `.await`.
#[derive(Debug, Default)]
pub(crate) struct HubLink {
    state: Mutex<HubState>,
    fleet: Mutex<Option<FleetStatus>>,
    /// Has the task read again which fleet the box has joined.
    pub(crate) read_again: Notify,
}

impl HubLink {
    pub(crate) fn state(&self) -> HubState {
        self.state.lock().clone()
    }

    /// The fleet that the box has joined.
    pub(crate) fn fleet(&self) -> Option<FleetStatus> {
        let connected = matches!(self.state(), HubState::Listening(_));
        self.fleet.lock().clone().map(|fleet| FleetStatus { connected, ..fleet })
    }

    #[cfg(feature = "hub")]
    pub(crate) fn set(&self, state: HubState) {
        *self.state.lock() = state;
    }

    #[cfg(feature = "hub")]
    pub(crate) fn set_fleet(&self, fleet: Option<FleetStatus>) {
        *self.fleet.lock() = fleet;
    }
}
