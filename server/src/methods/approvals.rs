//! Approvals of runs: `approvals/list` and `approval/decide`.

use std::sync::Arc;

use topside_shared::RpcError;
use topside_shared::methods::{ApprovalDecide, ApprovalRow, Approvals, ApprovalsList};

use crate::methods::Caller;
use crate::methods::page_limits::{ROWS_BYTES, count_that_fits};

pub(super) async fn list(
    caller: Caller,
    ApprovalsList {}: ApprovalsList,
) -> Result<Approvals, RpcError> {
    let mut approvals = caller.server.runs.approvals(&caller.client.who());
    approvals.truncate(count_that_fits(approvals.iter(), ROWS_BYTES));
    Ok(Approvals { approvals })
}

pub(super) async fn decide(
    caller: Caller,
    params: ApprovalDecide,
) -> Result<ApprovalRow, RpcError> {
    let Caller { server, client } = caller;
    let runs = Arc::clone(&server.runs);
    let work = async move { runs.decide(&client, params).await };
    server.finish("the decision", work).await
}
