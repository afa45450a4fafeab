//! The `[[commands.NAME.args]]` of a command.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;
use topside_shared::command::{Arg, ArgType};
use topside_shared::pattern::Pattern;
use topside_shared::text;
use topside_shared::values;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields, as_json};
use crate::base::toml_file::units;
use crate::menu_file::{absolute_path, choices, names, unsafe_variables};
use crate::process::path_root::below;
use crate::process::program_spec::Passed;

pub(super) const FIELDS: &str = "\
    name type description required default choices minimum maximum min_length max_length pattern root multiple \
    allow_dash flag env stdin max_size accept choices_from choices_ttl at_least at_most when exists";

const TYPES: [ArgType; 9] = [
    ArgType::String,
    ArgType::Int,
    ArgType::Float,
    ArgType::Bool,
    ArgType::Enum,
    ArgType::Duration,
    ArgType::Path,
    ArgType::Secret,
    ArgType::File,
];

/// An argument, with its parts that clients do not see.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) arg: Arg,
    /// Precedes its value, or stands for a true bool.
    pub(super) flag: Option<String>,
    pub(super) root: Option<PathBuf>,
    pub(super) passed: Passed,
    /// Whether a path must exist.
    pub(super) exists: bool,
    /// Position of its name in the file.
    pub(super) span: Range<usize>,
}

/// Reads the arguments of a command, without those that have no name.
pub(super) fn read(command: &Fields<'_, '_>, m: &mut Errors<'_>) -> Vec<Argument> {
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
    // The arguments are checked together only if each is correct.
    let args: Vec<Arg> = arguments.iter().map(|argument| argument.arg.clone()).collect();
    if m.count() == before
        && let Err(error) = values::validate_args(&args)
    {
        let wrong = |argument: &&Argument| argument.arg.name == error.argument;
        // Of two with one name the second is wrong.
        let span = arguments.iter().rfind(wrong).map_or(command.span.clone(), |a| a.span.clone());
        m.add(&span, format_args!("{}: {error}", command.owner));
    }
    if m.count() == before {
        for argument in &mut arguments {
            canonical_conditions(&mut argument.arg, &args);
        }
    }
    arguments
}

/// Writes the values of `when` as they are in checked arguments. They were checked.
fn canonical_conditions(arg: &mut Arg, args: &[Arg]) {
    for (name, wanted) in &mut arg.when {
        let Some(other) = args.iter().find(|other| other.name == *name) else { continue };
        let one = |value: &Value| {
            let checked = values::check_one(other, value, values::Limits::default());
            checked.unwrap_or_else(|_| value.clone())
        };
        *wanted = match &*wanted {
            Value::Array(any) => any.iter().map(one).collect(),
            wanted => one(wanted),
        };
    }
}

fn one(fields: &Fields<'_, '_>, command: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<Argument> {
    if fields.get("name").is_none() && !fields.misspells("name") {
        m.add(&fields.span, format_args!("{} needs a `name`", fields.owner));
    }
    let name = fields.string("name", m);
    // Messages name the argument from here on.
    let mut fields = fields.clone();
    if let Some(name) = &name {
        fields.owner = format!("argument `{}` of {}", name.value, command.owner);
    }
    let before = m.count();
    fields.refuse_unknown(&names(FIELDS), m);
    let kind = fields.one_of("type", &TYPES.map(|kind| (kind.name(), kind)), m);
    if fields.get("type").is_none() && !fields.misspells("type") {
        m.add(
            &name.as_ref().map_or(fields.span.clone(), |name| name.span.clone()),
            format_args!(
                "{} needs a `type`, one of {}",
                fields.owner,
                TYPES.map(ArgType::name).join(", ")
            ),
        );
    }
    let form = "a string that is not empty, without control characters";
    let flag = fields.read("flag", form, m, |value| {
        DeValue::as_str(value)
            .filter(|flag| !flag.is_empty() && !flag.chars().any(char::is_control))
    });
    let (choices, labels) = choices::read(&fields, m);
    let arg = Arg {
        name: name.as_ref().map(|name| name.value.to_owned()).unwrap_or_default(),
        kind: kind.unwrap_or_default(),
        description: fields.words("description", m).unwrap_or_default(),
        required: fields.boolean("required", m),
        default: default(&fields, m),
        choices,
        labels,
        choices_from: fields.get("choices_from").is_some(),
        minimum: limit(&fields, "minimum", kind, m),
        maximum: limit(&fields, "maximum", kind, m),
        min_length: fields.count("min_length", m).map(|field| field.value),
        max_length: fields.count("max_length", m).map(|field| field.value),
        pattern: pattern(&fields, m),
        max_size: fields.size("max_size", m),
        accept: fields.strings("accept", m).into_iter().map(|field| field.value).collect(),
        multiple: fields.boolean("multiple", m),
        at_least: fields.count("at_least", m).map(|field| field.value),
        at_most: fields.count("at_most", m).map(|field| field.value),
        when: when(&fields, m),
        allow_dash: fields.boolean("allow_dash", m),
        rest: false,
        by_name: false,
    };
    let root = root(&fields, kind, m);
    let passed = passed(&fields, &arg, flag.is_some(), m);
    if m.count() == before
        && let Some(root) = &root
    {
        stays_below(&fields, &arg, root, m);
    }
    let span = name?.span;
    if m.count() == before
        && let Err(error) = values::validate_arg(&arg)
    {
        let at = fields.get(error.field).map_or(span.clone(), Spanned::span);
        m.add(&at, format_args!("{}: {error}", command.owner));
    }
    let exists = fields.boolean("exists", m);
    if exists && kind.is_some_and(|kind| kind != ArgType::Path) {
        let message = format_args!("`exists` of {} is for type path alone", fields.owner);
        m.add(&fields.span_of("exists"), message);
    }
    let flag = flag.map(|field| field.value.to_owned());
    Some(Argument { arg, flag, root, passed, exists, span })
}

/// The values of earlier arguments beside which an argument applies.
fn when(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> BTreeMap<String, Value> {
    let form = "a table of arguments and their values, such as { mode = \"manual\" }";
    let value = |value: &DeValue<'_>| match value {
        DeValue::Array(items) if !items.is_empty() => {
            items.iter().map(|item| as_json(item.get_ref())).collect()
        }
        DeValue::Array(_) => None,
        one => as_json(one),
    };
    let read = |table: &DeValue<'_>| match table {
        DeValue::Table(table) if !table.is_empty() => table
            .iter()
            .map(|(name, wanted)| Some((name.get_ref().to_string(), value(wanted.get_ref())?)))
            .collect(),
        _ => None,
    };
    fields.read("when", form, m, read).map(|field| field.value).unwrap_or_default()
}

fn default(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<Value> {
    let form = "a string, a number or a bool, or an array of them with `multiple`";
    let read = |value: &DeValue<'_>| match value {
        DeValue::Array(items) => items.iter().map(|item| as_json(item.get_ref())).collect(),
        one => as_json(one),
    };
    fields.read("default", form, m, read).map(|field| field.value)
}

/// Reports a default or a choice outside the root.
fn stays_below(fields: &Fields<'_, '_>, arg: &Arg, root: &Path, m: &mut Errors<'_>) {
    let default = arg.default.iter().map(|value| ("default", value));
    for (field, value) in default.chain(arg.choices.iter().map(|value| ("choices", value))) {
        let paths = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for path in paths.iter().filter_map(Value::as_str) {
            if below(root, path).is_none() {
                let shown = text::clean(path, 256);
                let span = fields.span_of(field);
                m.add(
                    &span,
                    format_args!(
                        "{shown} in `{field}` of {} leads out of its `root`",
                        fields.owner
                    ),
                );
            }
        }
    }
}

/// How the program gets the argument; reports conflicts.
fn passed(fields: &Fields<'_, '_>, arg: &Arg, flag: bool, m: &mut Errors<'_>) -> Passed {
    let secret = arg.kind == ArgType::Secret;
    let variable = fields.string("env", m);
    let input = fields.boolean("stdin", m);
    let owner = &fields.owner;
    let at = |name: &str| fields.span_of(name);
    let passed = match (variable, input) {
        (None, false) => return Passed::Element,
        (Some(_), true) => {
            m.add(&at("stdin"), format_args!("{owner} has `env` and `stdin`: take one out"));
            return Passed::Input;
        }
        (None, true) if !secret => {
            m.add(&at("stdin"), format_args!("`stdin` of {owner} is for type secret alone"));
            return Passed::Input;
        }
        (None, true) => Passed::Input,
        (Some(Field { value: name, span }), false) => {
            if let Err(refused) = unsafe_variables::check(name) {
                let shown = text::quote(name, text::MAX_NAME);
                m.add(&span, format_args!("the variable `{shown}` of {owner} {refused}"));
            }
            Passed::Variable(name.to_owned())
        }
    };
    let by = if input { "stdin" } else { "env" };
    for (field, set) in [("flag", flag), ("multiple", arg.multiple)] {
        if set {
            m.add(&at(by), format_args!("{owner} has `{by}`, one value alone: take `{field}` out"));
        }
    }
    passed
}

/// A bound: a duration for a duration, else a number.
fn limit(
    fields: &Fields<'_, '_>,
    name: &str,
    kind: Option<ArgType>,
    m: &mut Errors<'_>,
) -> Option<f64> {
    // Without a type the form of its bounds is unknown.
    let kind = kind?;
    if kind != ArgType::Duration {
        return fields.number(name, m).map(|field| field.value);
    }
    let read = |value| units::parse_duration(DeValue::as_str(value)?);
    let limit = fields.read(name, units::DURATION_FORM, m, read)?;
    Some(limit.value.as_millis() as f64)
}

fn pattern(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<Pattern> {
    let text = fields.words("pattern", m)?;
    match Pattern::new(&text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let span = fields.span_of("pattern");
            m.add(&span, format_args!("`pattern` of {}: {error}", fields.owner));
            None
        }
    }
}

fn root(fields: &Fields<'_, '_>, kind: Option<ArgType>, m: &mut Errors<'_>) -> Option<PathBuf> {
    let Field { value: root, span } = absolute_path(fields, "root", m)?;
    let shown = text::clean(root, 256);
    match kind {
        Some(ArgType::Path) if Path::new(root).is_dir() => return Some(root.into()),
        Some(ArgType::Path) => {
            m.add(&span, format_args!("the directory {shown} is not there: make it first"));
        }
        // The wrong type is reported already.
        None => {}
        Some(kind) => m.add(
            &span,
            format_args!("`root` of {} means nothing for type {}", fields.owner, kind.name()),
        ),
    }
    None
}
