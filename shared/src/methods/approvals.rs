//! Approvals of runs: `approvals/list` and `approval/decide`.

use serde::{Deserialize, Serialize};

use super::{Call, Method};
use crate::ids::RunId;
pub use crate::records::{ApprovalRow, ApprovalState, RunApproval};

/// `approvals/list`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalsList {}
call!(ApprovalsList -> Approvals);

/// Answer to `approvals/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Approvals {
    /// The runs that wait for approval and that the caller may see, oldest first, as many as fit in one line.
    pub approvals: Vec<ApprovalRow>,
}

wire_enum! {
    /// What a user decides about a run.
    pub enum Decision {
        /// It may start, once.
        Approve = "approve",
        /// It does not start.
        Refuse = "refuse",
    }
}

/// `approval/decide`: a user other than the one who asks approves or refuses a run that waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalDecide {
    /// The run.
    pub run_id: RunId,
    /// The decision.
    pub decision: Decision,
    /// Why, for the user who asks; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
call!(ApprovalDecide -> ApprovalRow);
