//! External notifications: `notify/test`, and the state of each notifier.

use serde::{Deserialize, Serialize};

use super::{Call, Method};
use crate::text::{MAX_NAME, MAX_REASON, clean};
use crate::time::Time;

/// `notify/test`: sends a test notification now, without a retry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyTest {
    /// The name of the notifier; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifier: Option<String>,
}
call!(NotifyTest -> NotifyTestResult);

/// Answer to `notify/test`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyTestResult {
    /// One row for each notifier that was tested.
    pub notifiers: Vec<NotifyTestRow>,
}

impl NotifyTestResult {
    /// A line for each notifier.
    pub fn lines(&self) -> String {
        self.notifiers.iter().map(|row| row.words() + "\n").collect()
    }
}

/// What came of the test of one notifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyTestRow {
    /// Its name.
    pub notifier: String,
    /// How it sends: `exec`, `webhook`, `ntfy`, `smtp`, `heartbeat`, or a kind that a newer server has.
    pub kind: String,
    /// What the service answered that took the notification; absent: none did, or the notifier is a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why the notification was not sent, or which recipients of a mail do not get it; absent: it was sent to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl NotifyTestRow {
    fn words(&self) -> String {
        let (name, kind) = (clean(&self.notifier, MAX_NAME), clean(&self.kind, MAX_NAME));
        match (&self.failure, &self.answer) {
            (None, None) => format!("{name} ({kind}): sent"),
            (None, Some(answer)) => format!("{name} ({kind}): sent: {}", clean(answer, MAX_REASON)),
            (Some(failure), None) => {
                format!("{name} ({kind}): not sent: {}", clean(failure, MAX_REASON))
            }
            (Some(failure), Some(_)) => {
                format!("{name} ({kind}): not sent to all: {}", clean(failure, MAX_REASON))
            }
        }
    }
}

/// The state of a notifier, in `server/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotifierStatus {
    /// Its name.
    pub notifier: String,
    /// How it sends.
    pub kind: String,
    /// Notifications that wait to be sent.
    pub waiting: u64,
    /// When it last sent one, since the start of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    /// Why its last attempt failed, or which recipients of its mails get none; absent: it succeeded, or there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl NotifierStatus {
    /// In words: `ops (exec): 2 waiting, cannot send: it ended with exit status: 1`.
    pub fn words(&self) -> String {
        let mut words = format!("{} ({}): {} waiting", self.notifier, self.kind, self.waiting);
        match &self.sent_at {
            Some(at) => words += &format!(", last sent at {at}"),
            None if self.failure.is_none() => words += ", nothing sent since the start",
            None => {}
        }
        if let Some(failure) = &self.failure {
            words += &format!(", cannot send: {failure}");
        }
        words
    }
}
