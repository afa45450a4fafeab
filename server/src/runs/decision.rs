//! The decision of a client about a run that waits for approval, and its refusals.

use topside_shared::methods::{ApprovalDecide, Decision};
use topside_shared::records::{ApprovalRow, ApprovalState, RunRow};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{ErrorKind, RpcError, RunId};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::authorize::may_see_run;
use crate::base::identity::Identity;
use crate::clients::Client;
use crate::history::Unreadable;
use crate::runs::Runs;
use crate::runs::approval::Decided;

impl Runs {
    /// Carries out the decision of a client.
    ///
    /// # Errors
    /// `notFound` if the run does not wait for approval, with the decision if there was one; `forbidden`; or an error of the
    /// audit log, which has an approval before it takes effect.
    pub(crate) async fn decide(
        &self,
        client: &Client,
        params: ApprovalDecide,
    ) -> Result<ApprovalRow, RpcError> {
        let ApprovalDecide { run_id: id, decision, reason } = params;
        let who = client.who();
        let reason = checked_reason(reason.as_deref())?;
        let run = match self.get(id) {
            Some(run) if run.is_listed() && may_see_run(&who, run.owner, run.role) => run,
            Some(_) => return Err(no_run(id)),
            None => return Err(self.ended(id, &who).await?),
        };
        let Some(approval) = &run.approval else { return Err(needs_none(id)) };
        if !approval.is_waiting() {
            return Err(decided_already(id, &run.row()));
        }
        approval.authorize(&who)?;
        let (action, state) = match decision {
            Decision::Approve => (AuditAction::ApprovalApproved, ApprovalState::Approved),
            Decision::Refuse => (AuditAction::ApprovalRefused, ApprovalState::Refused),
        };
        let argv = reason.iter().map(|reason| format!("reason={reason}")).collect();
        let entry = Entry::new(client.by(), action, format!("run {id}")).argv(argv);
        match decision {
            Decision::Approve => self.services.audit.ahead(entry.clone()).await?,
            // It must not depend on the disk.
            Decision::Refuse => self.services.audit.note_ahead(entry.clone()).await,
        }
        let decided = Decided { state, by: Some(client.called()), reason };
        if !self.settle_approval(&run, decided) {
            self.services.audit.note(entry.result("too late"));
            return Err(decided_already(id, &run.row()));
        }
        self.services.audit.note(entry.result("done"));
        tracing::info!(
            target: "topside", run = id.0, command = approval.info.name, by = client.called(),
            decision = decision.name(), "approval decided"
        );
        run.approval_row(&who).ok_or_else(|| needs_none(id))
    }

    /// Why the approval of a run that is not live cannot be decided.
    async fn ended(&self, id: RunId, who: &Identity) -> Result<RpcError, RpcError> {
        let unreadable = |error: Unreadable| RpcError::new(ErrorKind::Internal, error);
        let row = self.find_row(id, who).await.map_err(unreadable)?;
        Ok(match row {
            None => no_run(id),
            Some(row) if row.approval.is_none() => needs_none(id),
            Some(row) => decided_already(id, &row),
        })
    }
}

fn checked_reason(reason: Option<&str>) -> Result<Option<String>, RpcError> {
    let Some(reason) = reason else { return Ok(None) };
    let length = reason.chars().count();
    if length > MAX_REASON {
        let message = format_args!("`reason` has {length} characters; it may have {MAX_REASON}");
        return Err(RpcError::invalid_argument("reason", message));
    }
    let reason = clean(reason, MAX_REASON);
    Ok(Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty()))
}

fn no_run(id: RunId) -> RpcError {
    let message = format_args!("there is no run {id}: `approvals` lists those that wait");
    RpcError::new(ErrorKind::NotFound, message)
}

fn needs_none(id: RunId) -> RpcError {
    RpcError::new(ErrorKind::NotFound, format_args!("run {id} does not wait for approval"))
}

/// It was decided before, or the run ended without a decision.
fn decided_already(id: RunId, row: &RunRow) -> RpcError {
    let state = row.approval.as_ref().map_or("", |approval| approval.state.name());
    let decided = row.approved().unwrap_or_default();
    let message = format_args!("run {id} does not wait for approval any more: {decided}");
    RpcError::new(ErrorKind::NotFound, message).with("approval", state)
}
