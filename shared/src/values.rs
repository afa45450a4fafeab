//! Checks the values of a command's arguments against their declarations. The server decides; a client checks first, so that
//! it can report an error before it sends.
//!
//! Types are strict in JSON: a string is never read as a number, and `1.0` is not a whole number.
//! Only the command line and forms turn text into values, with [`from_text`].

mod declaration;
mod describe;
mod duration;
mod error;
mod expected_return;
mod file;
mod question;
mod since;

use serde_json::{Map, Value};

pub use declaration::{DeclarationError, validate_arg, validate_args};
pub use describe::{conditions, describe, describe_in_words, examples, expected, to_text};
pub use duration::{DURATION_FORM, parse_duration, parse_duration_argument, write_duration};
pub use error::{ArgError, Rule};
pub use expected_return::{RETURN_FORM, parse_expected_return};
pub use file::{check_file, check_file_name, file_name};
pub use question::fill_places;
pub use since::parse_since;

use crate::command::{Arg, ArgType, MASK};

/// Limits of the server that hold for all declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one value; 0: no limit.
    pub max_argument: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_argument: 32 * 1024 }
    }
}

/// Checks the arguments of one call. The answer has each value in its declared type, and the
/// defaults of what was not given; an optional argument with no default stays absent.
///
/// # Errors
/// The first argument that is unknown, missing or against a rule.
pub fn check(
    args: &[Arg],
    given: &Map<String, Value>,
    limits: Limits,
) -> Result<Map<String, Value>, ArgError> {
    if let Some(name) = given.keys().find(|name| !args.iter().any(|arg| arg.name == **name)) {
        return Err(ArgError::unknown(name, args));
    }
    // A secret may have been given for another argument.
    let private = args.iter().any(|arg| arg.kind == ArgType::Secret);
    let mut checked = Map::new();
    for arg in args {
        if !arg.applies(&checked) {
            if given.contains_key(&arg.name) {
                return Err(ArgError::does_not_apply(arg));
            }
            continue;
        }
        let value = match (given.get(&arg.name), &arg.default) {
            (Some(value), _) => {
                check_one(arg, value, limits).map_err(|error| error.hidden_if(private))?
            }
            (None, _) if arg.required => return Err(ArgError::required(arg)),
            (None, Some(default)) => canonical_default(arg, default),
            (None, None) => continue,
        };
        checked.insert(arg.name.clone(), value);
    }
    Ok(checked)
}

/// Checks the value of one argument (with `multiple`: a list of at least one) and returns it in the argument's type:
/// an integer for a float becomes a float, and a duration becomes one number and one unit.
pub fn check_one(arg: &Arg, value: &Value, limits: Limits) -> Result<Value, ArgError> {
    if !arg.multiple {
        return check_item(arg, value, limits);
    }
    match value {
        Value::Array(items) if !items.is_empty() => {
            check_count(arg, items.len())?;
            items.iter().map(|item| check_item(arg, item, limits)).collect()
        }
        _ => Err(ArgError::no_list(arg, value)),
    }
}

/// Checks the number of values of a list.
pub fn check_count(arg: &Arg, count: usize) -> Result<(), ArgError> {
    let count = count as u64;
    let rule = if arg.at_least.is_some_and(|least| count < least) {
        Rule::AtLeast
    } else if arg.at_most.is_some_and(|most| count > most) {
        Rule::AtMost
    } else {
        return Ok(());
    };
    Err(ArgError::broken(arg, rule, describe::count(arg), count.to_string()))
}

fn check_item(arg: &Arg, value: &Value, limits: Limits) -> Result<Value, ArgError> {
    match canonical(arg.kind, value) {
        Some(value) => obey(arg, value, limits, true),
        None if arg.kind == ArgType::Int && value.is_u64() => {
            Err(ArgError::too_wide(arg, Rule::Maximum, &value.to_string()))
        }
        None => Err(ArgError::value(arg, Rule::Type, describe::given(arg, value))),
    }
}

fn canonical_default(arg: &Arg, default: &Value) -> Value {
    let one = |value: &Value| canonical(arg.kind, value).unwrap_or_else(|| value.clone());
    match default {
        Value::Array(items) if arg.multiple => items.iter().map(one).collect(),
        one_value => one(one_value),
    }
}

/// Reads and checks a typed value of an argument; one of them if it takes several.
pub fn from_text(arg: &Arg, text: &str) -> Result<Value, ArgError> {
    let wrong = |rule| ArgError::value(arg, rule, describe::typed(text));
    let value = match arg.kind {
        ArgType::String | ArgType::Enum | ArgType::Path | ArgType::Secret => Value::from(text),
        ArgType::Duration => match duration::normal(text) {
            Some(text) => Value::from(text),
            None => return Err(wrong(Rule::Type)),
        },
        // The path on this device. The client sends the file, and its id takes the place of the path.
        ArgType::File => {
            return match text.strip_prefix('@').unwrap_or(text) {
                "" => Err(wrong(Rule::Type)),
                path => Ok(Value::from(path)),
            };
        }
        ArgType::Bool => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(wrong(Rule::Type)),
        },
        ArgType::Int => match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(error) => {
                use std::num::IntErrorKind::{NegOverflow, PosOverflow};
                return Err(match error.kind() {
                    PosOverflow => ArgError::too_wide(arg, Rule::Maximum, text),
                    NegOverflow => ArgError::too_wide(arg, Rule::Minimum, text),
                    _ => wrong(Rule::Type),
                });
            }
        },
        // `nan`, `inf` and what overflows to it are numbers to the standard library.
        ArgType::Float => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::from(number),
            _ => return Err(wrong(Rule::Type)),
        },
    };
    obey(arg, value, Limits::default(), true)
}

/// The value in the argument's own JSON type, or none where it is of another.
fn canonical(kind: ArgType, value: &Value) -> Option<Value> {
    match kind {
        ArgType::String | ArgType::Enum | ArgType::Path | ArgType::Secret => {
            value.as_str().map(Value::from)
        }
        // A number counts seconds, as on the command line.
        ArgType::Duration => match value {
            Value::Number(seconds) => duration::normal(&seconds.to_string()),
            text => text.as_str().and_then(duration::normal),
        }
        .map(Value::from),
        ArgType::Int => value.as_i64().map(Value::from),
        ArgType::File => value.as_u64().map(Value::from),
        ArgType::Float => value.as_f64().filter(|number| number.is_finite()).map(Value::from),
        ArgType::Bool => value.as_bool().map(Value::from),
    }
}

/// Holds a value of the right type against the other rules.
fn obey(arg: &Arg, value: Value, limits: Limits, choices: bool) -> Result<Value, ArgError> {
    let broken = match &value {
        Value::String(text) => return obey_text(arg, text, limits, choices).map(|()| value),
        _ if choices && !chosen(arg, &value) => Some(Rule::Choices),
        Value::Number(number) if arg.minimum.is_some_and(|least| below(number, least)) => {
            Some(Rule::Minimum)
        }
        Value::Number(number) if arg.maximum.is_some_and(|most| above(number, most)) => {
            Some(Rule::Maximum)
        }
        _ => None,
    };
    match broken {
        None => Ok(value),
        Some(rule) => Err(ArgError::value(arg, rule, describe::given(arg, &value))),
    }
}

fn obey_text(arg: &Arg, text: &str, limits: Limits, choices: bool) -> Result<(), ArgError> {
    if limits.max_argument != 0 && text.len() > limits.max_argument {
        let expected = format!("at most {} bytes", limits.max_argument);
        return Err(ArgError::broken(arg, Rule::Size, expected, text.len().to_string()));
    }
    if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| c.is_control()) {
        let expected = "one line of text without control characters";
        let given = format!("one with U+{:04X} as character {}", u32::from(c), at + 1);
        return Err(ArgError::broken(arg, Rule::Control, expected, given));
    }
    // A secret is never in an argument list, where a dash would mean something; of an enum, only the named values pass.
    let may_begin_with_dash = arg.allow_dash || matches!(arg.kind, ArgType::Secret | ArgType::Enum);
    if text.starts_with('-') && !may_begin_with_dash {
        let expected = "text that does not begin with `-`";
        return Err(ArgError::broken(arg, Rule::Dash, expected, describe::typed(text)));
    }
    // It came out of a run's row, and is not what was meant.
    if arg.kind == ArgType::Secret && text == MASK {
        return Err(ArgError::mask(arg));
    }
    if choices && !arg.choices.is_empty() && !chosen(arg, &Value::from(text)) {
        return Err(ArgError::value(arg, Rule::Choices, describe::typed(text)));
    }
    if arg.kind == ArgType::Path {
        obey_path(arg, text)?;
    }
    if arg.kind == ArgType::Duration
        && let Some(ms) = parse_duration(text)
    {
        let ms = serde_json::Number::from(ms);
        let short = arg.minimum.is_some_and(|least| below(&ms, least));
        if short || arg.maximum.is_some_and(|most| above(&ms, most)) {
            let rule = if short { Rule::Minimum } else { Rule::Maximum };
            return Err(ArgError::value(arg, rule, describe::typed(text)));
        }
    }
    obey_length(arg, text)?;
    match &arg.pattern {
        Some(pattern) if !pattern.matches(text) => {
            Err(ArgError::value(arg, Rule::Pattern, describe::typed(text)))
        }
        _ => Ok(()),
    }
}

/// Whether a path leads downwards; where it leads to is the server's to see.
fn obey_path(arg: &Arg, text: &str) -> Result<(), ArgError> {
    if text.is_empty() {
        return Err(ArgError::value(arg, Rule::Path, describe::typed(text)));
    }
    if text.split('/').any(|part| part == "..") {
        let expected = "a path without `..` in it";
        return Err(ArgError::broken(arg, Rule::Path, expected, describe::typed(text)));
    }
    Ok(())
}

fn obey_length(arg: &Arg, text: &str) -> Result<(), ArgError> {
    if arg.min_length.is_none() && arg.max_length.is_none() {
        return Ok(());
    }
    let length = text.chars().count() as u64;
    let rule = if arg.min_length.is_some_and(|least| length < least) {
        Rule::MinLength
    } else if arg.max_length.is_some_and(|most| length > most) {
        Rule::MaxLength
    } else {
        return Ok(());
    };
    Err(ArgError::value(arg, rule, format!("of {length}")))
}

fn chosen(arg: &Arg, value: &Value) -> bool {
    let mut choices = arg.choices.iter();
    arg.choices.is_empty()
        || choices.any(|choice| canonical(arg.kind, choice).as_ref() == Some(value))
}

/// Compared as integers: as floats, 2^53 and 2^53 + 1 are one.
fn below(number: &serde_json::Number, least: f64) -> bool {
    match number.as_i128() {
        Some(whole) => whole < least.ceil() as i128,
        None => number.as_f64().is_some_and(|number| number < least),
    }
}

fn above(number: &serde_json::Number, most: f64) -> bool {
    match number.as_i128() {
        Some(whole) => whole > most.floor() as i128,
        None => number.as_f64().is_some_and(|number| number > most),
    }
}

#[cfg(test)]
mod tests;
