//! The program without its screen: `topside run` and the line client, as a script uses them.
#![cfg(unix)]
// The lint knows only functions that are themselves tests, not those that help them.
#![allow(clippy::unwrap_used)]

mod approvals;
mod audit;
mod common;
mod completions;
mod files;
#[cfg(feature = "hub")]
mod fleet;
#[cfg(feature = "hub")]
mod fleet_box;
#[cfg(feature = "hub")]
mod fleet_doctor;
#[cfg(feature = "hub")]
mod fleet_faults;
#[cfg(feature = "hub")]
mod fleet_files;
#[cfg(feature = "hub")]
mod fleet_hubs;
#[cfg(feature = "hub")]
mod fleet_passphrase;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "hub")]
mod hub_bucket;
#[cfg(feature = "hub")]
mod hub_operator;
#[cfg(feature = "hub")]
mod hub_replay;
#[cfg(feature = "hub")]
mod hub_server;
mod import;
mod large_menu;
mod line_client;
mod line_client_interrupts;
mod line_client_prompt;
mod local_server;
mod man;
mod mcp;
#[cfg(feature = "hub")]
mod named_verbs;
#[cfg(feature = "hub")]
#[path = "../../../server/tests/it/common/nats_server.rs"]
mod nats_server;
mod prompt;
mod questions;
mod queue;
mod remote_server;
#[path = "../../../server/tests/it/common/require.rs"]
mod require;
mod run_command;
mod saved_servers;
mod several_boxes;
mod sudo;
mod terminal;
mod upgrade;
mod verb_errors;
mod verb_names;
mod verbs;
