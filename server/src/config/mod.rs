//! What a server is told before it starts: `server.toml`, `commands.toml`, and where things are.

mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use topside_shared::Role;
use topside_shared::dirs::Dirs;

use crate::commands::declare::{self, DeclareErrors};
use crate::log::Sinks;

pub use file::FileError;

/// Name of the server's own file in the configuration directory.
pub(crate) const SERVER_FILE: &str = "server.toml";
/// Name of the menu's file in the configuration directory.
pub(crate) const COMMANDS_FILE: &str = "commands.toml";

/// Everything a server needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who may use the local socket.
    pub local: Local,
    /// What the server will not go over.
    pub limits: Limits,
    /// The programs of the menu.
    pub(crate) commands: Vec<declare::Declared>,
    /// Where the log goes.
    pub log: Sinks,
    /// Where runs keep what does not fit in memory.
    pub state: PathBuf,
    /// What one should know about how the files were read, for the log.
    pub(crate) remarks: Vec<String>,
}

/// `[local]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Local {
    /// Roles of users beside the server's own and root, by name.
    pub allow: BTreeMap<String, Role>,
}

impl Local {
    /// Whether other users must be able to reach the socket.
    pub fn is_open(&self) -> bool {
        !self.allow.is_empty()
    }
}

/// `[limits]`. In the file, 0 means no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Runs of programs at once.
    pub max_runs: usize,
    /// Of these, so many only for admins.
    pub admin_runs: usize,
    /// Runs of programs of one client at once.
    pub max_runs_per_client: usize,
    /// Bytes of one argument's value.
    pub max_argument: usize,
    /// Bytes that wait for one client.
    pub max_outbox: usize,
    /// How long a write to a client may not move.
    pub write_timeout: Option<Duration>,
    /// How long sessions and runs may take to end when the server does.
    pub shutdown_timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_runs: 16,
            admin_runs: 2,
            max_runs_per_client: 8,
            max_argument: 32 * 1024,
            max_outbox: 1024 * 1024,
            write_timeout: Some(Duration::from_secs(10)),
            shutdown_timeout: Some(Duration::from_secs(20)),
        }
    }
}

/// Why the configuration is not accepted. Each is a sentence with file, line and column.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `server.toml`.
    #[error(transparent)]
    Server(#[from] FileError),
    /// `commands.toml`.
    #[error(transparent)]
    Commands(#[from] DeclareErrors),
    /// A built-in and a program have one name.
    #[error(transparent)]
    Menu(#[from] crate::commands::TableError),
    /// The state directory cannot be made.
    #[error("{} cannot be made: {source}", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Config {
    /// Reads the files: those named, which must be there, or else those of the configuration
    /// directory, which need not be. Without a menu file the starter menu serves.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing is taken of a file that is wrong anywhere.
    pub fn load(
        dirs: &Dirs,
        server_file: Option<&Path>,
        commands_file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let (local, limits) = file::load(dirs, server_file)?;
        let menu = load_menu(dirs, commands_file)?;
        let remarks = menu
            .left_out
            .iter()
            .map(|left| format!("the starter menu goes without {}: {}", left.name, left.reason))
            .collect();
        crate::platform::private_directory(&dirs.state)
            .map_err(|source| ConfigError::State { path: dirs.state.clone(), source })?;
        Ok(Self {
            local,
            limits,
            commands: menu.commands,
            log: Sinks { stderr: false, directory: Some(dirs.state.clone()) },
            state: dirs.state.clone(),
            remarks,
        })
    }
}

/// The menu file that was named, or that of the configuration directory, or the starter menu.
fn load_menu(dirs: &Dirs, named: Option<&Path>) -> Result<declare::Menu, DeclareErrors> {
    let reserved = crate::commands::reserved_names();
    let reserved: Vec<&str> = reserved.iter().map(String::as_str).collect();
    let usual = dirs.config.join(COMMANDS_FILE);
    let path = named.unwrap_or(&usual);
    match declare::load_file(path, &reserved)? {
        Some(menu) => Ok(menu),
        None if named.is_some() => Err(DeclareErrors::absent(path)),
        None => declare::starter(&reserved),
    }
}
