//! Durations as the user types them: `90`, `90s`, `500ms`, `1h30m`.

use std::time::Duration;

use topside_shared::values::{DURATION_FORM, parse_duration_argument};

/// Reads a duration; a number without a unit counts seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(365 * 86_400);
    match parse_duration_argument(text).map(Duration::from_millis) {
        None => Err(format!("`{text}` is not {DURATION_FORM}")),
        Some(Duration::ZERO) => {
            Err("it must be longer than zero: leave it out for none".to_owned())
        }
        Some(duration) => Ok(duration.min(LONGEST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_units_and_sums_are_read() {
        for (text, ms) in [
            ("90", 90_000),
            ("500ms", 500),
            ("5s", 5_000),
            ("20m", 1_200_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("1m500ms", 60_500),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "s",
            "5x",
            "5 s",
            "-5",
            "1.5s",
            "30m1h",
            "1s1s",
            "99999999999999999999",
            "0",
            "0s",
            "5s3",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
