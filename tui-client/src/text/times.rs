//! Times and durations as the screen shows them.

use jiff::tz::TimeZone;
use topside_shared::Time;
use topside_shared::text;

/// `09:14:02` in the reader's zone.
pub(crate) fn clock(time: Time, zone: &TimeZone) -> String {
    time.timestamp().to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// `09:14` in the reader's zone.
pub(crate) fn minute(time: Time, zone: &TimeZone) -> String {
    time.timestamp().to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

/// Milliseconds until the text of [`minute`] changes. All zones of today change at a full minute.
pub(crate) fn next_minute(now: Time) -> u64 {
    60_000 - now.as_millis().rem_euclid(60_000).unsigned_abs()
}

/// `09:14:02` today, `11-24 09:14` before.
pub(crate) fn stamp(time: Time, now: Time, zone: &TimeZone) -> String {
    today_or(time, now, zone, "%m-%d %H:%M")
}

/// `09:14` today, `11-24` before, where there is little room.
pub(crate) fn short_stamp(time: Time, now: Time, zone: &TimeZone) -> String {
    let at = time.timestamp().to_zoned(zone.clone());
    let today = now.timestamp().to_zoned(zone.clone()).date() == at.date();
    at.strftime(if today { "%H:%M" } else { "%m-%d" }).to_string()
}

/// `09:14:02` today, `2026-11-24 09:14` on any other day, for times that may be years away.
pub(crate) fn date(time: Time, now: Time, zone: &TimeZone) -> String {
    today_or(time, now, zone, "%Y-%m-%d %H:%M")
}

fn today_or(time: Time, now: Time, zone: &TimeZone, other_day: &str) -> String {
    let at = time.timestamp().to_zoned(zone.clone());
    let today = now.timestamp().to_zoned(zone.clone()).date() == at.date();
    at.strftime(if today { "%H:%M:%S" } else { other_day }).to_string()
}

/// `0:58`, `12:00`, `1:00:00`: the time left, rounded up to a second.
pub(crate) fn countdown(ms: u64) -> String {
    let s = ms.div_ceil(1000);
    let (h, m, s) = (s / 3600, s % 3600 / 60, s % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

/// Milliseconds until the text of [`countdown`] changes.
pub(crate) fn countdown_changes_in(ms: u64) -> u64 {
    if ms == 0 { u64::MAX } else { (ms - 1) % 1000 + 1 }
}

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// How long ago something was, in its largest unit: `12 s ago`, `3 min ago`, `2 h ago`.
pub(crate) fn ago(ms: u64) -> String {
    match ms {
        ms if ms < 60_000 => format!("{} s ago", ms / 1000),
        ms if ms < HOUR => format!("{} min ago", ms / 60_000),
        ms if ms < DAY => format!("{} h ago", ms / HOUR),
        ms => format!("{} d ago", ms / DAY),
    }
}

/// How long before now a time was: `12 s ago`, `3 min ago`. A time that is not over, as of a server with another clock, is given
/// as it is. [`since_changes_in`] says when the text is another one.
pub(crate) fn since(time: Time, now: Time, zone: &TimeZone) -> String {
    match now.as_millis() - time.as_millis() {
        ms if ms < -60_000 => date(time, now, zone),
        ms if ms < 1_000 => "just now".to_owned(),
        ms => ago(ms.unsigned_abs()),
    }
}

/// Milliseconds until the text of [`since`] changes for one of these times that is less than a minute old. An older one waits
/// for the next frame.
pub(crate) fn since_changes_in(times: impl IntoIterator<Item = Time>, now: Time) -> Option<u64> {
    let ages = times.into_iter().map(|time| now.as_millis() - time.as_millis());
    let young = ages.filter(|age| (-60_000..60_000).contains(age));
    young.map(|age| 1_000 - age.rem_euclid(1_000).unsigned_abs()).min()
}

/// `2026-11-24 09:14:02` in the reader's zone, for details.
pub(crate) fn full(time: Time, zone: &TimeZone) -> String {
    time.timestamp().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-11-24 09:14:02, 3 min ago`: both, for details.
pub(crate) fn full_since(time: Time, now: Time, zone: &TimeZone) -> String {
    let (full, ms) = (full(time, zone), now.as_millis() - time.as_millis());
    // The text has the seconds already, and is drawn only when something else changes.
    match ms {
        ..0 => full,
        0..60_000 => format!("{full}, just now"),
        _ => format!("{full}, {}", since(time, now, zone)),
    }
}

/// A duration that grows: whole seconds.
pub(crate) fn running(ms: u64) -> String {
    if ms < 1000 {
        "0 s".to_owned()
    } else {
        text::duration(ms / 1000 * 1000).replace(".0 s", " s")
    }
}

/// Milliseconds until the age of something that began at `since` reaches the next second.
pub(crate) fn next_second(since: u64, now: u64) -> u64 {
    1000 - now.saturating_sub(since) % 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countdown_shows_zero_only_when_it_is_over_and_changes_on_the_second() {
        assert_eq!(countdown(58_000), "0:58");
        assert_eq!(countdown(57_001), "0:58");
        assert_eq!(countdown(1), "0:01");
        assert_eq!(countdown(0), "0:00");
        assert_eq!(countdown(3_600_000), "1:00:00");
        assert_eq!(countdown_changes_in(57_001), 1);
        assert_eq!(countdown_changes_in(58_000), 1000);
    }

    #[test]
    fn a_time_of_day_changes_at_the_full_minute() {
        let time = Time::from_millis(1_772_355_242_000);
        assert_eq!(minute(time, &TimeZone::UTC), "08:54");
        assert_eq!(minute(time.plus_millis(next_minute(time) - 1), &TimeZone::UTC), "08:54");
        assert_eq!(minute(time.plus_millis(next_minute(time)), &TimeZone::UTC), "08:55");
    }

    #[test]
    fn an_age_has_its_largest_unit_and_is_never_negative() {
        let now = Time::from_millis(1_772_356_440_000);
        for (before, words) in [
            (0, "just now"),
            (999, "just now"),
            (1_000, "1 s ago"),
            (59_999, "59 s ago"),
            (60_000, "1 min ago"),
            (2 * 3_600_000, "2 h ago"),
            (50 * 3_600_000, "2 d ago"),
            (-30_000, "just now"),
            (-86_400_000, "2026-03-02 09:14"),
        ] {
            let time = Time::from_millis(now.as_millis() - before);
            assert_eq!(since(time, now, &TimeZone::UTC), words);
        }
        assert_eq!(full_since(now, now, &TimeZone::UTC), "2026-03-01 09:14:00, just now");
        let before = |ms: i64| Time::from_millis(now.as_millis() - ms);
        assert_eq!(since_changes_in([before(59_999)], now), Some(1));
        assert_eq!(since_changes_in([before(59_400), before(2_100)], now), Some(600));
        assert_eq!(since_changes_in([before(60_000)], now), None);
    }

    #[test]
    fn a_running_duration_has_whole_seconds() {
        assert_eq!(running(400), "0 s");
        assert_eq!(running(3_700), "3 s");
        assert_eq!(running(65_900), "1 m 05 s");
    }
}
