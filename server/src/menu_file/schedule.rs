//! The `[[commands.NAME.schedule]]` tables of a command.

use std::time::Duration;

use jiff::civil::{self, DateTime, Weekday};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use toml::de::DeValue;
use topside_shared::command::{Arg, ArgType, Command, REASON};
use topside_shared::records::{Adjustable, SetBy};
use topside_shared::time::millis;
use topside_shared::values;
use topside_shared::{Time, text};

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields, as_json};
use crate::base::toml_file::units;
use crate::menu_file::command_name::check_name;
use crate::menu_file::names;
use crate::timing::{CronTimes, DayTimes, Days, MissedPolicy, Rule, Timing};

const FIELDS: &str = "\
    name cron every at days times at_start timezone args for missed grace jitter enabled plan adjustable";

/// The fields of which each schedule has one.
const TIMINGS: [&str; 5] = ["cron", "every", "at", "times", "at_start"];

const GRACE: Duration = Duration::from_secs(24 * 3600);
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
/// Occurrences that are compared with `for`.
const COMPARED: usize = 400;

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

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

/// A duration above zero, and below a limit at which times can still be added.
fn positive(fields: &Fields<'_, '_>, name: &str, m: &mut Errors<'_>) -> Option<Duration> {
    let read = |value| {
        let passes = |duration: &Duration| !duration.is_zero() && *duration <= LONGEST;
        units::parse_duration(DeValue::as_str(value)?).filter(passes)
    };
    fields.read(name, units::DURATION_FORM, m, read).map(|field| field.value)
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

/// The time zone; none if an error was reported.
fn zone(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<TimeZone> {
    let Some(Field { value, span }) = fields.string("timezone", m) else {
        return fields.get("timezone").is_none().then(TimeZone::system);
    };
    let found = TimeZone::get(value);
    if found.is_err() {
        let name = text::clean(value, 64);
        m.add(
            &span,
            format_args!(
                "there is no time zone `{name}` on this machine: give a name such as \"Europe/Berlin\" \
                 (`timedatectl list-timezones` shows them)"
            ),
        );
    }
    found.ok()
}

/// The timing and its words; none if an error was reported.
fn timing(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<(Timing, String)> {
    let given: Vec<&str> = TIMINGS.into_iter().filter(|name| fields.get(name).is_some()).collect();
    let [which] = given[..] else {
        if given.len() > 1 || !TIMINGS.iter().any(|name| fields.misspells(name)) {
            let span = given.get(1).map_or(fields.span.clone(), |name| fields.span_of(name));
            m.add(
                &span,
                format_args!(
                    "{} needs one of {}, and has {}",
                    fields.owner,
                    TIMINGS.join(", "),
                    given.len()
                ),
            );
        }
        return None;
    };
    if which != "times"
        && let Some(days) = fields.get("days")
    {
        m.add(&days.span(), "`days` are those of `times`: take it out, or use `times`");
    }
    match which {
        "cron" => {
            let Field { value, span } = fields.string("cron", m)?;
            match CronTimes::parse(value) {
                Ok(cron) => {
                    let text = format!("cron {}", cron.text());
                    Some((Timing::Cron(Box::new(cron)), text))
                }
                Err(error) => {
                    m.add(&span, format_args!("`cron` of {} is no pattern: {error}", fields.owner));
                    None
                }
            }
        }
        "every" => {
            let every = positive(fields, "every", m)?;
            let text = values::write_duration(millis(every));
            Some((Timing::Every(every), format!("every {text}")))
        }
        "at" => {
            let form = "a date and time without an offset, such as \"2026-12-01T06:00\"";
            let read = |value| DeValue::as_str(value)?.parse::<DateTime>().ok();
            let at = fields.read("at", form, m, read)?.value;
            Some((Timing::At(at), format!("at {}", at.strftime("%Y-%m-%d %H:%M"))))
        }
        "times" => day_times(fields, m),
        _ => {
            let span = fields.span_of("at_start");
            if !fields.boolean("at_start", m) {
                m.add(&span, "`at_start` must be true, or taken out");
                return None;
            }
            Some((Timing::AtStart, "at the start of the server".to_owned()))
        }
    }
}

fn day_times(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<(Timing, String)> {
    if let Some(window) = fields.get("for") {
        m.add(&window.span(), "`times` has a duration for each time: take `for` out");
    }
    let days = days(fields, m);
    let form =
        "a table of times and durations, such as { \"08:30\" = \"2m\", \"21:00\" = \"90s\" }";
    let windows = fields.read("times", form, m, |value| {
        let window = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            let at = civil::Time::strptime("%H:%M", key.as_ref())
                .or_else(|_| civil::Time::strptime("%H:%M:%S", key.as_ref()))
                .ok()?;
            let length = units::parse_duration(value.get_ref().as_str()?)?;
            (!length.is_zero() && length <= LONGEST).then_some((at, length))
        };
        let windows: Vec<_> = value.as_table()?.iter().map(window).collect::<Option<_>>()?;
        (!windows.is_empty()).then_some(windows)
    })?;
    let (days, days_text) = days?;
    let mut shown: Vec<String> = windows
        .value
        .iter()
        .map(|(at, length)| {
            format!("{} for {}", at.strftime("%H:%M"), values::write_duration(millis(*length)))
        })
        .collect();
    shown.sort_unstable();
    let times = DayTimes::new(days, windows.value);
    if times.covers_midnight_to_first() {
        m.add(
            &windows.span,
            format_args!(
                "the last window of {} reaches the first of the next day: shorten it",
                fields.owner
            ),
        );
        return None;
    }
    Some((Timing::Days(times), format!("{days_text} at {}", shown.join(", "))))
}

/// The days of `times`; by default all.
fn days(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<(Days, String)> {
    let form = "\"all\", \"even\", \"odd\", or an array of mon, tue, wed, thu, fri, sat, sun";
    if fields.get("days").is_none() {
        return Some((Days::All, "every day".to_owned()));
    }
    let read = |value: &DeValue<'_>| match value {
        DeValue::String(word) => match word.as_ref() {
            "all" => Some((Days::All, "every day".to_owned())),
            "even" => Some((Days::Even, "on even days".to_owned())),
            "odd" => Some((Days::Odd, "on odd days".to_owned())),
            _ => None,
        },
        DeValue::Array(items) if !items.is_empty() => {
            let day = |item: &toml::Spanned<DeValue<'_>>| {
                let word = item.get_ref().as_str()?;
                WEEKDAYS.iter().find(|(name, _)| *name == word)
            };
            let days: Vec<_> = items.iter().map(day).collect::<Option<_>>()?;
            let text = days.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            Some((Days::Weekdays(days.into_iter().map(|(_, day)| *day).collect()), text))
        }
        _ => None,
    };
    fields.read("days", form, m, read).map(|field| field.value)
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

/// What is wrong with a rule, and the field that it is wrong in: it never fires, or its window is longer than the time to the
/// next one or than the `timeout` of the command.
pub(crate) fn rule_fault(
    rule: &Rule,
    timeout_ms: Option<u64>,
    owner: &str,
) -> Option<(&'static str, String)> {
    let next = rule.next(Time::now(), COMPARED);
    if next.is_empty() && matches!(rule.timing, Timing::Cron(_)) {
        return Some(("cron", format!("{owner} never starts anything: there is no such day")));
    }
    let longest = next.iter().filter_map(|found| found.window).chain(rule.window).max();
    let longest = longest.map(millis);
    if let Some((window, timeout)) = longest.zip(timeout_ms).filter(|(window, most)| window > most)
    {
        let field = if rule.window.is_some() { "for" } else { "times" };
        let [window, timeout] = [window, timeout].map(values::write_duration);
        let fault = format!(
            "{owner} is open for {window}, and the command ends after its `timeout` of {timeout}: set `timeout` of \
             the command to more, or \"none\""
        );
        return Some((field, fault));
    }
    let window = rule.window?;
    // From a fixed time and without changes of the clock: a file that passes must not be refused at a later start.
    let plain = Rule { zone: TimeZone::UTC, ..rule.clone() };
    let next = plain.next(Time::from_millis(0), COMPARED);
    let gap = next.windows(2).map(|pair| pair[1].at.millis_since(pair[0].at)).min();
    let gap = values::write_duration(gap.filter(|gap| *gap < millis(window))?);
    Some(("for", format!("`for` of {owner} is longer than the {gap} between two of its starts")))
}
