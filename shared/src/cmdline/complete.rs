//! Completion of the word under the cursor.

use std::ops::Range;

use super::argument_reader::ArgumentReader;
use super::error::options;
use super::parse;
use super::render::{is_plain, quote};
use super::tokens::{self, Token};
use crate::command::{Arg, ArgType, Command};
use crate::values;

/// A text argument of this name, such as that of `help`, is completed with the names of commands.
const COMMAND_ARGUMENT: &str = "command";

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// A command's name.
    Command,
    /// Another name of a command.
    Alias,
    /// `--name`: a space and a value follow, or nothing for a bool.
    Option,
    /// `name=`: the value follows at once, with no space.
    Assignment,
    /// A value.
    Value,
}

/// One thing that the word could become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What to put in the word's place, quoted where it has to be.
    pub text: String,
    /// Its description; may be empty.
    pub description: String,
    /// What it is, for programs.
    pub kind: CandidateKind,
}

/// What a key for completion offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the line that a candidate replaces.
    pub replace: Range<usize>,
    /// What fits, best first.
    pub candidates: Vec<Candidate>,
}

/// Completes the word at `cursor`: the part before the cursor is compared, the whole word is replaced.
pub fn complete(line: &str, cursor: usize, menu: &[Command]) -> Completion {
    let spot = tokens::at(line, cursor);
    let prefix = spot.word.text.as_str();
    let candidates = match spot.before.split_first() {
        None => commands(menu, prefix),
        Some((name, words)) => match parse::lookup(&name.text, menu) {
            Some(command) => arguments(command, words, prefix, menu),
            None => Vec::new(),
        },
    };
    Completion { replace: spot.replace, candidates }
}

/// Completes `typed` after `words`, which a shell has split; without `words` it is the command's name.
pub fn complete_words(words: &[String], typed: &str, menu: &[Command]) -> Vec<Candidate> {
    let quoted: Vec<_> = words.iter().map(String::as_str).chain([typed]).map(quote).collect();
    let line = quoted.join(" ");
    let bare = |candidate: Candidate| {
        let word = tokens::split(&candidate.text).ok()?.pop()?;
        Some(Candidate { text: word.text, ..candidate })
    };
    complete(&line, line.len(), menu).candidates.into_iter().filter_map(bare).collect()
}

/// Commands by name, then by alias if the name does not match.
fn commands(menu: &[Command], prefix: &str) -> Vec<Candidate> {
    let (named, others): (Vec<&Command>, Vec<&Command>) =
        menu.iter().partition(|command| begins(&command.name, prefix));
    let about = |command: &Command| match command.title.as_str() {
        "" => command.description.clone(),
        title => title.to_owned(),
    };
    let names = named
        .into_iter()
        .map(|command| candidate(quote(&command.name), about(command), CandidateKind::Command));
    let aliases = others.into_iter().flat_map(|command| {
        command.aliases.iter().filter(|alias| begins(alias, prefix)).map(move |alias| {
            let description = match about(command) {
                empty if empty.is_empty() => command.name.clone(),
                about => format!("{}: {about}", command.name),
            };
            candidate(quote(alias), description, CandidateKind::Alias)
        })
    });
    names.chain(aliases).collect()
}

fn arguments(command: &Command, words: &[Token], prefix: &str, menu: &[Command]) -> Vec<Candidate> {
    let mut reader = ArgumentReader::new(command);
    for word in words {
        reader.step(&word.text);
    }
    if let Some(arg) = reader.pending() {
        return values_of(&command.args[arg], |_| String::new(), prefix, menu);
    }
    if let Some((name, value)) = prefix.split_once('=').filter(|_| !reader.ended()) {
        let name = name.strip_prefix("--").unwrap_or(name);
        if let Some(arg) = reader.find(name).filter(|arg| reader.takes(*arg)) {
            let lead = &prefix[..prefix.len() - value.len()];
            return values_of(&command.args[arg], |_| lead.to_owned(), value, menu);
        }
    }
    let mut candidates = Vec::new();
    if let Some(arg) = reader.current().map(|arg| &command.args[arg]) {
        // In its place such a value would be read as an option.
        let named = |value: &str| !reader.ended() && !is_plain(command, value);
        let lead =
            |value: &str| if named(value) { format!("--{}=", arg.name) } else { String::new() };
        candidates = values_of(arg, lead, prefix, menu);
    }
    if reader.ended() {
        return candidates;
    }
    let free = command.args.iter().enumerate();
    let free = free.filter(|(at, _)| reader.takes(*at) && reader.applies(*at));
    for (_, arg) in free {
        let about = || match arg.description.as_str() {
            "" => values::describe_in_words(arg),
            text => format!("{text} ({})", values::describe_in_words(arg)),
        };
        if prefix.is_empty() || prefix.starts_with('-') {
            for option in options(arg).iter().filter(|option| begins(option, prefix)) {
                candidates.push(candidate(quote(option), about(), CandidateKind::Option));
            }
        } else if arg.kind != ArgType::Bool && begins(&arg.name, prefix) {
            let text = quote(&arg.name) + "=";
            candidates.push(candidate(text, about(), CandidateKind::Assignment));
        }
    }
    candidates
}

/// The values that an argument names, each after what `lead` says of it: `--minutes=`, or nothing.
fn values_of(
    arg: &Arg,
    lead: impl Fn(&str) -> String,
    prefix: &str,
    menu: &[Command],
) -> Vec<Candidate> {
    let names_command = arg.name == COMMAND_ARGUMENT && arg.kind == ArgType::String;
    if names_command && arg.choices.is_empty() {
        let mut candidates = commands(menu, prefix);
        for candidate in &mut candidates {
            candidate.text.insert_str(0, &lead(&candidate.text));
        }
        return candidates;
    }
    let values: Vec<String> = match arg.kind {
        ArgType::Bool => vec!["true".to_owned(), "false".to_owned()],
        _ => arg.choices.iter().map(values::to_text).collect(),
    };
    let default = arg.default.as_ref().map(values::to_text);
    let examples =
        values::examples(arg).into_iter().map(|text| (text.to_owned(), "example".to_owned()));
    let values = values.into_iter().map(|value| {
        let label = arg.labels.get(&value).map_or("", String::as_str);
        let about = match (default.as_ref() == Some(&value), label) {
            (true, "") => "default".to_owned(),
            (true, label) => format!("{label} (default)"),
            (false, label) => label.to_owned(),
        };
        (value, about)
    });
    values
        .chain(examples)
        .filter(|(value, _)| begins(value, prefix))
        .map(|(value, about)| candidate(lead(&value) + &quote(&value), about, CandidateKind::Value))
        .collect()
}

fn candidate(text: impl Into<String>, description: String, kind: CandidateKind) -> Candidate {
    Candidate { text: text.into(), description, kind }
}

/// Whether `text` begins with what was typed, capitals aside.
pub(super) fn begins(text: &str, typed: &str) -> bool {
    let mut text = text.chars().flat_map(char::to_lowercase);
    typed.chars().flat_map(char::to_lowercase).all(|c| text.next() == Some(c))
}
