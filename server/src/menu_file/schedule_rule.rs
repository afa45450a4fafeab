//! The rule of a schedule: the fields that say when it starts its command, and for how long.

use std::borrow::Cow;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::DeValue;
use topside_shared::time::millis;
use topside_shared::values;
use topside_shared::{Time, text};

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields};
use crate::base::toml_file::units;
use crate::timing::{
    CronTimes, DayTimes, Days, Rule, Timing, WEEKDAYS, parse_clock, parse_length, window_text,
};

/// The fields of which each schedule has one.
const TIMINGS: [&str; 5] = ["cron", "every", "at", "times", "at_start"];

/// Occurrences that are compared with `for`.
const COMPARED: usize = 400;

/// A duration of a schedule.
pub(super) fn positive(
    fields: &Fields<'_, '_>,
    name: &str,
    m: &mut Errors<'_>,
) -> Option<Duration> {
    let read = |value| parse_length(DeValue::as_str(value)?);
    fields.read(name, units::DURATION_FORM, m, read).map(|field| field.value)
}

/// The time zone; none if an error was reported.
pub(super) fn zone(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<TimeZone> {
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
pub(super) fn timing(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<(Timing, String)> {
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
    let timing = match which {
        "cron" => {
            let Field { value, span } = fields.string("cron", m)?;
            match CronTimes::parse(value) {
                Ok(cron) => Timing::Cron(Box::new(cron)),
                Err(error) => {
                    m.add(&span, format_args!("`cron` of {} is no pattern: {error}", fields.owner));
                    return None;
                }
            }
        }
        "every" => Timing::Every(positive(fields, "every", m)?),
        "at" => {
            let form = "a date and time without an offset, such as \"2026-12-01T06:00\"";
            let read = |value| DeValue::as_str(value)?.parse::<DateTime>().ok();
            Timing::At(fields.read("at", form, m, read)?.value)
        }
        "times" => return day_times(fields, m),
        _ => {
            let span = fields.span_of("at_start");
            if !fields.boolean("at_start", m) {
                m.add(&span, "`at_start` must be true, or taken out");
                return None;
            }
            Timing::AtStart
        }
    };
    let text = timing.text();
    Some((timing, text))
}

fn day_times(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<(Timing, String)> {
    if let Some(window) = fields.get("for") {
        m.add(&window.span(), "`times` has a duration for each time: take `for` out");
    }
    let days = days(fields, m);
    let form =
        "a table of times and durations, such as { \"08:30\" = \"2m\", \"21:00\" = \"90s\" }";
    let windows = fields.read("times", form, m, |value| {
        let window = |(key, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
            Some((parse_clock(key.get_ref())?, parse_length(value.get_ref().as_str()?)?))
        };
        let windows: Vec<_> = value.as_table()?.iter().map(window).collect::<Option<_>>()?;
        (!windows.is_empty()).then_some(windows)
    })?;
    let days = days?;
    // As they are declared: `DayTimes` merges windows that touch.
    let mut shown: Vec<String> = windows.value.iter().map(window_text).collect();
    shown.sort_unstable();
    let text = format!("{} at {}", days.text(), shown.join(", "));
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
    Some((Timing::Days(times), text))
}

/// The days of `times`; by default all.
fn days(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<Days> {
    let form = "\"all\", \"even\", \"odd\", or an array of mon, tue, wed, thu, fri, sat, sun";
    if fields.get("days").is_none() {
        return Some(Days::All);
    }
    let read = |value: &DeValue<'_>| match value {
        DeValue::String(word) => match word.as_ref() {
            "all" => Some(Days::All),
            "even" => Some(Days::Even),
            "odd" => Some(Days::Odd),
            _ => None,
        },
        DeValue::Array(items) if !items.is_empty() => {
            let day = |item: &Spanned<DeValue<'_>>| {
                let word = item.get_ref().as_str()?;
                WEEKDAYS.iter().find(|(name, _)| *name == word).map(|(_, day)| *day)
            };
            items.iter().map(day).collect::<Option<_>>().map(Days::Weekdays)
        }
        _ => None,
    };
    fields.read("days", form, m, read).map(|field| field.value)
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
