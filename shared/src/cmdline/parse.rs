//! Parser: from a line, or from words already split, to a command and its arguments.

use serde_json::{Map, Value};

use super::argument_reader::{self, Word};
use super::error::LineError;
use super::tokens::{self, Token};
use crate::command::Command;

/// A line that can be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedLine<'m> {
    /// The command it names.
    pub command: &'m Command,
    /// What was given for its arguments, each in its declared type. Defaults are not filled in.
    pub args: Map<String, Value>,
}

/// The command that `name` stands for (a name goes before an alias), or an error with the nearest names.
pub fn find<'m>(name: &str, menu: &'m [Command]) -> Result<&'m Command, LineError> {
    lookup(name, menu).ok_or_else(|| LineError::unknown_command(0..name.len(), name, menu))
}

pub(super) fn lookup<'m>(name: &str, menu: &'m [Command]) -> Option<&'m Command> {
    menu.iter()
        .find(|command| command.name == name)
        .or_else(|| menu.iter().find(|command| command.answers_to(name)))
}

/// Reads one line. The error is the first of: the quoting, the command, a word, what is missing.
pub fn parse<'m>(line: &str, menu: &'m [Command]) -> Result<ParsedLine<'m>, LineError> {
    let tokens = tokens::split(line)?;
    let Some((name, words)) = tokens.split_first() else {
        return Err(LineError::empty(0..line.len()));
    };
    let Some(command) = lookup(&name.text, menu) else {
        return Err(LineError::unknown_command(name.span.clone(), &name.text, menu));
    };
    read(command, &words_of(words), line.len())
}

/// Reads words that a shell has split, without the command's name. Spans count words.
pub fn parse_args<'m>(command: &'m Command, args: &[String]) -> Result<ParsedLine<'m>, LineError> {
    read(command, &words_of_shell(args), args.len())
}

/// Words that a shell has split. Spans count words.
pub(super) fn words_of_shell(words: &[String]) -> Vec<Word<'_>> {
    words.iter().enumerate().map(|(at, text)| Word { text, span: at..at + 1 }).collect()
}

pub(super) fn words_of(tokens: &[Token]) -> Vec<Word<'_>> {
    tokens.iter().map(|token| Word { text: &token.text, span: token.span.clone() }).collect()
}

fn read<'m>(
    command: &'m Command,
    words: &[Word<'_>],
    end: usize,
) -> Result<ParsedLine<'m>, LineError> {
    let reading = argument_reader::read(command, words, end);
    let wrong = reading.wrong.into_iter().next().map(|wrong| wrong.error);
    if let Some(error) = wrong.or(reading.missing) {
        return Err(error);
    }
    let mut args = Map::new();
    for (at, value) in reading.values {
        let arg = &command.args[at];
        if !arg.multiple {
            args.insert(arg.name.clone(), value);
        } else if let Value::Array(values) =
            args.entry(arg.name.clone()).or_insert_with(|| Value::Array(Vec::new()))
        {
            values.push(value);
        }
    }
    Ok(ParsedLine { command, args })
}
