//! Accepting connections on the local socket and over TCP, up to the start of a session.

mod counting_stream;
mod handshake;
pub(crate) mod local;
pub(crate) mod tcp;
mod tls;
