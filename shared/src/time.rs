//! Times on the wire: RFC 3339 in UTC with milliseconds.

use std::fmt;
use std::time::Duration;

/// A moment, to the millisecond; `2026-03-01T09:14:02.041Z` on the wire (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(jiff::Timestamp);

impl Time {
    /// The wall clock now, cut to milliseconds.
    pub fn now() -> Self {
        Self::from_millis(jiff::Timestamp::now().as_millisecond())
    }

    /// A moment as milliseconds since 1970; out of range becomes 1970 itself.
    pub fn from_millis(ms: i64) -> Self {
        Self(jiff::Timestamp::from_millisecond(ms).unwrap_or_default())
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Milliseconds from `earlier` to this, 0 where the clock went back.
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from(self.as_millis() - earlier.as_millis()).unwrap_or(0)
    }

    /// This moment moved by `ms`.
    pub fn plus_millis(self, ms: u64) -> Self {
        self.moved_by(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// This moment moved by so many milliseconds, back if they are negative.
    pub fn moved_by(self, ms: i64) -> Self {
        Self::from_millis(self.as_millis().saturating_add(ms))
    }

    /// For people, to the minute: `20:00` on the day of `now`, `2026-03-02 20:00` on any other.
    pub fn to_minute(self, now: Self, zone: &jiff::tz::TimeZone) -> String {
        let [at, now] = [self, now].map(|time| time.0.to_zoned(zone.clone()));
        let format = if at.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        at.strftime(format).to_string()
    }

    /// For a table: `2026-03-01 10:14:02+01:00`, in `zone` and with its offset from UTC.
    pub fn to_second(self, zone: &jiff::tz::TimeZone) -> String {
        self.0.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
    }

    /// The same with milliseconds.
    pub fn to_millisecond(self, zone: &jiff::tz::TimeZone) -> String {
        self.0.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f%:z").to_string()
    }

    /// The moment for a program that shows it in the reader's own zone.
    pub fn timestamp(self) -> jiff::Timestamp {
        self.0
    }
}

/// A duration in whole milliseconds, as the protocol counts them.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The text is no time in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time is written in RFC 3339, such as 2026-03-01T20:00:00Z")]
pub struct TimeError;

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

from_str!(Time, TimeError, |text: &str| text.parse().map(Time).map_err(|_| TimeError));
wire_text!(Time);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_decimals_and_ends_in_z() {
        assert_eq!(Time::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time::from_millis(1_500).to_string(), "1970-01-01T00:00:01.500Z");
    }

    #[test]
    fn a_time_for_people_has_a_date_on_another_day() {
        let [now, at] = [0, 60_000].map(Time::from_millis);
        let zone = jiff::tz::TimeZone::UTC;
        assert_eq!(at.to_minute(now, &zone), "00:01");
        assert_eq!(at.to_minute(now.plus_millis(86_400_000), &zone), "1970-01-01 00:01");
    }

    #[test]
    fn a_time_of_a_table_has_the_offset_of_its_zone_on_that_day() {
        let zone = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let [winter, summer] = ["2026-03-01T09:14:02.041Z", "2026-07-01T09:14:02.000Z"]
            .map(|text| text.parse::<Time>().unwrap());
        assert_eq!(winter.to_second(&zone), "2026-03-01 10:14:02+01:00");
        assert_eq!(winter.to_millisecond(&zone), "2026-03-01 10:14:02.041+01:00");
        assert_eq!(summer.to_millisecond(&zone), "2026-07-01 11:14:02.000+02:00");
        assert_eq!(summer.to_second(&jiff::tz::TimeZone::UTC), "2026-07-01 09:14:02+00:00");
    }

    #[test]
    fn a_time_survives_the_wire() {
        let time = Time::now();
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), time);
    }
}
