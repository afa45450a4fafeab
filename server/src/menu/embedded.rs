//! Commands of the program that embeds the server, and why the menu refuses one.

use std::sync::Arc;

use topside_shared::command::Stdin;
use topside_shared::text::is_control;
use topside_shared::values::{DeclarationError, validate_args};

use crate::menu::builtin::Builtin;
use crate::menu::{Entry, Execution};
use crate::menu_file::{command_name, wire_size};
use crate::workers::worker::Worker;

/// A command of the program that embeds the server.
#[derive(Clone)]
pub(crate) enum Embedded {
    Builtin(Arc<dyn Builtin>),
    Worker(Arc<dyn Worker>),
}

impl Embedded {
    pub(super) fn entry(&self) -> Entry {
        match self {
            Self::Builtin(builtin) => Entry::of_builtin(builtin.declaration(), builtin),
            Self::Worker(worker) => Entry::of_worker(worker),
        }
    }
}

/// Why a menu cannot be served: a command of the program that embeds the server is wrong. The errors of `commands.toml`
/// are reported with their place when it is read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TableError {
    /// Two commands answer to one name.
    #[error("{first} and {second} both answer to `{name}`: rename one of them")]
    Taken {
        /// The name or alias.
        name: String,
        /// The command that has it.
        first: String,
        /// The command that is refused.
        second: String,
    },
    /// The name or an alias cannot be typed.
    #[error("an embedded command is refused: {0}")]
    Name(String),
    /// Its texts would disturb a screen.
    #[error(
        "the title, description and category of the embedded command `{0}` must be without control characters"
    )]
    Words(String),
    /// It does not fit in the menu.
    #[error("the embedded command `{0}` is refused: {1}")]
    TooLarge(String, String),
    /// All commands together do not fit in the menu.
    #[error("the menu is refused: {0}")]
    MenuTooLarge(String),
    /// It has no standard input.
    #[error(
        "the embedded command `{0}` is refused: only a program of `commands.toml` can have `stdin` = \"prompt\""
    )]
    Prompt(String),
    /// It is no run, so no file is kept for it.
    #[error(
        "the embedded built-in `{0}` is refused: a file can be an argument of a worker or of a program of `commands.toml`"
    )]
    File(String),
    /// Its arguments are wrong.
    #[error("the embedded command `{command}` is refused: {source}")]
    Arguments {
        /// Its name.
        command: String,
        /// What is wrong with them.
        #[source]
        source: Box<DeclarationError>,
    },
}

/// Whether clients can type and show an embedded command.
pub(super) fn check_embedded(entry: &Entry) -> Result<(), TableError> {
    let info = &entry.info;
    for name in info.names() {
        command_name::check_name(name, "command").map_err(TableError::Name)?;
    }
    let words = [&info.title, &info.description, &info.category];
    if words.iter().any(|words| words.chars().any(is_control)) {
        return Err(TableError::Words(info.name.clone()));
    }
    wire_size::check_command_size(entry.wire)
        .map_err(|error| TableError::TooLarge(info.name.clone(), error.to_string()))?;
    if info.stdin == Stdin::Prompt {
        return Err(TableError::Prompt(info.name.clone()));
    }
    if matches!(entry.execution, Execution::Builtin(_)) && info.file_args().next().is_some() {
        return Err(TableError::File(info.name.clone()));
    }
    validate_args(&info.args).map_err(|source| TableError::Arguments {
        command: info.name.clone(),
        source: source.into(),
    })
}
