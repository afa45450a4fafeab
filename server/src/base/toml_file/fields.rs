//! Reads typed fields of a TOML table, each error with its position.

use std::ops::Range;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use topside_shared::text;

use crate::base::toml_file::errors::{Errors, FileErrors, Position};
use crate::base::toml_file::units;

#[derive(Debug, Clone)]
pub(crate) struct Fields<'a, 'i> {
    pub(crate) table: &'a DeTable<'i>,
    /// Its name in messages, such as ``command `disks` ``.
    pub(crate) owner: String,
    /// The place of errors about missing fields.
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Field<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

impl<'a, 'i> Fields<'a, 'i> {
    /// Parses a text as TOML; the error is its first one.
    pub(crate) fn parse(file: &str, text: &'i str) -> Result<Spanned<DeTable<'i>>, FileErrors> {
        DeTable::parse(text).map_err(|error| {
            let at = Position::of(text, error.span().map_or(text.len(), |span| span.start));
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            FileErrors::one(file, Some(at), format_args!("this is not TOML: {message}"))
        })
    }

    /// The top-level table of a file, called `owner` in messages.
    pub(crate) fn of(document: &'a Spanned<DeTable<'i>>, owner: &str) -> Self {
        Self { table: document.get_ref(), owner: owner.to_owned(), span: document.span() }
    }

    pub(crate) fn table(&self, name: &str, m: &mut Errors<'_>) -> Option<Fields<'a, 'i>> {
        let Field { value: table, span } = self.read(name, "a table", m, DeValue::as_table)?;
        Some(Fields { table, owner: format!("[{name}]"), span })
    }

    /// Records each field with a name that is not among `known`, with the nearest of these.
    pub(crate) fn refuse_unknown(&self, known: &[&str], errors: &mut Errors<'_>) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let hint = text::did_you_mean(&text::nearest(name, known.iter().copied()));
                errors.add(&key.span(), format_args!("{} has no field `{name}`{hint}", self.owner));
            }
        }
    }

    /// Whether an unknown field may be a misspelt `name`: [`Fields::refuse_unknown`] reports that one.
    pub(crate) fn misspells(&self, name: &str) -> bool {
        let mut keys = self.table.keys();
        keys.any(|key| key.get_ref() != name && !text::nearest(key.get_ref(), [name]).is_empty())
    }

    /// Whether the field `name`, which holds `what`, is there. Its absence is an error, reported once where it is misspelt.
    pub(crate) fn needs(&self, name: &str, what: &str, errors: &mut Errors<'_>) -> bool {
        let is_there = self.get(name).is_some();
        if !is_there && !self.misspells(name) {
            errors.add(&self.span, format_args!("{} needs `{name}`: {what}", self.owner));
        }
        is_there
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.table.get(name)
    }

    /// Position of the field `name`, or of the table without it.
    pub(crate) fn span_of(&self, name: &str) -> Range<usize> {
        self.get(name).map_or(self.span.clone(), Spanned::span)
    }

    /// Reads the field `name`; a value that `read` does not take must be `form`.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        form: &str,
        errors: &mut Errors<'_>,
        read: impl FnOnce(&'a DeValue<'i>) -> Option<T>,
    ) -> Option<Field<T>> {
        let found = self.get(name)?;
        let span = found.span();
        let value = read(found.get_ref());
        if value.is_none() {
            errors.add(&span, format_args!("`{name}` of {} must be {form}", self.owner));
        }
        Some(Field { value: value?, span })
    }

    pub(crate) fn string(&self, name: &str, m: &mut Errors<'_>) -> Option<Field<&'a str>> {
        self.read(name, "a string", m, DeValue::as_str)
    }

    /// A string that people see: one line without control characters.
    pub(crate) fn words(&self, name: &str, m: &mut Errors<'_>) -> Option<String> {
        let form = "a string of one line, without control characters";
        let plain =
            |value| DeValue::as_str(value).filter(|words| !words.chars().any(text::is_control));
        self.read(name, form, m, plain).map(|field| field.value.to_owned())
    }

    pub(crate) fn boolean(&self, name: &str, m: &mut Errors<'_>) -> bool {
        self.read(name, "true or false", m, DeValue::as_bool).is_some_and(|field| field.value)
    }

    pub(crate) fn strings(&self, name: &str, m: &mut Errors<'_>) -> Vec<Field<String>> {
        let read = |value: &'a DeValue<'i>| {
            let item = |item: &Spanned<DeValue<'i>>| {
                let value = item.get_ref().as_str()?.to_owned();
                Some(Field { value, span: item.span() })
            };
            value.as_array()?.iter().map(item).collect::<Option<Vec<_>>>()
        };
        self.read(name, "an array of strings", m, read).map(|field| field.value).unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str, m: &mut Errors<'_>) -> Option<Field<f64>> {
        self.read(name, "a finite number", m, |value| as_json(value)?.as_f64())
    }

    pub(crate) fn count(&self, name: &str, m: &mut Errors<'_>) -> Option<Field<u64>> {
        self.read(name, "a whole number from 0", m, |value| as_json(value)?.as_u64())
    }

    pub(crate) fn size(&self, name: &str, m: &mut Errors<'_>) -> Option<u64> {
        let read = |value| DeValue::as_str(value).and_then(units::parse_size);
        self.read(name, units::SIZE_FORM, m, read).map(|field| field.value)
    }

    /// One of `names`; the error lists them.
    pub(crate) fn one_of<T: Copy>(
        &self,
        name: &str,
        names: &[(&str, T)],
        m: &mut Errors<'_>,
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

/// A scalar as a JSON value; none for dates, arrays, tables, and numbers that JSON does not have.
pub(crate) fn as_json(value: &DeValue<'_>) -> Option<Value> {
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
