//! Lines of the log as text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::notifications::LogEntry;
use crate::text::{duration, is_control};

/// The messages of the server at both ends of a connection.
pub const CLIENT_CONNECTED: &str = "client connected";
/// See [`CLIENT_CONNECTED`].
pub const CLIENT_DISCONNECTED: &str = "client disconnected";
/// The field that both have in common.
pub const CLIENT_FIELD: &str = "client";
/// The field of the end of a connection that says how long it lasted, where the beginning has no line of its own.
pub const CONNECTED_FOR: &str = "connected_for";
/// An id with at least this many digits is cut to `SHORT_ID` digits.
const LONG_ID: usize = 24;
const SHORT_ID: usize = 8;

/// One entry as a line that is printed: time in `zone`, level, message, fields. Of a long id it has the beginning.
pub fn printed_log_line(entry: &LogEntry, zone: &TimeZone) -> String {
    let time = entry.time.to_millisecond(zone);
    let mut line = format!("{time} {:5} {}", entry.level.name(), entry.message);
    for (name, value) in log_fields(entry) {
        let written = write!(line, " {name}={}", short_value(&value));
        debug_assert!(written.is_ok());
    }
    line
}

/// The value of a field as a list shows it: of a long id its beginning.
pub fn short_value(value: &str) -> Cow<'_, str> {
    let digits = value.strip_prefix("sha256:").unwrap_or(value);
    let is_id =
        digits.len() >= LONG_ID && digits.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
    if is_id { format!("{}…", &digits[..SHORT_ID]).into() } else { value.into() }
}

/// One entry as a line of the server's log file: time in UTC, level, message, fields.
pub fn log_line(entry: &LogEntry) -> String {
    format!("{} {:5} {}", entry.time, entry.level.name(), log_text(entry))
}

/// Entries as lines for people, each after its number: `12: ..`, `12- ..` where it only stands above one that matches, and
/// `1/12: ..` where it is in the older file 1; times in `zone`. A connection of which both ends are among them has one line.
pub fn log_lines(entries: &[LogEntry], zone: &TimeZone) -> String {
    let entries = merge_connections(entries);
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

/// The entries without each beginning of a connection of which the end is among them too. The end has its fields then, and
/// how long the connection lasted.
fn merge_connections(entries: &[LogEntry]) -> Vec<LogEntry> {
    let mut merged: Vec<Option<LogEntry>> = Vec::with_capacity(entries.len());
    let mut begun: HashMap<&Value, usize> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let mut entry_or_end = entry.clone();
        match (entry.message.as_str(), entry.fields.get(CLIENT_FIELD)) {
            (CLIENT_CONNECTED, Some(client)) => {
                begun.insert(client, at);
            }
            (CLIENT_DISCONNECTED, Some(client)) => {
                // One that matches is not left out for one that only stands above a match.
                if let Some(begin) = begun.remove(client)
                    && let Some(first) =
                        merged[begin].take_if(|begin| begin.context == entry.context)
                {
                    add_beginning(&mut entry_or_end, first);
                }
            }
            _ => {}
        }
        merged.push(Some(entry_or_end));
    }
    merged.into_iter().flatten().collect()
}

fn add_beginning(end: &mut LogEntry, begin: LogEntry) {
    let lasted = duration(end.time.millis_since(begin.time));
    for (name, value) in begin.fields {
        end.fields.entry(name).or_insert(value);
    }
    end.fields.insert(CONNECTED_FOR.to_owned(), lasted.into());
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
    use std::collections::BTreeSet;

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

    /// Each verb of `topside` left two lines, and a key took 64 digits of one.
    #[test]
    fn a_connection_has_one_line_and_long_ids_are_short() {
        let pin = format!("sha256:{}", "3f9a12c0".repeat(8));
        let entry = |seconds: u32, message: &str, fields: Value, context: bool| {
            let time = format!("2020-02-20T12:00:{seconds:02}.000Z");
            serde_json::from_value::<LogEntry>(json!({
                "time": time, "level": "info", "message": message, "fields": fields, "context": context,
            }))
            .unwrap()
        };
        // The fields of a line have the order of the JSON library, which a feature changes.
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
        let begin = |client: u64| json!({"client": client, "key": pin, "user": "ann"});
        let end = |client: u64| json!({"client": client, "reason": "closed"});
        let messages = |entries: &[LogEntry]| {
            let text = log_lines(entries, &TimeZone::UTC);
            text.lines().map(|line| words(&line[36..])).collect::<Vec<_>>()
        };
        let both = [
            entry(1, CLIENT_CONNECTED, begin(1), false),
            entry(2, CLIENT_CONNECTED, begin(2), false),
            entry(3, CLIENT_DISCONNECTED, end(1), false),
            entry(4, CLIENT_DISCONNECTED, end(3), false),
            // After a new start of the server, the numbers begin again.
            entry(5, CLIENT_CONNECTED, begin(2), false),
            entry(9, CLIENT_DISCONNECTED, end(2), false),
        ];
        let merged = |client: u64, lasted: &str| {
            words(&format!(
                "client disconnected client={client} reason=closed key=3f9a12c0… user=ann connected_for={lasted:?}"
            ))
        };
        assert_eq!(
            messages(&both),
            [
                words("client connected client=2 key=3f9a12c0… user=ann"),
                merged(1, "2.0 s"),
                words("client disconnected client=3 reason=closed"),
                merged(2, "4.0 s"),
            ]
        );
        let matching = [
            entry(1, CLIENT_CONNECTED, begin(1), false),
            entry(2, CLIENT_DISCONNECTED, end(1), true),
        ];
        assert_eq!(messages(&matching).len(), 2, "a line that matches is printed");
    }

    #[test]
    fn only_long_ids_are_short() {
        let pin = "3f9a12c0".repeat(8);
        for (value, want) in [
            (pin.as_str(), "3f9a12c0…"),
            (&format!("sha256:{pin}"), "3f9a12c0…"),
            ("0198c0de-5c2b-7000-8000-3f9a12c03f9a", "0198c0de…"),
            ("203.0.113.9:40112", "203.0.113.9:40112"),
            ("1234567890", "1234567890"),
        ] {
            assert_eq!(short_value(value), want);
        }
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
