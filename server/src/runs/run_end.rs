//! Run guard: records the start and the end of a run. Dropping it makes the row final.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;
use topside_shared::command::{Effect, REASON};
use topside_shared::records::{ClientRun, RunState};
use topside_shared::time::millis;
use topside_shared::{ErrorKind, RpcError, Time};

use crate::audit::action::AuditAction;
use crate::audit::entry::By;
use crate::audit::{argv, entry};
use crate::base::shortage;
use crate::files::run_directory::{RunDirectory, TakenFiles};
use crate::history::Intent;
use crate::menu::Runnable;
use crate::process::exit_status::ProgramExit;
use crate::process::pipes::Pipes;
use crate::process::program_spec::Program;
use crate::process::run_processes::SpawnRecord;
use crate::process::run_user::RunUser;
use crate::process::running_program::Process;
use crate::process::start_program::Caller;
use crate::runs::pending_hook::PendingHook;
use crate::runs::requester::Requester;
use crate::runs::{Run, Runs};
use crate::workers::worker::Call;

pub(crate) struct RunEnd {
    pub(crate) state: RunState,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// Its processes that still live.
    pub(crate) escaped: Vec<u32>,
    /// Whether its `safe_state` must run.
    pub(crate) runs_hook: bool,
}

impl RunEnd {
    /// A run that could not be started.
    pub(crate) const FAILED: Self = Self::without_exit(RunState::Failed);
    /// A run that was cancelled while queued, or that the server could not wait for.
    pub(crate) const CANCELLED: Self = Self::without_exit(RunState::Cancelled);

    const fn without_exit(state: RunState) -> Self {
        Self { state, exit_code: None, signal: None, escaped: Vec::new(), runs_hook: true }
    }

    pub(crate) fn of_program(ended: ProgramExit, program: &Program) -> Self {
        let state = ended.state(&program.success_exit_codes);
        Self {
            state,
            exit_code: ended.exit_code,
            signal: ended.signal,
            escaped: ended.escaped,
            runs_hook: state != RunState::Succeeded,
        }
    }

    /// The same of a run that was ended by its window: it has succeeded, and its `safe_state` runs even so.
    pub(crate) fn at_window_end(self) -> Self {
        match self.state {
            RunState::Cancelled => Self { state: RunState::Succeeded, ..self },
            _ => self,
        }
    }
}

/// A run from its admission to its end. Dropping it makes the row final, so that no run stays behind.
pub(crate) struct RunGuard {
    pub(crate) runs: Arc<Runs>,
    requester: Requester,
    pub(crate) run: Arc<Run>,
    /// When it started; none: it is queued.
    since: Option<Instant>,
    pub(super) recorded: Recorded,
    /// Must run unless the run succeeds, once its program may have been started.
    pub(super) hook: Option<PendingHook>,
    /// The hook could not be started until the server ended.
    pub(super) hook_pending: bool,
    /// The caller, if the audit log has the start.
    audited_by: Option<By>,
    settled: bool,
    /// The uploads that it takes, until it starts.
    pub(super) taken: TakenFiles,
    /// From its start, if it takes files or has results.
    pub(super) directory: Option<RunDirectory>,
    /// Wildcards for its results.
    pub(super) results: Vec<glob::Pattern>,
    /// The user that its files belong to, if that is not the server's own.
    pub(super) files_of: Option<Box<RunUser>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    Nothing,
    Start,
    End,
}

impl RunGuard {
    /// A run that was admitted, and starts now or is queued.
    pub(crate) fn new(
        runs: Arc<Runs>,
        requester: Requester,
        run: Arc<Run>,
        starts: bool,
        taken: TakenFiles,
    ) -> Self {
        Self {
            runs,
            requester,
            run,
            since: starts.then(Instant::now),
            recorded: Recorded::Nothing,
            hook: None,
            hook_pending: false,
            audited_by: None,
            settled: false,
            taken,
            directory: None,
            results: Vec::new(),
            files_of: None,
        }
    }

    /// The caller, as the environment of its program names it.
    ///
    /// # Errors
    /// `internal`: runs cannot be recorded.
    pub(crate) async fn caller(&self, call: &Call) -> Result<Caller, RpcError> {
        let instance = self.runs.history.instance().await?;
        Ok(Caller {
            run: self.run.id,
            instance: instance.to_string(),
            user: call.who.user.clone(),
            role: call.who.role,
            files: self.directory.as_ref().map(|own| own.path().display().to_string()),
        })
    }

    pub(crate) fn has_not_started(&self) -> bool {
        self.since.is_none()
    }

    /// Notes that it starts now.
    pub(crate) fn leaves_queue(&mut self) {
        self.since = Some(Instant::now());
        {
            let mut row = self.run.row.lock();
            row.state = RunState::Running;
            row.place = None;
            row.waits_for = Vec::new();
            row.started_at = Time::now();
        }
        self.runs.state.lock().started += 1;
    }

    /// Records its start in the audit log, unless its command only reads.
    ///
    /// # Errors
    /// It cannot be recorded, and must not start.
    pub(crate) async fn audit_start(
        &mut self,
        command: &Runnable,
        call: &Call,
    ) -> Result<(), RpcError> {
        if command.info.effect == Effect::Read {
            return Ok(());
        }
        let by = self.requester.by(&call.who);
        let begins = self.audited(by.clone(), AuditAction::CommandRun).argv(self.argv());
        self.runs.services.audit.ahead(begins).await?;
        self.audited_by = Some(by);
        Ok(())
    }

    /// Records that it waits for approval, and tells people elsewhere.
    pub(crate) fn request_approval(&self, call: &Call) {
        let by = self.requester.by(&call.who);
        let requested = self.audited(by, AuditAction::ApprovalRequested).argv(self.argv());
        self.runs.services.audit.note(requested.result("waits"));
        let row = self.run.row();
        if let Some(approval) = &row.approval {
            self.runs.services.notify.approval_requested(&row, approval.role);
        }
    }

    /// Its command and arguments, with the reason that its user gave.
    fn argv(&self) -> Vec<String> {
        let row = self.run.row.lock();
        let mut argv = argv::argv(&row.command, &row.args);
        argv.extend(row.reason.iter().map(|reason| format!("{REASON}={reason}")));
        argv
    }

    fn audited(&self, by: By, action: AuditAction) -> entry::Entry {
        entry::Entry::new(by, action, format!("run {}", self.run.id))
    }

    /// Records that it is queued or about to start, its hook, and how its processes are found.
    ///
    /// # Errors
    /// It cannot be recorded, and must not start.
    pub(crate) async fn record(
        &mut self,
        hook: Option<PendingHook>,
        birth: Option<SpawnRecord>,
    ) -> Result<(), RpcError> {
        let (run, history) = (&self.run, &self.runs.history);
        let hook_row = hook.as_ref().map(PendingHook::recorded);
        let instant = self.requester.instant().cloned();
        let intent = Intent { hook: hook_row, birth, instant };
        let recorded = match self.recorded {
            Recorded::Nothing => history.begin(run.past(), self.requester.address(), intent).await,
            // It was recorded as queued.
            _ => history.resume(run.row(), intent).await,
        };
        recorded?;
        self.recorded = Recorded::Start;
        if hook.is_some() {
            self.runs.services.hooks.register(run.id, &run.row.lock().command);
        }
        self.hook = hook;
        Ok(())
    }

    pub(crate) fn spawn(
        &mut self,
        program: &Program,
        call: &Call,
        caller: &Caller,
        pipes: Pipes,
    ) -> Result<Process, RpcError> {
        let mut process = program.spawn(call.args(), caller, pipes).map_err(|error| {
            // A program that was never started needs no hook.
            self.hook = None;
            shortage::rpc_error(error, ErrorKind::SpawnFailed)
        })?;
        if let Some(pipe) = process.take_input() {
            self.run.input.open(pipe, self.run.ended.clone());
        }
        let history = &self.runs.history;
        if let Some(first) = process.leader() {
            history.started(self.run.id, first.clone());
        }
        Ok(process.contained(history.cgroup(self.run.id)))
    }

    /// Makes its row final, and records it and the output before clients see the end.
    pub(crate) async fn end(mut self, end: RunEnd) {
        if self.has_not_started() {
            // Later runs need not wait for the disk.
            self.runs.leave(self.run.id);
        }
        let is_needed = self.hook.as_ref().is_some_and(PendingHook::is_needed);
        match is_needed && (end.runs_hook || self.run.policy.safe_state_always) {
            false => self.hook = None,
            true => self.run_hook().await,
        }
        let results = self.collect_results().await;
        self.settle(end);
        self.run.output.flush().await;
        // With a pending hook the row stays open.
        if self.recorded == Recorded::Nothing || self.hook_pending {
            return;
        }
        let size = self.run.output.file_bytes() + results;
        let recorded = self.runs.history.end(self.run.past(), size).await;
        self.recorded = Recorded::End;
        self.runs.services.hooks.release(self.run.id);
        if let Err(error) = recorded {
            let run = self.run.id.0;
            tracing::error!(target: "topside", run, %error, "the end of a run is not recorded yet");
        }
    }

    fn settle(&mut self, end: RunEnd) {
        let run = &self.run;
        self.runs.withdraw_approval(run);
        run.output.end();
        let mut row = run.row.lock();
        row.state = end.state;
        row.exit_code = end.exit_code;
        row.signal = end.signal;
        row.escaped = end.escaped;
        if end.state == RunState::Cancelled {
            row.ended_by = run.cancelled_by.get().cloned();
        }
        row.ended_at = Some(Time::now());
        row.place = None;
        row.waits_for = Vec::new();
        row.duration_ms = self.since.map(|since| millis(since.elapsed()));
        self.settled = true;
    }

    /// Shows it to clients, as queued or running.
    pub(crate) fn list(&mut self) {
        if let Some(client) = self.requester.client() {
            let command = self.run.row.lock().command.clone();
            let run = ClientRun { run_id: self.run.id, command, queued: self.has_not_started() };
            self.runs.services.clients.run_listed(client, run, self.run.access());
        }
        let _state = self.runs.state.lock();
        self.run.listed.store(true, Ordering::Relaxed);
        self.run.publish(&self.runs);
        self.runs.publish_request(&self.run);
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(RunEnd::CANCELLED);
        }
        let hook_later = self.runs_hook_later();
        let row = self.run.row();
        if let Some(by) = self.audited_by.take() {
            self.runs
                .services
                .audit
                .note(self.audited(by, AuditAction::RunEnded).result(row.outcome()));
        }
        let Self { runs, run, .. } = self;
        // One with a pending hook stays open, and the next start runs it.
        if self.recorded == Recorded::Start && self.hook.is_none() && !hook_later {
            runs.history.end_later(run.past(), run.output.file_bytes());
            runs.services.hooks.release(run.id);
        }
        if let Some(left) = row.left() {
            tracing::warn!(target: "topside", run = run.id.0, command = row.command, "{left}");
        }
        tracing::info!(
            target: "topside", run = run.id.0, command = row.command, user = row.user,
            client = row.client_id.0, state = row.state.words(), exit = row.exit_code,
            signal = row.signal, ms = row.duration_ms, "run ended"
        );
        runs.services.counters.run_ended(row.state);
        runs.services.notify.run_ended(&row, |most| run.output.newest(most));
        if let Some(client) = self.requester.client()
            && run.is_listed()
        {
            runs.services.clients.run_ended(client, run.id);
        }
        let mut state = runs.state.lock();
        run.publish(runs);
        state.live.remove(&run.id);
        if !hook_later && state.queue.leave(run.id) {
            state.move_up(runs);
        }
        drop(state);
        run.ended.cancel();
        runs.fewer.notify_waiters();
    }
}
