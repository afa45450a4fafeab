//! Timing: the instants at which a schedule starts its command, by the clock on the wall or by the time that passes.

pub(crate) mod cron;
mod days;
mod due_or_missed;

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{self, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use topside_shared::Time;
use topside_shared::time::millis;
use topside_shared::values;

pub(crate) use cron::CronTimes;
pub(crate) use days::{DayTimes, Days, WEEKDAYS, window_text};
pub(crate) use due_or_missed::{Due, MissedPolicy, due, is_set_back};

/// The longest duration of a schedule: added to a time, it must give a time.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// Reads a duration of a schedule: above zero, and at most [`LONGEST`].
pub(crate) fn parse_length(text: &str) -> Option<Duration> {
    let length = values::parse_duration(text).map(Duration::from_millis)?;
    (!length.is_zero() && length <= LONGEST).then_some(length)
}

/// Reads a time of the day: `21:30` or `21:30:15`.
pub(crate) fn parse_clock(text: &str) -> Option<civil::Time> {
    civil::Time::strptime("%H:%M", text).or_else(|_| civil::Time::strptime("%H:%M:%S", text)).ok()
}

/// A time of the day in words, with its seconds where it has any: `21:30`, `21:30:15`.
fn clock_text(time: civil::Time) -> String {
    let format = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    time.strftime(format).to_string()
}

/// One start of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occurrence {
    pub(crate) at: Time,
    /// How long its run may take; none: until it ends by itself.
    pub(crate) window: Option<Duration>,
}

impl Occurrence {
    /// When its window ends.
    pub(crate) fn end(&self) -> Option<Time> {
        self.window.map(|window| self.at.plus_millis(millis(window)))
    }
}

/// When a schedule starts its command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Timing {
    Cron(Box<CronTimes>),
    /// Each time that this much has passed.
    Every(Duration),
    /// Once.
    At(DateTime),
    Days(DayTimes),
    /// Once the server is up.
    AtStart,
}

impl Timing {
    /// It in words: `cron 0 21 * * *`, `every 15m`.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Cron(cron) => format!("cron {}", cron.text()),
            Self::Every(every) => format!("every {}", values::write_duration(millis(*every))),
            Self::At(at) => format!("at {} {}", at.date(), clock_text(at.time())),
            Self::Days(days) => days.text(),
            Self::AtStart => "at the start of the server".to_owned(),
        }
    }
}

/// A timing with its time zone and its window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) timing: Timing,
    pub(crate) zone: TimeZone,
    pub(crate) window: Option<Duration>,
}

impl Rule {
    /// Whether it follows the clock on the wall, which can be wrong; otherwise the time that passes.
    pub(crate) fn follows_wall_clock(&self) -> bool {
        !matches!(self.timing, Timing::Every(_) | Timing::AtStart)
    }

    /// The first occurrence after a moment.
    pub(crate) fn after(&self, after: Time) -> Option<Occurrence> {
        let plain = |at: Timestamp| Occurrence {
            at: Time::from_millis(at.as_millisecond()),
            window: self.window,
        };
        let from = after.timestamp();
        match &self.timing {
            Timing::Cron(cron) => cron.after(from, &self.zone).map(plain),
            Timing::Every(every) => {
                let step = i64::try_from(millis(*every)).ok().filter(|step| *step > 0)?;
                let at = (after.as_millis().div_euclid(step) + 1) * step;
                Some(Occurrence { at: Time::from_millis(at), window: self.window })
            }
            Timing::At(at) => resolve(*at, &self.zone).filter(|at| *at > from).map(plain),
            Timing::Days(days) => days.after(from, &self.zone),
            Timing::AtStart => None,
        }
    }

    /// The next `count` occurrences after a moment.
    pub(crate) fn next(&self, after: Time, count: usize) -> Vec<Occurrence> {
        let next = |last: &Occurrence| self.after(last.at);
        std::iter::successors(self.after(after), next).take(count).collect()
    }
}

/// The instant of a time on the wall. A time that a change to summer time leaves out is the first instant after the
/// change; of a time that comes twice it is the first.
fn resolve(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            ambiguous.earlier().ok()
        }
        AmbiguousOffset::Gap { after, .. } => {
            let before_change = after.to_timestamp(civil).ok()?;
            zone.following(before_change).next().map(|change| change.timestamp())
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod year_tests;
