//! The row of a schedule.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::RunId;
use crate::time::Time;

/// A schedule as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleRow {
    /// Its name.
    pub schedule: String,
    /// The command that it starts.
    pub command: String,
    /// The arguments of the command.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// When it starts it, in the words of its declaration: `cron 0 6 * * MON-FRI`.
    pub rule: String,
    /// The time zone of the rule: `Europe/Berlin`.
    pub zone: String,
    /// How long a run may take, in milliseconds; absent: until it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// The plan that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Why it starts nothing now; absent: it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactive: Option<Inactive>,
    /// Who paused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// Its next starts, five at most; none while it is inactive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Time>,
    /// Until when its window is open, while its run takes place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Time>,
    /// Its last start, or the last that it missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ScheduleOutcome>,
    /// What `schedule/set` may set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustable: Vec<Adjustable>,
    /// Who set its time or its arguments; absent: it is as its file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<SetBy>,
}

wire_enum! {
    /// What of a schedule an operator may set.
    pub enum Adjustable {
        /// When it starts its command.
        Time = "time",
        /// The arguments of the command.
        Args = "args",
    }
}

/// Who set the time or the arguments of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBy {
    /// The user.
    pub by: String,
    /// When.
    pub at: Time,
}

wire_enum! {
    /// Why a schedule starts nothing.
    pub enum Inactive {
        /// Its declaration says `enabled = false`.
        Disabled = "disabled",
        /// A user paused it.
        Paused = "paused",
        /// Another plan is active, or none.
        Plan = "plan",
        /// The clock of the box is behind a time that has passed already.
        ClockNotSet = "clockNotSet",
    }
}

/// Who paused a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The user.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why; empty if no reason was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What came of one start, or of several that were missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleOutcome {
    /// When it was due; of several the last.
    pub at: Time,
    /// What came of it.
    pub outcome: Outcome,
    /// How many starts this stands for.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
    /// Its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// Why it did not run, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_one(count: &u64) -> bool {
    *count == 1
}

wire_enum! {
    /// What came of a start of a schedule.
    pub enum Outcome {
        /// It is about to start.
        Claimed = "claimed",
        /// Its run waits for its turn.
        Queued = "queued",
        /// Its run has started; the history has its end.
        Started = "started",
        /// Its run has ended.
        Ended = "ended",
        /// The server did not run, or the box slept.
        Missed = "missed",
        /// The schedule was paused.
        Paused = "paused",
        /// Another run had what its command needs.
        Overlap = "overlap",
        /// The command could not be started.
        Refused = "refused",
        /// The server died before it started.
        Lost = "lost",
    }
}

impl ScheduleRow {
    /// What it waits for, or its next start, in words: `06:00`, `paused by anna`. `shown` writes a time.
    pub fn standing(&self, shown: impl Fn(Time) -> String) -> String {
        match (&self.inactive, &self.paused, &self.open_until, self.next.first()) {
            (Some(Inactive::Paused), Some(pause), ..) if pause.reason.is_empty() => {
                format!("paused by {}", pause.by)
            }
            (Some(Inactive::Paused), Some(pause), ..) => {
                format!("paused by {}: {}", pause.by, pause.reason)
            }
            (Some(Inactive::Paused), None, ..) => "paused".to_owned(),
            (Some(Inactive::Disabled), ..) => "disabled in its file".to_owned(),
            (Some(Inactive::Plan), ..) => {
                format!("plan {} is off", self.plan.as_deref().unwrap_or_default())
            }
            (Some(Inactive::ClockNotSet), ..) => "waits until the clock is set".to_owned(),
            (None, _, Some(until), _) => format!("open until {}", shown(*until)),
            (None, _, None, Some(next)) => shown(*next),
            (None, _, None, None) => "no next start".to_owned(),
        }
    }
}

impl ScheduleOutcome {
    /// In words: `missed 3: the server did not run`.
    pub fn words(&self) -> String {
        let name = self.outcome.name();
        let counted = match (self.count, self.run_id) {
            (1, Some(run)) => format!("{name}, run {run}"),
            (1, None) => name.to_owned(),
            (count, _) => format!("{name} {count}"),
        };
        match &self.reason {
            Some(reason) => format!("{counted}: {reason}"),
            None => counted,
        }
    }
}
