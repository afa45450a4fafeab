//! Verbs about approvals.

use topside_shared::methods::{ApprovalsList, Decision};
use topside_shared::tables;

use super::one_shot::OneShot;
use crate::verb_args::approval::DecisionArgs;
use crate::verbs::errors::VerbError;

pub(super) async fn list(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let waiting = session.call(&ApprovalsList {}).await?;
    session.print(&waiting, |waiting| tables::approvals(&waiting.approvals)).await
}

pub(super) async fn decide(
    session: &mut OneShot<'_>,
    args: &DecisionArgs,
    decision: Decision,
) -> Result<u8, VerbError> {
    let row = session.call(&args.request(decision)).await?;
    session.print(&row, |row| tables::approval_decided(row) + "\n").await
}
