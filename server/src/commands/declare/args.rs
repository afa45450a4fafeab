//! The `[[commands.NAME.args]]` of a command.

use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;
use topside_shared::command::{Arg, ArgType};
use topside_shared::values::{self, DeclarationError};

use crate::config::{Field, Fields, Mistakes, as_json, as_str};

/// The fields of an argument.
const FIELDS: &[&str] = &[
    "name",
    "type",
    "description",
    "required",
    "default",
    "choices",
    "minimum",
    "maximum",
    "min_length",
    "max_length",
    "allow_dash",
    "flag",
];

/// One argument, with what stays on the server.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) arg: Arg,
    /// Goes before its value, or stands for a bool that is true.
    pub(super) flag: Option<String>,
    /// Its name in the file.
    pub(super) span: Range<usize>,
}

/// Reads the arguments of a command, leaving out those that cannot even be named.
pub(super) fn read(command: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Vec<Argument> {
    let form = "an array of tables: begin each with [[commands.NAME.args]]";
    let items = command.read("args", form, m, |value| match value {
        DeValue::Array(items) => Some(items),
        _ => None,
    });
    let Some(Field { value: items, .. }) = items else { return Vec::new() };
    let before = m.count();
    let mut arguments: Vec<Argument> = Vec::new();
    for item in items {
        let DeValue::Table(table) = item.get_ref() else {
            m.add(&item.span(), format_args!("`args` of {} must be {form}", command.owner));
            continue;
        };
        let owner = format!("an argument of {}", command.owner);
        let fields = Fields { table, owner, span: item.span() };
        arguments.extend(one(&fields, command, m));
    }
    // How they stand together is only asked once each is well by itself.
    let args: Vec<Arg> = arguments.iter().map(|argument| argument.arg.clone()).collect();
    if m.count() == before
        && let Err(error) = values::validate_args(&args)
    {
        let wrong = |argument: &&Argument| argument.arg.name == error.argument();
        // Of two with one name it is the second that is too many.
        let span = arguments.iter().rfind(wrong).map_or(command.span.clone(), |a| a.span.clone());
        m.add(&span, format_args!("{}: {error}", command.owner));
    }
    arguments
}

fn one(
    fields: &Fields<'_, '_>,
    command: &Fields<'_, '_>,
    m: &mut Mistakes<'_>,
) -> Option<Argument> {
    if fields.get("name").is_none() {
        m.add(&fields.span, format_args!("{} needs a `name`", fields.owner));
    }
    let name = fields.string("name", m);
    // From here on messages can say which argument it is.
    let mut fields = fields.clone();
    if let Some(name) = &name {
        fields.owner = format!("argument `{}` of {}", name.value, command.owner);
    }
    let before = m.count();
    fields.refuse_unknown(FIELDS, m);
    let types = [ArgType::String, ArgType::Int, ArgType::Float, ArgType::Bool, ArgType::Enum];
    let kind = fields.one_of("type", &types.map(|kind| (kind.name(), kind)), m);
    if fields.get("type").is_none() {
        m.add(
            &name.as_ref().map_or(fields.span.clone(), |name| name.span.clone()),
            format_args!("{} needs a `type`: string, int, float, bool or enum", fields.owner),
        );
    }
    let form = "a string that is not empty, without control characters";
    let flag = fields.read("flag", form, m, |value| {
        as_str(value).filter(|flag| !flag.is_empty() && !flag.chars().any(char::is_control))
    });
    let arg = Arg {
        name: name.as_ref().map(|name| name.value.to_owned()).unwrap_or_default(),
        kind: kind.unwrap_or_default(),
        description: fields.words("description", m).unwrap_or_default(),
        required: fields.boolean("required", m),
        default: fields
            .read("default", "a string, a number or a bool", m, as_json)
            .map(|field| field.value),
        choices: choices(&fields, m),
        minimum: fields.number("minimum", m).map(|field| field.value),
        maximum: fields.number("maximum", m).map(|field| field.value),
        min_length: fields.count("min_length", m).map(|field| field.value),
        max_length: fields.count("max_length", m).map(|field| field.value),
        allow_dash: fields.boolean("allow_dash", m),
        rest: false,
    };
    let span = name?.span;
    if m.count() == before
        && let Err(error) = values::validate_arg(&arg)
    {
        let at = fields.get(field_of(&error)).map_or(span.clone(), Spanned::span);
        m.add(&at, format_args!("{}: {error}", command.owner));
    }
    Some(Argument { arg, flag: flag.map(|field| field.value.to_owned()), span })
}

fn choices(fields: &Fields<'_, '_>, m: &mut Mistakes<'_>) -> Vec<Value> {
    let form = "an array of at least one string or number";
    let read = |value: &DeValue<'_>| match value {
        DeValue::Array(items) if !items.is_empty() => {
            items.iter().map(|item| as_json(item.get_ref())).collect()
        }
        _ => None,
    };
    fields.read("choices", form, m, read).map(|field| field.value).unwrap_or_default()
}

/// The field of the file that a mistake is in.
fn field_of(error: &DeclarationError) -> &'static str {
    match error {
        DeclarationError::Field { field, .. } | DeclarationError::NotFinite { field, .. } => field,
        DeclarationError::Bounds { least_field, .. } => least_field,
        DeclarationError::NoChoices { .. } => "type",
        DeclarationError::Choice { .. } | DeclarationError::ChoiceTwice { .. } => "choices",
        DeclarationError::Default { .. } | DeclarationError::RequiredDefault { .. } => "default",
        DeclarationError::Name { .. }
        | DeclarationError::Twice { .. }
        | DeclarationError::Negation { .. }
        | DeclarationError::Rest { .. }
        | DeclarationError::Order { .. } => "name",
    }
}
