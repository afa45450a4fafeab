//! Accepting connections on the local socket, over TCP and through a hub, up to the start of a session.

mod counting_stream;
mod handshake;
#[cfg(feature = "hub")]
pub(crate) mod hub;
mod key_check;
pub(crate) mod local;
pub(crate) mod tcp;
