//! The session against servers that misbehave.

mod fake;
mod handshakes;
mod pairs;
mod remote;
mod rig;
mod session;
