//! The menu, and starting its commands.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Call, Method};
use crate::command::Command;
use crate::rows::RunRow;

/// `commands/list`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct CommandsList {}
call!(CommandsList => CommandsList -> Menu);

/// Answer to `commands/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Menu {
    /// Grows with each menu that is loaded.
    pub revision: u64,
    /// The commands that the caller may run.
    pub commands: Vec<Command>,
}

impl Menu {
    /// The command that `name` runs, by name or alias.
    pub fn find(&self, name: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.answers_to(name))
    }
}

/// `command/run`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandRun {
    /// Name or alias.
    pub command: String,
    /// Values by argument name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// Whether the output is sent as it comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// Whether the answer waits for the end.
    #[serde(default = "yes")]
    pub wait: bool,
    /// Whether a person has confirmed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}
call!(CommandRun => CommandRun -> RunResult);

fn yes() -> bool {
    true
}

/// Answer to `command/run`: the row, and with `wait` alone its output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// The run.
    #[serde(flatten)]
    pub row: RunRow,
    /// Standard output and error in order of arrival, at most as many of its last bytes as fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The same where it is not UTF-8 (RFC 4648, section 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_base64: Option<String>,
    /// Whether the beginning of the output is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}
