//! The table of the runs that wait for approval, and sentences about decisions.

use super::{cell, table};
use crate::methods::{ApprovalRow, ApprovalState};
use crate::text::{self, MAX_NAME, MAX_REASON, clean};

/// The runs that wait for approval, a line each under their heads.
pub fn approvals(rows: &[ApprovalRow]) -> String {
    if rows.is_empty() {
        return "no run waits for approval\n".to_owned();
    }
    let heads = ["run", "left", "role", "user", "you", "command line", "question"];
    table(heads, rows.iter().map(cells))
}

fn cells(row: &ApprovalRow) -> [String; 7] {
    [
        row.run_id.to_string(),
        cell(row.approval.in_ms.map(text::duration)),
        row.approval.role.to_string(),
        row.asker(),
        if row.may_decide { "may decide" } else { "-" }.to_owned(),
        clean(&row.line, MAX_REASON),
        cell(row.confirm.as_deref().map(|question| clean(question, MAX_REASON))),
    ]
}

/// What was decided about a run: `run #41 of wipe, for bot (agent), is approved`.
pub fn approval_decided(row: &ApprovalRow) -> String {
    let state = match row.approval.state {
        ApprovalState::Approved => "approved",
        ApprovalState::Refused => "refused",
        _ => "decided",
    };
    let (run, command) = (row.run_id, clean(&row.command, MAX_NAME));
    format!("run {run} of {command}, for {}, is {state}", row.asker())
}
