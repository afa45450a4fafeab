//! Rules for the runs of a command: `then`, `menu`, `rate` and `choices_from` of a menu file.

use std::time::Duration;

use crate::process::piped_program::PipedProgram;

/// What a command declares about its runs beside their limits. By default it is in the menu, and starts nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunRules {
    /// Names of the commands that start after a success.
    pub(crate) then: Vec<String>,
    /// Whether only schedules and `then` start it: clients do not see it.
    pub(crate) is_unlisted: bool,
    pub(crate) rate: Option<Rate>,
    /// The arguments with `choices_from`.
    pub(crate) choices: Vec<DeclaredChoices>,
}

/// `choices_from` of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeclaredChoices {
    pub(crate) argument: String,
    pub(crate) from: ChoicesFrom,
    /// How long what was listed is shown.
    pub(crate) ttl: Duration,
}

/// What lists the choices of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChoicesFrom {
    Program(PipedProgram),
    /// A function of the worker that carries the command out.
    Function(String),
}

/// The most runs of a command in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) runs: usize,
    pub(crate) period: Duration,
}
