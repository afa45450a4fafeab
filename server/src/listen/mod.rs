//! Accepting connections on the local socket and over TCP, up to the start of a session.

mod counting_stream;
mod handshake;
mod key_check;
pub(crate) mod local;
pub(crate) mod tcp;
