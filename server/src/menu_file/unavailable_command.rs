//! A command that this machine cannot run, and that its menu leaves out.

use std::fmt;

/// The name of the starter menu, in place of that of a file.
pub(crate) const STARTER_NAME: &str = "commands.toml (built in)";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub file: String,
    pub name: String,
    pub reason: String,
}

impl LeftOut {
    /// Its name, and why it is left out.
    pub(crate) fn into_reason(self) -> (String, String) {
        (self.name, self.reason)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, name, reason } = self;
        let file = if file == STARTER_NAME { "the starter menu" } else { file };
        write!(f, "{file} leaves out {name}: {reason}")
    }
}
