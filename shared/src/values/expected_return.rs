//! The expected return of a server, as a person writes it.

use jiff::civil::{self, DateTime};
use jiff::tz::TimeZone;

use super::duration::parse_duration_argument;
use crate::text::{MAX_NAME, quote};
use crate::time::Time;

/// What [`parse_expected_return`] accepts, for hints and error messages.
pub const RETURN_FORM: &str = "a time of day (20:00), a local time (2026-03-01 20:00), a duration after the shutdown (30m), or \
                               a time in RFC 3339 (2026-03-01T20:00:00Z)";

/// Reads when a server is expected back after a shutdown that begins at `begin`. Local times are of `zone`; a time of day
/// is the next one after `begin`.
///
/// # Errors
/// One sentence: the text is none of [`RETURN_FORM`], or the time is before `begin`.
pub fn parse_expected_return(text: &str, begin: Time, zone: &TimeZone) -> Result<Time, String> {
    let text = text.trim();
    let shown = || quote(text, MAX_NAME);
    let back = match (text.parse::<Time>(), parse_duration_argument(text)) {
        (Ok(time), _) => Some(time),
        (_, Some(ms)) => Some(begin.plus_millis(ms)),
        _ => local_time(text, begin, zone),
    };
    match back {
        None => Err(format!("the expected return must be {RETURN_FORM}, not {}", shown())),
        Some(back) if back < begin => Err(format!(
            "the expected return {} is before the shutdown begins at {begin}: give a later time",
            shown()
        )),
        Some(back) => Ok(back),
    }
}

fn local_time(text: &str, begin: Time, zone: &TimeZone) -> Option<Time> {
    let moment = |local: DateTime| {
        let zoned = local.to_zoned(zone.clone()).ok()?;
        Some(Time::from_millis(zoned.timestamp().as_millisecond()))
    };
    if !text.contains(':') {
        return None;
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return moment(local);
    }
    // `9:05` is common and not ISO 8601.
    let padded = if text.find(':') == Some(1) { format!("0{text}") } else { text.to_owned() };
    let clock: civil::Time = padded.parse().ok()?;
    let today = begin.timestamp().to_zoned(zone.clone()).date();
    let tomorrow = || moment(today.tomorrow().ok()?.to_datetime(clock));
    moment(today.to_datetime(clock)).filter(|time| *time >= begin).or_else(tomorrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let begin = "2026-03-01T18:30:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        parse_expected_return(text, begin, &zone).map(|time| time.to_string())
    }

    #[test]
    fn a_return_is_a_time_of_day_a_local_time_a_duration_or_rfc_3339() {
        for (text, time) in [
            ("20:00", "2026-03-01T19:00:00.000Z"),
            ("19:29", "2026-03-02T18:29:00.000Z"),
            ("9:05", "2026-03-02T08:05:00.000Z"),
            (" 20:00:30 ", "2026-03-01T19:00:30.000Z"),
            ("2026-03-02 07:00", "2026-03-02T06:00:00.000Z"),
            ("2026-03-02T07:00", "2026-03-02T06:00:00.000Z"),
            ("30m", "2026-03-01T19:00:00.000Z"),
            ("1h30m", "2026-03-01T20:00:00.000Z"),
            ("90", "2026-03-01T18:31:30.000Z"),
            ("2026-03-01T20:00:00Z", "2026-03-01T20:00:00.000Z"),
            ("2026-03-01T20:00:00-02:00", "2026-03-01T22:00:00.000Z"),
        ] {
            assert_eq!(read(text), Ok(time.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_return_before_the_shutdown_is_an_error() {
        for text in ["2026-03-01T20:00:00+02:00", "2026-03-01 12:00"] {
            assert!(read(text).unwrap_err().contains("is before the shutdown begins"), "{text}");
        }
    }

    #[test]
    fn any_other_text_is_an_error_that_names_the_forms() {
        for text in ["", "tomorrow", "25:00", "20:00 tomorrow", "2026-03-01", "soon", "-5m"] {
            assert!(read(text).unwrap_err().contains("20:00"), "{text}");
        }
    }
}
