//! The connection to a hub, as others see it, and the request to look again which hub the box has joined.

use tokio::sync::Notify;

use crate::base::mutex::Mutex;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum HubState {
    /// The box has joined none.
    #[default]
    None,
    /// It has joined one, and is not connected to it now.
    #[cfg_attr(not(feature = "hub"), expect(dead_code, reason = "the hub's task sets it"))]
    Away,
    /// It listens at the hub with this name and these addresses.
    #[cfg_attr(not(feature = "hub"), expect(dead_code, reason = "the hub's task sets it"))]
    Listening(String),
}

/// The mutex is never held across an `.await`.
#[derive(Debug, Default)]
pub(crate) struct HubLink {
    state: Mutex<HubState>,
    /// Has the task read again which hub the box has joined.
    pub(crate) read_again: Notify,
}

impl HubLink {
    pub(crate) fn state(&self) -> HubState {
        self.state.lock().clone()
    }

    #[cfg(feature = "hub")]
    pub(crate) fn set(&self, state: HubState) {
        *self.state.lock() = state;
    }
}
