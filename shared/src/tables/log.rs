//! Lines of the log as text.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::notifications::LogEntry;
use crate::text::is_control;

/// One entry as a line that is printed: time in `zone`, level, message, fields.
pub fn printed_log_line(entry: &LogEntry, zone: &TimeZone) -> String {
    let time = entry.time.to_millisecond(zone);
    format!("{time} {:5} {}", entry.level.name(), log_text(entry))
}

/// One entry as a line of the server's log file: time in UTC, level, message, fields.
pub fn log_line(entry: &LogEntry) -> String {
    format!("{} {:5} {}", entry.time, entry.level.name(), log_text(entry))
}

/// Entries as lines for people, each after its number: `12: ..`, `12- ..` where it only stands above one that matches, and
/// `1/12: ..` where it is in the older file 1; times in `zone`.
pub fn log_lines(entries: &[LogEntry], zone: &TimeZone) -> String {
    let number = |entry: &LogEntry| {
        let line = entry.line.map(|line| line.to_string()).unwrap_or_default();
        entry.file.map_or(line.clone(), |file| format!("{file}/{line}"))
    };
    let width = entries.iter().map(|entry| number(entry).len()).max().unwrap_or_default();
    let line = |entry: &LogEntry| match width {
        0 => printed_log_line(entry, zone) + "\n",
        _ => {
            let mark = if entry.context { '-' } else { ':' };
            format!("{:>width$}{mark} {}\n", number(entry), printed_log_line(entry, zone))
        }
    };
    entries.iter().map(line).collect()
}

/// The message and the fields of an entry, without its time and level.
pub fn log_text(entry: &LogEntry) -> String {
    let mut line = entry.message.clone();
    for (name, value) in log_fields(entry) {
        let written = write!(line, " {name}={value}");
        debug_assert!(written.is_ok());
    }
    line
}

/// The fields of an entry: each name, and its value as it stands behind the `=`.
pub fn log_fields(entry: &LogEntry) -> impl Iterator<Item = (&str, String)> {
    entry.fields.iter().map(|(name, value)| match value {
        Value::String(text) if !text.is_empty() && text.chars().all(is_plain) => {
            (name.as_str(), text.clone())
        }
        value => (name.as_str(), value.to_string()),
    })
}

/// Whether a value with this character can stand without quotes.
fn is_plain(c: char) -> bool {
    !is_control(c) && !matches!(c, ' ' | '"' | '=' | '\\')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_have_their_numbers_and_those_above_a_match_another_sign() {
        let entry = |place: Value| {
            let mut entry =
                json!({"time": "2020-02-20T12:00:00.000Z", "level": "warn", "message": "m"});
            entry.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
            serde_json::from_value::<LogEntry>(entry).unwrap()
        };
        let lines = |entries: &[LogEntry]| log_lines(entries, &TimeZone::UTC);
        let text = lines(&[
            entry(json!({"line": 812, "file": 1})),
            entry(json!({"line": 9, "context": true})),
            entry(json!({"line": 10})),
        ]);
        let time = "2020-02-20 12:00:00.000+00:00";
        assert_eq!(
            text,
            format!("1/812: {time} warn  m\n    9- {time} warn  m\n   10: {time} warn  m\n")
        );
        assert_eq!(lines(&[entry(json!({}))]), format!("{time} warn  m\n"));
    }

    #[test]
    fn an_entry_is_one_line_with_any_fields() {
        let entry: LogEntry = serde_json::from_value(json!({
            "time": "2020-02-20T12:00:00.000Z", "level": "info", "message": "told",
            "fields": {"a": "x\ny", "b": "plain", "c": "", "d": 3, "e": "two words"},
        }))
        .unwrap();
        assert_eq!(log_text(&entry), r#"told a="x\ny" b=plain c="" d=3 e="two words""#);
    }
}
