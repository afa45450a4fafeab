//! The server's behaviour as its clients see it: a real server, a real Unix socket, raw bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]
#![allow(clippy::needless_pass_by_value, reason = "what `json!` makes is given away as it is")]

mod arguments;
mod audit;
mod audit_crash;
mod audit_disk;
mod batches;
mod common;
mod crash;
mod disk;
mod door;
mod door_limits;
mod envelope;
mod escaped;
mod events;
mod exclusion;
mod framing;
mod hello;
mod history;
mod key_races;
mod keys;
mod lifetime;
mod limits;
mod lists;
mod menu;
mod metrics;
mod output;
mod people;
mod policy;
mod process;
mod prompt;
mod protocol_md;
mod reload;
mod resident;
mod running;
mod safe_state;
mod secrets;
mod service;
mod shutdown;
mod slow;
mod start;
mod supervisor;
mod third_party;
mod tls;
mod users;
mod workers;
