//! `max_concurrent`, `queue` and `lock` of a command.

use std::num::NonZeroUsize;

use toml::de::DeValue;
use topside_shared::command::ArgType;
use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields, as_json};
use crate::menu_file::args::Argument;
use crate::menu_file::exec::placeholders;
use crate::workers::concurrency::Exclusion;

pub(super) fn read(
    fields: &Fields<'_, '_>,
    arguments: &[Argument],
    m: &mut Errors<'_>,
) -> Exclusion {
    Exclusion {
        max_concurrent: from_1(fields, "max_concurrent", m),
        queue: from_1(fields, "queue", m).map_or(0, NonZeroUsize::get),
        locks: locks(fields, arguments, m),
        // Known once all files are read.
        group: None,
    }
}

pub(super) fn from_1(
    fields: &Fields<'_, '_>,
    name: &str,
    m: &mut Errors<'_>,
) -> Option<NonZeroUsize> {
    let count = |value| NonZeroUsize::new(usize::try_from(as_json(value)?.as_u64()?).ok()?);
    fields.read(name, "a whole number from 1", m, count).map(|field| field.value)
}

fn locks(fields: &Fields<'_, '_>, arguments: &[Argument], m: &mut Errors<'_>) -> Vec<String> {
    let form = "an array of at least one name of a lock, such as [\"relays\"], none of them twice";
    let name = |item: &DeValue<'_>| {
        let plain = |name: &&str| !name.is_empty() && *name == text::clean(name, text::MAX_NAME);
        DeValue::as_str(item).filter(plain).map(str::to_owned)
    };
    let read = |value: &DeValue<'_>| {
        let DeValue::Array(items) = value else { return None };
        let names = items
            .iter()
            .map(|item| Some(Field { value: name(item.get_ref())?, span: item.span() }));
        let names: Vec<Field<String>> = names.collect::<Option<_>>()?;
        let is_before = |at: usize| names[..at].iter().any(|name| name.value == names[at].value);
        let twice = (1..names.len()).any(is_before);
        (!names.is_empty() && !twice).then_some(names)
    };
    let names = fields.read("lock", form, m, read).map(|field| field.value).unwrap_or_default();
    for lock in &names {
        for (name, _) in placeholders(&lock.value) {
            if let Some(why) = unfit(name, arguments) {
                m.add(&lock.span, format_args!("`lock` of {} names `{name}`, {why}", fields.owner));
            }
        }
    }
    names.into_iter().map(|name| name.value).collect()
}

/// Why the value of an argument cannot be part of a lock's name: the end of a sentence.
fn unfit(name: &str, arguments: &[Argument]) -> Option<String> {
    let Some(found) = arguments.iter().find(|argument| argument.arg.name == name) else {
        let near = text::nearest(name, arguments.iter().map(|argument| argument.arg.name.as_str()));
        return Some(format!("which is no argument of the command{}", text::did_you_mean(&near)));
    };
    let arg = &found.arg;
    match arg.kind {
        ArgType::Secret => Some("which is a secret: other users see the names of locks".to_owned()),
        ArgType::File => Some("which is a file: another upload is another value".to_owned()),
        ArgType::Path => Some(
            "which is a path: one file has several paths, so this is no lock of the file. Take an \
             argument of type enum or string"
                .to_owned(),
        ),
        _ if !arg.when.is_empty() => Some("which may be absent: take its `when` out".to_owned()),
        _ if !arg.required && arg.default.is_none() => {
            Some(format!("which may be absent: set `required = true` or a `default` for `{name}`"))
        }
        _ => None,
    }
}
