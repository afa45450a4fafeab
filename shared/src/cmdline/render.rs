//! From a command and its arguments to a line that parses to the same.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::command::{Arg, ArgType, Command};
use crate::values;

/// `text` quoted as one word of a line, also for a POSIX shell.
pub fn quote(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        Cow::Borrowed(text)
    } else if !text.contains('\'') {
        Cow::Owned(format!("'{text}'"))
    } else if !text.contains(['"', '$', '`', '\\', '!']) {
        Cow::Owned(format!("\"{text}\""))
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

/// The line that gives these arguments, by position while possible, then by name. Secrets are left out.
pub fn render(command: &Command, args: &Map<String, Value>) -> String {
    let mut line = quote(&command.name).into_owned();
    let mut push = |word: &str| {
        line.push(' ');
        line.push_str(word);
    };
    // A value has a position only while every argument before it is given.
    let mut in_place = true;
    let mut rest = None;
    for arg in &command.args {
        // A line is shown and stored. To run it again, the user types the secret again.
        let value = args.get(&arg.name).filter(|_| arg.kind != ArgType::Secret);
        match value {
            None => in_place &= !arg.has_position(),
            Some(Value::Bool(true)) if arg.kind == ArgType::Bool => {
                push(&quote(&format!("--{}", arg.name)));
            }
            Some(Value::Bool(false)) if arg.kind == ArgType::Bool => {
                push(&quote(&format!("--no-{}", arg.name)));
            }
            Some(value) => {
                for text in texts(value) {
                    if !in_place || !arg.has_position() || !is_plain(command, &text) {
                        push(&by_name(&arg.name, &text));
                    } else if arg.rest {
                        rest = Some(text);
                    } else {
                        push(&quote(&text));
                    }
                }
            }
        }
        // It takes all words that follow, so later arguments are given by name.
        in_place &= !arg.rest && !arg.multiple;
    }
    // A run of an older menu may have arguments that are declared no longer.
    let declared = |name: &str| command.args.iter().any(|arg| arg.name == name);
    for (name, value) in args.iter().filter(|(name, _)| !declared(name)) {
        for text in texts(value) {
            push(&by_name(name, &text));
        }
    }
    // Nothing after the rest of the line would be read as an option.
    if let Some(text) = rest {
        push(&quote_rest(&text));
    }
    line
}

/// The words that give a value: one, or one for each of a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(values::to_text).collect(),
        one => vec![values::to_text(one)],
    }
}

/// Whether `text`, as a word in its place, is read as a value.
pub(super) fn is_plain(command: &Command, text: &str) -> bool {
    let named = |arg: &Arg| text.strip_prefix(&*arg.name).is_some_and(|tail| tail.starts_with('='));
    !text.starts_with("--") && !command.args.iter().any(named)
}

fn by_name(name: &str, text: &str) -> String {
    let option = format!("--{name}");
    // `--name -x` would be read right, but looks like two options.
    let glue = if text.starts_with('-') { '=' } else { ' ' };
    format!("{}{glue}{}", quote(&option), quote(text))
}

/// Words stay words where nothing but single spaces is between them.
fn quote_rest(text: &str) -> Cow<'_, str> {
    if text.split(' ').any(str::is_empty) {
        return quote(text);
    }
    Cow::Owned(text.split(' ').map(quote).collect::<Vec<_>>().join(" "))
}
