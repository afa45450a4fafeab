//! `choices`, `choices_from` and `choices_ttl` of an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use toml::de::DeValue;
use topside_shared::text;
use topside_shared::values;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Fields, as_json};
use crate::base::toml_file::units;
use crate::menu_file::exec::{FixedProgram, fixed_program};
use crate::menu_file::{Rules, args, worker_safe_state};
use crate::process::piped_program::PipedProgram;
use crate::workers::run_rules::{ChoicesFrom, DeclaredChoices};

/// How long choices are kept where the file does not say.
const TTL: Duration = Duration::from_secs(10);

const CHOICES_FROM: FixedProgram = FixedProgram {
    field: "choices_from",
    example: "[\"/opt/zones\", \"list\"]",
    why_no_arguments: "it lists the choices before any value is given",
};

/// The choices that an argument names, and their labels by the text of the value.
pub(super) fn read(
    fields: &Fields<'_, '_>,
    m: &mut Errors<'_>,
) -> (Vec<Value>, BTreeMap<String, String>) {
    let form = "an array of at least one string or number, or of tables such as { value = 1, label = \"One\" }";
    let read = |value: &DeValue<'_>| match value {
        DeValue::Array(items) if !items.is_empty() => {
            items.iter().map(|item| one(item.get_ref())).collect::<Option<Vec<_>>>()
        }
        _ => None,
    };
    let choices = fields.read("choices", form, m, read).map(|field| field.value);
    let choices = choices.unwrap_or_default();
    let labels =
        choices.iter().filter_map(|(value, label)| Some((values::to_text(value), label.clone()?)));
    (choices.iter().map(|(value, _)| value.clone()).collect(), labels.collect())
}

/// A choice, and its label.
fn one(value: &DeValue<'_>) -> Option<(Value, Option<String>)> {
    let DeValue::Table(table) = value else { return Some((as_json(value)?, None)) };
    let label = table.get("label")?.get_ref().as_str()?;
    let is_plain = !label.is_empty() && !label.chars().any(text::is_control);
    let is_whole = table.len() == 2 && is_plain;
    is_whole.then_some((as_json(table.get("value")?.get_ref())?, Some(label.to_owned())))
}

/// `choices_from` of a command's arguments; a program is run as `like`. `Err`: why this machine cannot run one.
pub(super) fn listed(
    command: &Fields<'_, '_>,
    arguments: &[args::Argument],
    like: &PipedProgram,
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> Result<Vec<DeclaredChoices>, String> {
    let Some(DeValue::Array(items)) = command.get("args").map(toml::Spanned::get_ref) else {
        return Ok(Vec::new());
    };
    let mut listed = Vec::new();
    for item in items {
        let DeValue::Table(table) = item.get_ref() else { continue };
        let owner = format!("an argument of {}", command.owner);
        let fields = Fields { table, owner, span: item.span() };
        let ttl = fields.read("choices_ttl", units::DURATION_FORM, m, |value| {
            units::parse_duration(DeValue::as_str(value)?)
        });
        if ttl.is_some() && fields.get("choices_from").is_none() {
            let span = fields.span_of("choices_ttl");
            let message = format_args!("{} has `choices_ttl`, but no `choices_from`", fields.owner);
            m.add(&span, message);
        }
        let from = match function(&fields, command, m) {
            Some(function) => function.map(ChoicesFrom::Function),
            None => fixed_program(&CHOICES_FROM, &fields, command, (arguments, rules), m)
                .transpose()?
                .map(|argv| program(argv, like)),
        };
        let Some(from) = from else { continue };
        listed.push(DeclaredChoices {
            argument: fields
                .get("name")
                .and_then(|name| name.get_ref().as_str())
                .unwrap_or_default()
                .to_owned(),
            from,
            ttl: ttl.map_or(TTL, |field| field.value),
        });
    }
    Ok(listed)
}

fn program(argv: Vec<String>, like: &PipedProgram) -> ChoicesFrom {
    let mut argv = argv.into_iter();
    let path = argv.next().unwrap_or_default();
    ChoicesFrom::Program(PipedProgram { path, args: argv.collect(), ..like.clone() })
}

/// The function that lists the choices, where `choices_from` is a table; `Some(None)`: an error was reported.
fn function(
    fields: &Fields<'_, '_>,
    command: &Fields<'_, '_>,
    m: &mut Errors<'_>,
) -> Option<Option<String>> {
    let value = fields.get("choices_from")?;
    let table = value.get_ref().as_table()?;
    if command.get("worker").is_none() {
        m.add(
            &value.span(),
            format_args!(
                "`choices_from` of {} names a function, and {} has no `worker`: give a program, such as {}",
                fields.owner, command.owner, CHOICES_FROM.example
            ),
        );
        return Some(None);
    }
    let owner = format!("`choices_from` of {}", fields.owner);
    Some(worker_safe_state::function_in(&Fields { table, owner, span: value.span() }, m))
}
