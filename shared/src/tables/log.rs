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
    fn an_entry_is_one_line_with_any_fields() {
        let entry: LogEntry = serde_json::from_value(json!({
            "time": "2020-02-20T12:00:00.000Z", "level": "info", "message": "told",
            "fields": {"a": "x\ny", "b": "plain", "c": "", "d": 3, "e": "two words"},
        }))
        .unwrap();
        assert_eq!(log_text(&entry), r#"told a="x\ny" b=plain c="" d=3 e="two words""#);
    }
}
