//! Times on the wire: RFC 3339 in UTC with milliseconds.

use std::fmt;

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
        Self::from_millis(self.as_millis().saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// The moment for a program that shows it in the reader's own zone.
    pub fn timestamp(self) -> jiff::Timestamp {
        self.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

from_str!(Time, jiff::Error, |text: &str| text.parse().map(Time));
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
    fn a_time_survives_the_wire() {
        let time = Time::now();
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), time);
    }
}
