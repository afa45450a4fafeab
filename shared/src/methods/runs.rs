//! Runs, whoever started them.

use serde::{Deserialize, Serialize};

use super::{Call, Method};
use crate::ids::RunId;
use crate::rows::{RunRow, RunState};

/// `run/attach`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAttach {
    /// The run to follow.
    pub run_id: RunId,
    /// Where its output is wanted from, in bytes of both streams in order of arrival.
    #[serde(default)]
    pub from: u64,
}
call!(RunAttach => RunAttach -> RunRow);

/// `run/cancel`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCancel {
    /// The run to end.
    pub run_id: RunId,
}
call!(RunCancel => RunCancel -> RunRow);

/// `runs/list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunsList {
    /// Only runs in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// Only runs of this command, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Only runs of this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only runs with a smaller number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<RunId>,
    /// At most so many rows: 1 to 500; 50 unless told. Fewer come where they do not fit one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}
call!(RunsList => RunsList -> RunsPage);

/// Answer to `runs/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunsPage {
    /// Rows, newest first.
    pub runs: Vec<RunRow>,
    /// What to give as `before` for more; absent: these were all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RunId>,
}
