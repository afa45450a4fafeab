//! Describes declarations and values: for error messages, hints and argument lists.

use serde_json::Value;

use crate::command::{Arg, ArgType};
use crate::text;

use super::duration;

/// Most choices that are named before the rest is only counted.
const MAX_NAMED: usize = 12;

/// What would pass, as the tail of "it must be ..": `a whole number from 1 to 8`.
pub fn expected(arg: &Arg) -> String {
    if !arg.choices.is_empty() {
        return any_of(arg.choices.iter().map(to_text));
    }
    if arg.choices_from {
        return "one of the choices that the server lists".to_owned();
    }
    match arg.pattern {
        // What the bounds let pass may still not match.
        Some(_) if arg.min_length.is_none() && arg.max_length.is_none() => matching(arg),
        _ => range(arg),
    }
}

/// What type and bounds let pass, choices and pattern aside.
pub(super) fn range(arg: &Arg) -> String {
    match arg.kind {
        ArgType::String | ArgType::Enum | ArgType::Secret => length("text", arg),
        ArgType::Path => length("a path", arg),
        ArgType::Duration => number("a duration", arg) + &such_as(", such as ", &examples(arg)),
        ArgType::Int => number("a whole number", arg),
        ArgType::Float => number("a number", arg),
        ArgType::Bool => "true or false".to_owned(),
        ArgType::File => file("a file", arg, " of at most "),
    }
}

/// What the pattern of an argument lets pass.
pub(super) fn matching(arg: &Arg) -> String {
    match &arg.pattern {
        Some(pattern) => {
            let what = if arg.kind == ArgType::Path { "a path" } else { "text" };
            format!("{what} that matches {}", short(pattern.as_str()))
        }
        None => range(arg),
    }
}

/// What would pass, in few characters: `int 1–8`, `2 | 5 | 10, default 5`, `string, optional`.
pub fn describe(arg: &Arg) -> String {
    described(arg, " | ", "–")
}

/// The same without signs, for text that may be read aloud: `int 1 to 8`, `2 or 5 or 10, default 5`.
pub fn describe_in_words(arg: &Arg) -> String {
    described(arg, " or ", " to ")
}

fn described(arg: &Arg, or: &str, to: &str) -> String {
    let mut text = if arg.choices_from {
        "listed by the server".to_owned()
    } else if arg.choices.is_empty() {
        match arg.kind {
            ArgType::Int | ArgType::Float | ArgType::Duration => {
                let [least, most] = bounds(arg);
                // A default shows how a duration is written.
                let default = arg.default.as_ref().is_some_and(|default| *default != "0s");
                let examples = if default { Vec::new() } else { examples(arg) };
                span(arg.kind.name(), least, most, "", to) + &such_as(" such as ", &examples)
            }
            ArgType::String | ArgType::Enum | ArgType::Path | ArgType::Secret => span(
                arg.kind.name(),
                arg.min_length.filter(|least| *least > 0).map(|least| least.to_string()),
                arg.max_length.map(|most| most.to_string()),
                " characters",
                to,
            ),
            ArgType::Bool => arg.kind.name().to_owned(),
            ArgType::File => file(arg.kind.name(), arg, " to "),
        }
    } else {
        let mut named: Vec<String> = arg.choices.iter().take(MAX_NAMED).map(to_text).collect();
        if arg.choices.len() > MAX_NAMED {
            named.push(format!("{} more", arg.choices.len() - MAX_NAMED));
        }
        named.join(or)
    };
    if let Some(pattern) = &arg.pattern {
        text.push_str(" like ");
        text.push_str(&short(pattern.as_str()));
    }
    match &arg.default {
        Some(default) => {
            text.push_str(", default ");
            match to_text(default) {
                empty if empty.is_empty() => text.push_str("empty"),
                default => text.push_str(&default),
            }
        }
        None if arg.at_least.is_some() || arg.at_most.is_some() => {
            text.push_str(", ");
            text.push_str(&count(arg));
        }
        None if arg.multiple && arg.required => text.push_str(", one or more"),
        None if arg.multiple => text.push_str(", any number"),
        None if !arg.required => text.push_str(", optional"),
        None => {}
    }
    if !arg.when.is_empty() {
        text.push_str(", only for ");
        text.push_str(&conditions(arg));
    }
    text
}

/// How many values a list has: `2 to 5 values`.
pub(super) fn count(arg: &Arg) -> String {
    match (arg.at_least, arg.at_most) {
        (Some(least), Some(most)) if least == most => values(most),
        (Some(least), Some(most)) => format!("{least} to {}", values(most)),
        (Some(least), None) => format!("at least {}", values(least)),
        (None, Some(most)) => format!("at most {}", values(most)),
        (None, None) => "any number of values".to_owned(),
    }
}

fn values(count: u64) -> String {
    if count == 1 { "1 value".to_owned() } else { format!("{count} values") }
}

/// When an argument applies: `mode manual or off`.
pub fn conditions(arg: &Arg) -> String {
    let one = |(name, wanted): (&String, &Value)| match wanted {
        Value::Array(any) => format!("{name} {}", any_of(any.iter().map(to_text))),
        wanted => format!("{name} {}", to_text(wanted)),
    };
    arg.when.iter().map(one).collect::<Vec<_>>().join(" and ")
}

/// Examples of a value where the name of the type does not show how one is written.
pub fn examples(arg: &Arg) -> Vec<&'static str> {
    match arg.kind {
        ArgType::Duration if arg.choices.is_empty() => duration::examples(arg.minimum, arg.maximum),
        _ => Vec::new(),
    }
}

fn such_as(lead: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    format!("{lead}{}", any_of(examples.iter().map(|&example| example.to_owned())))
}

/// A value as it stands on a command line or in an argument list: text as it is, numbers in the
/// shortest form that reads back the same. A list is for people alone: its values, with commas.
pub fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, bound),
        Value::Array(items) => items.iter().map(to_text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// `a, b or c`, and only the count of what is too many to read.
pub(super) fn any_of(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    if names.len() > MAX_NAMED {
        let more = names.split_off(MAX_NAMED).len();
        names.push(format!("{more} more"));
    }
    text::joined(&names, "or")
}

/// What follows "there is no argument x".
pub(super) fn unknown_tail(nearest: &[String], expected: &str) -> String {
    if nearest.is_empty() {
        return format!(": the command takes {expected}");
    }
    text::did_you_mean(&nearest.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A wrong value, fit for a sentence.
pub(super) fn given(arg: &Arg, value: &Value) -> String {
    match value {
        Value::String(text) if arg.kind.is_text() => typed(text),
        Value::String(text) => format!("the text \"{}\"", short(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        // 1.0 must not be shown as 1 where only the fraction is wrong.
        Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
    }
}

/// A wrong text, fit for a sentence.
pub(super) fn typed(text: &str) -> String {
    match short(text) {
        empty if empty.is_empty() => "empty".to_owned(),
        text => text,
    }
}

fn short(text: &str) -> String {
    text::quote(text, text::MAX_QUOTED)
}

/// A file with its wildcards and its greatest size: `a file like *.jpg or *.png of at most 1.5 MiB`.
fn file(what: &str, arg: &Arg, at_most: &str) -> String {
    let mut text = what.to_owned();
    if !arg.accept.is_empty() {
        text.push_str(" like ");
        text.push_str(&any_of(arg.accept.iter().map(|wildcard| short(wildcard))));
    }
    if let Some(most) = arg.max_size {
        text.push_str(at_most);
        text.push_str(&text::bytes(most));
    }
    text
}

fn length(what: &str, arg: &Arg) -> String {
    match (arg.min_length, arg.max_length) {
        (None | Some(0), None) => what.to_owned(),
        (Some(least), None) => format!("{what} of at least {}", characters(least)),
        (None | Some(0), Some(most)) => format!("{what} of at most {}", characters(most)),
        (Some(least), Some(most)) if least == most => format!("{what} of {}", characters(most)),
        (Some(least), Some(most)) => format!("{what} of {least} to {}", characters(most)),
    }
}

/// The bounds of a number, or of a duration as one writes it.
pub(super) fn bounds(arg: &Arg) -> [Option<String>; 2] {
    [arg.minimum, arg.maximum].map(|limit| {
        limit.map(|limit| match arg.kind {
            ArgType::Duration => duration::write_duration(limit.max(0.0) as u64),
            _ => bound(limit),
        })
    })
}

fn number(what: &str, arg: &Arg) -> String {
    match bounds(arg) {
        [None, None] => what.to_owned(),
        [Some(least), None] => format!("{what} of at least {least}"),
        [None, Some(most)] => format!("{what} of at most {most}"),
        [Some(least), Some(most)] if least == most => format!("exactly {least}"),
        [Some(least), Some(most)] => format!("{what} from {least} to {most}"),
    }
}

fn span(kind: &str, least: Option<String>, most: Option<String>, unit: &str, to: &str) -> String {
    match (least, most) {
        (None, None) => kind.to_owned(),
        (Some(least), None) => format!("{kind} from {least}{unit}"),
        (None, Some(most)) => format!("{kind} to {most}{unit}"),
        (Some(least), Some(most)) if least == most => format!("{kind} {most}{unit}"),
        // A dash beside a minus is hard to read.
        (Some(least), Some(most)) if least.starts_with('-') => {
            format!("{kind} {least} to {most}{unit}")
        }
        (Some(least), Some(most)) => format!("{kind} {least}{to}{most}{unit}"),
    }
}

fn characters(count: u64) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

/// `8` rather than `8.0`, and `1e300` rather than 300 zeros.
fn bound(number: f64) -> String {
    let readable = number == 0.0 || (1e-5..1e16).contains(&number.abs());
    if readable { format!("{number}") } else { format!("{number:e}") }
}
