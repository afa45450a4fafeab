//! Durations and sizes in configuration files: `20m`, `250ms`, `64MiB`.

use std::time::Duration;

pub(crate) const DURATION_FORM: &str =
    "a whole number and a unit of ms, s, m, h or d, such as \"90s\" or \"1h30m\"";
pub(crate) const SIZE_FORM: &str =
    "a whole number and a unit of B, KiB, MiB or GiB, such as \"64MiB\"";

pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    topside_shared::values::parse_duration(text).map(Duration::from_millis)
}

/// Reads a size in bytes: a whole number and one of `B`, `KiB`, `MiB`, `GiB`.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_and_units() {
        for (text, ms) in [("20m", 1_200_000), ("250ms", 250), ("1h30m", 5_400_000), ("0s", 0)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "-5s", "+5s", "5 s", "1.5s", "5S", "5sec", "99999999999999999d"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_a_whole_number_and_a_binary_unit() {
        assert_eq!(parse_size("64MiB"), Some(64 << 20));
        assert_eq!(parse_size("0B"), Some(0));
        for text in ["64", "64MB", "64mib", "1.5GiB", "-1B", "99999999999999GiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
