//! The hint line: the arguments of the command, the one under the cursor, and the first error. An argument that is not typed
//! yet is no error.

use super::argument_reader::{ArgumentReader, WordRole, Wrong, read};
use super::complete::begins;
use super::error::{LineError, LineErrorKind, options};
use super::parse::{lookup, words_of};
use super::tokens::{self, Spot};
use crate::command::{Arg, ArgType, Command};
use crate::values::{self, Rule};

/// One argument of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HintPart<'m> {
    /// Its name and what would pass: `zone int 1–8`.
    pub text: String,
    /// What it is for; may be empty.
    pub description: &'m str,
    /// Whether the cursor is on it, or what is typed next goes to it.
    pub current: bool,
    /// Whether the line gives it already.
    pub given: bool,
}

/// What the hint line shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint<'m> {
    /// The command, if the line names one.
    pub command: Option<&'m Command>,
    /// Its arguments in declared order.
    pub parts: Vec<HintPart<'m>>,
    /// The first mistake and where it is, to be marked in the line.
    pub error: Option<LineError>,
}

impl Hint<'_> {
    /// All parts on one line: `zone int 1–8 · minutes 2 | 5 | 10, default 5`.
    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(" · ")
    }
}

/// The hint for a line with the cursor at `cursor`; none while there is nothing to say.
pub fn hint<'m>(line: &str, cursor: usize, menu: &'m [Command]) -> Option<Hint<'m>> {
    let scan = tokens::scan(line);
    let spot = tokens::at(line, cursor);
    let (name, words) = scan.tokens.split_first()?;
    let unclosed = scan.flaw.filter(|_| spot.cursor < line.len());
    let Some(command) = lookup(&name.text, menu) else {
        // A name of which more may come is no mistake yet.
        let typing = spot.before.is_empty() && spot.cursor == name.span.end;
        let mut names = menu.iter().flat_map(Command::names);
        if typing && names.any(|known| begins(known, &name.text)) {
            return None;
        }
        let error = LineError::unknown_command(name.span.clone(), &name.text, menu);
        return Some(Hint { command: None, parts: Vec::new(), error: Some(error) });
    };

    let reading = read(command, &words_of(words), line.len());
    // The word that ends at the cursor is still being typed.
    let typing = words
        .iter()
        .position(|word| word.span.start == spot.word.span.start && word.span.end <= spot.cursor)
        .filter(|_| spot.word.span.start < spot.cursor);
    let error = reading
        .wrong
        .into_iter()
        .find(|wrong| Some(wrong.word) != typing || !may_grow(command, &spot, wrong))
        .map(|wrong| wrong.error)
        .or_else(|| unclosed.map(|flaw| flaw.into_error(line.len())));

    let mut all = ArgumentReader::new(command);
    for word in words {
        all.step(&word.text);
    }
    let current = current(command, &spot);
    let parts = command.args.iter().enumerate().map(|(at, arg)| HintPart {
        text: part_text(arg),
        description: &arg.description,
        current: current == Some(at),
        given: all.is_given(at),
    });
    Some(Hint { command: Some(command), parts: parts.collect(), error })
}

fn part_text(arg: &Arg) -> String {
    match (arg.kind, &arg.default) {
        (ArgType::Bool, _) if arg.required => format!("--{0} | --no-{0}", arg.name),
        (ArgType::Bool, Some(default)) if default.as_bool() == Some(true) => {
            format!("--no-{}", arg.name)
        }
        (ArgType::Bool, _) => format!("--{}", arg.name),
        _ if arg.by_name => format!("--{} {}", arg.name, values::describe(arg)),
        _ => format!("{} {}", arg.name, values::describe(arg)),
    }
}

/// The argument under the cursor.
fn current(command: &Command, spot: &Spot) -> Option<usize> {
    let mut words = spot.before.iter();
    words.next()?;
    let mut reader = ArgumentReader::new(command);
    for word in words {
        reader.step(&word.text);
    }
    let next = reader.current();
    let word = spot.word.text.as_str();
    if word.is_empty() {
        return next;
    }
    match reader.step(word) {
        WordRole::Value { arg, .. }
        | WordRole::Switch { arg, .. }
        | WordRole::SwitchValue { arg }
        | WordRole::Repeated { arg } => Some(arg),
        WordRole::More { .. } => next,
        WordRole::Name => reader.pending(),
        WordRole::Unknown { option } => {
            command.args.iter().position(|arg| options(arg).iter().any(|o| begins(o, option)))
        }
        WordRole::End | WordRole::Surplus => None,
    }
}

/// Whether more characters could make the word right.
fn may_grow(command: &Command, spot: &Spot, wrong: &Wrong) -> bool {
    let word = spot.word.text.as_str();
    let option = || command.args.iter().flat_map(options).any(|option| begins(&option, word));
    let assignment = || {
        let mut args = command.args.iter().filter(|arg| arg.kind != ArgType::Bool);
        args.any(|arg| begins(&arg.name, word))
    };
    match wrong.error.kind {
        LineErrorKind::UnknownArgument => option(),
        LineErrorKind::SurplusArgument => option() || assignment(),
        LineErrorKind::BadValue => {
            let Some((arg, text, cause)) = &wrong.value else { return false };
            let whole_word = text == word;
            (whole_word && (option() || assignment()))
                || value_may_grow(&command.args[*arg], text, cause.rule)
        }
        _ => false,
    }
}

/// Whether a value that breaks a rule could keep it once more of it is typed: no mistake to tell yet.
pub fn value_may_grow(arg: &Arg, text: &str, rule: Rule) -> bool {
    match rule {
        Rule::Choices => arg.choices.iter().any(|c| values::to_text(c).starts_with(text)),
        // Whether it could still match is not to be seen from a beginning.
        Rule::MinLength | Rule::Pattern | Rule::AtLeast => true,
        Rule::Path => text.is_empty(),
        Rule::Minimum if arg.kind == ArgType::Duration => true,
        // One more digit leads away from nought.
        Rule::Minimum => !text.starts_with('-'),
        // `30` and `30m` may become `30ms`.
        Rule::Maximum if arg.kind == ArgType::Duration => {
            text.ends_with(|c: char| c == 'm' || c.is_ascii_digit())
        }
        Rule::Maximum => text.starts_with('-'),
        Rule::Type => match arg.kind {
            ArgType::Int => matches!(text, "" | "-" | "+"),
            ArgType::Float => {
                matches!(text, "" | "-" | "+" | "." | "-." | "+.")
                    || text.ends_with(['e', 'E'])
                    || text.ends_with("e-")
                    || text.ends_with("e+")
            }
            ArgType::Bool => "true".starts_with(text) || "false".starts_with(text),
            ArgType::Duration => {
                let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
                before.is_empty() || (before != text && values::parse_duration(before).is_some())
            }
            ArgType::File => text == "@",
            // Choices apart, every text is of its type.
            ArgType::String | ArgType::Enum | ArgType::Path | ArgType::Secret => false,
        },
        _ => false,
    }
}
