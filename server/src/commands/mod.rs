//! The menu: built-ins, workers of other authors and the programs of `commands.toml`, in one table.

mod builtin;
pub(crate) mod declare;
pub(crate) mod exec;
mod worker;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use topside_shared::command::Command;
use topside_shared::text::{did_you_mean, nearest};
use topside_shared::{ErrorKind, RpcError};

use crate::authorize::{Action, authorize, may_see_command};
use crate::clients::Identity;
use crate::config::Config;

pub use worker::{Call, Outcome, Worker};

/// One command.
pub(crate) struct Entry {
    pub(crate) info: Command,
    pub(crate) does: Does,
    /// Whether its runs are written down; the built-ins' are not.
    pub(crate) recorded: bool,
}

/// How a command is carried out.
pub(crate) enum Does {
    /// In this process.
    Work(Box<dyn Worker>),
    /// By a program of the machine.
    Execute(Box<exec::Program>),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Two commands answer to one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two commands answer to the name `{0}`: rename one of them")]
pub struct TableError(String);

/// All commands of a server.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Vec<Arc<Entry>>,
    /// Names and aliases.
    names: HashMap<String, usize>,
    revision: u64,
}

impl Table {
    /// The built-ins and what the configuration declares.
    ///
    /// # Errors
    /// [`TableError`], where two of them answer to one name.
    pub(crate) fn new(config: &Config) -> Result<Self, TableError> {
        let programs = config.commands.iter().map(|declared| Entry {
            info: declared.info.clone(),
            does: Does::Execute(Box::new(declared.program.clone())),
            recorded: true,
        });
        let workers = builtin::all().into_iter().map(|worker| Entry {
            info: worker.declaration(),
            does: Does::Work(worker),
            recorded: false,
        });
        let mut table = Self { entries: Vec::new(), names: HashMap::new(), revision: 1 };
        for entry in workers.chain(programs) {
            let index = table.entries.len();
            for name in std::iter::once(&entry.info.name).chain(&entry.info.aliases) {
                if table.names.insert(name.clone(), index).is_some() {
                    return Err(TableError(name.clone()));
                }
            }
            table.entries.push(Arc::new(entry));
        }
        Ok(table)
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
            let shown = topside_shared::text::clean(name, 64);
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

/// Names and aliases that the built-ins have taken.
pub(crate) fn reserved_names() -> Vec<String> {
    builtin::all()
        .iter()
        .map(|worker| worker.declaration())
        .flat_map(|info| std::iter::once(info.name).chain(info.aliases))
        .collect()
}
