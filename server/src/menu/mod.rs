//! The menu: built-ins, workers and the programs of `commands.toml`, in one table.

pub(crate) mod builtin;
pub(crate) mod choices;
mod embedded;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use topside_shared::command::Command;
use topside_shared::text::{MAX_NAME, clean, did_you_mean, quote};
use topside_shared::{ErrorKind, Role, RpcError};

use crate::authorize::{Action, authorize, may_call_as, may_see_command};
use crate::base::identity::Identity;
use crate::menu::builtin::Builtin;
use crate::menu::choices::Choices;
pub(crate) use crate::menu::embedded::Embedded;
pub use crate::menu::embedded::TableError;
use crate::menu::embedded::check_embedded;
use crate::menu_file::{DeclaredProgram, Item, wire_size};
use crate::process::program_spec::{Policy, Program};
use crate::process::run_user::RunUser;
use crate::process::safe_state::SafeState;
use crate::workers;
use crate::workers::concurrency::Exclusion;
use crate::workers::run_rules::RunRules;
use crate::workers::worker::Worker;
use crate::workers::worker_pool::WorkerPool;
use crate::workers::{DeclaredFunction, Function, FunctionSafeState, WorkerRef};

/// Most bytes of a worker's output that are kept; programs and workers declare their own limit.
const WORKER_OUTPUT: u64 = 64 * 1024 * 1024;

pub(crate) struct Entry {
    pub(crate) info: Arc<Command>,
    /// Bytes of JSON that `info` takes in the menu.
    pub(crate) wire: usize,
    /// Whether it comes with every server.
    pub(crate) is_own: bool,
    /// Whether clients neither see nor run it.
    is_unlisted: bool,
    pub(crate) execution: Execution,
}

pub(crate) enum Execution {
    /// The server answers it.
    Builtin(Arc<dyn Builtin>),
    /// Each call is a run.
    Run(Arc<Runnable>),
}

/// A command with calls that are runs.
pub(crate) struct Runnable {
    pub(crate) info: Arc<Command>,
    pub(crate) executor: Executor,
    /// The user that it runs as, if that is not the server's own.
    pub(crate) user: Option<Box<RunUser>>,
    /// How many bytes of a run's output are kept.
    pub(crate) max_output: u64,
    /// What happens to a run when its client leaves or the server ends.
    pub(crate) policy: Policy,
    pub(crate) exclusion: Exclusion,
    pub(crate) rules: RunRules,
    /// The arguments with `choices_from`.
    pub(crate) choices: Vec<Choices>,
}

pub(crate) enum Executor {
    /// Code of this process, or a worker; and the `safe_state` of the command.
    Worker(Arc<dyn Worker>, Option<WorkerSafeState>),
    Program(Box<Program>),
}

/// The `safe_state` of a command that a worker carries out.
pub(crate) enum WorkerSafeState {
    Program(SafeState),
    /// A function of this worker.
    Function(Arc<WorkerRef>, String),
}

impl Entry {
    fn new(info: Command, execution: impl FnOnce(&Arc<Command>) -> Execution) -> Self {
        let info = Arc::new(info);
        let wire = wire_size::wire_size(&info);
        let execution = execution(&info);
        let is_unlisted = match &execution {
            Execution::Builtin(_) => false,
            Execution::Run(command) => command.rules.is_unlisted,
        };
        Self { wire, is_own: false, is_unlisted, execution, info }
    }

    /// Whether it is in the menu of `who`.
    fn is_shown_to(&self, who: &Identity) -> bool {
        !self.is_unlisted && may_see_command(who, &self.info)
    }

    fn of_builtin(info: Command, builtin: &Arc<dyn Builtin>) -> Self {
        Self::new(info, |_| Execution::Builtin(Arc::clone(builtin)))
    }

    fn of_worker(worker: &Arc<dyn Worker>) -> Self {
        Self::new(worker.declaration(), |info| {
            Execution::Run(Arc::new(Runnable {
                info: Arc::clone(info),
                exclusion: worker.exclusion(),
                executor: Executor::Worker(Arc::clone(worker), None),
                user: None,
                max_output: WORKER_OUTPUT,
                policy: Policy::default(),
                rules: RunRules::default(),
                choices: Vec::new(),
            }))
        })
    }

    fn of_item(item: &Item, residents: &[Arc<WorkerRef>]) -> Option<Self> {
        let find = |name: &str| residents.iter().find(|known| known.0.name() == name);
        let (executor, user, max_output, policy, exclusion, rules) = match item {
            Item::Program(DeclaredProgram { program, exclusion, rules, .. }) => {
                let executor = Executor::Program(Box::new(program.clone()));
                let Program { user, max_output, policy, .. } = program;
                (executor, user.clone(), *max_output, *policy, exclusion, rules)
            }
            Item::Function(declared) => {
                let worker = find(&declared.worker)?;
                let function = Function { declared: declared.clone(), worker: Arc::clone(worker) };
                let safe_state = declared.safe_state.clone().map(|safe_state| match safe_state {
                    FunctionSafeState::Program(program) => WorkerSafeState::Program(program),
                    FunctionSafeState::Function(name) => {
                        WorkerSafeState::Function(Arc::clone(worker), name)
                    }
                });
                let executor = Executor::Worker(Arc::new(function), safe_state);
                let DeclaredFunction { max_output, policy, exclusion, rules, .. } = declared;
                let user = worker.0.user().cloned().map(Box::new);
                (executor, user, *max_output, *policy, exclusion, rules)
            }
        };
        let worker = match item {
            Item::Function(declared) => find(&declared.worker),
            Item::Program(_) => None,
        };
        Some(Self::new(item.info().clone(), |info| {
            let (info, exclusion, rules) = (Arc::clone(info), exclusion.clone(), rules.clone());
            let choices = rules.choices.iter();
            let choices = choices.filter_map(|one| Choices::new(one, worker)).collect();
            Execution::Run(Arc::new(Runnable {
                info,
                executor,
                user,
                max_output,
                policy,
                exclusion,
                rules,
                choices,
            }))
        }))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("info", &self.info).finish_non_exhaustive()
    }
}

pub(crate) struct Parts<'a> {
    /// The built-ins of every server.
    pub(crate) own: &'a [Arc<dyn Builtin>],
    /// The commands of the program that embeds the server.
    pub(crate) embedded: &'a [Embedded],
    /// The commands of `commands.toml`.
    pub(crate) commands: &'a [Item],
    /// The workers of `commands.toml`.
    pub(crate) residents: &'a [workers::DeclaredWorker],
    /// The commands of `commands.toml` that this machine cannot run, by their names, and why.
    pub(crate) left_out: &'a Arc<BTreeMap<String, String>>,
}

/// All commands of a server.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Vec<Arc<Entry>>,
    /// Names and aliases.
    names: HashMap<String, usize>,
    /// The commands that this machine cannot run, and why.
    left_out: Arc<BTreeMap<String, String>>,
    pool: WorkerPool,
    revision: u64,
}

impl Table {
    /// The built-ins, the embedded commands and what the menu files declare, after the table `before`: the
    /// workers that are the same in both continue.
    ///
    /// # Errors
    /// [`TableError`], where two of them answer to one name or an embedded command cannot be shown.
    pub(crate) fn new(parts: &Parts<'_>, before: Option<&Self>) -> Result<Self, TableError> {
        let taken: HashSet<&str> =
            parts.commands.iter().flat_map(|item| item.info().names()).collect();
        let own = parts.own.iter().map(|builtin| {
            let mut info = builtin.declaration();
            info.aliases.retain(|alias| !taken.contains(&**alias));
            let entry = Entry::of_builtin(info, builtin);
            Ok(("the built-in", Entry { is_own: true, ..entry }))
        });
        let embedded = parts.embedded.iter().map(|command| {
            let entry = command.entry();
            check_embedded(&entry).map(|()| ("the embedded command", entry))
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
        let (entries, names, left_out) = (Vec::new(), HashMap::new(), Arc::clone(parts.left_out));
        let mut table = Self { entries, names, left_out, pool, revision };
        let mut owners: Vec<String> = Vec::new();
        for entry in own.chain(embedded).chain(items) {
            let (kind, entry) = entry?;
            let index = table.entries.len();
            owners.push(format!("{kind} `{}`", entry.info.name));
            for name in entry.info.names() {
                if let Some(first) = table.names.insert(name.to_owned(), index) {
                    let (first, second) = (owners[first].clone(), owners[index].clone());
                    return Err(TableError::Taken { name: name.to_owned(), first, second });
                }
            }
            table.entries.push(Arc::new(entry));
        }
        // A built-in of every server is small.
        let others = table.entries.iter().filter(|entry| !entry.is_own);
        let wire = others.map(|entry| entry.wire).sum();
        wire_size::check_menu_size(wire)
            .map_err(|error| TableError::MenuTooLarge(error.to_string()))?;
        Ok(table)
    }

    /// The same once more, for another configuration.
    pub(crate) fn again(&self) -> Self {
        let Self { entries, names, left_out, pool, revision } = self;
        let (entries, names, pool) = (entries.clone(), names.clone(), pool.again());
        Self { entries, names, left_out: Arc::clone(left_out), pool, revision: *revision }
    }

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
        let entries = self.entries.iter().filter(|entry| entry.is_shown_to(who));
        entries.map(|entry| &*entry.info)
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
        let from = match after.map(|name| (name, self.names.get(name))) {
            None => 0,
            Some((_, Some(index))) => index + 1,
            Some((name, None)) => {
                let message = format_args!(
                    "the menu has no command `{}` to continue after: ask for its first page again, \
                     without `after`",
                    clean(name, 64)
                );
                return Err(RpcError::new(ErrorKind::NotFound, message).with("argument", "after"));
            }
        };
        let entries = self.entries[from..].iter().filter(|entry| entry.is_shown_to(who));
        Ok(entries.map(|entry| (&*entry.info, entry.wire)))
    }

    /// The command of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Entry>> {
        self.names.get(name).map(|index| &self.entries[*index])
    }

    /// The command of this name for a run that no client asks for: a schedule or `then` names it.
    ///
    /// # Errors
    /// `notFound`: a reload has removed it since.
    pub(crate) fn runnable(&self, name: &str) -> Result<&Arc<Runnable>, RpcError> {
        match self.get(name).map(|entry| &entry.execution) {
            Some(Execution::Run(command)) => Ok(command),
            Some(Execution::Builtin(_)) | None => {
                let message = "the menu has no such command any more";
                Err(RpcError::new(ErrorKind::NotFound, message))
            }
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Command> {
        self.entries.iter().map(|entry| &*entry.info)
    }

    /// The command of this name that `who` may run.
    ///
    /// # Errors
    /// `notFound` with the nearest names of `who`'s own menu, or `forbidden`.
    pub(crate) fn find(&self, name: &str, who: &Identity) -> Result<&Arc<Entry>, RpcError> {
        let Some(index) = self.names.get(name) else {
            let near = Command::nearest(name, self.of(who));
            let shown = quote(name, MAX_NAME);
            // Only admins learn what is on the box.
            let reason = self.left_out.get(name).filter(|_| who.role == Role::Admin && !who.agent);
            let message = match (name.is_empty(), reason) {
                (true, _) => "no command was named: the command `menu` lists them".to_owned(),
                (false, Some(reason)) => format!("`{shown}` is left out of the menu: {reason}"),
                (false, None) => match did_you_mean(&near).as_str() {
                    "" => format!("there is no command `{shown}`: the command `menu` lists them"),
                    hint => format!("there is no command `{shown}`{hint}"),
                },
            };
            return Err(RpcError::new(ErrorKind::NotFound, message).with("nearest", near));
        };
        let entry = &self.entries[*index];
        let command = &entry.info.name;
        authorize(who, Action::Run { command, role: entry.info.role })?;
        may_call_as(who, &entry.info)?;
        if entry.is_unlisted {
            let message = format_args!(
                "`{command}` is not in the menu: only `then` of another command or a schedule starts it"
            );
            return Err(RpcError::new(ErrorKind::NotFound, message));
        }
        Ok(entry)
    }
}

/// Names of built-ins, which no command of a menu file can have. It can have one of their aliases, which is then its own.
pub(crate) fn reserved_names(own: &[Arc<dyn Builtin>]) -> Vec<String> {
    own.iter().map(|builtin| builtin.declaration().name).collect()
}
