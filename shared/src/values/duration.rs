//! Durations as configuration files, arguments and flags write them: `20m`, `250ms`, `1h30m`.

/// The units, the longest first, and their milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a whole number and one of `ms`, `s`, `m`, `h`, `d`, in milliseconds.
pub fn parse_duration(text: &str) -> Option<u64> {
    match part(text)? {
        (number, unit, "") => number.checked_mul(unit),
        _ => None,
    }
}

/// Reads one or more numbers with units, each unit once and the longest first: `1h30m`, in milliseconds.
pub fn parse_duration_sum(text: &str) -> Option<u64> {
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

/// The first number, the milliseconds of its unit, and the text after both.
fn part(text: &str) -> Option<(u64, u64, &str)> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (name, after) =
        rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
    let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
    Some((number.parse().ok()?, *unit, after))
}

/// The same duration in the same unit, without leading zeros.
pub(super) fn normal(text: &str) -> Option<String> {
    parse_duration(text)?;
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    Some(format!("{}{unit}", number.parse::<u64>().ok()?))
}

/// Milliseconds in the longest unit in which they are whole.
pub(super) fn written(ms: u64) -> String {
    let fits = |unit: &&(&str, u64)| ms != 0 && ms.is_multiple_of(unit.1);
    let (unit, length) = UNITS.iter().find(fits).copied().unwrap_or(("s", 1_000));
    format!("{}{unit}", ms / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_keeps_its_unit_and_loses_its_noughts() {
        for (text, same) in [("020m", "20m"), ("90s", "90s"), ("0s", "0s"), ("00ms", "0ms")] {
            assert_eq!(normal(text).as_deref(), Some(same), "{text}");
        }
        for text in ["", "m", "5", "-5s", "+5s", "5 s", "1.5s", "1h30m", "5S", "99999999999999999d"]
        {
            assert_eq!(normal(text), None, "{text}");
        }
        for (ms, text) in
            [(0, "0s"), (1, "1ms"), (90_000, "90s"), (1_200_000, "20m"), (86_400_000, "1d")]
        {
            assert_eq!(written(ms), text);
        }
    }

    #[test]
    fn a_sum_of_durations_has_each_unit_once_and_the_longest_first() {
        for (text, ms) in [("5s", 5_000), ("1h30m", 5_400_000), ("1m500ms", 60_500)] {
            assert_eq!(parse_duration_sum(text), Some(ms), "{text}");
        }
        for text in
            ["", "s", "90", "5 s", "-5s", "30m1h", "1s1s", "5s3", "1h30", "99999999999999999d"]
        {
            assert_eq!(parse_duration_sum(text), None, "{text}");
        }
    }
}
