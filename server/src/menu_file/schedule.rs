//! The `[[commands.NAME.schedule]]` tables of a command.

use std::time::Duration;

use serde_json::{Map, Value};
use toml::de::DeValue;
use topside_shared::command::{Arg, ArgType, Command, REASON};
use topside_shared::records::{Adjustable, SetBy};
use topside_shared::text;
use topside_shared::values;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields, as_json};
use crate::menu_file::command_name::check_name;
use crate::menu_file::names;
use crate::menu_file::schedule_rule::{positive, rule_fault, timing, zone};
use crate::timing::{MissedPolicy, Rule, Timing};

const FIELDS: &str = "\
    name cron every at days times at_start timezone args for missed grace jitter enabled plan adjustable";

const GRACE: Duration = Duration::from_secs(24 * 3600);
/// A schedule of a command, as declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredSchedule {
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) rule: Rule,
    /// The rule in the words of the file.
    pub(crate) text: String,
    /// The checked arguments, defaults filled in.
    pub(crate) args: Map<String, Value>,
    pub(crate) missed: MissedPolicy,
    /// The most by which its starts are delayed.
    pub(crate) jitter: Duration,
    pub(crate) enabled: bool,
    pub(crate) plan: Option<String>,
    /// What an operator may set.
    pub(crate) adjustable: Vec<Adjustable>,
    /// Who has set its time or its arguments.
    pub(crate) set: Option<SetBy>,
}

/// Reads the schedules of a command, each with the place of its name.
pub(super) fn read(
    command: &Command,
    fields: &Fields<'_, '_>,
    m: &mut Errors<'_>,
) -> Vec<Field<DeclaredSchedule>> {
    let form = "an array of tables: begin each with [[commands.NAME.schedule]]";
    let items = fields.read("schedule", form, m, DeValue::as_array);
    let Some(Field { value: items, .. }) = items else { return Vec::new() };
    let mut schedules = Vec::new();
    for item in items {
        let DeValue::Table(table) = item.get_ref() else {
            m.add(&item.span(), format_args!("`schedule` of {} must be {form}", fields.owner));
            continue;
        };
        let owner = format!("a schedule of {}", fields.owner);
        let fields = Fields { table, owner, span: item.span() };
        let before = m.count();
        let schedule = one(command, &fields, m);
        schedules.extend(schedule.filter(|_| m.count() == before));
    }
    schedules
}

fn one(
    command: &Command,
    fields: &Fields<'_, '_>,
    m: &mut Errors<'_>,
) -> Option<Field<DeclaredSchedule>> {
    fields.refuse_unknown(&names(FIELDS), m);
    let name = name(fields, "name", m);
    if name.is_none() && fields.get("name").is_none() && !fields.misspells("name") {
        m.add(
            &fields.span,
            format_args!("{} has no `name`: it is needed to pause it", fields.owner),
        );
    }
    let args = args(command, name.as_ref().map_or("", |name| &name.value), fields, m);
    let zone = zone(fields, m);
    let window = positive(fields, "for", m);
    let timing = timing(fields, m);
    let missed = match fields.one_of("missed", &[("skip", false), ("run_once", true)], m) {
        Some(true) => MissedPolicy::RunOnce(positive(fields, "grace", m).unwrap_or(GRACE)),
        Some(false) | None => {
            if let Some(grace) = fields.get("grace") {
                let message = "`grace` is the limit of `missed = \"run_once\"`: add that, or take `grace` out";
                m.add(&grace.span(), message);
            }
            MissedPolicy::Skip
        }
    };
    let jitter = positive(fields, "jitter", m).unwrap_or_default();
    let enabled = fields.get("enabled").is_none() || fields.boolean("enabled", m);
    let plan = self::name(fields, "plan", m).map(|field| field.value);
    let (timing, text) = timing?;
    if timing == Timing::AtStart {
        for field in ["missed", "jitter"] {
            if let Some(value) = fields.get(field) {
                let message = format_args!(
                    "`{field}` has no effect beside `at_start`, which is each start of the server: take it out"
                );
                m.add(&value.span(), message);
            }
        }
    }
    let adjustable = adjustable(command, &timing, fields, m);
    let rule = Rule { timing, zone: zone?, window };
    if let Some((field, fault)) = rule_fault(&rule, command.timeout_ms, &fields.owner) {
        m.add(&fields.span_of(field), fault);
    }
    let Field { value: name, span } = name?;
    let command = command.name.clone();
    let args = args?;
    let set = None;
    let value = DeclaredSchedule {
        name,
        command,
        rule,
        text,
        args,
        missed,
        jitter,
        enabled,
        plan,
        adjustable,
        set,
    };
    Some(Field { value, span })
}

fn name(fields: &Fields<'_, '_>, field: &str, m: &mut Errors<'_>) -> Option<Field<String>> {
    let Field { value, span } = fields.string(field, m)?;
    let what = if field == "plan" { "plan" } else { "schedule" };
    match check_name(value, what) {
        Ok(()) => Some(Field { value: value.to_owned(), span }),
        Err(message) => {
            m.add(&span, message);
            None
        }
    }
}

/// The arguments of its runs, checked as those of a user; none if an error was reported.
fn args(
    command: &Command,
    name: &str,
    fields: &Fields<'_, '_>,
    m: &mut Errors<'_>,
) -> Option<Map<String, Value>> {
    let form = "a table of arguments, such as { bed = \"tomatoes\" }";
    let given = fields.read("args", form, m, |value| {
        let table = value.as_table()?;
        table
            .iter()
            .map(|(key, value)| Some((key.get_ref().to_string(), json(value.get_ref())?)))
            .collect()
    });
    if given.is_none() && fields.get("args").is_some() {
        return None;
    }
    let mut given: Map<String, Value> = given.map(|field| field.value).unwrap_or_default();
    if command.asks_reason() {
        given.entry(REASON).or_insert_with(|| Value::from(format!("schedule {name}")));
    }
    let span = fields.span_of("args");
    let secret = |name: &&String| {
        command.args.iter().any(|arg| arg.name == **name && arg.kind == ArgType::Secret)
    };
    if let Some(name) = given.keys().find(secret) {
        m.add(
            &span,
            format_args!("`{name}` is a secret, and a schedule cannot hold one: give the program a file instead"),
        );
        return None;
    }
    let takes = |arg: &&Arg| arg.required || given.contains_key(&arg.name);
    if let Some(arg) = command.file_args().find(takes) {
        m.add(
            &span,
            format_args!(
                "`{}` is a file that a client sends, and a schedule has none: give the program a path instead",
                arg.name
            ),
        );
        return None;
    }
    match values::check(&command.args, &given, values::Limits::default()) {
        Ok(args) => Some(args),
        Err(error) => {
            m.add(&span, format_args!("the arguments of {} do not pass: {error}", fields.owner));
            None
        }
    }
}

fn json(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::Array(items) => {
            items.iter().map(|item| json(item.get_ref())).collect::<Option<_>>().map(Value::Array)
        }
        value => as_json(value),
    }
}

/// What an operator may set.
fn adjustable(
    command: &Command,
    timing: &Timing,
    fields: &Fields<'_, '_>,
    m: &mut Errors<'_>,
) -> Vec<Adjustable> {
    let mut adjustable = Vec::new();
    for Field { value, span } in fields.strings("adjustable", m) {
        match Adjustable::from_name(&value) {
            Some(Adjustable::Time) if *timing == Timing::AtStart => {
                m.add(&span, "a schedule with `at_start` has no time that could be set");
            }
            Some(Adjustable::Args) if command.args.is_empty() => {
                m.add(&span, "the command has no arguments that could be set");
            }
            Some(field) => adjustable.push(field),
            None => {
                let shown = text::clean(&value, 64);
                m.add(
                    &span,
                    format_args!("`adjustable` holds \"time\" and \"args\", not `{shown}`"),
                );
            }
        }
    }
    adjustable
}
