//! Cron patterns of five fields.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use topside_shared::text;

use crate::timing::resolve;

/// Most times on the wall that are looked at to find one after an instant: those of a repeated hour are behind it.
const MOST_REPEATED: usize = 24 * 60;

/// The five fields of a pattern that may be a word such as `@daily`.
fn expanded(pattern: &str) -> &str {
    match pattern.trim() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    }
}

#[derive(Debug, Clone)]
pub(crate) struct CronTimes {
    cron: Cron,
    text: String,
    /// Whether its hours are a step, such as `*` or `*/2`: then real time passes between two occurrences, also while the
    /// clock changes to or from summer time.
    is_step: bool,
}

impl PartialEq for CronTimes {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl CronTimes {
    /// # Errors
    /// What is wrong with the pattern, as the end of a sentence.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let fields = expanded(pattern);
        let count = fields.split_ascii_whitespace().count();
        if count != 5 {
            return Err(format!(
                "it has {count} fields, not minute, hour, day of the month, month and weekday"
            ));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let cron = parser.build().parse(fields).map_err(|error| {
            let error = error.to_string();
            let (_, cause) = error.split_once(": ").unwrap_or(("", &error));
            text::clean(cause, 200)
        })?;
        let is_step =
            fields.split_ascii_whitespace().nth(1).is_some_and(|hours| hours.contains('*'));
        Ok(Self { cron, text: pattern.trim().to_owned(), is_step })
    }

    /// The same on the same days at one time of the day, without its seconds; none if it has several times.
    pub(crate) fn at_clock(&self, clock: civil::Time) -> Option<Self> {
        let fields = expanded(&self.text);
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let is_one = |field: &str| field.bytes().all(|byte| byte.is_ascii_digit());
        let [minute, hour, days @ ..] = &fields[..] else { return None };
        if !is_one(minute) || !is_one(hour) {
            return None;
        }
        let text = format!("{} {} {}", clock.minute(), clock.hour(), days.join(" "));
        Self::parse(&text).ok()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The first instant after another; none: there is none in any year.
    pub(super) fn after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.is_step {
            let found = self.cron.find_next_occurrence(&after.to_zoned(zone.clone()), false);
            return found.ok().map(|found| found.timestamp());
        }
        let mut civil = zone.to_datetime(after);
        for _ in 0..MOST_REPEATED {
            civil = self.cron.find_next_occurrence(&civil, false).ok()?;
            let at = resolve(civil, zone)?;
            if at > after {
                return Some(at);
            }
        }
        None
    }
}
