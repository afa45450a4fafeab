//! Field of a form, made from the declaration of an argument.

use serde_json::Value;
use topside_shared::cmdline;
use topside_shared::command::{Arg, ArgType};
use topside_shared::text;
use topside_shared::values::{self, ArgError, Rule};

use crate::input::key::{Code, Key};
use crate::widgets::editor::{Edited, Editor};

/// Most characters of a choice that are shown.
const MAX_LABEL: usize = 200;

/// What stands in a field: text, a switch, or one of some values. What is of no other kind is text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FormField {
    Text(Editor),
    Switch(Switch),
    Choice(Choice),
}

/// A field that is on or off.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Switch {
    /// What is given; none: the same as without it.
    given: Option<bool>,
    /// What a run has where nothing is given.
    default: bool,
}

/// A field that is chosen, not typed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// Each value with what is shown for it.
    pub(crate) options: Vec<(String, Value)>,
    /// The chosen one; none: it is not given.
    pub(crate) at: Option<usize>,
    /// The one that a run has where none is given.
    default: Option<usize>,
}

impl FormField {
    /// The field of an argument as it is before anything is filled in.
    pub(crate) fn new(arg: &Arg) -> Self {
        let options: Vec<(String, Value)> = match arg.kind {
            // Several values are typed as words.
            _ if arg.multiple => Vec::new(),
            ArgType::Bool => {
                let default = arg.default.as_ref().and_then(Value::as_bool).unwrap_or(false);
                return Self::Switch(Switch { given: None, default });
            }
            _ => arg
                .choices
                .iter()
                .map(|choice| (text::clean(&values::to_text(choice), MAX_LABEL), choice.clone()))
                .collect(),
        };
        if options.is_empty() {
            return Self::Text(Editor::default());
        }
        let is_default = |value: &Value| {
            arg.default.as_ref().is_some_and(|d| values::to_text(d) == values::to_text(value))
        };
        let default = options.iter().position(|(_, value)| is_default(value));
        Self::Choice(Choice { options, at: default, default })
    }

    /// Puts a value in, if the field can have it.
    pub(crate) fn fill(&mut self, value: &Value) {
        match self {
            Self::Text(field) => field.set(&as_typed(value)),
            Self::Switch(switch) => switch.given = value.as_bool().or(switch.given),
            Self::Choice(choice) => {
                let text = values::to_text(value);
                let same = |(_, option): &(String, Value)| values::to_text(option) == text;
                choice.at = choice.options.iter().position(same).or(choice.at);
            }
        }
    }

    /// The value that is given, if one is. A default that was left as it is is not.
    pub(crate) fn value(&self, arg: &Arg) -> Result<Option<Value>, ArgError> {
        match self {
            Self::Text(field) if field.is_empty() => Ok(None),
            Self::Text(field) if arg.multiple => {
                let words = words(field.text());
                let values = words.iter().map(|word| values::from_text(arg, word));
                let values = values.collect::<Result<Vec<Value>, ArgError>>()?;
                Ok(Some(values).filter(|values| !values.is_empty()).map(Value::Array))
            }
            Self::Text(field) => values::from_text(arg, trimmed(arg, field.text())).map(Some),
            // What a run needs is said, on or off.
            Self::Switch(switch) if arg.required => Ok(Some(switch.is_on().into())),
            Self::Switch(switch) => Ok(switch.given.map(Value::from)),
            Self::Choice(choice) if choice.at == choice.default => Ok(None),
            Self::Choice(choice) => {
                let chosen = choice.at.and_then(|at| choice.options.get(at));
                Ok(chosen.map(|(_, value)| value.clone()))
            }
        }
    }

    /// Whether more of what is typed could mend it.
    pub(crate) fn may_grow(&self, arg: &Arg, rule: Rule) -> bool {
        match self {
            Self::Text(field) if arg.multiple => {
                let words = words(field.text());
                words.last().is_some_and(|word| cmdline::value_may_grow(arg, word, rule))
            }
            Self::Text(field) => cmdline::value_may_grow(arg, trimmed(arg, field.text()), rule),
            Self::Switch(_) | Self::Choice(_) => false,
        }
    }

    pub(crate) fn key(&mut self, key: Key) -> Edited {
        match self {
            Self::Text(field) => field.key(key),
            Self::Switch(switch) => switch.key(key),
            Self::Choice(choice) => choice.key(key),
        }
    }
}

impl Switch {
    pub(crate) fn is_on(&self) -> bool {
        self.given.unwrap_or(self.default)
    }

    pub(crate) fn toggle(&mut self) {
        let on = !self.is_on();
        self.given = (on != self.default).then_some(on);
    }

    fn key(&mut self, key: Key) -> Edited {
        match key.code {
            Code::Char(' ') if key.typed().is_some() => self.toggle(),
            Code::Backspace | Code::Delete => self.given = None,
            _ => return Edited::No,
        }
        Edited::Text
    }
}

impl Choice {
    fn key(&mut self, key: Key) -> Edited {
        let count = self.options.len();
        // What has a default is always one of them.
        let none = self.default.is_none();
        self.at = match (key.code, self.at) {
            (Code::Right, Some(at)) => Some((at + 1).min(count - 1)),
            (Code::Left, Some(0)) if none => None,
            (Code::Left, Some(at)) => Some(at.saturating_sub(1)),
            (Code::Right | Code::Char(' '), None) => Some(0),
            (Code::Char(' '), at) => at,
            (Code::Home, _) => Some(0),
            (Code::End, _) => Some(count - 1),
            (Code::Backspace | Code::Delete, _) => self.default,
            (Code::Char(c), at) if key.typed().is_some() => self.begins(c, at).or(at),
            _ => return Edited::No,
        };
        Edited::Text
    }

    /// The next value, round the end, that begins with a character.
    fn begins(&self, c: char, at: Option<usize>) -> Option<usize> {
        let count = self.options.len();
        let from = at.map_or(0, |at| at + 1);
        (from..from + count).map(|nth| nth % count).find(|nth| {
            let first = self.options[*nth].0.chars().next();
            first.is_some_and(|first| first.to_lowercase().eq(c.to_lowercase()))
        })
    }
}

/// The words of a text, quoted as on a line; while a quote is open, as they are.
fn words(text: &str) -> Vec<String> {
    match cmdline::split(text) {
        Ok(tokens) => tokens.into_iter().map(|token| token.text).collect(),
        Err(_) => text.split_whitespace().map(str::to_owned).collect(),
    }
}

/// A value as it would be typed into a field: several as words.
pub(crate) fn as_typed(value: &Value) -> String {
    let Value::Array(values) = value else { return values::to_text(value) };
    let words = values.iter().map(|value| cmdline::quote(&values::to_text(value)).into_owned());
    words.collect::<Vec<_>>().join(" ")
}

/// Blanks around a number say nothing; in a text they are part of it.
fn trimmed<'t>(arg: &Arg, text: &'t str) -> &'t str {
    match arg.kind {
        ArgType::Int | ArgType::Float | ArgType::Duration => text.trim(),
        _ => text,
    }
}
