//! Checks declarations of arguments: when the menu is loaded, and for the built-ins in a test.

use crate::command::{Arg, ArgType};

use super::{ArgError, Limits, canonical, describe, obey};

/// A declaration that contradicts itself, its type or its neighbours.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeclarationError {
    /// The name could not be typed as `--name` or `name=`.
    #[error(
        "\"{argument}\" cannot name an argument: use small letters, digits, `-` and `_`, a letter first"
    )]
    Name {
        /// The name as declared.
        argument: String,
    },
    /// Two arguments have one name.
    #[error("{argument} is declared twice: give one of them another name")]
    Twice {
        /// The name.
        argument: String,
    },
    /// `--no-x` would mean two things.
    #[error("{argument} is also how the bool {switch} is switched off: rename one of them")]
    Negation {
        /// The argument that is called `no-x`.
        argument: String,
        /// The bool `x`.
        switch: String,
    },
    /// A field that the type has no use for.
    #[error("{argument}: `{field}` means nothing for type {kind}: take it out")]
    Field {
        /// The argument.
        argument: String,
        /// The field, as the menu file spells it.
        field: &'static str,
        /// The argument's type.
        kind: &'static str,
    },
    /// A bound that is no number.
    #[error("{argument}: `{field}` must be a finite number")]
    NotFinite {
        /// The argument.
        argument: String,
        /// The field, as the menu file spells it.
        field: &'static str,
    },
    /// Nothing lies between the bounds.
    #[error("{argument}: nothing lies between {least_field} {least} and {most_field} {most}")]
    Bounds {
        /// The argument.
        argument: String,
        /// The lower bound's field.
        least_field: &'static str,
        /// The lower bound.
        least: String,
        /// The upper bound's field.
        most_field: &'static str,
        /// The upper bound.
        most: String,
    },
    /// An enum of nothing.
    #[error("{argument}: type enum needs `choices`")]
    NoChoices {
        /// The argument.
        argument: String,
    },
    /// A choice that the other rules refuse.
    #[error("{argument}: a choice does not pass: {source}")]
    Choice {
        /// The argument.
        argument: String,
        /// The rule it breaks.
        source: ArgError,
    },
    /// One choice twice.
    #[error("{argument}: the choice {choice} stands twice")]
    ChoiceTwice {
        /// The argument.
        argument: String,
        /// The choice.
        choice: String,
    },
    /// A default that the rules refuse.
    #[error("{argument}: the default does not pass: {source}")]
    Default {
        /// The argument.
        argument: String,
        /// The rule it breaks.
        source: ArgError,
    },
    /// A default that is never used.
    #[error("{argument} is required, so its default is never used: take one of the two out")]
    RequiredDefault {
        /// The argument.
        argument: String,
    },
    /// Something that is required stands after the rest of the line.
    #[error(
        "{argument} takes the rest of the line, so {after}, which is required, cannot come after it: move it last"
    )]
    Rest {
        /// The argument with `rest`.
        argument: String,
        /// The positional argument after it.
        after: String,
    },
    /// The rest of a line is one value.
    #[error(
        "{argument}: `rest` makes one value of many words, `multiple` many values: take one out"
    )]
    MultipleRest {
        /// The argument.
        argument: String,
    },
    /// Something stands after an argument that takes every value.
    #[error(
        "{argument} takes all values that are left, so {after} cannot come after it: move it last"
    )]
    Multiple {
        /// The argument with `multiple`.
        argument: String,
        /// The positional argument after it.
        after: String,
    },
    /// A value could not reach the required argument without giving the optional one.
    #[error("{argument} is required but stands after {optional}, which is not: put it first")]
    Order {
        /// The required argument.
        argument: String,
        /// The optional one before it.
        optional: String,
    },
}

impl DeclarationError {
    /// The name of the argument that is wrong.
    pub fn argument(&self) -> &str {
        match self {
            Self::Name { argument }
            | Self::Twice { argument }
            | Self::Negation { argument, .. }
            | Self::Field { argument, .. }
            | Self::NotFinite { argument, .. }
            | Self::Bounds { argument, .. }
            | Self::NoChoices { argument }
            | Self::MultipleRest { argument }
            | Self::Choice { argument, .. }
            | Self::ChoiceTwice { argument, .. }
            | Self::Default { argument, .. }
            | Self::RequiredDefault { argument }
            | Self::Rest { argument, .. }
            | Self::Multiple { argument, .. }
            | Self::Order { argument, .. } => argument,
        }
    }
}

/// Whether one declaration makes sense by itself.
///
/// # Errors
/// The first thing that does not.
pub fn validate_arg(arg: &Arg) -> Result<(), DeclarationError> {
    let argument = || arg.name.clone();
    if !is_name(&arg.name) {
        return Err(DeclarationError::Name { argument: argument() });
    }
    if let Some(field) = useless_field(arg) {
        let kind = arg.kind.name();
        return Err(DeclarationError::Field { argument: argument(), field, kind });
    }
    if arg.multiple && arg.rest {
        return Err(DeclarationError::MultipleRest { argument: argument() });
    }
    for (field, bound) in [("minimum", arg.minimum), ("maximum", arg.maximum)] {
        if bound.is_some_and(|bound| !bound.is_finite()) {
            return Err(DeclarationError::NotFinite { argument: argument(), field });
        }
    }
    validate_bounds(arg)?;
    validate_choices(arg)?;
    let Some(default) = &arg.default else { return Ok(()) };
    if arg.required {
        return Err(DeclarationError::RequiredDefault { argument: argument() });
    }
    match super::check_one(arg, default, Limits::default()) {
        Ok(_) => Ok(()),
        Err(source) => Err(DeclarationError::Default { argument: argument(), source }),
    }
}

/// Whether the declarations of one command make sense together; each is asked by itself first.
///
/// # Errors
/// The first thing that does not.
pub fn validate_args(args: &[Arg]) -> Result<(), DeclarationError> {
    for (at, arg) in args.iter().enumerate() {
        validate_arg(arg)?;
        if args[..at].iter().any(|before| before.name == arg.name) {
            return Err(DeclarationError::Twice { argument: arg.name.clone() });
        }
        let switch = |other: &&Arg| {
            other.kind == ArgType::Bool && arg.name.strip_prefix("no-") == Some(&*other.name)
        };
        if let Some(other) = args.iter().find(switch) {
            let (argument, switch) = (arg.name.clone(), other.name.clone());
            return Err(DeclarationError::Negation { argument, switch });
        }
    }
    let positional: Vec<&Arg> = args.iter().filter(|arg| arg.kind != ArgType::Bool).collect();
    for pair in positional.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        // What may be left out is given by its name, before the rest begins.
        if first.rest && second.required {
            let (argument, after) = (first.name.clone(), second.name.clone());
            return Err(DeclarationError::Rest { argument, after });
        }
        if first.multiple {
            let (argument, after) = (first.name.clone(), second.name.clone());
            return Err(DeclarationError::Multiple { argument, after });
        }
        if !first.required && second.required {
            let (argument, optional) = (second.name.clone(), first.name.clone());
            return Err(DeclarationError::Order { argument, optional });
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
    let string = secret || matches!(arg.kind, ArgType::String | ArgType::Path);
    [
        ("minimum", arg.minimum.is_some() && !number),
        ("maximum", arg.maximum.is_some() && !number),
        ("min_length", arg.min_length.is_some() && !string),
        ("max_length", arg.max_length.is_some() && !string),
        ("pattern", arg.pattern.is_some() && !string),
        ("allow_dash", arg.allow_dash && (secret || !arg.kind.is_text())),
        ("rest", arg.rest && arg.kind != ArgType::String),
        ("multiple", arg.multiple && (secret || arg.kind == ArgType::Bool)),
        ("choices", !arg.choices.is_empty() && (secret || arg.kind == ArgType::Bool)),
        ("default", arg.default.is_some() && secret),
    ]
    .into_iter()
    .find_map(|(field, useless)| useless.then_some(field))
}

fn validate_bounds(arg: &Arg) -> Result<(), DeclarationError> {
    let bounds = |least_field, least, most_field, most| DeclarationError::Bounds {
        argument: arg.name.clone(),
        least_field,
        least,
        most_field,
        most,
    };
    if let (Some(least), Some(most)) = (arg.minimum, arg.maximum) {
        let whole = matches!(arg.kind, ArgType::Int | ArgType::Duration);
        if least > most || (whole && least.ceil() > most.floor()) {
            let [least, most] = describe::bounds(arg).map(Option::unwrap_or_default);
            return Err(bounds("minimum", least, "maximum", most));
        }
    }
    if let (Some(least), Some(most)) = (arg.min_length, arg.max_length)
        && least > most
    {
        return Err(bounds("min_length", least.to_string(), "max_length", most.to_string()));
    }
    Ok(())
}

fn validate_choices(arg: &Arg) -> Result<(), DeclarationError> {
    let argument = || arg.name.clone();
    if arg.kind == ArgType::Enum && arg.choices.is_empty() {
        return Err(DeclarationError::NoChoices { argument: argument() });
    }
    let mut seen = Vec::with_capacity(arg.choices.len());
    for choice in &arg.choices {
        let passed = match canonical(arg.kind, choice) {
            Some(value) => obey(arg, value, Limits::default(), false),
            None => Err(ArgError::Value {
                argument: argument(),
                rule: super::Rule::Type,
                expected: format!("of type {}", arg.kind.name()),
                given: describe::given(arg, choice),
            }),
        };
        let value =
            passed.map_err(|source| DeclarationError::Choice { argument: argument(), source })?;
        if seen.contains(&value) {
            let choice = describe::to_text(&value);
            return Err(DeclarationError::ChoiceTwice { argument: argument(), choice });
        }
        seen.push(value);
    }
    Ok(())
}
