//! Errors in a line, with their position.

use std::ops::Range;

use crate::command::{Arg, ArgType, Command};
use crate::text;
use crate::values::{self, ArgError};

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineErrorKind {
    /// There is no command in it.
    Empty,
    /// A quote is not closed, or a backslash has nothing after it.
    Quote,
    /// The menu has no command of this name.
    UnknownCommand,
    /// The command has no argument of this name.
    UnknownArgument,
    /// A required argument, or an option's value, is not there.
    MissingArgument,
    /// A required secret is not there, and nothing else is wrong: a user can be asked for it.
    MissingSecret,
    /// More values than the command takes.
    SurplusArgument,
    /// One argument is given twice.
    RepeatedArgument,
    /// A value breaks a rule of its argument.
    BadValue,
}

impl LineErrorKind {
    /// The exit status for scripts: 127 where no command was found, else 126.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Empty | Self::UnknownCommand => 127,
            _ => 126,
        }
    }
}

/// A line that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LineError {
    /// The bytes of the line that are wrong; empty, at the line's end, for what is missing. From
    /// `parse_args`: the words that are wrong, counted from 0.
    pub span: Range<usize>,
    /// What is wrong, for programs.
    pub kind: LineErrorKind,
    /// What is wrong, in one sentence.
    pub message: String,
}

impl LineError {
    pub(super) fn new(span: Range<usize>, kind: LineErrorKind, message: impl Into<String>) -> Self {
        Self { span, kind, message: message.into() }
    }

    pub(super) fn empty(span: Range<usize>) -> Self {
        Self::new(span, LineErrorKind::Empty, "type the name of a command: m shows the menu")
    }

    pub(super) fn unknown_command(span: Range<usize>, name: &str, menu: &[Command]) -> Self {
        if name.is_empty() {
            return Self::empty(span);
        }
        let meant = text::did_you_mean(&Command::nearest(name, menu));
        let shown = shown(name);
        let message = match meant.as_str() {
            "" => format!("there is no command {shown}: m shows the menu"),
            meant => format!("there is no command {shown}{meant} m shows the menu"),
        };
        Self::new(span, LineErrorKind::UnknownCommand, message)
    }

    /// `word` is the option as typed, without its `=value`.
    pub(super) fn unknown_argument(span: Range<usize>, word: &str, command: &Command) -> Self {
        let options: Vec<String> = command.args.iter().flat_map(options).collect();
        let near = text::nearest(word, options.iter().map(String::as_str));
        let tail = match (near.as_slice(), options.as_slice()) {
            (_, []) => ": it takes no arguments".to_owned(),
            ([], all) => format!(": it takes {}", all.join(", ")),
            (near, _) => text::did_you_mean(near),
        };
        // It may be the secret, where that begins with a dash.
        if command.has_secret() {
            let message = format!("{} has no such argument{tail}", command.name);
            return Self::new(span, LineErrorKind::UnknownArgument, message);
        }
        let message = format!("{} has no argument {}{tail}", command.name, shown(word));
        Self::new(span, LineErrorKind::UnknownArgument, message)
    }

    pub(super) fn missing(at: usize, arg: &Arg, command: &Command) -> Self {
        let message = match arg.kind {
            ArgType::Bool => format!("{} needs --{1} or --no-{1}", command.name, arg.name),
            _ if arg.by_name => {
                format!("{} needs --{}: {}", command.name, arg.name, values::expected(arg))
            }
            _ => format!("{} needs {}: {}", command.name, arg.name, values::expected(arg)),
        };
        let kind = match arg.kind {
            ArgType::Secret => LineErrorKind::MissingSecret,
            _ => LineErrorKind::MissingArgument,
        };
        Self::new(at..at, kind, message)
    }

    pub(super) fn missing_value(at: usize, arg: &Arg) -> Self {
        let message = format!("--{} needs a value: {}", arg.name, values::expected(arg));
        Self::new(at..at, LineErrorKind::MissingArgument, message)
    }

    pub(super) fn surplus(span: Range<usize>, word: &str, command: &Command) -> Self {
        let name = &command.name;
        let count = command.args.iter().filter(|arg| arg.has_position()).count();
        let switches: Vec<String> =
            command.args.iter().filter(|arg| !arg.has_position()).flat_map(options).collect();
        let takes = match (count, switches.as_slice()) {
            (0, []) => "no arguments".to_owned(),
            (0, switches) => format!("only {}", switches.join(", ")),
            (1, _) => "one value".to_owned(),
            (count, _) => format!("{count} values"),
        };
        let what = if command.has_secret() { "this".to_owned() } else { shown(word) };
        let message = format!("{name} takes {takes}: {what} is one too many");
        Self::new(span, LineErrorKind::SurplusArgument, message)
    }

    pub(super) fn repeated(span: Range<usize>, arg: &Arg) -> Self {
        let message = format!("{} is given twice: keep one of them", arg.name);
        Self::new(span, LineErrorKind::RepeatedArgument, message)
    }

    pub(super) fn bad_value(span: Range<usize>, error: &ArgError, command: &Command) -> Self {
        // Given in the wrong place, the value of another argument may be the secret.
        let error = error.clone().hidden_if(command.has_secret());
        Self::new(span, LineErrorKind::BadValue, error.to_string())
    }

    pub(super) fn switch_value(span: Range<usize>, arg: &Arg) -> Self {
        let message = format!("--no-{0} takes no value: write --{0} or --no-{0}", arg.name);
        Self::new(span, LineErrorKind::BadValue, message)
    }
}

/// How an argument is written as an option.
pub(super) fn options(arg: &Arg) -> Vec<String> {
    let mut options = vec![format!("--{}", arg.name)];
    if arg.kind == ArgType::Bool {
        options.push(format!("--no-{}", arg.name));
    }
    options
}

/// A word of the line, fit for a sentence.
fn shown(word: &str) -> String {
    match text::quote(word, text::MAX_NAME) {
        empty if empty.is_empty() => "''".to_owned(),
        word => word,
    }
}
