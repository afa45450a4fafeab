//! A declared program: its argument list and limits. No shell is used; each value is one element of the list, or none.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Map, Value};
use topside_shared::command::Stdin;
use topside_shared::values;

/// What a run of a declared command starts. `menu_file` makes it and has checked it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    /// An absolute path.
    pub(crate) path: String,
    /// The argument list after the program itself.
    pub(crate) elements: Vec<Element>,
    /// What [`Element::Argument`] counts.
    pub(crate) args: Vec<ProgramArg>,
    /// Where it runs; none: `/`.
    pub(crate) cwd: Option<String>,
    /// Variables on top of the clean environment.
    pub(crate) env: Vec<(String, String)>,
    /// Variables taken over from the server's own environment.
    pub(crate) inherit_env: Vec<String>,
    /// How long a run may take; none: no limit.
    pub(crate) timeout: Option<Duration>,
    /// How a run is ended before its time.
    pub(crate) stop: Stop,
    /// The exit statuses of a run that succeeded.
    pub(crate) success_exit_codes: Vec<i32>,
    /// How many bytes of output are kept.
    pub(crate) max_output: u64,
    /// What closes the state that a run may leave: a program and its arguments.
    pub(crate) safe_state: Option<Vec<String>>,
    /// Whether a run may be answered.
    pub(crate) stdin: Stdin,
    /// What others' ends do to a run.
    pub(crate) policy: Policy,
}

/// What becomes of a run when somebody else ends. Without anything said it goes on when its client leaves,
/// and is cancelled when the server ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Whether it is cancelled when the client that started it leaves.
    pub(crate) cancel_on_disconnect: bool,
    /// Whether the server waits for it before it ends.
    pub(crate) wait_on_shutdown: bool,
}

/// One element of a program's argument list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Element {
    /// As declared.
    Literal(String),
    /// The value of the argument with this index.
    Argument(usize),
}

/// What the argument list needs to know of an argument.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProgramArg {
    pub(crate) name: String,
    /// Goes before the value, or stands for a bool that is true.
    pub(crate) flag: Option<String>,
    /// The directory that a path must stay below.
    pub(crate) root: Option<PathBuf>,
    /// How the program gets it.
    pub(crate) passed: Passed,
}

/// How a program gets an argument's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passed {
    /// In its argument list.
    Element,
    /// In this variable of its environment.
    Variable(String),
    /// As the one line of its standard input.
    Input,
}

/// How a run is ended before its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stop {
    /// The first signal to the group.
    pub(crate) signal: Signal,
    /// How long the group has before SIGKILL.
    pub(crate) timeout: Duration,
}

impl Program {
    /// The argument list, the program first. `args` has passed `values::check`, and its paths were
    /// followed: each value becomes one element, whatever is in it, and one that is absent none.
    pub(crate) fn argv(&self, args: &Map<String, Value>) -> Vec<String> {
        let mut argv = Vec::with_capacity(self.elements.len() + 1);
        argv.push(self.path.clone());
        for element in &self.elements {
            match element {
                Element::Literal(text) => argv.push(text.clone()),
                Element::Argument(index) => self.args[*index].push(args, &mut argv),
            }
        }
        argv
    }

    /// How long a run may take; none: no limit.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The exit statuses of a run that succeeded.
    pub(crate) fn success_exit_codes(&self) -> &[i32] {
        &self.success_exit_codes
    }

    /// What others' ends do to a run.
    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// How many bytes of output are kept.
    pub(crate) fn max_output(&self) -> u64 {
        self.max_output
    }
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
#[path = "program_tests.rs"]
mod tests;
