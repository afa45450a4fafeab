//! The terminal client of Topside: the screen, the line client and `topside run`, over one connection to a server, which
//! may run in this process.
//!
//! Its library exists for the tests, the benchmarks and the fuzz targets; the program is [`main`].

mod app;
mod config;
mod connect;
mod embedded;
mod event_loop;
mod fan_out;
mod file_transfer;
mod input;
mod mcp;
mod platform;
mod scrollback;
mod terminal;
mod terminal_input;
mod text;
mod theme;
mod timer;
mod verb_args;
mod verbs;
mod views;
mod widgets;

pub use config::{ConfigError, Profile, ProfileStore};
pub use connect::{Browse, BrowseError, DiscoveredServer, browse};
pub use scrollback::{Channel, Look, Needle, Pane};
pub use verbs::main;
