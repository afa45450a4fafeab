//! Rules for the runs of a command: `then`, `menu` and `rate` of a menu file.

use std::time::Duration;

use crate::process::daemon::Daemon;

/// What a command declares about its runs beside their limits. By default it is in the menu, and starts nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunRules {
    /// Names of the commands that start after a success.
    pub(crate) then: Vec<String>,
    /// Whether only schedules and `then` start it: clients do not see it.
    pub(crate) is_unlisted: bool,
    pub(crate) rate: Option<Rate>,
    /// The arguments of which a program lists the choices.
    pub(crate) choices: Vec<ChoicesProgram>,
}

/// A program that lists the choices of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChoicesProgram {
    pub(crate) argument: String,
    pub(crate) program: Daemon,
    /// How long what it listed is shown.
    pub(crate) ttl: Duration,
}

/// The most runs of a command in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) runs: usize,
    pub(crate) period: Duration,
}
