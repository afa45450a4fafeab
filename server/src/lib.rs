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
//! serve(listeners, config, Stop::new()).await?;
//! # Ok(())
//! # }
//! ```

mod authorize;
pub mod cli;
mod clients;
mod commands;
mod config;
mod counters;
mod door;
mod events;
mod keys;
mod listener;
mod log;
mod methods;
mod outbox;
mod platform;
mod refusal;
mod runs;
mod server;
mod session;
mod shutdown;
mod table;
mod transport;

pub use clients::{Identity, Owner, Scope};
pub use commands::{Call, Outcome, TableError, Worker};
pub use config::{Config, ConfigError, FileError, FileErrors, Limits, Listen, Local, Position};
pub use door::OpenError;
pub use listener::{ListenError, Listeners};
pub use log::Sinks;
pub use platform::prepare_process;
pub use server::Ended;
pub use shutdown::Stop;

use commands::Table;
use keys::Keys;
use server::Server;
use tracing::instrument::WithSubscriber;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The log's file cannot be written.
    #[error("topsided.log in the state directory cannot be written: {0}")]
    Log(#[source] std::io::Error),
    /// Two commands have one name.
    #[error(transparent)]
    Menu(#[from] TableError),
    /// The list of keys cannot be obeyed.
    #[error(transparent)]
    Keys(#[from] FileErrors),
    /// TCP cannot be opened, though somebody may come in that way.
    #[error(transparent)]
    Door(#[from] OpenError),
}

/// Serves until `stop` is raised or an admin shuts the server down; then every client has been told,
/// every run has ended and the socket's file is gone.
///
/// # Errors
/// [`ServeError`], before the first connection.
pub async fn serve(listeners: Listeners, config: Config, stop: Stop) -> Result<Ended, ServeError> {
    let (log, dispatch, _writing) = log::Log::open(&config.log).map_err(ServeError::Log)?;
    let menu = Table::new(&config)?;
    let keys = Keys::open(&config.state)?;
    let server = Server::new(config, menu, keys, &listeners, log, dispatch.clone());
    let door = tracing::dispatcher::with_default(&dispatch, || server.prepare_door())?;
    Ok(server.run(listeners, door, stop).with_subscriber(dispatch).await)
}
