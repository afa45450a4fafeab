//! Configuration of a server: `server.toml`, the menu, and its directories.

pub(crate) mod active_config;
pub(crate) mod listing;

use crate::base::log::Sinks;
use crate::base::path_trust::Trust;
use crate::base::platform;
use crate::base::toml_file::errors::FileErrors;
use crate::base::toml_file::protected_files;
use crate::menu::builtin::Builtin;
use crate::menu::{self, Embedded, Parts, Table, TableError};
use crate::menu_file::LeftOut;
use crate::menu_file::schedule::DeclaredSchedule;
use crate::net::sd_notify::Supervisor;
use crate::notify::{Pace, Rules};
use crate::settings::agents::AgentSettings;
use crate::settings::discovery::{Discovery, Router};
use crate::settings::files::FileSettings;
use crate::settings::hooks::BoxHooks;
use crate::settings::host::Host;
use crate::settings::limits::Limits;
use crate::settings::log_level::LogLevel;
use crate::settings::metrics::Metrics;
use crate::settings::notify::{EventKind, Notifier};
use crate::settings::retention::Kept;
use crate::settings::server_file::Lines;
use crate::settings::{Listen, Local, Naming, server_file};
use crate::timing::Timing;
use crate::workers::worker::Worker;
use crate::{menu_file, workers};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use topside_shared::dirs::Dirs;
use topside_shared::{Time, text};

/// The configuration of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name that users see.
    pub naming: Naming,
    /// Who may use the local socket.
    pub local: Local,
    /// Addresses for TCP; `None`: TCP is never opened.
    pub listen: Option<Listen>,
    /// Limits of resources.
    pub limits: Limits,
    /// For how long runs are kept.
    pub runs: Kept,
    /// For files that clients send for runs.
    pub files: FileSettings,
    /// Whether an open port is announced on the LAN.
    pub discovery: Discovery,
    /// Whether the router is asked to forward the port, and by which address the internet reaches it.
    pub router: Router,
    /// Address for metrics.
    pub metrics: Metrics,
    /// Programs for the safe state of the box.
    pub hooks: BoxHooks,
    /// Programs that reboot the box or switch it off.
    pub host: Host,
    /// Limits of agents.
    pub agents: AgentSettings,
    /// Programs that tell people elsewhere what happened.
    pub(crate) notifiers: Vec<Notifier>,
    /// The events that commands themselves have reported.
    pub(crate) notify_of_commands: BTreeMap<String, Vec<EventKind>>,
    /// How soon notifications are sent again.
    pub(crate) notify_pace: Pace,
    pub(crate) commands: Vec<menu_file::Item>,
    /// Whether they are those of the starter menu.
    pub(crate) has_starter_menu: bool,
    pub(crate) residents: Vec<workers::DeclaredWorker>,
    pub(crate) schedules: Vec<DeclaredSchedule>,
    /// The commands that this machine cannot run, by their names, and why.
    left_out: Arc<BTreeMap<String, String>>,
    /// The built-ins of every server.
    pub(crate) built_ins: BuiltIns,
    /// Commands of the program that embeds the server.
    embedded: EmbeddedCommands,
    /// Which lines the log keeps.
    pub log_level: LogLevel,
    /// Destinations of the log.
    pub log: Sinks,
    /// The service manager that gets the status of the server.
    pub supervisor: Supervisor,
    /// Directory of keys, runs and their outputs.
    pub state: PathBuf,
    /// Whether a restart executes the program of this process again.
    pub(crate) executes_itself: bool,
    /// The directory that has the `proc` and `sys` of the box: `/` except in tests.
    pub(crate) figures_root: PathBuf,
    /// The files it was read from, if any.
    read_from: Option<Sources>,
    /// Remarks about the files, for the log.
    pub(crate) remarks: Vec<String>,
}

/// The built-ins of every server.
#[derive(Clone, Default)]
pub(crate) struct BuiltIns(pub(crate) Vec<Arc<dyn Builtin>>);

impl fmt::Debug for BuiltIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(menu::reserved_names(&self.0)).finish()
    }
}

/// Commands of the program that embeds the server.
#[derive(Clone, Default)]
struct EmbeddedCommands(Vec<Embedded>);

impl fmt::Debug for EmbeddedCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} embedded commands", self.0.len())
    }
}

#[derive(Debug, Clone)]
struct Sources {
    dirs: Dirs,
    server_file: Option<PathBuf>,
    commands_file: Option<PathBuf>,
    /// The line of each key in `server.toml`.
    lines: Lines,
}

/// Why the configuration is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `server.toml`, or files of the menu, or both.
    #[error(transparent)]
    Files(#[from] FileErrors),
    /// Two commands have one name.
    #[error(transparent)]
    Menu(#[from] TableError),
    /// The state directory cannot be made.
    #[error("{} cannot be made: {source}", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The program of this process is missing.
    #[error("the program {} is gone: install it again", .0.display())]
    ProgramGone(PathBuf),
}

impl Config {
    /// Reads the files, with these built-ins; see [`Config::load`].
    pub(crate) fn read(
        dirs: &Dirs,
        server_file: Option<&Path>,
        commands_file: Option<&Path>,
        built_ins: BuiltIns,
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
        let left_out = menu.left_out.iter().map(LeftOut::to_string);
        let unknown = unknown_commands(&server.notifiers, &menu);
        let past = past_schedules(&menu.schedules);
        let remarks = left_out.chain(menu.remarks.iter().cloned()).chain(unknown).chain(past);
        let remarks = remarks.collect();
        Ok(Self {
            naming: server.naming,
            local: server.local,
            listen: Some(server.listen),
            limits: server.limits,
            runs: server.runs,
            files: server.files,
            agents: server.agents,
            discovery: server.discovery,
            router: server.router,
            metrics: server.metrics,
            log_level: server.log,
            hooks: server.hooks,
            host: server.host,
            notifiers: server.notifiers,
            notify_of_commands: menu.notify,
            notify_pace: Pace::default(),
            commands: menu.commands,
            has_starter_menu: menu.is_starter,
            residents: menu.workers,
            schedules: menu.schedules,
            left_out: menu
                .left_out
                .into_iter()
                .map(LeftOut::into_reason)
                .collect::<BTreeMap<_, _>>()
                .into(),
            built_ins,
            embedded: EmbeddedCommands::default(),
            log: Sinks { stderr: false, directory: Some(dirs.state.clone()) },
            supervisor: Supervisor::default(),
            state: dirs.state.clone(),
            executes_itself: false,
            figures_root: "/".into(),
            read_from: Some(Sources {
                dirs: dirs.clone(),
                server_file: server_file.map(Path::to_path_buf),
                commands_file: commands_file.map(Path::to_path_buf),
                lines,
            }),
            remarks,
        })
    }

    /// Adds a command with calls that are runs in this process. If its name is taken, [`serve`](crate::serve()) returns an
    /// error.
    #[must_use]
    pub fn with_worker(mut self, worker: impl Worker) -> Self {
        self.embedded.0.push(Embedded::Worker(Arc::new(worker)));
        self
    }

    /// Adds a command that this process answers at once, as [`Config::with_worker`] adds one with calls that are runs.
    #[must_use]
    pub fn with_builtin(mut self, builtin: impl Builtin) -> Self {
        self.embedded.0.push(Embedded::Builtin(Arc::new(builtin)));
        self
    }

    /// Has the figures of the box read below this directory in place of `/`: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_figures_root(mut self, root: PathBuf) -> Self {
        self.figures_root = root;
        self
    }

    /// Sends a notification again after `retry`, and at most one of a kind in each `quiet`: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_notify_pace(mut self, retry: Duration, quiet: Duration) -> Self {
        self.notify_pace = Pace { retry, quiet };
        self
    }

    /// What notifiers report.
    pub(crate) fn notify_rules(&self) -> Rules {
        let of_commands = self.notify_of_commands.clone();
        Rules { notifiers: self.notifiers.clone(), of_commands }
    }

    /// The menu of this configuration; it takes unchanged workers over from `before`.
    pub(crate) fn table(&self, before: Option<&Table>) -> Result<Table, TableError> {
        let parts = Parts {
            own: &self.built_ins.0,
            embedded: &self.embedded.0,
            commands: &self.commands,
            residents: &self.residents,
            left_out: &self.left_out,
        };
        Table::new(&parts, before)
    }

    /// Keeps the settings of `in_force` that only a restart changes.
    pub(crate) fn keep_what_waits_for_a_start(&mut self, in_force: &Self) {
        self.naming.clone_from(&in_force.naming);
        self.listen.clone_from(&in_force.listen);
        self.router.clone_from(&in_force.router);
        self.discovery = in_force.discovery;
        self.metrics = in_force.metrics;
        self.host.clone_from(&in_force.host);
    }

    /// The line of a key of [`settings()`](listing::settings) in `server.toml`; none: it has its default.
    pub(crate) fn line_of(&self, key: &str) -> Option<usize> {
        self.read_from.as_ref()?.lines.get(key).copied()
    }

    /// Checks whether a restart with the same files would succeed. Blocks for the disk.
    pub(crate) fn could_start_again(&self) -> Result<(), ConfigError> {
        if self.executes_itself {
            platform::own_program().map_err(ConfigError::ProgramGone)?;
        }
        self.read_again()?.map_or(Ok(()), |config| Ok(config.table(None).map(drop)?))
    }

    /// Reads the same files again; none if it was not read from files. Blocks for the disk.
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
        config.embedded = self.embedded.clone();
        config.log = self.log.clone();
        config.notify_pace = self.notify_pace;
        config.supervisor = self.supervisor.clone();
        config.executes_itself = self.executes_itself;
        config.figures_root.clone_from(&self.figures_root);
        Ok(Some(config))
    }
}

/// A remark for each command that a notifier names and the menu does not have. A program that embeds the server may have it.
fn unknown_commands(notifiers: &[Notifier], menu: &menu_file::Menu) -> Vec<String> {
    let names = || menu.commands.iter().map(|item| item.info().name.as_str());
    let named = notifiers.iter().flat_map(|one| one.commands.iter().map(move |name| (one, name)));
    let unknown = named.filter(|(_, command)| names().all(|name| name != *command));
    unknown
        .map(|(notifier, command)| {
            let near = text::did_you_mean(&text::nearest(command, names()));
            let command = text::quote(command, text::MAX_NAME);
            format!(
                "[[notify]] {} names the command `{command}`, which is not in the menu{near}",
                notifier.name
            )
        })
        .collect()
}

/// A remark for each schedule of one date that has passed: that is no error, or the server would not start after the date.
fn past_schedules(schedules: &[DeclaredSchedule]) -> Vec<String> {
    let is_past = |one: &&DeclaredSchedule| {
        matches!(one.rule.timing, Timing::At(_)) && one.rule.after(Time::now()).is_none()
    };
    let past = schedules.iter().filter(is_past);
    past.map(|schedule| {
        format!(
            "the schedule {} of {} starts nothing any more: `{}` has passed",
            schedule.name, schedule.command, schedule.text
        )
    })
    .collect()
}

/// The named menu file; or those of the configuration directory; or the starter menu.
fn load_menu(
    dirs: &Dirs,
    named: Option<&Path>,
    built_ins: &BuiltIns,
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
