//! The grammar of the command line: assigns each word to an argument. Parsing, completion and hints use it.

use std::ops::Range;

use serde_json::{Map, Value};

use super::error::LineError;
use crate::command::{Arg, ArgType, Command};
use crate::values::{self, ArgError};

/// A word after the command's name.
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) span: Range<usize>,
}

/// What one word is.
#[derive(Debug, PartialEq)]
pub(super) enum WordRole<'a> {
    /// A value, or its beginning where the argument takes the rest of the line.
    Value { arg: usize, text: &'a str },
    /// One more word of the argument that takes the rest of the line.
    More { text: &'a str },
    /// `--name` or `--no-name` of a bool.
    Switch { arg: usize, on: bool },
    /// `--name`; its value is the next word.
    Name,
    /// `--`.
    End,
    /// An option that the command does not have, without its value.
    Unknown { option: &'a str },
    /// `--no-name=value`.
    SwitchValue { arg: usize },
    /// An argument that has its value already.
    Repeated { arg: usize },
    /// A value with no argument left for it.
    Surplus,
}

/// Goes through the words of one command.
#[derive(Debug)]
pub(super) struct ArgumentReader<'m> {
    command: &'m Command,
    given: Vec<bool>,
    pending: Option<usize>,
    ended: bool,
    rest: Option<usize>,
    /// The values so far, defaults filled in, if an argument applies only beside some of them.
    values: Option<Map<String, Value>>,
}

impl<'m> ArgumentReader<'m> {
    pub(super) fn new(command: &'m Command) -> Self {
        let given = vec![false; command.args.len()];
        let has_conditions = command.args.iter().any(|arg| !arg.when.is_empty());
        let values = has_conditions.then(|| {
            let default = |arg: &Arg| Some((arg.name.clone(), arg.default.clone()?));
            command.args.iter().filter_map(default).collect()
        });
        Self { command, given, pending: None, ended: false, rest: None, values }
    }

    /// The argument of the option that waits for its value.
    pub(super) fn pending(&self) -> Option<usize> {
        self.pending
    }

    /// Whether no more options can follow: after `--`, or in the rest of the line.
    pub(super) fn ended(&self) -> bool {
        self.ended || self.rest.is_some()
    }

    pub(super) fn is_given(&self, arg: usize) -> bool {
        self.given[arg]
    }

    /// Whether an argument can be given now: not yet, or once more.
    pub(super) fn takes(&self, arg: usize) -> bool {
        !self.given[arg] || self.command.args[arg].multiple
    }

    /// The argument that a plain word would go to now.
    pub(super) fn current(&self) -> Option<usize> {
        self.pending.or(self.rest).or_else(|| {
            let mut args = self.command.args.iter().enumerate();
            args.find(|(at, arg)| self.takes(*at) && arg.has_position() && self.applies(*at))
                .map(|(at, _)| at)
        })
    }

    /// Whether an argument can be given beside the values so far.
    pub(super) fn applies(&self, arg: usize) -> bool {
        self.values.as_ref().is_none_or(|values| self.command.args[arg].applies(values))
    }

    fn note(&mut self, arg: usize, value: Option<Value>) {
        if let (Some(values), Some(value)) = (&mut self.values, value) {
            values.insert(self.command.args[arg].name.clone(), value);
        }
    }

    /// Takes the next word.
    pub(super) fn step<'a>(&mut self, word: &'a str) -> WordRole<'a> {
        let role = self.role_of(word);
        match &role {
            WordRole::Value { arg, text } if self.values.is_some() => {
                self.note(*arg, values::from_text(&self.command.args[*arg], text).ok());
            }
            WordRole::Switch { arg, on } => self.note(*arg, Some(Value::Bool(*on))),
            _ => {}
        }
        role
    }

    fn role_of<'a>(&mut self, word: &'a str) -> WordRole<'a> {
        if let Some(arg) = self.pending.take() {
            return WordRole::Value { arg, text: word };
        }
        if self.rest.is_some() {
            return WordRole::More { text: word };
        }
        if !self.ended {
            if word == "--" {
                self.ended = true;
                return WordRole::End;
            }
            if let Some(option) = word.strip_prefix("--") {
                return self.option(word, option);
            }
            if let Some((name, text)) = word.split_once('=')
                && let Some(arg) = self.find(name)
            {
                return self.give(arg, WordRole::Value { arg, text });
            }
        }
        let Some(mut arg) = self.current() else { return WordRole::Surplus };
        if let Some(rest) = self.rest_after(arg)
            && !looks_like_number(word)
        {
            arg = rest;
        }
        if self.command.args[arg].rest {
            self.rest = Some(arg);
        }
        self.give(arg, WordRole::Value { arg, text: word })
    }

    /// The argument that takes the rest of the line, if the line leaves out an optional number or duration before it.
    fn rest_after(&self, arg: usize) -> Option<usize> {
        let number = &self.command.args[arg];
        if number.required
            || !matches!(number.kind, ArgType::Int | ArgType::Float | ArgType::Duration)
        {
            return None;
        }
        let mut later = self.command.args.iter().enumerate().skip(arg + 1);
        let (at, next) = later.find(|(at, arg)| !self.given[*at] && arg.has_position())?;
        next.rest.then_some(at)
    }

    fn option<'a>(&mut self, word: &'a str, option: &'a str) -> WordRole<'a> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        let is_bool = |arg: usize| self.command.args[arg].kind == ArgType::Bool;
        if let Some(arg) = self.find(name) {
            return match value {
                Some(text) => self.give(arg, WordRole::Value { arg, text }),
                None if is_bool(arg) => self.give(arg, WordRole::Switch { arg, on: true }),
                None => {
                    let step = self.give(arg, WordRole::Name);
                    // Its value must not be taken for a positional one, even where it is one too many.
                    self.pending = Some(arg);
                    step
                }
            };
        }
        let off = name.strip_prefix("no-").and_then(|name| self.find(name));
        match (off.filter(|arg| is_bool(*arg)), value) {
            (Some(arg), None) => self.give(arg, WordRole::Switch { arg, on: false }),
            (Some(arg), Some(_)) => WordRole::SwitchValue { arg },
            (None, _) => WordRole::Unknown { option: &word[..name.len() + 2] },
        }
    }

    fn give<'a>(&mut self, arg: usize, step: WordRole<'a>) -> WordRole<'a> {
        let free = self.takes(arg);
        self.given[arg] = true;
        if free { step } else { WordRole::Repeated { arg } }
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.command.args.iter().position(|arg| arg.name == name)
    }
}

/// A word that is wrong.
#[derive(Debug)]
pub(super) struct Wrong {
    /// Which word.
    pub(super) word: usize,
    /// Where it is a value that does not pass: of which argument, what it says, and why not.
    pub(super) value: Option<(usize, String, ArgError)>,
    pub(super) error: LineError,
}

/// The values and errors in a command's words.
#[derive(Debug)]
pub(super) struct Reading {
    /// The values that pass, by argument, in the order of the words.
    pub(super) values: Vec<(usize, Value)>,
    /// What is wrong, in the order of the words.
    pub(super) wrong: Vec<Wrong>,
    /// What is not there yet.
    pub(super) missing: Option<LineError>,
    /// The required secrets that are not there.
    pub(super) missing_secrets: Vec<usize>,
}

/// Reads all words; `end` is where what is missing would stand.
pub(super) fn read(command: &Command, words: &[Word<'_>], end: usize) -> Reading {
    let mut reader = ArgumentReader::new(command);
    let mut reading = Reading {
        values: Vec::new(),
        wrong: Vec::new(),
        missing: None,
        missing_secrets: Vec::new(),
    };
    let mut repeated = None;
    let mut given: Vec<(usize, usize, Range<usize>)> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let span = word.span.clone();
        let error = match reader.step(word.text) {
            // The value of an option that was given before.
            WordRole::Value { arg, .. } if repeated.take() == Some(arg) => continue,
            WordRole::Value { arg, text } => {
                given.push((arg, at, span.clone()));
                let (last, text, span) = match reader.rest {
                    Some(_) => (words.len() - 1, join(&words[at..]), span.start..words_end(words)),
                    None => (at, text.to_owned(), span),
                };
                match values::from_text(&command.args[arg], &text) {
                    Ok(value) => reading.values.push((arg, value)),
                    Err(cause) => reading.wrong.push(Wrong {
                        word: last,
                        error: LineError::bad_value(span, &cause, command),
                        value: Some((arg, text, cause)),
                    }),
                }
                continue;
            }
            WordRole::Switch { arg, on } => {
                given.push((arg, at, span));
                reading.values.push((arg, Value::Bool(on)));
                continue;
            }
            WordRole::More { .. } | WordRole::Name | WordRole::End => continue,
            WordRole::Unknown { option } => LineError::unknown_argument(span, option, command),
            WordRole::SwitchValue { arg } => LineError::switch_value(span, &command.args[arg]),
            WordRole::Repeated { arg } => {
                repeated = reader.pending();
                LineError::repeated(span, &command.args[arg])
            }
            WordRole::Surplus => LineError::surplus(span, word.text, command),
        };
        reading.wrong.push(Wrong { word: at, value: None, error });
    }
    for (arg, word, span) in given.iter().filter(|(arg, ..)| !reader.applies(*arg)) {
        let cause = ArgError::does_not_apply(&command.args[*arg]);
        let error = LineError::bad_value(span.clone(), &cause, command);
        reading.wrong.push(Wrong { word: *word, value: None, error });
    }
    reading.wrong.sort_by_key(|wrong| wrong.word);
    reading.missing = match reader.pending() {
        Some(arg) => Some(LineError::missing_value(end, &command.args[arg])),
        None => {
            let is_missing = |at: &usize| {
                command.args[*at].required && !reader.is_given(*at) && reader.applies(*at)
            };
            let missing = (0..command.args.len()).filter(is_missing);
            let (secrets, others): (Vec<usize>, Vec<usize>) =
                missing.partition(|at| command.args[*at].kind == ArgType::Secret);
            let error = |at: &usize| LineError::missing(end, &command.args[*at], command);
            // Secrets come last: a user is asked for one only if nothing else is wrong.
            let other = others.first().map(error).or_else(|| miscounted(command, &given, end));
            let missing = other.or_else(|| secrets.first().map(error));
            reading.missing_secrets = secrets;
            missing
        }
    };
    reading
}

/// The first list with too few or too many values.
fn miscounted(
    command: &Command,
    given: &[(usize, usize, Range<usize>)],
    end: usize,
) -> Option<LineError> {
    command.args.iter().enumerate().filter(|(_, arg)| arg.multiple).find_map(|(at, arg)| {
        let count = given.iter().filter(|(arg, ..)| *arg == at).count();
        let error = values::check_count(arg, count).err().filter(|_| count > 0)?;
        Some(LineError::bad_value(end..end, &error, command))
    })
}

/// Whether a word was meant as a number, even where it is a wrong one.
fn looks_like_number(word: &str) -> bool {
    word.trim_start_matches(['-', '+', '.']).starts_with(|c: char| c.is_ascii_digit())
}

fn join(words: &[Word<'_>]) -> String {
    words.iter().map(|word| word.text).collect::<Vec<_>>().join(" ")
}

fn words_end(words: &[Word<'_>]) -> usize {
    words.last().map_or(0, |word| word.span.end)
}
