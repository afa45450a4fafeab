//! The session against servers that misbehave.

mod connecting;
mod fake;
mod pairing;
mod remote;
mod rig;
mod session;
