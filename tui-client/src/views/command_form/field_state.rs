//! State of each field of a form: whether its argument applies, and whether it has a value that passes.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use topside_shared::Time;
use topside_shared::command::Arg;
use topside_shared::values::parse_expected_return;

use super::CommandForm;
use crate::app::console::SHUTDOWN;
use crate::widgets::form_field::{Choice, FormField, Listing};
use crate::widgets::form_focus::FormFocus;

/// How a field stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FieldState {
    /// Nothing is given, and nothing needs to be.
    Absent,
    /// Nothing is given, and a run needs it.
    Missing,
    Given(Value),
    /// It is no value yet, but more of it could be one.
    Begun,
    /// Why it is no value.
    Wrong(String),
}

impl CommandForm {
    /// How the field of an argument stands.
    pub(crate) fn standing(&self, nth: usize) -> FieldState {
        if self.applies(nth) { self.standing_if_applies(nth) } else { FieldState::Absent }
    }

    fn standing_if_applies(&self, nth: usize) -> FieldState {
        let (Some(arg), Some(entry)) = (self.command.args.get(nth), self.entries.get(nth)) else {
            return FieldState::Absent;
        };
        // More of it could still be right.
        let in_hand = self.focus == FormFocus::Field(nth) && !self.tried;
        match entry.value(arg) {
            Ok(Some(value)) if self.is_return(arg) => match wrong_return(&value) {
                None => FieldState::Given(value),
                Some(_) if in_hand => FieldState::Begun,
                Some(why) => FieldState::Wrong(why),
            },
            Ok(Some(value)) => FieldState::Given(value),
            Ok(None) if arg.required => match entry {
                FormField::Choice(Choice { listing: Listing::Failed(why), .. }) => {
                    FieldState::Wrong(why.clone())
                }
                _ => FieldState::Missing,
            },
            Ok(None) => FieldState::Absent,
            Err(error) if in_hand && entry.may_grow(arg, error.rule) => FieldState::Begun,
            Err(error) => FieldState::Wrong(error.to_string()),
        }
    }

    /// Whether an argument applies beside what is filled in.
    pub(crate) fn applies(&self, nth: usize) -> bool {
        let Some(arg) = self.command.args.get(nth).filter(|arg| !arg.when.is_empty()) else {
            return true;
        };
        // Those that it names are before it.
        let before = self.command.args.iter().take(nth).enumerate();
        let named = before.filter(|(_, other)| arg.when.contains_key(&other.name));
        let applying = named.filter(|(at, _)| self.applies(*at));
        let values = applying.filter_map(|(at, other)| {
            let value = match self.standing_if_applies(at) {
                FieldState::Given(value) => Some(value),
                _ => other.default.clone(),
            };
            Some((other.name.clone(), value?))
        });
        arg.applies(&values.collect())
    }

    /// Whether an argument is the expected return of a shutdown, which is text in the declaration.
    fn is_return(&self, arg: &Arg) -> bool {
        self.command.name == SHUTDOWN && arg.name == "back"
    }

    /// What is filled in and right.
    pub(crate) fn args(&self) -> Map<String, Value> {
        let given = self.command.args.iter().enumerate().filter_map(|(nth, arg)| {
            match self.standing(nth) {
                FieldState::Given(value) => Some((arg.name.clone(), value)),
                _ => None,
            }
        });
        given.collect()
    }

    /// The first field that keeps the line from running.
    pub(crate) fn mistake(&self) -> Option<usize> {
        (0..self.entries.len())
            .find(|nth| !matches!(self.standing(*nth), FieldState::Absent | FieldState::Given(_)))
    }
}

/// Why a value is no expected return of a server.
fn wrong_return(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| !text.trim().is_empty())?;
    // The server says whether it is before the shutdown.
    parse_expected_return(text, Time::from_millis(0), &TimeZone::UTC).err()?;
    Some("must be a time (20:00, 2026-03-01 20:00) or a duration (30m)".to_owned())
}
