//! The session against servers that misbehave.

mod connecting;
mod fake;
mod session;
