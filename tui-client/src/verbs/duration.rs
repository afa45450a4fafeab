//! Durations as people type them: `90`, `90s`, `500ms`, `1h30m`.

use std::time::Duration;

/// Reads a duration; a number without a unit counts seconds.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration: write 90, 90s, 500ms, 5m or 1h30m");
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| wrong()).and_then(|s| positive(Duration::from_secs(s)));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    // Each unit once, the larger first.
    let mut largest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        if unit >= largest {
            return Err(wrong());
        }
        largest = unit;
        rest = &rest[end..];
        let ms = count.checked_mul(unit).ok_or_else(wrong)?;
        total = total.checked_add(Duration::from_millis(ms)).ok_or_else(wrong)?;
    }
    if text.is_empty() { Err(wrong()) } else { positive(total) }
}

fn positive(duration: Duration) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(365 * 86_400);
    if duration.is_zero() {
        return Err("it is longer than nothing: leave it out for none".to_owned());
    }
    Ok(duration.min(LONGEST))
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
