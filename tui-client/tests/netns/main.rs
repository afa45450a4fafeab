//! A box, a router, a client on the LAN and one on the internet, each in a network namespace of its own:
//! the real programs, a real packet filter and a real router's daemon between them.
//!
//! It needs root, `ip`, `nft` and `miniupnpd`; where these are not there, the tests say so.
#![cfg(target_os = "linux")]
// The lint knows only functions that are themselves tests, not those that help them.
#![allow(clippy::unwrap_used)]

mod disconnect;
mod discovery;
mod doctor;
#[cfg(feature = "hub")]
mod fleet_lan;
mod lookup;
mod net;
mod port_mapping;
mod programs;
#[path = "../../../server/tests/it/common/require.rs"]
mod require;
// The terminal of the other tests; not all of it is needed here.
#[allow(dead_code, unused_imports)]
#[path = "../pty/harness/mod.rs"]
mod terminal;
mod three_ways;
