//! Error of a line of verbs: one sentence that names the verb or the value, in place of the parser's own words.

use std::error::Error as _;

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use topside_shared::text::{MAX_NAME, MAX_REASON, clean, did_you_mean, joined, nearest};

/// Verbs that are never proposed for a mistyped one.
const HARMFUL: [&str; 5] = ["kick", "shutdown", "revoke", "delete", "cancel"];

/// The sentence for an error of `parser` about these words.
pub(super) fn sentence(error: &Error, words: &[String], parser: &Command) -> String {
    let verb = Verb::of(words, parser);
    let given = Given::of(error);
    let sentence = match error.kind() {
        ErrorKind::InvalidSubcommand => verb.unknown(&given.subcommand),
        ErrorKind::MissingRequiredArgument => {
            let missing = joined(&verb.in_order(given.args), "and");
            format!("`{name}` needs {missing}: `:help {name}` explains it", name = verb.name)
        }
        ErrorKind::UnknownArgument => verb.too_many(given.arg()),
        ErrorKind::ArgumentConflict => {
            format!("{} does not go with {}", given.arg(), joined(&given.prior, "and"))
        }
        ErrorKind::InvalidValue if given.value.is_empty() => {
            format!("{} needs a value{}", given.arg(), given.choices(": "))
        }
        ErrorKind::InvalidValue => {
            format!("{} is not `{}`{}", flag(given.arg()), given.value, given.choices(": it is "))
        }
        ErrorKind::ValueValidation => match error.source() {
            Some(why) => format!("{}: {why}", flag(given.arg())),
            None => format!("{} is not `{}`", flag(given.arg()), given.value),
        },
        _ => own_words(error),
    };
    clean(&sentence, MAX_REASON)
}

/// The verbs that a mistyped one may be meant for, without those that do harm.
pub(crate) fn near_verbs<'p>(word: &str, parser: &'p Command) -> Vec<&'p str> {
    let verbs = parser.get_subcommands().filter(|verb| !verb.is_hide_set());
    nearest(word, verbs.map(Command::get_name).filter(|verb| !HARMFUL.contains(verb)))
}

/// The verb that a line begins with.
struct Verb<'p> {
    /// Its words: `schedule pause`.
    name: String,
    parser: &'p Command,
}

impl<'p> Verb<'p> {
    fn of(words: &[String], mut parser: &'p Command) -> Self {
        let mut name = Vec::new();
        for word in words {
            let Some(inner) = parser.find_subcommand(word) else { break };
            name.push(word.as_str());
            parser = inner;
        }
        Self { name: name.join(" "), parser }
    }

    /// A word in the place of a verb.
    fn unknown(&self, word: &str) -> String {
        let near = did_you_mean(&near_verbs(word, self.parser));
        let near = if near.is_empty() { ": `:help` lists them".to_owned() } else { near };
        match &self.name[..] {
            "" => format!("there is no verb `{word}`{near}"),
            verb => format!("`{verb}` has no verb `{word}`{near}"),
        }
    }

    /// Its arguments in the order of its help.
    fn in_order(&self, mut args: Vec<String>) -> Vec<String> {
        let all: Vec<String> =
            written(self.parser.get_arguments().map(ToString::to_string).collect());
        args.sort_by_key(|arg| all.iter().position(|known| known == arg));
        args
    }

    /// A flag that it does not have, or a word too many.
    fn too_many(&self, arg: &str) -> String {
        if !arg.starts_with('-') {
            return format!("`{}` takes no `{arg}`: it is one word too many", self.name);
        }
        let flags = self.parser.get_arguments().filter(|flag| !flag.is_hide_set());
        let flags: Vec<String> =
            flags.filter_map(|flag| Some(format!("--{}", flag.get_long()?))).collect();
        let near = did_you_mean(&nearest(arg, flags.iter().map(String::as_str)));
        let near = match &near[..] {
            "" => format!(": `:help {}` lists what it takes", self.name),
            near => near.to_owned(),
        };
        format!("`{}` has no {arg}{near}", self.name)
    }
}

/// What an error is about.
#[derive(Default)]
struct Given {
    subcommand: String,
    /// The arguments, as they are written: `--role ROLE`, `CLIENT`.
    args: Vec<String>,
    /// Those that were given before.
    prior: Vec<String>,
    value: String,
    choices: Vec<String>,
}

impl Given {
    fn of(error: &Error) -> Self {
        let mut given = Self::default();
        for (kind, value) in error.context() {
            let mut texts = match value {
                ContextValue::String(text) => vec![text.clone()],
                ContextValue::Strings(texts) => texts.clone(),
                _ => continue,
            };
            texts.iter_mut().for_each(|text| *text = clean(text, MAX_NAME));
            match kind {
                ContextKind::InvalidSubcommand => given.subcommand = texts.concat(),
                ContextKind::InvalidValue => given.value = texts.concat(),
                ContextKind::ValidValue => given.choices = texts,
                ContextKind::InvalidArg => given.args = written(texts),
                ContextKind::PriorArg => given.prior = written(texts),
                _ => {}
            }
        }
        given
    }

    fn arg(&self) -> &str {
        self.args.first().map_or("", String::as_str)
    }

    /// The values that would be accepted, behind `before`.
    fn choices(&self, before: &str) -> String {
        match &self.choices[..] {
            [] => String::new(),
            choices => format!("{before}{}", joined(choices, "or")),
        }
    }
}

/// `--role <ROLE>` as `--role ROLE`.
fn written(args: Vec<String>) -> Vec<String> {
    args.into_iter().map(|arg| arg.replace(['<', '>', '[', ']'], "")).collect()
}

/// The flag of `--role ROLE`; of a value without a flag its name.
fn flag(arg: &str) -> &str {
    arg.split(' ').next().unwrap_or(arg)
}

/// An error of another kind: the parser's words in one line, without the usage below them.
fn own_words(error: &Error) -> String {
    let text = error.to_string();
    let text = text.split("\n\n").next().unwrap_or_default();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.strip_prefix("error: ").unwrap_or(&words).to_owned()
}
