//! Connection to one server: dialling, requests and answers, notifications.
//!
//! [`connect()`] is the one way in, for the first time and for every reconnect. Everything runs on the
//! caller's runtime, as one task that reads and one that writes; the reader never waits for whoever
//! takes the events, so that a blocked screen cannot stall answers and notices.

mod dial;
mod disconnect;
mod discovery;
mod error;
mod events;
mod handshake;
mod pair;
mod pair_profile;
mod read_rate_limit;
mod remote;
mod session;
mod tls;

use std::time::Duration;

pub use disconnect::{DisconnectReason, KeyRefused};
pub use discovery::{Browse, CannotBrowse, DiscoveredServer, browse};
pub use error::ConnectError;
pub use events::{Event, Events};
pub use handshake::{Hello, Reached, Session, Target, connect, probe};
pub use pair::{PairError, Paired, pair};
pub use pair_profile::{SaveAs, replaceable};
pub use remote::{Address, NotReady, Remote, addresses, own_identity};
pub use session::{Answer, CallError, Handle, read_answer, take_page};

/// How long dialling and the first answer may take, each.
const PATIENCE: Duration = Duration::from_secs(10);

/// By which way a saved server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Via {
    /// LAN first, then internet; for this machine, its local socket.
    #[default]
    Auto,
    /// The local socket of this machine.
    Same,
    /// The address on the LAN.
    Lan,
    /// The router's outside address.
    Internet,
}

impl Via {
    /// What a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Same => "same machine",
            Self::Lan => "LAN",
            Self::Internet => "internet",
        }
    }
}

#[cfg(test)]
mod tests;
