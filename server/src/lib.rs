//! The server of Topside as a library: `serve` is the only way in, for `topsided`, for the client
//! that holds a server inside itself, for tests and for programs of other authors.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use topside_server::{Config, Listeners, Stop, serve};
//! use topside_shared::dirs::Dirs;
//!
//! let dirs = Dirs::from_env()?;
//! let config = Config::load(&dirs, None, None)?;
//! let listeners = Listeners::local(&dirs.socket(), config.local.is_open())?;
//! serve(listeners, config, Stop::on_signals()?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A program adds commands of its own by types with the trait [`Worker`] or [`Builtin`]. Each call of a worker is a run.
//! A call of a built-in is answered at once:
//!
//! ```no_run
//! # use topside_server::{Call, Calling, Config, Worker};
//! # use topside_shared::{command::Command, dirs::Dirs};
//! # struct Water;
//! # impl Worker for Water {
//! #     fn declaration(&self) -> Command { Command { name: "water".into(), ..Command::default() } }
//! #     fn call<'a>(&'a self, _: Call) -> Calling<'a> { Box::pin(async { Ok(()) }) }
//! # }
//! # fn example() -> anyhow::Result<()> {
//! let config = Config::load(&Dirs::from_env()?, None, None)?.with_worker(Water);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/garden.rs` of this package is such a program, whole.

mod admission;
mod audit;
mod authorize;
mod base;
mod builtins;
pub mod cli;
mod clients;
mod config;
mod control;
mod doctor;
mod events;
mod files;
#[cfg(feature = "hub")]
mod fleet;
#[cfg(fuzzing)]
pub mod fuzzing;
mod history;
mod hooks;
mod keys;
mod listen;
mod menu;
mod menu_file;
mod methods;
mod net;
mod notify;
mod operations;
mod output;
mod process;
mod runs;
mod schedules;
mod serve;
mod server;
mod session;
mod settings;
mod timing;
mod workers;

pub use admission::tcp_port::OpenError;
pub use base::identity::{Identity, Owner, Scope};
pub use base::log::Sinks;
pub use base::platform::prepare_process;
pub use base::shutdown::Stop;
pub use base::toml_file::errors::{FileError, FileErrors, Position};
pub use config::{Config, ConfigError};
pub use history::NoHistory;
pub use menu::TableError;
pub use menu::builtin::{Answering, Builtin, BuiltinCall};
pub use net::local_socket::{ListenError, Listeners};
pub use net::sd_notify::{NoSupervisor, Supervisor};
pub use serve::metrics::MetricsError;
pub use serve::{ServeError, serve};
pub use server::Ended;
pub use settings::discovery::{Discovery, Router};
pub use settings::hooks::BoxHooks;
pub use settings::host::Host;
pub use settings::limits::Limits;
pub use settings::log_level::LogLevel;
pub use settings::metrics::Metrics;
pub use settings::retention::Kept;
pub use settings::{Listen, Local};
pub use workers::arguments::Arguments;
pub use workers::concurrency::{Exclusion, RunGroup};
pub use workers::worker::{Call, Calling, Outcome, Worker};
