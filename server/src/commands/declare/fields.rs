//! Reading typed fields out of a TOML table, each mistake with its place.

use std::ops::Range;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use topside_shared::text;

use super::error::Mistakes;
use super::units;

/// One table of the menu file and how it is called in messages.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a, 'i> {
    pub(super) table: &'a DeTable<'i>,
    /// Such as ``command `disks` ``.
    pub(super) owner: String,
    /// Where to point for what is missing.
    pub(super) span: Range<usize>,
}

/// A field's value and its place.
#[derive(Debug, Clone)]
pub(super) struct Field<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'a, 'i> Fields<'a, 'i> {
    /// Records each field whose name is not among `known`, with the nearest of these.
    pub(super) fn refuse_unknown(&self, known: &[&str], mistakes: &mut Mistakes<'_>) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let near = text::nearest(name, known.iter().copied());
                let hint = text::did_you_mean(&near);
                mistakes
                    .add(&key.span(), format_args!("{} has no field `{name}`{hint}", self.owner));
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.table.get(name)
    }

    /// Reads the field `name`; a value that `read` does not take must be `form`.
    pub(super) fn read<T>(
        &self,
        name: &str,
        form: &str,
        mistakes: &mut Mistakes<'_>,
        read: impl FnOnce(&'a DeValue<'i>) -> Option<T>,
    ) -> Option<Field<T>> {
        let found = self.get(name)?;
        match read(found.get_ref()) {
            Some(value) => Some(Field { value, span: found.span() }),
            None => {
                mistakes
                    .add(&found.span(), format_args!("`{name}` of {} must be {form}", self.owner));
                None
            }
        }
    }

    pub(super) fn string(&self, name: &str, m: &mut Mistakes<'_>) -> Option<Field<&'a str>> {
        self.read(name, "a string", m, as_str)
    }

    /// A string that people see: one line, nothing that steers a terminal.
    pub(super) fn words(&self, name: &str, m: &mut Mistakes<'_>) -> Option<String> {
        let form = "a string of one line, without control characters";
        let plain = |value| as_str(value).filter(|words| !words.chars().any(text::is_control));
        self.read(name, form, m, plain).map(|field| field.value.to_owned())
    }

    pub(super) fn boolean(&self, name: &str, m: &mut Mistakes<'_>) -> bool {
        self.read(name, "true or false", m, as_bool).is_some_and(|field| field.value)
    }

    pub(super) fn strings(&self, name: &str, m: &mut Mistakes<'_>) -> Vec<Field<String>> {
        self.read(name, "an array of strings", m, |value| {
            let DeValue::Array(items) = value else { return None };
            items
                .iter()
                .map(|item| {
                    let value = as_str(item.get_ref())?.to_owned();
                    Some(Field { value, span: item.span() })
                })
                .collect()
        })
        .map(|field: Field<Vec<_>>| field.value)
        .unwrap_or_default()
    }

    /// A number, for a limit on numbers.
    pub(super) fn number(&self, name: &str, m: &mut Mistakes<'_>) -> Option<Field<f64>> {
        self.read(name, "a finite number", m, |value| as_json(value)?.as_f64())
    }

    /// A whole number from 0, for a limit on lengths.
    pub(super) fn count(&self, name: &str, m: &mut Mistakes<'_>) -> Option<Field<u64>> {
        self.read(name, "a whole number from 0", m, |value| as_json(value)?.as_u64())
    }

    pub(super) fn size(&self, name: &str, m: &mut Mistakes<'_>) -> Option<u64> {
        let read = |value| as_str(value).and_then(units::parse_size);
        self.read(name, units::SIZE_FORM, m, read).map(|field| field.value)
    }

    /// One of `names`, which are told with the nearest where it is none.
    pub(super) fn one_of<T: Copy>(
        &self,
        name: &str,
        names: &[(&str, T)],
        m: &mut Mistakes<'_>,
    ) -> Option<T> {
        let field = self.string(name, m)?;
        if let Some((_, found)) = names.iter().find(|(known, _)| *known == field.value) {
            return Some(*found);
        }
        let known: Vec<&str> = names.iter().map(|(known, _)| *known).collect();
        m.add(
            &field.span,
            format_args!(
                "`{name}` of {} must be one of {}, not `{}`",
                self.owner,
                known.join(", "),
                text::clean(field.value, 64)
            ),
        );
        None
    }
}

pub(super) fn as_str<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    match value {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

fn as_bool(value: &DeValue<'_>) -> Option<bool> {
    match value {
        DeValue::Boolean(value) => Some(*value),
        _ => None,
    }
}

/// A scalar as JSON has it; none for dates, arrays, tables, and numbers that JSON has not.
pub(super) fn as_json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(value) => Value::from(*value),
        DeValue::Integer(digits) => {
            Value::from(i64::from_str_radix(digits.as_str(), digits.radix()).ok()?)
        }
        DeValue::Float(digits) => Value::Number(Number::from_f64(digits.as_str().parse().ok()?)?),
        _ => return None,
    })
}
