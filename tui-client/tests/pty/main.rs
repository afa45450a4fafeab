//! The real program in a pseudo-terminal.
#![cfg(unix)]
// The lint knows only functions that are themselves tests, not those that help them.
#![allow(clippy::unwrap_used)]

mod admin;
mod approvals;
mod audit;
mod cells;
mod command_line;
mod emulators;
mod files;
#[cfg(feature = "hub")]
mod fleet;
mod form_clicks;
mod form_lines;
mod forms;
mod hang_up;
mod harness;
mod help_and_palette;
mod input;
mod keys;
mod lists;
mod live_views;
mod messages;
#[cfg(feature = "hub")]
#[path = "../../../server/tests/it/common/nats_server.rs"]
mod nats_server;
mod output;
mod panes;
mod prompt;
mod reboot;
mod relay;
mod reload;
mod remote_servers;
#[path = "../../../server/tests/it/common/require.rs"]
mod require;
mod resources;
mod run_output;
mod runs;
mod session;
mod settings;
mod several_boxes;
mod shapes;
mod sizes;
mod slow_line;
mod tabs;
mod terminal;
mod tutorial;

/// Files that the tests of the command line have too look for it by this name.
#[cfg(feature = "hub")]
use harness as common;
