//! Checks declarations of arguments: when the menu is loaded, and for the built-ins in a test.

use crate::command::{Arg, ArgType};
use crate::text;

use super::{ArgError, Limits, Rule, canonical, describe, file, obey};

/// A declaration that contradicts itself, its type or its neighbours.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct DeclarationError {
    /// The name of the argument that is wrong.
    pub argument: String,
    /// The field that is wrong, as the menu file spells it.
    pub field: &'static str,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

type Checked = Result<(), DeclarationError>;

fn wrong(arg: &Arg, field: &'static str, message: impl Into<String>) -> Checked {
    Err(DeclarationError { argument: arg.name.clone(), field, message: message.into() })
}

/// Checks one declaration by itself.
pub fn validate_arg(arg: &Arg) -> Checked {
    let name = &arg.name;
    if !is_name(name) {
        let rule = "use small letters, digits, `-` and `_`, a letter first";
        return wrong(arg, "name", format!("\"{name}\" cannot name an argument: {rule}"));
    }
    if let Some(field) = useless_field(arg) {
        let kind = arg.kind.name();
        return wrong(
            arg,
            field,
            format!("{name}: `{field}` means nothing for type {kind}: take it out"),
        );
    }
    if arg.multiple && arg.rest {
        let rule = "`rest` makes one value of many words, `multiple` many values: take one out";
        return wrong(arg, "multiple", format!("{name}: {rule}"));
    }
    for (field, bound) in [("minimum", arg.minimum), ("maximum", arg.maximum)] {
        if bound.is_some_and(|bound| !bound.is_finite()) {
            return wrong(arg, field, format!("{name}: `{field}` must be a finite number"));
        }
    }
    for (field, count) in [("at_least", arg.at_least), ("at_most", arg.at_most)] {
        if count.is_some() && !arg.multiple {
            let message =
                format!("{name}: `{field}` counts the values of `multiple`: set that too");
            return wrong(arg, field, message);
        }
        if count == Some(0) {
            let message =
                format!("{name}: `{field}` must be 1 or more, as a list has at least one value");
            return wrong(arg, field, message);
        }
    }
    if let (Some(least), Some(most)) = (arg.at_least, arg.at_most)
        && least > most
    {
        let message = format!("{name}: nothing lies between at_least {least} and at_most {most}");
        return wrong(arg, "at_least", message);
    }
    validate_bounds(arg)?;
    if let Some((wildcard, error)) = file::wrong_wildcard(&arg.accept) {
        return wrong(arg, "accept", format!("{name}: `{wildcard}` is no wildcard: {error}"));
    }
    validate_choices(arg)?;
    let Some(default) = &arg.default else { return Ok(()) };
    if arg.required {
        let rule = "is required, so its default is never used: take one of the two out";
        return wrong(arg, "default", format!("{name} {rule}"));
    }
    match super::check_one(arg, default, Limits::default()) {
        Ok(_) => Ok(()),
        Err(error) => wrong(arg, "default", format!("{name}: the default does not pass: {error}")),
    }
}

/// Checks the declarations of one command, each by itself and all together.
pub fn validate_args(args: &[Arg]) -> Checked {
    for (at, arg) in args.iter().enumerate() {
        validate_arg(arg)?;
        let name = &arg.name;
        if args[..at].iter().any(|before| before.name == *name) {
            let message = format!("{name} is declared twice: give one of them another name");
            return wrong(arg, "name", message);
        }
        validate_when(arg, &args[..at])?;
        let switch = |other: &&Arg| {
            other.kind == ArgType::Bool && name.strip_prefix("no-") == Some(&*other.name)
        };
        if let Some(Arg { name: other, .. }) = args.iter().find(switch) {
            let rule = format!("is also how the bool {other} is switched off: rename one of them");
            return wrong(arg, "name", format!("{name} {rule}"));
        }
    }
    let positional: Vec<&Arg> = args.iter().filter(|arg| arg.has_position()).collect();
    for pair in positional.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        let (name, after) = (&first.name, &second.name);
        // What may be left out is given by its name, before the rest begins.
        if first.rest && second.required {
            let so = format!("so {after}, which is required, cannot come after it: move it last");
            return wrong(first, "name", format!("{name} takes the rest of the line, {so}"));
        }
        if first.multiple {
            let so = format!("so {after} cannot come after it: move it last");
            return wrong(first, "name", format!("{name} takes all values that are left, {so}"));
        }
        if !first.required && second.required && second.when.is_empty() {
            let but = format!("but stands after {name}, which is not: put it first");
            return wrong(second, "name", format!("{after} is required {but}"));
        }
    }
    Ok(())
}

/// Checks that the conditions of an argument are about values of earlier ones.
fn validate_when(arg: &Arg, earlier: &[Arg]) -> Checked {
    let name = &arg.name;
    for (other, wanted) in &arg.when {
        let Some(found) = earlier.iter().find(|earlier| earlier.name == *other) else {
            let near = text::nearest(other, earlier.iter().map(|earlier| earlier.name.as_str()));
            let hint = match text::did_you_mean(&near) {
                none if none.is_empty() => ": declare that before it".to_owned(),
                hint => hint,
            };
            let message =
                format!("{name}: `when` names {other}, which is no argument before it{hint}");
            return wrong(arg, "when", message);
        };
        if found.multiple || found.kind == ArgType::Secret {
            let what = if found.multiple { "a list" } else { "a secret" };
            let message = format!("{name}: `when` cannot compare {other}, which is {what}");
            return wrong(arg, "when", message);
        }
        let wanted = wanted.as_array().map_or(std::slice::from_ref(wanted), Vec::as_slice);
        for value in wanted {
            if let Err(error) = super::check_one(found, value, Limits::default()) {
                let message = format!("{name}: a value in `when` does not pass: {error}");
                return wrong(arg, "when", message);
            }
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// The first field that is set and does not belong to the type.
fn useless_field(arg: &Arg) -> Option<&'static str> {
    let number = matches!(arg.kind, ArgType::Int | ArgType::Float | ArgType::Duration);
    let secret = arg.kind == ArgType::Secret;
    let file = arg.kind == ArgType::File;
    let string = secret || matches!(arg.kind, ArgType::String | ArgType::Path);
    [
        ("minimum", arg.minimum.is_some() && !number),
        ("maximum", arg.maximum.is_some() && !number),
        ("min_length", arg.min_length.is_some() && !string),
        ("max_length", arg.max_length.is_some() && !string),
        ("pattern", arg.pattern.is_some() && !string),
        ("allow_dash", arg.allow_dash && (secret || !arg.kind.is_text())),
        ("max_size", arg.max_size.is_some() && !file),
        ("accept", !arg.accept.is_empty() && !file),
        ("rest", arg.rest && (arg.kind != ArgType::String || arg.by_name)),
        ("multiple", arg.multiple && (secret || arg.kind == ArgType::Bool)),
        ("choices", !arg.choices.is_empty() && (secret || file || arg.kind == ArgType::Bool)),
        ("choices_from", arg.choices_from && (secret || file || arg.kind == ArgType::Bool)),
        ("default", arg.default.is_some() && (secret || file)),
    ]
    .into_iter()
    .find_map(|(field, useless)| useless.then_some(field))
}

fn validate_bounds(arg: &Arg) -> Checked {
    let name = &arg.name;
    if let (Some(least), Some(most)) = (arg.minimum, arg.maximum) {
        let whole = matches!(arg.kind, ArgType::Int | ArgType::Duration);
        if least > most || (whole && least.ceil() > most.floor()) {
            let [least, most] = describe::bounds(arg).map(Option::unwrap_or_default);
            let message =
                format!("{name}: nothing lies between minimum {least} and maximum {most}");
            return wrong(arg, "minimum", message);
        }
    }
    match (arg.min_length, arg.max_length) {
        (Some(least), Some(most)) if least > most => {
            let bounds = format!("min_length {least} and max_length {most}");
            wrong(arg, "min_length", format!("{name}: nothing lies between {bounds}"))
        }
        _ => Ok(()),
    }
}

fn validate_choices(arg: &Arg) -> Checked {
    let name = &arg.name;
    if arg.kind == ArgType::Enum && arg.choices.is_empty() && !arg.choices_from {
        return wrong(arg, "type", format!("{name}: type enum needs `choices` or `choices_from`"));
    }
    if arg.choices_from && !arg.choices.is_empty() {
        let message = format!("{name} has `choices` and `choices_from`: take one of them out");
        return wrong(arg, "choices", message);
    }
    let mut seen = Vec::with_capacity(arg.choices.len());
    for choice in &arg.choices {
        let passed = match canonical(arg.kind, choice) {
            Some(value) => obey(arg, value, Limits::default(), false),
            None => {
                let expected = format!("of type {}", arg.kind.name());
                Err(ArgError::broken(arg, Rule::Type, expected, describe::given(arg, choice)))
            }
        };
        match passed {
            Err(error) => {
                return wrong(arg, "choices", format!("{name}: a choice does not pass: {error}"));
            }
            Ok(value) if seen.contains(&value) => {
                let choice = describe::to_text(&value);
                return wrong(arg, "choices", format!("{name}: the choice {choice} stands twice"));
            }
            Ok(value) => seen.push(value),
        }
    }
    Ok(())
}
