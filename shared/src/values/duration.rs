//! Durations as configuration files, arguments and flags write them: `20m`, `250ms`, `1h30m`.

/// The units, the longest first, and their milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What a flag accepts, for its error messages.
pub const DURATION_FORM: &str = "a duration such as 30s, 5m or 1h30m";

/// Examples for hints and error messages.
const EXAMPLES: [&str; 3] = ["30s", "5m", "1h30m"];

/// Reads one or more whole numbers with units, each unit once and the longest first, in milliseconds.
pub fn parse_duration(text: &str) -> Option<u64> {
    let (mut total, mut shortest, mut rest) = (0_u64, u64::MAX, text);
    loop {
        let (number, unit, after) = part(rest).filter(|(_, unit, _)| *unit < shortest)?;
        total = total.checked_add(number.checked_mul(unit)?)?;
        if after.is_empty() {
            return Some(total);
        }
        (shortest, rest) = (unit, after);
    }
}

/// Reads a duration of a flag or an argument, where a number without a unit counts seconds.
pub fn parse_duration_argument(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse::<u64>().ok()?.checked_mul(1_000) } else { parse_duration(text) }
}

/// The first number, the milliseconds of its unit, and the text after both.
fn part(text: &str) -> Option<(u64, u64, &str)> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (name, after) =
        rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
    let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
    Some((number.parse().ok()?, *unit, after))
}

/// The value that a program gets: one number and one unit, without leading zeros. The unit is kept if there was one.
pub(super) fn normal(text: &str) -> Option<String> {
    let ms = parse_duration_argument(text)?;
    match part(text) {
        Some((number, _, "")) => {
            Some(format!("{number}{}", text.trim_start_matches(|c: char| c.is_ascii_digit())))
        }
        Some(_) => Some(write_duration(ms)),
        None => Some(format!("{}s", ms / 1_000)),
    }
}

/// The examples from `minimum` to `maximum` milliseconds.
pub(super) fn examples(minimum: Option<f64>, maximum: Option<f64>) -> Vec<&'static str> {
    let fits = |text: &&str| {
        let ms = parse_duration(text).map_or(0.0, |ms| ms as f64);
        minimum.is_none_or(|least| ms >= least) && maximum.is_none_or(|most| ms <= most)
    };
    EXAMPLES.into_iter().filter(fits).collect()
}

/// Milliseconds in the longest unit in which they are whole: what [`parse_duration`] reads.
pub fn write_duration(ms: u64) -> String {
    let fits = |unit: &&(&str, u64)| ms != 0 && ms.is_multiple_of(unit.1);
    let (unit, length) = UNITS.iter().find(fits).copied().unwrap_or(("s", 1_000));
    format!("{}{unit}", ms / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_one_number_and_one_unit() {
        for (text, same) in [
            ("020m", "20m"),
            ("90s", "90s"),
            ("0s", "0s"),
            ("00ms", "0ms"),
            ("90", "90s"),
            ("007", "7s"),
            ("1h30m", "90m"),
            ("1m500ms", "60500ms"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(same), "{text}");
        }
        for text in ["", "m", "-5s", "+5s", "5 s", "1.5s", "30m1h", "5S", "99999999999999999d"] {
            assert_eq!(normal(text), None, "{text}");
        }
        for (ms, text) in
            [(0, "0s"), (1, "1ms"), (90_000, "90s"), (1_200_000, "20m"), (86_400_000, "1d")]
        {
            assert_eq!(write_duration(ms), text);
        }
    }

    #[test]
    fn a_duration_has_each_unit_once_and_the_longest_first() {
        for (text, ms) in [("5s", 5_000), ("1h30m", 5_400_000), ("1m500ms", 60_500)] {
            assert_eq!(parse_duration(text), Some(ms), "{text}");
            assert_eq!(parse_duration_argument(text), Some(ms), "{text}");
        }
        for text in ["", "s", "5 s", "-5s", "30m1h", "1s1s", "5s3", "1h30", "99999999999999999d"] {
            assert_eq!(parse_duration_argument(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_seconds_in_arguments_only() {
        assert_eq!(parse_duration_argument("90"), Some(90_000));
        assert_eq!(parse_duration("90"), None);
    }

    #[test]
    fn examples_are_within_the_bounds() {
        assert_eq!(examples(None, None), EXAMPLES);
        assert_eq!(examples(Some(60_000.0), Some(1_200_000.0)), ["5m"]);
    }
}
