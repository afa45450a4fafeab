//! Lines of the log.

use std::fmt::Write as _;

use serde_json::Value;

use crate::notices::LogEntry;

/// One entry as a line for people: time, level, message, fields.
pub fn log_line(entry: &LogEntry) -> String {
    format!("{} {:5} {}", entry.time, entry.level.name(), log_text(entry))
}

/// What an entry says: message and fields, for whoever shows time and level elsewhere.
pub fn log_text(entry: &LogEntry) -> String {
    let mut line = entry.message.clone();
    for (name, value) in &entry.fields {
        let written = match value {
            Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\\']) => {
                write!(line, " {name}={text}")
            }
            value => write!(line, " {name}={value}"),
        };
        debug_assert!(written.is_ok());
    }
    line
}
