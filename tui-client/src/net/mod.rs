//! The connection to one server: dialling, what is asked and answered, what is told unasked.
//!
//! [`connect()`] is the one way in, for the first time and for every reconnect. Everything runs on the
//! caller's runtime, as one task that reads and one that writes; the reader never waits for whoever
//! takes the events, so that a blocked screen cannot stall answers and notices.

mod connect;
mod events;
mod lost;
mod session;

pub mod base64;

pub use connect::{ConnectError, Hello, Target, connect};
pub use events::{Event, Events};
pub use lost::LostReason;
pub use session::{Answer, CallError, Handle, Session, read_answer};

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
