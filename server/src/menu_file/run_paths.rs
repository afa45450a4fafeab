//! `cwd` and `env_file` of a command, which may hold `{argument}` places.

use std::path::Path;

use topside_shared::command::ArgType;
use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields};
use crate::menu_file::args::Argument;
use crate::menu_file::exec::placeholders;
use crate::menu_file::{Rules, joined_element};
use crate::process::env_file;

/// The fields that may place an argument beside `exec`.
const FIELDS: [&str; 2] = ["cwd", "env_file"];

/// Whether `cwd` or `env_file` of a command names an argument.
pub(super) fn places(fields: &Fields<'_, '_>, argument: &str) -> bool {
    let texts = FIELDS.iter().filter_map(|field| fields.get(field)?.get_ref().as_str());
    texts.flat_map(placeholders).any(|(name, _)| name == argument)
}

pub(super) fn cwd(
    fields: &Fields<'_, '_>,
    arguments: &[Argument],
    m: &mut Errors<'_>,
) -> Option<String> {
    path(fields, "cwd", arguments, m).map(|field| field.value)
}

pub(super) fn env_file(
    fields: &Fields<'_, '_>,
    arguments: &[Argument],
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> Option<String> {
    let before = m.count();
    let Field { value, span } = path(fields, "env_file", arguments, m)?;
    // A file of an argument is read when a run starts.
    if m.count() == before
        && placeholders(&value).is_empty()
        && let Err(why) =
            env_file::read(Path::new(&value), rules.programs.paths(), fields.get("user").is_some())
    {
        m.add(&span, format_args!("`env_file` {value} {why}"));
    }
    Some(value)
}

fn path(
    fields: &Fields<'_, '_>,
    field: &str,
    arguments: &[Argument],
    m: &mut Errors<'_>,
) -> Option<Field<String>> {
    let Field { value: path, span } =
        fields.words(field, m).map(|value| Field { value, span: fields.span_of(field) })?;
    let places = placeholders(&path);
    let whole = places.first().filter(|(_, range)| *range == (0..path.len()));
    if !path.starts_with('/') && whole.is_none() {
        m.add(&span, format_args!("`{field}` of {} must be an absolute path", fields.owner));
        return None;
    }
    for (name, _) in &places {
        let Some(found) = arguments.iter().find(|argument| argument.arg.name == *name) else {
            let near = text::nearest(name, arguments.iter().map(|a| a.arg.name.as_str()));
            let hint = text::did_you_mean(&near);
            m.add(&span, format_args!("{} has no argument `{name}`{hint}", fields.owner));
            continue;
        };
        let why = match whole {
            Some(_) => unfit_whole(found),
            None => joined_element::unfit(found, false),
        };
        let may_be_absent = !found.arg.required && found.arg.default.is_none();
        let why = why.or_else(|| {
            (may_be_absent || !found.arg.when.is_empty())
                .then(|| "it may be absent: set `required = true` or a `default`".to_owned())
        });
        if let Some(why) = why {
            m.add(&span, format_args!("`{{{name}}}` cannot stand in `{field}`: {why}"));
        }
    }
    Some(Field { value: path, span })
}

/// Why the value of an argument cannot be a whole path.
fn unfit_whole(argument: &Argument) -> Option<String> {
    let arg = &argument.arg;
    let is_absolute =
        |choice: &serde_json::Value| choice.as_str().is_some_and(|path| path.starts_with('/'));
    let fits = match arg.kind {
        ArgType::Path => argument.root.is_some() && !arg.multiple,
        ArgType::Enum => !arg.choices.is_empty() && arg.choices.iter().all(is_absolute),
        _ => false,
    };
    (!fits).then(|| {
        "it must be a path with a `root`, or an enum of absolute paths: the caller would choose any".to_owned()
    })
}
