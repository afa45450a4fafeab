//! One run: its row, its output and input, and waiting for its turn and its end.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use topside_shared::records::{BY_SHUTDOWN, RunRow, RunState};
use topside_shared::{ClientId, Role, RunId, Time};

use crate::authorize::RunAccess;
use crate::base::identity::{Identity, Owner};
use crate::base::mutex::Mutex;
use crate::history::RunRecord;
use crate::menu::Runnable;
use crate::output::Output;
use crate::process::program_spec::Policy;
use crate::runs::approval::Approval;
use crate::runs::input::Input;
use crate::runs::queue::QueuePlace;
use crate::runs::requester::Requester;
use crate::runs::{Runs, queue};

/// One execution of a command.
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) owner: Owner,
    /// The least role that may see it if another owns it: that of its command.
    pub(crate) role: Role,
    pub(super) client_id: ClientId,
    pub(crate) output: Output,
    pub(crate) input: Input,
    pub(crate) cancel: CancellationToken,
    /// The first who cancelled it, by user and connection.
    pub(crate) cancelled_by: OnceLock<String>,
    /// Cancelled once its row is final.
    pub(crate) ended: CancellationToken,
    /// Cancelled when a queued one may start.
    pub(super) turn: CancellationToken,
    changed: Notify,
    /// Whether clients know of it.
    pub(super) listed: AtomicBool,
    pub(super) policy: Policy,
    pub(super) approval: Option<Approval>,
    /// Who may see the runs that it waits for. Private to this type, never held across an `.await`.
    holders: Mutex<Vec<(RunId, RunAccess)>>,
    /// Private to this type, never held across an `.await`.
    pub(super) row: Mutex<RunRow>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Run {
    pub(super) fn new(
        id: RunId,
        runs: &Runs,
        requester: &Requester,
        who: &Identity,
        command: &Runnable,
        args: &Map<String, Value>,
        (reason, approval): (Option<String>, Option<Approval>),
    ) -> Self {
        Self {
            id,
            owner: who.owner,
            role: command.info.role,
            client_id: requester.client_id(),
            output: Output::kept_in(runs.history.output(id), command.max_output),
            input: Input::of(command.info.stdin),
            cancel: CancellationToken::new(),
            cancelled_by: OnceLock::new(),
            ended: CancellationToken::new(),
            turn: CancellationToken::new(),
            changed: Notify::new(),
            listed: AtomicBool::new(false),
            policy: command.policy,
            approval,
            holders: Mutex::default(),
            row: Mutex::new(RunRow {
                run_id: id,
                command: command.info.name.clone(),
                args: command.info.masked(args),
                user: who.user.clone(),
                owner: Some(who.owner.shown(&who.user)),
                client_id: requester.client_id(),
                reason,
                caused_by: requester.cause(),
                approval: None,
                state: RunState::Running,
                place: None,
                waits_for: Vec::new(),
                started_at: Time::now(),
                ended_at: None,
                duration_ms: None,
                exit_code: None,
                signal: None,
                ended_by: None,
                bytes: 0,
                cut_at: None,
                escaped: Vec::new(),
                files: Vec::new(),
            }),
        }
    }

    /// Cancels it because the server shuts down. A run that waits for approval has that reason in its approval.
    pub(super) fn cancel_by_shutdown(&self, by: &str) {
        if !self.awaits_approval() {
            let by = if by.is_empty() { "the server" } else { by };
            let _ = self.cancelled_by.set(format!("{by}{BY_SHUTDOWN}"));
        }
        self.cancel.cancel();
    }

    pub(crate) fn row(&self) -> RunRow {
        let mut row = self.row.lock().clone();
        row.bytes = self.output.bytes();
        row.cut_at = self.output.cut_at();
        row.approval = self.approval.as_ref().map(Approval::shown);
        row
    }

    /// The row as it is now, for a caller that may see the run: of the runs that it waits for it names only those that
    /// the caller may see.
    pub(crate) fn row_for(&self, who: &Identity) -> RunRow {
        // Before the row: a run that is not here yet is hidden.
        let holders = self.holders.lock().clone();
        let mut row = self.row();
        queue::hide_holders(&mut row.waits_for, &holders, who);
        row
    }

    pub(crate) fn access(&self) -> RunAccess {
        RunAccess { owner: self.owner, role: self.role }
    }

    pub(super) fn set_place(&self, standing: QueuePlace) {
        *self.holders.lock() = standing.holders;
        let mut row = self.row.lock();
        row.place = Some(standing.place);
        row.waits_for = standing.waits_for;
    }

    pub(super) fn past(&self) -> RunRecord {
        RunRecord { owner: self.owner, role: self.role, row: self.row() }
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Relaxed)
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.row.lock().state == RunState::Queued
    }

    /// Sends its row to the clients that may see it, once it is listed. The caller holds the lock on all runs, so that
    /// rows arrive in order.
    pub(super) fn publish(&self, runs: &Runs) {
        if self.is_listed() {
            runs.services.events.run_changed(&self.row(), self.access(), |who| self.row_for(who));
            self.changed.notify_waiters();
        }
    }

    /// Waits until a queued run begins, or ends without that; whether it has begun.
    pub(crate) async fn begins(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.is_queued() || self.ended.is_cancelled() {
                return self.turn.is_cancelled();
            }
            tokio::select! {
                () = changed => {}
                () = self.ended.cancelled() => {}
            }
        }
    }

    /// While it is queued, waits until its state, place or approval differs from `known`, and returns the row. None: `known` is not
    /// queued, or the run has ended.
    pub(crate) async fn next_wait(
        &self,
        known: &RunRow,
        who: impl Fn() -> Arc<Identity>,
    ) -> Option<RunRow> {
        if known.state != RunState::Queued {
            return None;
        }
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let row = self.row_for(&who());
            if row.state.ended() {
                return None;
            }
            let is_same = row.state == known.state
                && row.place == known.place
                && row.waits_for == known.waits_for
                && row.awaits_approval() == known.awaits_approval();
            if !is_same {
                return Some(row);
            }
            tokio::select! {
                () = changed => {}
                () = self.ended.cancelled() => return None,
            }
        }
    }
}
