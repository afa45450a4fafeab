//! Presence of a box: a record in the bucket that it writes regularly. It is a hint, like mDNS; the pin decides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hub::digits;
use crate::pin::Pin;
use crate::text::{self, MAX_NAME};
use crate::time::Time;

/// How often a box writes its record.
pub const PRESENCE_INTERVAL: Duration = Duration::from_secs(30);
/// Silence after which a box counts as away.
pub const AWAY_AFTER: Duration = Duration::from_secs(75);

/// What a box says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// The name of the box.
    pub name: String,
    /// The version of Topside on it.
    pub version: String,
    /// Whether it is up.
    pub state: PresenceState,
    /// Load over the last minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Runs that are live.
    pub runs: u64,
    /// When it shuts down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Time>,
    /// When this was written, by the clock of the box.
    pub at: Time,
    /// Seconds to the next record.
    pub every: u64,
}

/// Whether a box is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PresenceState {
    /// It takes sessions.
    Up,
    /// It has ended in order, or is about to.
    Stopping,
    /// A state of a later version.
    #[serde(other)]
    Other,
}

impl Presence {
    /// Reads a record; none if it is no such record.
    pub fn read(value: &[u8]) -> Option<Self> {
        let mut read: Self = serde_json::from_slice(value).ok()?;
        read.name = text::clean(&read.name, MAX_NAME);
        read.version = text::clean(&read.version, MAX_NAME);
        Some(read)
    }

    /// The same by another clock, which showed this time when the record was written. The clocks of a box, the hub and a
    /// device may differ.
    pub fn by_clock(mut self, written_at: Time) -> Self {
        let ahead = written_at.as_millis() - self.at.as_millis();
        self.at = written_at;
        self.shutdown = self.shutdown.map(|due| due.moved_by(ahead));
        self
    }
}

/// The key of a box's presence in the bucket.
pub fn presence_key(pin: &Pin) -> String {
    format!("presence.{}", digits(pin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_later_version_is_read_and_control_characters_are_removed() {
        let json = r#"{"name":"pump\u001b-1","version":"9.0","state":"asleep","runs":2,
            "at":"2026-03-01T20:00:00Z","every":30,"mood":"good"}"#;
        let read = Presence::read(json.as_bytes()).unwrap();
        assert_eq!((read.name.as_str(), read.state), ("pump-1", PresenceState::Other));
        let again = serde_json::to_string(&Presence { state: PresenceState::Up, ..read }).unwrap();
        assert!(again.contains(r#""state":"up""#), "{again}");
        assert_eq!(Presence::read(b"{}"), None);
    }

    #[test]
    fn a_shutdown_is_as_far_away_by_another_clock() {
        let json = r#"{"name":"pump-1","version":"0.2.0","state":"up","runs":0,"every":30,
            "at":"2026-03-01T20:00:00Z","shutdown":"2026-03-01T20:05:00Z"}"#;
        let now = Time::from_millis(1_000_000);
        let read = Presence::read(json.as_bytes()).unwrap().by_clock(now);
        assert_eq!((read.at, read.shutdown), (now, Some(now.plus_millis(300_000))));
    }
}
