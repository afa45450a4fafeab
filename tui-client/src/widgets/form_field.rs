//! Field of a form, made from the declaration of an argument.

use serde_json::Value;
use topside_shared::cmdline;
use topside_shared::command::{Arg, ArgType};
use topside_shared::methods::Choice as Listed;
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
    /// Where the server lists the options: how far that is.
    pub(crate) listing: Listing,
}

/// How far the list of options is that only the server knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Listing {
    /// All options are known.
    #[default]
    Complete,
    /// The server was asked, or could not be yet. The value to choose once the options are there.
    Awaited(Option<Value>),
    /// The server could not list them: why.
    Failed(String),
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
            _ if arg.choices_from => {
                let listing = Listing::Awaited(None);
                return Self::Choice(Choice {
                    options: Vec::new(),
                    at: None,
                    default: None,
                    listing,
                });
            }
            _ => {
                let own = |choice: &Value| arg.labels.get(&values::to_text(choice));
                arg.choices.iter().map(|choice| option(choice, own(choice))).collect()
            }
        };
        if options.is_empty() {
            return Self::Text(Editor::default());
        }
        let default = arg.default.as_ref().and_then(|default| position(&options, default));
        Self::Choice(Choice { options, at: default, default, listing: Listing::Complete })
    }

    /// Whether the server has to list its options.
    pub(crate) fn awaits_choices(&self) -> bool {
        matches!(self, Self::Choice(choice) if choice.listing != Listing::Complete)
    }

    /// Takes the options that the server lists, or why it does not.
    pub(crate) fn set_choices(&mut self, arg: &Arg, answer: Result<Vec<Listed>, String>) {
        let Self::Choice(choice) = self else { return };
        let listed = match answer {
            Ok(listed) => listed,
            Err(why) => {
                choice.listing = Listing::Failed(why);
                return;
            }
        };
        let wanted = match std::mem::take(&mut choice.listing) {
            Listing::Awaited(wanted) => wanted,
            Listing::Complete | Listing::Failed(_) => None,
        };
        choice.options = listed.iter().map(|one| option(&one.value, one.label.as_ref())).collect();
        choice.default = arg.default.as_ref().and_then(|value| position(&choice.options, value));
        let wanted = wanted.and_then(|value| position(&choice.options, &value));
        choice.at = wanted.or(choice.default);
    }

    /// The field as it is kept while its form is closed: the server is asked again for what it lists.
    pub(crate) fn kept(mut self, arg: &Arg) -> Self {
        if let Self::Choice(choice) = &mut self
            && arg.choices_from
        {
            let wanted = match std::mem::take(&mut choice.listing) {
                Listing::Awaited(wanted) => wanted,
                Listing::Complete | Listing::Failed(_) => choice.chosen().cloned(),
            };
            (choice.options, choice.at, choice.default) = (Vec::new(), None, None);
            choice.listing = Listing::Awaited(wanted);
        }
        self
    }

    /// Puts a value in, if the field can have it.
    pub(crate) fn fill(&mut self, value: &Value) {
        match self {
            Self::Text(field) => field.set(&as_typed(value)),
            Self::Switch(switch) => switch.given = value.as_bool().or(switch.given),
            Self::Choice(choice) => match &mut choice.listing {
                Listing::Awaited(wanted) => *wanted = Some(value.clone()),
                Listing::Complete | Listing::Failed(_) => {
                    choice.at = position(&choice.options, value).or(choice.at);
                }
            },
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
                if !values.is_empty() {
                    values::check_count(arg, values.len())?;
                }
                Ok(Some(values).filter(|values| !values.is_empty()).map(Value::Array))
            }
            Self::Text(field) => values::from_text(arg, trimmed(arg, field.text())).map(Some),
            // What a run needs is said, on or off.
            Self::Switch(switch) if arg.required => Ok(Some(switch.is_on().into())),
            Self::Switch(switch) => Ok(switch.given.map(Value::from)),
            Self::Choice(choice) => Ok(choice.chosen().cloned()),
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

/// A value with what is shown for it: its label, or else the value itself.
fn option(value: &Value, label: Option<&String>) -> (String, Value) {
    let text = label.map_or_else(|| values::to_text(value), String::clone);
    (text::clean(&text, MAX_LABEL), value.clone())
}

/// The place of a value among the options.
fn position(options: &[(String, Value)], value: &Value) -> Option<usize> {
    let text = values::to_text(value);
    options.iter().position(|(_, option)| values::to_text(option) == text)
}

impl Choice {
    /// The value that is given, if one is.
    fn chosen(&self) -> Option<&Value> {
        let at = self.at.filter(|at| Some(*at) != self.default)?;
        self.options.get(at).map(|(_, value)| value)
    }

    fn key(&mut self, key: Key) -> Edited {
        let count = self.options.len();
        if count == 0 {
            return Edited::No;
        }
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
