//! The menu: built-ins, workers of other authors and the programs of `commands.toml`, in one table.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use topside_shared::command::{Command, Effect, Stdin};
use topside_shared::text::{MAX_NAME, did_you_mean, is_control, nearest, quote};
use topside_shared::values::{DeclarationError, validate_args};
use topside_shared::{ErrorKind, RpcError};

use crate::authorize::{Action, authorize, may_see_command};
use crate::base::identity::Identity;
use crate::menu_file::{Declared, Item, command_name, wire_size};
use crate::process::program_spec;
use crate::process::program_spec::Policy;
use crate::process::safe_state::SafeState;
use crate::workers;
use crate::workers::concurrency::Exclusion;
use crate::workers::worker::Worker;
use crate::workers::worker_pool::WorkerPool;
use crate::workers::{Function, WorkerRef};

/// Output of a command in this process that is kept, in bytes; others declare their own.
const WORKER_OUTPUT: u64 = 64 * 1024 * 1024;

/// Built-ins that start even where the audit log cannot be written: an admin needs them then.
const STARTS_UNRECORDED: [&str; 1] = ["shutdown"];

/// One command.
pub(crate) struct Entry {
    pub(crate) info: Command,
    /// Bytes of JSON that `info` takes in the menu.
    pub(crate) wire: usize,
    pub(crate) does: Does,
    /// Whether its runs are written down; the built-ins' are not.
    pub(crate) recorded: bool,
    /// Whether a run starts though the audit log cannot be written: an admin needs some then most of all.
    pub(crate) starts_unrecorded: bool,
    /// Whether a run takes one of the places of `max_runs`.
    pub(crate) limited: bool,
    /// How many bytes of a run's output are kept.
    pub(crate) max_output: u64,
    /// What others' ends do to a run.
    pub(crate) policy: Policy,
    /// What keeps its runs apart from others.
    pub(crate) exclusion: Exclusion,
}

impl Entry {
    fn of(worker: Arc<dyn Worker>, recorded: bool) -> Self {
        let info = worker.declaration();
        Self {
            starts_unrecorded: !recorded && STARTS_UNRECORDED.contains(&info.name.as_str()),
            wire: wire_size::wire_size(&info),
            info,
            exclusion: worker.exclusion(),
            does: Does::Work(worker, None),
            recorded,
            limited: recorded,
            max_output: WORKER_OUTPUT,
            policy: Policy::default(),
        }
    }

    fn of_item(item: &Item, residents: &[Arc<WorkerRef>]) -> Option<Self> {
        let info = item.info().clone();
        let (does, max_output, policy, exclusion) = match item {
            Item::Program(Declared { program, exclusion, .. }) => {
                let does = Does::Execute(Box::new(program.clone()));
                (does, program.max_output, program.policy, exclusion.clone())
            }
            Item::Function(declared) => {
                let declared = declared.clone();
                let worker = residents.iter().find(|hired| hired.0.name() == declared.worker)?;
                let (max_output, policy) = (declared.max_output, declared.policy);
                let (worker, exclusion) = (Arc::clone(worker), declared.exclusion.clone());
                let safe_state = declared.safe_state.clone();
                let does = Does::Work(Arc::new(Function { declared, worker }), safe_state);
                (does, max_output, policy, exclusion)
            }
        };
        Some(Self {
            wire: wire_size::wire_size(&info),
            info,
            does,
            recorded: true,
            starts_unrecorded: false,
            limited: true,
            max_output,
            policy,
            exclusion,
        })
    }

    /// Whether a run does more than look, so that the audit log tells of it.
    pub(crate) fn changes_something(&self) -> bool {
        self.info.effect != Effect::Read
    }
}

/// How a command is carried out.
pub(crate) enum Does {
    /// In this process, and what closes the state that a run may leave.
    Work(Arc<dyn Worker>, Option<SafeState>),
    /// By a program of the machine.
    Execute(Box<program_spec::Program>),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Why a menu cannot be served. What is wrong within `commands.toml` is told with its place when that is
/// read; this is about the workers of the program that holds the server.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TableError {
    /// Two commands answer to one name.
    #[error("{first} and {second} both answer to `{name}`: rename one of them")]
    Taken {
        /// The name or alias.
        name: String,
        /// Who had it.
        first: String,
        /// Who wants it too.
        second: String,
    },
    /// A worker, or an alias of it, is called by no name.
    #[error("a worker is refused: {0}")]
    Name(String),
    /// A worker's words would disturb a screen.
    #[error(
        "the title, description and category of the worker `{0}` must be without control characters"
    )]
    Words(String),
    /// A worker does not fit in the menu.
    #[error("the worker `{0}` is refused: {1}")]
    TooLarge(String, String),
    /// All workers do not fit in the menu.
    #[error("the menu is refused: {0}")]
    MenuTooLarge(String),
    /// A worker has no standard input that could be answered.
    #[error(
        "the worker `{0}` is refused: only a program of `commands.toml` can have `stdin` = \"prompt\""
    )]
    Prompt(String),
    /// A worker's arguments make no sense.
    #[error("the worker `{worker}` is refused: {source}")]
    Arguments {
        /// Its name.
        worker: String,
        /// What is wrong with them.
        #[source]
        source: Box<DeclarationError>,
    },
}

/// What a table is made of.
pub(crate) struct Parts<'a> {
    pub(crate) built_ins: &'a [Arc<dyn Worker>],
    /// Workers of the program that holds the server.
    pub(crate) workers: &'a [Arc<dyn Worker>],
    /// The commands of `commands.toml`.
    pub(crate) commands: &'a [Item],
    /// The resident workers of `commands.toml`.
    pub(crate) residents: &'a [workers::Declared],
}

/// All commands of a server.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Vec<Arc<Entry>>,
    /// Names and aliases.
    names: HashMap<String, usize>,
    pool: WorkerPool,
    revision: u64,
}

impl Table {
    /// The built-ins, the workers of the configuration and what its menu declares, after the table `before`: the resident
    /// workers that are the same in both go on.
    ///
    /// # Errors
    /// [`TableError`], where two of them answer to one name or a worker cannot be shown.
    pub(crate) fn new(parts: &Parts<'_>, before: Option<&Self>) -> Result<Self, TableError> {
        let built_in = parts
            .built_ins
            .iter()
            .map(|worker| ("the built-in", Entry::of(Arc::clone(worker), false)));
        let workers = parts.workers.iter().map(|worker| {
            let entry = Entry::of(Arc::clone(worker), true);
            presentable(&entry.info).map(|()| ("the worker", entry))
        });
        let knows_secrets = |worker: &str| {
            parts.commands.iter().any(|item| match item {
                Item::Function(function) => function.worker == worker && function.info.has_secret(),
                Item::Program(_) => false,
            })
        };
        let pool = WorkerPool::new(parts.residents, knows_secrets, before.map(|table| &table.pool));
        // Each function's worker is there: the menu was refused otherwise.
        let items = parts.commands.iter();
        let items = items.filter_map(|item| Entry::of_item(item, pool.residents()));
        let items: Vec<_> = items.map(|entry| Ok(("the menu's command", entry))).collect();
        let revision = before.map_or(1, |before| before.revision + 1);
        let mut table = Self { entries: Vec::new(), names: HashMap::new(), pool, revision };
        let mut owners: Vec<String> = Vec::new();
        for entry in built_in.map(Ok).chain(workers).chain(items) {
            let (kind, entry) = entry?;
            let index = table.entries.len();
            owners.push(format!("{kind} `{}`", entry.info.name));
            for name in std::iter::once(&entry.info.name).chain(&entry.info.aliases) {
                if let Some(first) = table.names.insert(name.clone(), index) {
                    let (first, second) = (owners[first].clone(), owners[index].clone());
                    return Err(TableError::Taken { name: name.clone(), first, second });
                }
            }
            table.entries.push(Arc::new(entry));
        }
        // The built-ins are this program's own, and few.
        let others = table.entries.iter().filter(|entry| entry.recorded);
        let wire = others.map(|entry| entry.wire).sum();
        wire_size::check_menu_size(wire)
            .map_err(|error| TableError::MenuTooLarge(error.to_string()))?;
        Ok(table)
    }

    /// The same once more, for another configuration.
    pub(crate) fn again(&self) -> Self {
        let Self { entries, names, pool, revision } = self;
        let (entries, names, pool) = (entries.clone(), names.clone(), pool.again());
        Self { entries, names, pool, revision: *revision }
    }

    /// Its resident workers.
    pub(crate) fn worker_pool(&self) -> &WorkerPool {
        &self.pool
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The commands that `who` may run, in the table's order.
    pub(crate) fn of<'t>(&'t self, who: &'t Identity) -> impl Iterator<Item = &'t Command> {
        let infos = self.entries.iter().map(|entry| &entry.info);
        infos.filter(|info| may_see_command(who, &info.name, info.role))
    }

    /// The commands that `who` may run after the one of this name, each with the bytes that it takes in the menu.
    ///
    /// # Errors
    /// `notFound`: there is no command of this name.
    pub(crate) fn page<'t>(
        &'t self,
        who: &'t Identity,
        after: Option<&str>,
    ) -> Result<impl Iterator<Item = (&'t Command, usize)>, RpcError> {
        let from = match after {
            None => 0,
            Some(name) => match self.names.get(name) {
                Some(index) => index + 1,
                None => {
                    let shown = topside_shared::text::clean(name, 64);
                    let message = format_args!(
                        "the menu has no command `{shown}` to go on from: ask for its first page again, \
                         without `after`"
                    );
                    return Err(
                        RpcError::new(ErrorKind::NotFound, message).with("argument", "after")
                    );
                }
            },
        };
        let entries = self.entries[from..].iter().map(|entry| (&entry.info, entry.wire));
        Ok(entries.filter(|(info, _)| may_see_command(who, &info.name, info.role)))
    }

    /// Every command.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Command> {
        self.entries.iter().map(|entry| &entry.info)
    }

    /// The command of this name that `who` may run.
    ///
    /// # Errors
    /// `notFound` with the nearest names of `who`'s own menu, or `forbidden`.
    pub(crate) fn find(&self, name: &str, who: &Identity) -> Result<&Arc<Entry>, RpcError> {
        let Some(index) = self.names.get(name) else {
            let own = self.of(who);
            let names = own.flat_map(|info| {
                std::iter::once(info.name.as_str()).chain(info.aliases.iter().map(String::as_str))
            });
            let near = nearest(name, names);
            let shown = quote(name, MAX_NAME);
            let message = match name.is_empty() {
                true => "no command was named; `m` shows the menu".to_owned(),
                false => match did_you_mean(&near).as_str() {
                    "" => format!("there is no command `{shown}`; `m` shows the menu"),
                    hint => format!("there is no command `{shown}`{hint}"),
                },
            };
            return Err(RpcError::new(ErrorKind::NotFound, message).with("nearest", near));
        };
        let entry = &self.entries[*index];
        let command = &entry.info.name;
        authorize(who, Action::Run { command, role: entry.info.role })?;
        Ok(entry)
    }
}

/// Whether clients can type and show what a worker declares.
fn presentable(info: &Command) -> Result<(), TableError> {
    for name in std::iter::once(&info.name).chain(&info.aliases) {
        command_name::check_name(name, "command").map_err(TableError::Name)?;
    }
    let words = [&info.title, &info.description, &info.category];
    if words.iter().any(|words| words.chars().any(is_control)) {
        return Err(TableError::Words(info.name.clone()));
    }
    wire_size::check_command_size(wire_size::wire_size(info))
        .map_err(|error| TableError::TooLarge(info.name.clone(), error.to_string()))?;
    if info.stdin == Stdin::Prompt {
        return Err(TableError::Prompt(info.name.clone()));
    }
    validate_args(&info.args).map_err(|source| TableError::Arguments {
        worker: info.name.clone(),
        source: source.into(),
    })
}

/// Names and aliases that the built-ins have taken.
pub(crate) fn reserved_names(built_ins: &[Arc<dyn Worker>]) -> Vec<String> {
    built_ins
        .iter()
        .map(|worker| worker.declaration())
        .flat_map(|info| std::iter::once(info.name).chain(info.aliases))
        .collect()
}
