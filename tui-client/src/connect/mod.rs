//! Connection to one server: dialling, requests and answers, notifications.
//!
//! [`connect()`] makes the first connection and every reconnect. A session runs on the caller's runtime, as one task
//! that reads and one that writes. The reader never waits for the consumer of the events, so that a blocked screen
//! cannot stall answers and notifications.

mod dial;
mod disconnect;
mod discovery;
mod error;
mod events;
mod fleet_boxes;
#[cfg(feature = "hub")]
mod fleet_store;
#[cfg(feature = "hub")]
pub(crate) mod fleets;
mod handshake;
#[cfg(feature = "hub")]
mod hub_connections;
mod lan_lookup;
mod pair;
mod pair_profile;
mod pasted;
mod read_rate_limit;
mod remote;
mod session;
mod tls;

use std::time::Duration;

pub(crate) use disconnect::{DisconnectReason, KeyRefused};
pub use discovery::{Browse, BrowseError, DiscoveredServer, browse};
pub(crate) use error::ConnectError;
pub(crate) use events::{Event, Events};
pub(crate) use fleet_boxes::{AmbiguousBox, FleetBox, FleetBoxes};
pub(crate) use handshake::{Hello, Reached, Session, Target, connect, probe};
pub(crate) use pair::{PairError, Paired, pair};
pub(crate) use pair_profile::{SaveAs, replaceable};
pub(crate) use pasted::{PastedInvite, PastedInviteError};
pub(crate) use remote::{
    Address, NotReady, Remote, addresses, agent_state, agents, own_key, remove_own_key, saved_key,
};
pub(crate) use session::{CallError, Handle, read_answer, take_page};

/// The names of the fleets of this device, for the screen.
#[cfg(feature = "hub")]
pub(crate) fn hub_names(state: &std::path::Path) -> Vec<String> {
    // An error is reported where a fleet is used.
    fleet_store::names(state).unwrap_or_default()
}

#[cfg(not(feature = "hub"))]
pub(crate) fn hub_names(_state: &std::path::Path) -> Vec<String> {
    Vec::new()
}

/// How long dialling and the first answer may take, each.
const PATIENCE: Duration = Duration::from_secs(10);

/// The route to a saved server. The comments of the values are the help of `--via`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub(crate) enum Via {
    /// LAN first, then internet, then the hubs of the fleets
    #[default]
    Auto,
    /// This machine's local socket
    Same,
    /// The address on the LAN
    Lan,
    /// The router's outside address
    Internet,
    /// The hub of a fleet
    Hub,
}

impl Via {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Same => "same machine",
            Self::Lan => "LAN",
            Self::Internet => "internet",
            Self::Hub => "hub",
        }
    }
}

#[cfg(test)]
mod tests;
