//! Times of the day on some days.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use topside_shared::time::millis;
use topside_shared::values;

use crate::timing::{Occurrence, clock_text, resolve};

/// Days after which the search ends: each kind of day comes at least once in a week.
const SEARCHED: usize = 10;

/// The weekdays by their names in menu files.
pub(crate) const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// The days of an entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Days {
    All,
    /// Even days of the month.
    Even,
    /// Odd days of the month.
    Odd,
    Weekdays(Vec<Weekday>),
}

impl Days {
    fn contains(&self, date: Date) -> bool {
        match self {
            Self::All => true,
            Self::Even => date.day() % 2 == 0,
            Self::Odd => date.day() % 2 == 1,
            Self::Weekdays(weekdays) => weekdays.contains(&date.weekday()),
        }
    }

    /// The days in words: `every day`, `on even days`, `mon, wed`.
    pub(crate) fn text(&self) -> String {
        let weekdays = match self {
            Self::All => return "every day".to_owned(),
            Self::Even => return "on even days".to_owned(),
            Self::Odd => return "on odd days".to_owned(),
            Self::Weekdays(weekdays) => weekdays,
        };
        let name = |day: &Weekday| WEEKDAYS.iter().find(|(_, known)| known == day);
        weekdays.iter().filter_map(name).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// Windows of some days.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DayTimes {
    days: Days,
    /// Start and length of each window, in the order of the day, with a gap between two of them.
    windows: Vec<(Time, Duration)>,
}

impl DayTimes {
    /// Windows that touch or overlap become one, so that the run does not stop between them.
    pub(crate) fn new(days: Days, mut windows: Vec<(Time, Duration)>) -> Self {
        windows.sort_unstable();
        let mut merged: Vec<(Time, Duration)> = Vec::new();
        for (start, length) in windows {
            let end = seconds(start) + length.as_secs();
            match merged.last_mut() {
                Some((first, all)) if seconds(*first) + all.as_secs() >= seconds(start) => {
                    *all = (*all).max(Duration::from_secs(end - seconds(*first)));
                }
                _ => merged.push((start, length)),
            }
        }
        Self { days, windows: merged }
    }

    /// The same days with other windows.
    pub(crate) fn with_windows(&self, windows: Vec<(Time, Duration)>) -> Self {
        Self::new(self.days.clone(), windows)
    }

    /// The length of its window; none if it has several.
    pub(crate) fn only_length(&self) -> Option<Duration> {
        match self.windows[..] {
            [(_, length)] => Some(length),
            _ => None,
        }
    }

    /// It in words: `on even days at 08:30 for 2m, 21:00 for 90s`.
    pub(super) fn text(&self) -> String {
        let windows: Vec<String> = self.windows.iter().map(window_text).collect();
        format!("{} at {}", self.days.text(), windows.join(", "))
    }

    /// Whether its last window would reach the first of the next day.
    pub(crate) fn covers_midnight_to_first(&self) -> bool {
        let first = self.windows.first().map(|(start, _)| seconds(*start) + DAY);
        let last = self.windows.last().map(|(start, length)| seconds(*start) + length.as_secs());
        last > first
    }

    pub(super) fn after(&self, after: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
        // A window of yesterday may be at an instant of today where a change of the clock leaves out an hour.
        let mut date = zone.to_datetime(after).date().yesterday().ok()?;
        for _ in 0..SEARCHED {
            if self.days.contains(date) {
                let mut found: Option<(Timestamp, Duration)> = None;
                for (start, length) in &self.windows {
                    let at = resolve(date.to_datetime(*start), zone)?;
                    match &mut found {
                        // Both times are in an hour that is left out: the zone stays open for the longer of the two.
                        Some((first, longest)) if *first == at => {
                            *longest = (*longest).max(*length);
                        }
                        Some(_) => break,
                        None if at > after => found = Some((at, *length)),
                        None => {}
                    }
                }
                if let Some((at, length)) = found {
                    let at = topside_shared::Time::from_millis(at.as_millisecond());
                    return Some(Occurrence { at, window: Some(length) });
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

/// A window in words: `08:30 for 2m`.
pub(crate) fn window_text((at, length): &(Time, Duration)) -> String {
    format!("{} for {}", clock_text(*at), values::write_duration(millis(*length)))
}

const DAY: u64 = 86_400;

/// Seconds of a time since midnight.
fn seconds(time: Time) -> u64 {
    let [hour, minute, second] = [time.hour(), time.minute(), time.second()].map(i8::cast_unsigned);
    u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second)
}
