//! What the history keeps of schedules, and the changes of it.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use topside_shared::records::{Outcome, Pause, ScheduleOutcome, SetBy};
use topside_shared::{RunId, Time};

use crate::history::db::Db;
use crate::history::{History, Unreadable, Unwritable, WriteJob, thread_ended};

/// How far a schedule is accounted for, with the rows that this adds.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) schedule: String,
    /// The rule in words: another rule is not accounted for by this.
    pub(crate) rule: String,
    pub(crate) to: Time,
    pub(crate) rows: Vec<StartRow>,
    /// The clock was set back: rows after `to` that did not run are removed.
    pub(crate) rewind: bool,
}

/// A start of a schedule, or several that were missed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartRow {
    /// Of several the last.
    pub(crate) at: Time,
    pub(crate) first: Time,
    pub(crate) count: u64,
    pub(crate) outcome: Outcome,
    /// `at` as a time on the wall.
    pub(crate) wall: Time,
}

/// A start of a schedule, by its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartKey {
    pub(crate) schedule: String,
    pub(crate) at: Time,
}

/// What an operator has set of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Adjustment {
    /// The declaration that it belongs to: it does not hold for another one.
    pub(crate) declared: String,
    pub(crate) time: Option<String>,
    pub(crate) args: Map<String, Value>,
    pub(crate) by: SetBy,
}

/// A change of the rows of schedules.
#[derive(Debug, Clone)]
pub(crate) enum ScheduleWrite {
    Account(Account),
    Outcome {
        schedule: String,
        at: Time,
        outcome: Outcome,
        run: Option<RunId>,
        reason: Option<String>,
    },
    Pause {
        schedule: String,
        pause: Option<Pause>,
    },
    Set {
        schedule: String,
        set: Option<Adjustment>,
    },
    Plan(Option<String>),
    /// A menu without it is loaded.
    Forget(String),
}

/// What is kept of a schedule.
#[derive(Debug, Clone)]
pub(crate) struct ScheduleState {
    pub(crate) name: String,
    pub(crate) rule: String,
    pub(crate) accounted: Time,
    pub(crate) pause: Option<Pause>,
    pub(crate) last: Option<ScheduleOutcome>,
    /// The time of `last` on the wall; none in rows of an earlier version.
    pub(crate) last_wall: Option<Time>,
    pub(crate) set: Option<Adjustment>,
}

impl History {
    /// Changes the rows of schedules; whether there was anything to change.
    pub(crate) async fn write_schedule(&self, write: ScheduleWrite) -> Result<bool, Unwritable> {
        let (reply, written) = oneshot::channel();
        self.job(WriteJob::Schedule(Box::new(write), Cell::new(false), reply))?;
        written.await.map_err(|_| thread_ended())?
    }

    /// The first instant of the rows of `schedule` that did not run and end after a time.
    pub(crate) async fn first_missed_after(
        &self,
        schedule: &str,
        after: Time,
    ) -> Result<Option<Time>, Unreadable> {
        let schedule = schedule.to_owned();
        self.read(move |db| db.first_missed_after(&schedule, after)).await
    }

    /// The starts that the end of the last server interrupted, the oldest first: a start that was claimed, waits or runs.
    pub(crate) async fn interrupted_starts(
        &self,
    ) -> Result<Vec<(String, ScheduleOutcome)>, Unreadable> {
        self.read(Db::interrupted_starts).await
    }

    /// The active plan, and what is kept of each schedule.
    pub(crate) async fn schedules(
        &self,
    ) -> Result<(Option<String>, Vec<ScheduleState>), Unreadable> {
        self.read(Db::schedules).await
    }
}
