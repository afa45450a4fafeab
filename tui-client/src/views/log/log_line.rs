//! One line of the log: its message and fields, whether it is a failure, and its short form for the list.

use topside_shared::Time;
use topside_shared::notifications::{Level, LogEntry};
use topside_shared::tables::{
    CLIENT_CONNECTED, CLIENT_DISCONNECTED, CLIENT_FIELD, CONNECTED_FOR, log_fields,
};
use topside_shared::text::duration;

use crate::text::sanitize;

/// The field with the end of a run, and its values where the run did not do what it should.
const STATE: &str = "state";
const FAILED: [&str; 3] = ["failed", "timed out", "lost"];

/// A line of the log, or a remark of the screen between two.
#[derive(Debug, Clone)]
pub(crate) struct LogLine {
    pub(crate) at: Time,
    /// None: a remark of the screen, which no filter hides.
    pub(crate) level: Option<Level>,
    pub(crate) message: String,
    pub(crate) fields: Vec<(String, String)>,
    /// Fields from this index on come from the first line of the same connection.
    own: usize,
    /// An error, a run that failed, or a refusal.
    pub(crate) is_failure: bool,
    /// The line at the end of the same connection is shown instead.
    pub(super) is_replaced: bool,
}

/// Lines are equal where the server sent the same.
impl PartialEq for LogLine {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.level, &self.message) == (other.at, other.level, &other.message)
            && self.fields[..self.own] == other.fields[..other.own]
    }
}

impl LogLine {
    pub(super) fn of(entry: &LogEntry) -> Self {
        let clean =
            |(name, value): (&str, String)| (sanitize::sentence(name), sanitize::sentence(&value));
        let fields: Vec<(String, String)> = log_fields(entry).map(clean).collect();
        let message = sanitize::sentence(&entry.message);
        let has_failed = entry.fields.get(STATE).and_then(|state| state.as_str());
        let is_failure = entry.level >= Level::Error
            || has_failed.is_some_and(|state| FAILED.contains(&state))
            || message.split([' ', ':', ',']).any(|word| word == "refused");
        let (own, level) = (fields.len(), Some(entry.level));
        Self { at: entry.time, level, message, fields, own, is_failure, is_replaced: false }
    }

    /// A remark of the screen between two lines of the server.
    pub(super) fn remark(at: Time, message: String) -> Self {
        let (level, fields, own) = (None, Vec::new(), 0);
        Self { at, level, message, fields, own, is_failure: false, is_replaced: false }
    }

    /// The whole line without its time and level.
    pub(crate) fn text(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| format!(" {name}={value}"));
        std::iter::once(self.message.clone()).chain(fields).collect()
    }

    fn client(&self) -> Option<&str> {
        let client = self.fields[..self.own].iter().find(|(name, _)| name == CLIENT_FIELD);
        client.map(|(_, value)| value.as_str())
    }

    /// Whether this is the end of the connection that began with the other line.
    pub(super) fn ends(&self, begin: &Self) -> bool {
        self.message == CLIENT_DISCONNECTED
            && begin.message == CLIENT_CONNECTED
            && !begin.is_replaced
            && self.client().is_some()
            && self.client() == begin.client()
    }

    /// Takes the fields of the beginning of the same connection, and how long it lasted.
    pub(super) fn add_beginning(&mut self, begin: &Self) {
        let is_new =
            |(name, _): &&(String, String)| !self.fields.iter().any(|(own, _)| own == name);
        let fields: Vec<_> = begin.fields.iter().filter(is_new).cloned().collect();
        self.fields.extend(fields);
        let lasted = duration(self.at.millis_since(begin.at));
        self.fields.push((CONNECTED_FOR.to_owned(), format!("{lasted:?}")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(level: &str, message: &str, fields: &serde_json::Value) -> LogLine {
        let entry = json!({
            "time": "2026-03-01T09:14:00.000Z", "level": level, "message": message, "fields": fields,
        });
        LogLine::of(&serde_json::from_value(entry).unwrap())
    }

    #[test]
    fn errors_failed_runs_and_refusals_are_failures() {
        for (level, message, fields, want) in [
            ("error", "the disk is full", json!({}), true),
            ("info", "run ended", json!({"state": "failed", "exit": 4}), true),
            ("info", "run ended", json!({"state": "timed out"}), true),
            ("info", "run ended", json!({"state": "succeeded"}), false),
            ("info", "run ended", json!({"state": "cancelled"}), false),
            ("warn", "key refused", json!({"peer": "192.0.2.1"}), true),
            ("warn", "slow reader", json!({"client": 4}), false),
        ] {
            assert_eq!(line(level, message, &fields).is_failure, want, "{message} {fields}");
        }
    }
}
