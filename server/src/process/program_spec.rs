//! A declared program: its argument list and limits. There is no shell: a value is one element of the list, part of one if
//! its type allows that, or none.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Map, Value};
use topside_shared::command::Stdin;
use topside_shared::values;

use crate::process::run_user::RunUser;

/// The directory of a run without `cwd`.
pub(crate) const DEFAULT_CWD: &str = "/";

/// The program of a declared command, as `menu_file` has checked it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    /// An absolute path.
    pub(crate) path: String,
    /// None: the server's own user.
    pub(crate) user: Option<Box<RunUser>>,
    pub(crate) elements: Vec<Element>,
    /// The arguments that [`Element::Argument`] counts.
    pub(crate) args: Vec<ProgramArg>,
    /// None: `/`. It may have places for arguments.
    pub(crate) cwd: Option<String>,
    /// A file of variables, which is read at each start. It may have places for arguments.
    pub(crate) env_file: Option<String>,
    /// Variables beside the clean environment.
    pub(crate) env: Vec<(String, String)>,
    /// Variables from the server's own environment.
    pub(crate) inherit_env: Vec<String>,
    /// None: no limit.
    pub(crate) timeout: Option<Duration>,
    pub(crate) stop: Stop,
    pub(crate) success_exit_codes: Vec<i32>,
    /// Bytes of output that are kept.
    pub(crate) max_output: u64,
    /// The hook after a run that did not succeed: a program and its arguments.
    pub(crate) safe_state: Option<Vec<String>>,
    pub(crate) stdin: Stdin,
    /// Wildcards for the files in the run's directory that are kept as its results.
    pub(crate) results: Vec<glob::Pattern>,
    pub(crate) policy: Policy,
}

/// How a run depends on its client and on the server. By default it continues when its client disconnects, and is cancelled
/// when the server ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) cancel_on_disconnect: bool,
    /// The server waits for it before it ends.
    pub(crate) wait_on_shutdown: bool,
    /// Its `safe_state` also runs after a success.
    pub(crate) safe_state_always: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Element {
    Literal(String),
    Argument(usize),
    /// A text with `{name}` places for these arguments, none of which is a list.
    Joined {
        text: String,
        arguments: Vec<usize>,
    },
}

impl Element {
    /// Whether the value of an argument is in it.
    pub(crate) fn holds(&self, argument: usize) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Argument(index) => *index == argument,
            Self::Joined { arguments, .. } => arguments.contains(&argument),
        }
    }
}

/// The part of an argument's declaration that the argument list needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProgramArg {
    pub(crate) name: String,
    /// Precedes the value, or stands for a bool that is true.
    pub(crate) flag: Option<String>,
    pub(crate) root: Option<PathBuf>,
    /// Whether a path must exist when the program starts.
    pub(crate) exists: bool,
    pub(crate) passed: Passed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passed {
    Element,
    Variable(String),
    /// As the one line of its standard input.
    Input,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stop {
    pub(crate) signal: Signal,
    pub(crate) timeout: Duration,
}

impl Program {
    /// The argument list, the program first. `args` were checked and their paths followed; each value becomes one element.
    pub(crate) fn argv(&self, args: &Map<String, Value>) -> Vec<String> {
        let mut argv = Vec::with_capacity(self.elements.len() + 1);
        argv.push(self.path.clone());
        for element in &self.elements {
            match element {
                Element::Literal(text) => argv.push(text.clone()),
                Element::Argument(index) => self.args[*index].push(args, &mut argv),
                Element::Joined { text, arguments } => {
                    let named = arguments.iter().map(|index| self.args[*index].name.as_str());
                    argv.extend(filled(text, named, args));
                }
            }
        }
        argv
    }
}

impl Program {
    /// The directory of a run with these arguments.
    pub(crate) fn directory(&self, args: &Map<String, Value>) -> String {
        self.cwd.as_ref().map_or_else(|| DEFAULT_CWD.to_owned(), |cwd| self.with_values(cwd, args))
    }

    /// A text of the declaration with the values of arguments in its places.
    pub(crate) fn with_values(&self, text: &str, args: &Map<String, Value>) -> String {
        let value = |name: &str| {
            let declared = self.args.iter().find(|arg| arg.name == name)?;
            args.get(&declared.name).map(values::to_text)
        };
        values::fill_places(text, value)
    }
}

/// A text with the values of these arguments; none if one has no value.
fn filled<'a>(
    text: &str,
    mut named: impl Iterator<Item = &'a str> + Clone,
    args: &Map<String, Value>,
) -> Option<String> {
    let value = |name: &str| args.get(name).filter(|value| !value.is_null()).map(values::to_text);
    let fill = |name: &str| if named.clone().any(|one| one == name) { value(name) } else { None };
    let filled = values::fill_places(text, fill);
    named.all(|name| value(name).is_some()).then_some(filled)
}

impl ProgramArg {
    fn push(&self, args: &Map<String, Value>, argv: &mut Vec<String>) {
        match (args.get(&self.name), &self.flag) {
            (None | Some(Value::Null), _) | (Some(Value::Bool(false)), Some(_)) => {}
            (Some(Value::Bool(true)), Some(flag)) => argv.push(flag.clone()),
            (Some(Value::Array(values)), flag) => {
                for value in values {
                    argv.extend(flag.clone());
                    argv.push(values::to_text(value));
                }
            }
            (Some(value), flag) => {
                argv.extend(flag.clone());
                argv.push(values::to_text(value));
            }
        }
    }
}

#[cfg(test)]
#[path = "program_spec_tests.rs"]
mod tests;
