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
//! A program adds commands of its own by types with the trait [`Worker`]:
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
mod operations;
mod output;
mod process;
mod runs;
mod serve;
mod server;
mod session;
mod settings;
mod workers;

use crate::base::clock::Clock;
use crate::base::{descriptors, log};
use crate::keys::Keys;
use crate::menu::Table;
use crate::net::lock_file::StateLock;
use crate::serve::metrics;
use crate::server::runtime_files::RuntimeFiles;
use crate::server::{Server, Stored};
pub use admission::tcp_port::OpenError;
pub use base::identity::{Identity, Owner, Scope};
pub use base::log::Sinks;
pub use base::platform::prepare_process;
pub use base::shutdown::Stop;
pub use base::toml_file::errors::{FileError, FileErrors, Position};
pub use config::{Config, ConfigError};
pub use history::NoHistory;
pub use menu::TableError;
pub use net::local_socket::{ListenError, Listeners};
pub use net::sd_notify::{NoSupervisor, Supervisor};
pub use serve::metrics::MetricsError;
pub use server::Ended;
pub use settings::advertise::{Discovery, Router};
pub use settings::limits::Limits;
pub use settings::metrics::Metrics;
pub use settings::retention::Kept;
pub use settings::{Listen, Local};
pub use workers::concurrency::Exclusion;
pub use workers::worker::{Call, Calling, Outcome, Worker};

use tracing::instrument::WithSubscriber;

/// The server does not start with fewer descriptors.
const FEWEST_DESCRIPTORS: u64 = 256;
/// Descriptors that are not for sessions: about 40 for files, listeners and the runtime, 18 that are reserved for hooks and
/// 11 for new connections, 64 for 16 runs, 64 for drained pipes; the rest is for handshakes.
const OTHER_DESCRIPTORS: u64 = 220;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The log has no thread to be written by.
    #[error("the system gives no thread for the log: {0}")]
    Log(#[source] std::io::Error),
    /// Two commands have one name, or a worker declares what clients cannot show.
    #[error(transparent)]
    Menu(#[from] TableError),
    /// The system gives too few descriptors to serve anybody.
    #[error(
        "this process may have {0} files open, and needs {FEWEST_DESCRIPTORS} at least: raise it with `ulimit -n`"
    )]
    Descriptors(u64),
    /// Another process has the state directory.
    #[error(transparent)]
    State(#[from] ListenError),
    /// The list of keys cannot be obeyed.
    #[error(transparent)]
    Keys(#[from] FileErrors),
    /// Runs cannot be written down.
    #[error(transparent)]
    Runs(#[from] NoHistory),
    /// Nothing can be recorded.
    #[error("the audit log cannot be kept: {0}")]
    Audit(#[source] std::io::Error),
    /// There is no thread or descriptor to reserve for what must run in a shortage.
    #[error(
        "a thread and descriptors for safe_state programs cannot be reserved: {0}; raise the limits of processes \
         (`ulimit -u`, `TasksMax=`) and of open files (`ulimit -n`)"
    )]
    Reserve(#[source] std::io::Error),
    /// TCP cannot be opened, though somebody may come in that way.
    #[error(transparent)]
    Door(#[from] OpenError),
    /// Metrics cannot be served where they were asked for.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// Serves until `stop` is raised or an admin shuts the server down; then every client has been told,
/// every run has ended and the socket's file is gone.
///
/// # Errors
/// [`ServeError`], before the first connection.
pub async fn serve(
    listeners: Listeners,
    mut config: Config,
    stop: Stop,
) -> Result<Ended, ServeError> {
    let (log, dispatch, _writing) = log::Log::open(&config.log).map_err(ServeError::Log)?;
    let menu = Table::new(&config, None)?;
    // Neither another server nor a verb of `topsided` may change the state under this one, wherever its
    // socket is.
    let state = StateLock::take(&config.state)?;
    let clock = Clock::open(&config.state);
    if let Err(error) = clock.save() {
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::warn!(target: "topside", %error, "the newest time is not written down");
        });
    }
    let keys = Keys::open(&config.state)?;
    let metrics = metrics::listen(config.metrics)?;
    let files = RuntimeFiles::new(listeners.local, state, stop.hears_signals());
    let (server, door) = tracing::dispatcher::with_default(&dispatch, || {
        config.limits.max_sessions = sessions(&config.limits)?;
        let stored = Stored::open(&config, keys)?;
        let server = Server::new(config, menu, stored, clock, files.local(), log, dispatch.clone());
        let door = server.prepare_door()?;
        Ok::<_, ServeError>((server, door))
    })?;
    Ok(server.run(files, door, metrics, stop).with_subscriber(dispatch).await)
}

/// How many sessions over TCP there may be: as many as the system has descriptors for.
pub(crate) fn sessions(limits: &Limits) -> Result<usize, ServeError> {
    let Some(most) = descriptors::most() else { return Ok(limits.max_sessions) };
    if most < FEWEST_DESCRIPTORS {
        return Err(ServeError::Descriptors(most));
    }
    let room = usize::try_from(most - OTHER_DESCRIPTORS).unwrap_or(usize::MAX);
    if room < limits.max_sessions && limits.max_sessions != usize::MAX {
        tracing::warn!(
            target: "topside", max_sessions = room, descriptors = most,
            "there are descriptors for fewer sessions than max_sessions says: raise `ulimit -n`"
        );
    }
    Ok(limits.max_sessions.min(room))
}
