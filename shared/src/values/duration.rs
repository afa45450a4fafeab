//! Durations as configuration files and arguments write them: `20m`, `250ms`.

/// The units, the longest first, and their milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a whole number and one of `ms`, `s`, `m`, `h`, `d`, in milliseconds.
pub fn parse_duration(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*ms)
}

/// The same duration in the same unit, without noughts before it.
pub(super) fn normal(text: &str) -> Option<String> {
    parse_duration(text)?;
    let (number, unit) = split(text)?;
    Some(format!("{number}{unit}"))
}

/// Milliseconds in the longest unit in which they are whole.
pub(super) fn written(ms: u64) -> String {
    let fits = |unit: &&(&str, u64)| ms != 0 && ms.is_multiple_of(unit.1);
    let (unit, length) = UNITS.iter().find(fits).copied().unwrap_or(("s", 1_000));
    format!("{}{unit}", ms / length)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit))
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
}
