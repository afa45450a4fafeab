//! An event of the box, as a notifier gets it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use topside_shared::records::{RunRow, RunState};
use topside_shared::{RunId, Time};

use crate::settings::notify::EventKind;

/// Most bytes of the arguments of a run, as JSON.
const MOST_ARGS: usize = 16 * 1024;

/// One event, or several equal ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    /// Unique. An event that is sent again has the same id.
    pub(crate) id: String,
    pub(crate) event: EventKind,
    /// Of several the newest.
    pub(crate) time: Time,
    /// The name of the box, as users see it.
    pub(crate) host: String,
    /// One sentence for people.
    pub(crate) message: String,
    /// How many equal events these are.
    pub(crate) count: u64,
    #[serde(flatten)]
    pub(crate) about: About,
}

/// What an event is about, with the details of the newest one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct About {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<String>,
    /// `on_start` or `on_stop` of the box, or `worker NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_id: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<u64>,
    /// The arguments of the run, without secrets, for notifiers that ask for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) args: Option<Map<String, Value>>,
    /// The last lines of the output of the run, for notifiers that ask for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
}

impl About {
    pub(super) fn run(row: &RunRow) -> Self {
        let fits = serde_json::to_vec(&row.args).is_ok_and(|json| json.len() <= MOST_ARGS);
        Self {
            command: Some(row.command.clone()),
            run_id: Some(row.run_id),
            user: Some(row.user.clone()),
            exit_code: row.exit_code,
            signal: row.signal,
            duration_ms: row.duration_ms,
            args: fits.then(|| row.args.clone()),
            ..Self::default()
        }
    }

    /// What equal events have in common.
    pub(super) fn subject(&self) -> [Option<&str>; 3] {
        [self.command.as_deref(), self.schedule.as_deref(), self.hook.as_deref()]
    }
}

impl Event {
    /// Whether both are the same kind of event of the same command, schedule or hook.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.event == other.event && self.about.subject() == other.about.subject()
    }
}

/// The kind of event that the end of a run is; none: no notifier reports it.
pub(super) fn kind_of_end(state: RunState) -> Option<EventKind> {
    match state {
        RunState::Failed => Some(EventKind::Failed),
        RunState::TimedOut => Some(EventKind::TimedOut),
        RunState::Lost => Some(EventKind::Lost),
        RunState::Queued | RunState::Running | RunState::Succeeded | RunState::Cancelled => None,
    }
}
