//! Variables of a run's environment: those of the command, and those that hold arguments.

use std::ops::Range;

use toml::de::DeValue;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields};
use crate::menu_file::args::Argument;
use crate::process::program_spec::Passed;

pub(super) fn env(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Vec<(String, String)> {
    let form = "a table of strings, such as { TZ = \"UTC\" }";
    let table = fields.read("env", form, m, |value| match value {
        DeValue::Table(table) => Some(table),
        _ => None,
    });
    let Some(Field { value: table, .. }) = table else { return Vec::new() };
    let mut env = Vec::new();
    for (key, value) in table {
        variable(key.get_ref(), &key.span(), m);
        match value.get_ref().as_str() {
            Some(text) if !text.contains('\0') => {
                env.push((key.get_ref().to_string(), text.to_owned()));
            }
            _ => m.add(
                &value.span(),
                format_args!("`{}` of `env` must be a string without NUL", key.get_ref()),
            ),
        }
    }
    env
}

pub(super) fn inherit_env(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Vec<String> {
    let names = fields.strings("inherit_env", m);
    for name in &names {
        variable(&name.value, &name.span, m);
    }
    names.into_iter().map(|name| name.value).collect()
}

/// Reports why `name` cannot be an environment variable.
pub(super) fn variable(name: &str, span: &Range<usize>, m: &mut Errors<'_>) {
    if name.is_empty() || name.contains(['=', '\0']) {
        m.add(span, "the name of a variable must not be empty, nor hold `=` or NUL");
    } else if name.starts_with("TOPSIDE_") {
        m.add(span, format_args!("`{name}` is Topside's own: variables of a run cannot begin so"));
    }
}

/// Reports each variable that is set twice, and each second argument on the standard input.
pub(super) fn one_each(
    command: &Fields<'_, '_>,
    arguments: &[Argument],
    set: &[String],
    m: &mut Errors<'_>,
) {
    for (at, argument) in arguments.iter().enumerate() {
        let before = arguments[..at].iter().find(|before| before.passed == argument.passed);
        let name = match (&argument.passed, before) {
            (Passed::Variable(name), _) => name,
            (Passed::Input, Some(before)) => {
                let (own, other) = (&argument.arg.name, &before.arg.name);
                m.add(
                    &argument.span,
                    format_args!("`{own}` cannot have `stdin`: argument `{other}` has it already"),
                );
                continue;
            }
            (Passed::Input | Passed::Element, _) => continue,
        };
        let by = match before {
            Some(before) => format!("argument `{}`", before.arg.name),
            None if set.contains(name) => "`env` or `inherit_env`".to_owned(),
            None => continue,
        };
        m.add(
            &argument.span,
            format_args!(
                "the variable {name} of argument `{}` of {} is set by {by} too: use another",
                argument.arg.name, command.owner
            ),
        );
    }
}
