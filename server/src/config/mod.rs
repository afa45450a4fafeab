//! What a server is told before it starts: `server.toml`, the menu, and where things are.

pub(crate) mod active_config;
pub(crate) mod values;

use crate::base::log::Sinks;
use crate::base::platform;
use crate::base::toml_file::errors::FileErrors;
use crate::base::toml_file::permissions::Trust;
use crate::base::toml_file::protected_files;
use crate::menu::{self, Parts, Table, TableError};
use crate::net::sd_notify::Supervisor;
use crate::settings::advertise::{Discovery, Router};
use crate::settings::limits::Limits;
use crate::settings::metrics::Metrics;
use crate::settings::retention::Kept;
use crate::settings::server_file::Lines;
use crate::settings::{Listen, Local, server_file};
use crate::workers::worker::Worker;
use crate::{menu_file, workers};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use topside_shared::dirs::Dirs;

/// Everything a server needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who may use the local socket.
    pub local: Local,
    /// Where it takes connections over TCP; `None`: never, whoever asks.
    pub listen: Option<Listen>,
    /// What the server will not go over.
    pub limits: Limits,
    /// For how long runs are kept.
    pub runs: Kept,
    /// Whether the LAN is told of an open port.
    pub discovery: Discovery,
    /// Whether the router is asked for one.
    pub router: Router,
    /// Where figures are served, if anywhere.
    pub metrics: Metrics,
    /// What the menu declares.
    pub(crate) commands: Vec<menu_file::Item>,
    /// The resident workers of the menu.
    pub(crate) residents: Vec<workers::Declared>,
    pub(crate) built_ins: Workers,
    /// Commands that the program which holds the server carries out itself.
    pub(crate) workers: Workers,
    /// Where the log goes.
    pub log: Sinks,
    /// Who is told how the server stands.
    pub supervisor: Supervisor,
    /// Where keys, runs and their outputs are kept.
    pub state: PathBuf,
    /// Whether a restart executes the program of this process anew.
    pub(crate) executes_itself: bool,
    /// What this was read from; a configuration that was made otherwise has none.
    read_from: Option<Sources>,
    /// What one should know about how the files were read, for the log.
    pub(crate) remarks: Vec<String>,
}

/// Commands that are carried out in this process.
#[derive(Clone, Default)]
pub(crate) struct Workers(pub(crate) Vec<Arc<dyn Worker>>);

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|worker| worker.declaration().name)).finish()
    }
}

/// Where a configuration was looked for.
#[derive(Debug, Clone)]
struct Sources {
    dirs: Dirs,
    server_file: Option<PathBuf>,
    commands_file: Option<PathBuf>,
    /// Where `server.toml` says what it says.
    lines: Lines,
}

/// Why the configuration is not accepted. Each is a sentence with file, line and column.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `server.toml`, or files of the menu, or both.
    #[error(transparent)]
    Files(#[from] FileErrors),
    /// A worker and a program have one name.
    #[error(transparent)]
    Menu(#[from] TableError),
    /// The state directory cannot be made.
    #[error("{} cannot be made: {source}", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What a restart would execute is not there.
    #[error("the program {} is gone: install it again", .0.display())]
    ProgramGone(PathBuf),
}

impl Config {
    /// Reads the files, with these built-ins; see [`Config::load`].
    ///
    /// # Errors
    /// [`ConfigError`]; nothing is taken of a file that is wrong anywhere.
    pub(crate) fn read(
        dirs: &Dirs,
        server_file: Option<&Path>,
        commands_file: Option<&Path>,
        built_ins: Workers,
    ) -> Result<Self, ConfigError> {
        let trust = Trust::of_server(dirs);
        let server = server_file::load(dirs, server_file, trust);
        let menu = load_menu(dirs, commands_file, &built_ins, trust);
        platform::private_directory(&dirs.state)
            .map_err(|source| ConfigError::State { path: dirs.state.clone(), source })?;
        let state = match protected_files::state(&dirs.state, trust) {
            errors if errors.is_empty() => Ok(()),
            errors => Err(FileErrors(errors)),
        };
        let ((server, lines), menu) = match (server, menu, state) {
            (Ok(server), Ok(menu), Ok(())) => (server, menu),
            (server, menu, state) => {
                let wrong = [server.err(), menu.err(), state.err()].into_iter().flatten();
                let wrong = wrong.flat_map(|FileErrors(errors)| errors).collect();
                return Err(FileErrors::once(wrong).into());
            }
        };
        let left_out = menu
            .left_out
            .iter()
            .map(|left| format!("the starter menu goes without {}: {}", left.name, left.reason));
        let remarks = left_out.chain(menu.remarks).collect();
        Ok(Self {
            local: server.local,
            listen: Some(server.listen),
            limits: server.limits,
            runs: server.runs,
            discovery: server.discovery,
            router: server.router,
            metrics: server.metrics,
            commands: menu.commands,
            residents: menu.workers,
            built_ins,
            workers: Workers::default(),
            log: Sinks { stderr: false, directory: Some(dirs.state.clone()) },
            supervisor: Supervisor::default(),
            state: dirs.state.clone(),
            executes_itself: false,
            read_from: Some(Sources {
                dirs: dirs.clone(),
                server_file: server_file.map(Path::to_path_buf),
                commands_file: commands_file.map(Path::to_path_buf),
                lines,
            }),
            remarks,
        })
    }

    /// Adds a command that is carried out in this process, after the built-ins and those that were added
    /// before it. Where its name is taken, [`serve`](crate::serve()) says so instead of serving.
    #[must_use]
    pub fn with_worker(mut self, worker: impl Worker) -> Self {
        self.workers.0.push(Arc::new(worker));
        self
    }

    /// The menu of this configuration, after the table `before`.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn table(&self, before: Option<&Table>) -> Result<Table, TableError> {
        let parts = Parts {
            built_ins: &self.built_ins.0,
            workers: &self.workers.0,
            commands: &self.commands,
            residents: &self.residents,
        };
        Table::new(&parts, before)
    }

    /// Stays with what is in force of all that takes effect at a start alone.
    pub(crate) fn keep_what_waits_for_a_start(&mut self, in_force: &Self) {
        self.listen.clone_from(&in_force.listen);
        self.router = in_force.router;
        self.discovery = in_force.discovery;
        self.metrics = in_force.metrics;
    }

    /// The line of `server.toml` that a key of [`settings()`](values::settings) comes from; none: it is the default.
    pub(crate) fn line_of(&self, key: &str) -> Option<usize> {
        self.read_from.as_ref()?.lines.get(key).copied()
    }

    /// Whether a server that is started anew from the same files would start.
    /// Blocks for the disk.
    ///
    /// # Errors
    /// [`ConfigError`]: that server would not start.
    pub(crate) fn could_start_again(&self) -> Result<(), ConfigError> {
        if self.executes_itself {
            platform::own_program().map_err(ConfigError::ProgramGone)?;
        }
        self.read_again()?.map_or(Ok(()), |config| Ok(config.table(None).map(drop)?))
    }

    /// Reads the same files again; none where it was not read from files. Blocks for the disk.
    ///
    /// # Errors
    /// [`ConfigError`], but for commands that do not go together.
    pub(crate) fn read_again(&self) -> Result<Option<Self>, ConfigError> {
        let Some(Sources { dirs, server_file, commands_file, .. }) = &self.read_from else {
            return Ok(None);
        };
        let mut config = Self::read(
            dirs,
            server_file.as_deref(),
            commands_file.as_deref(),
            self.built_ins.clone(),
        )?;
        config.workers = self.workers.clone();
        config.log = self.log.clone();
        config.supervisor = self.supervisor.clone();
        config.executes_itself = self.executes_itself;
        Ok(Some(config))
    }
}

/// The menu file that was named, and nothing else; or those of the configuration directory; or the
/// starter menu.
fn load_menu(
    dirs: &Dirs,
    named: Option<&Path>,
    built_ins: &Workers,
    trust: Trust,
) -> Result<menu_file::Menu, FileErrors> {
    let reserved = menu::reserved_names(&built_ins.0);
    let reserved: Vec<&str> = reserved.iter().map(String::as_str).collect();
    match named {
        Some(path) => {
            menu_file::load_file(path, &reserved, trust)?.ok_or_else(|| FileErrors::absent(path))
        }
        None => match menu_file::load_directory(&dirs.config, &reserved, trust)? {
            Some(menu) => Ok(menu),
            None => menu_file::starter(&reserved, trust),
        },
    }
}
