//! Run guard: records the start and the end of a run. Dropping it makes the row final.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;
use topside_shared::notifications::Stream;
use topside_shared::records::{ClientRun, RunState};
use topside_shared::{ErrorKind, RpcError, Time};

use crate::audit::entry::By;
use crate::audit::{argv, entry};
use crate::base::shortage;
use crate::clients::Client;
use crate::history::Intent;
use crate::hooks::Job;
use crate::menu::Entry;
use crate::process::exit_status::ProgramExit;
use crate::process::launch::Caller;
use crate::process::pipes::Pipes;
use crate::process::program_spec::Program;
use crate::process::running_program::Process;
use crate::process::safe_state::Hook;
use crate::runs::start::internal;
use crate::runs::{Run, Runs, lock};
use crate::workers::worker::Call;

/// How a run ended.
pub(crate) struct Outcome {
    pub(crate) state: RunState,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// Its processes that live all the same.
    pub(crate) escaped: Vec<u32>,
}

impl Outcome {
    pub(crate) fn of_program(ended: ProgramExit, program: &Program) -> Self {
        Self {
            state: ended.state(&program.success_exit_codes),
            exit_code: ended.exit_code,
            signal: ended.signal,
            escaped: ended.escaped,
        }
    }
}

/// A run from its start to its end. Dropping it makes the row final, so that no run stays behind.
pub(crate) struct RunGuard {
    pub(crate) runs: Arc<Runs>,
    client: Arc<Client>,
    pub(crate) run: Arc<Run>,
    /// When it started; none: it waits for its turn.
    since: Option<Instant>,
    written: Written,
    /// What must be run unless it succeeds, once it may have been started.
    hook: Option<Hook>,
    /// The hook could not be started until the server ended.
    hook_pending: bool,
    /// Who started it, where the audit log tells of that.
    announced: Option<By>,
    /// None: it goes on.
    result: Option<Outcome>,
}

/// How much of a run is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    No,
    Begun,
    Ended,
}

impl RunGuard {
    /// A run that was let in, and starts now or waits for its turn.
    pub(crate) fn new(runs: Arc<Runs>, client: Arc<Client>, run: Arc<Run>, starts: bool) -> Self {
        Self {
            runs,
            client,
            run,
            since: starts.then(Instant::now),
            written: Written::No,
            hook: None,
            hook_pending: false,
            announced: None,
            result: None,
        }
    }

    /// On whose behalf its program runs.
    ///
    /// # Errors
    /// `internal`: runs cannot be written down.
    pub(crate) async fn caller(&self, call: &Call) -> Result<Caller, RpcError> {
        let instance = self.runs.history.instance().await.map_err(internal)?;
        Ok(Caller {
            run: self.run.id,
            instance: instance.to_string(),
            user: call.who.user.clone(),
            role: call.who.role,
        })
    }

    /// Whether it waits for its turn.
    pub(crate) fn is_queued(&self) -> bool {
        self.since.is_none()
    }

    /// Its turn has come.
    pub(crate) fn starts(&mut self) {
        self.since = Some(Instant::now());
        {
            let mut row = lock(&self.run.row);
            row.state = RunState::Running;
            row.place = None;
            row.waits_for = Vec::new();
            row.started_at = Time::now();
        }
        lock(&self.runs.state).started += 1;
    }

    /// Records that it is about to start, unless all it does is to look.
    ///
    /// # Errors
    /// It cannot be recorded, and must not start.
    pub(crate) async fn announce(&mut self, entry: &Entry, call: &Call) -> Result<(), RpcError> {
        if !entry.changes_something() {
            return Ok(());
        }
        let by = By::identity(&call.who, self.client.address.clone());
        let argv = argv::argv(&entry.info.name, &lock(&self.run.row).args);
        let begins = self.audited(by.clone(), "command/run").argv(argv);
        match entry.starts_unrecorded {
            true => self.runs.services.audit.note_ahead(begins).await,
            false => self.runs.services.audit.ahead(begins).await?,
        }
        self.announced = Some(by);
        Ok(())
    }

    fn audited(&self, by: By, action: &'static str) -> entry::Entry {
        entry::Entry::new(by, action, format!("run {}", self.run.id))
    }

    /// Writes down that it is about to start, and what it then owes; or that it waits. Nothing of what is not
    /// written down.
    pub(crate) async fn begin(&mut self, intent: Intent) -> Result<(), RpcError> {
        let run = &self.run;
        if !run.recorded {
            return Ok(());
        }
        let hook = intent.hook.clone();
        if self.written == Written::Begun {
            let started = run.row().started_at;
            let resumed = self.runs.history.resume(run.id, started, intent).await;
            resumed.map_err(internal)?;
            self.expect_hook(hook);
            return Ok(());
        }
        let past = run.past();
        let address = self.client.address.clone();
        self.runs.history.begin(past, address, intent).await.map_err(internal)?;
        self.written = Written::Begun;
        self.expect_hook(hook);
        Ok(())
    }

    /// From now on its hook is pending.
    fn expect_hook(&mut self, hook: Option<Hook>) {
        if hook.is_some() {
            self.runs.services.hooks.register(self.run.id, &lock(&self.run.row).command);
        }
        self.hook = hook;
    }

    /// Starts its program, and writes down which process that is.
    pub(crate) fn spawn(
        &mut self,
        program: &Program,
        call: &Call,
        caller: &Caller,
        pipes: Pipes,
    ) -> Result<Process, RpcError> {
        let mut process = program.spawn(&call.args, caller, pipes).map_err(|error| {
            // What was never started has left nothing.
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

    /// Runs the hook of a run that did not succeed.
    async fn run_hook(&mut self) {
        let Some(hook) = self.hook.clone() else { return };
        let limit = self.runs.services.config.get().config.limits.hook_timeout;
        let command = lock(&self.run.row).command.clone();
        match self.runs.services.hooks.run(self.run.id, command, hook, limit).await {
            Some(closed) => {
                self.run.output.append(Stream::Stderr, &closed.into_output()).await;
                self.hook = None;
            }
            None => {
                self.hook_pending = true;
                let said = "its safe_state has not run: the next start of the server runs it\n";
                self.run.output.append(Stream::Stderr, said.as_bytes()).await;
            }
        }
    }

    /// Makes its row final, and tells everybody; after it is written down, where anything of it is.
    pub(crate) async fn over(self, result: Outcome) {
        match self.written {
            Written::No => self.finish(result),
            Written::Begun | Written::Ended => self.end(result).await,
        }
    }

    /// Makes its row final, has it and the output written down, and then tells everybody.
    pub(crate) async fn end(mut self, result: Outcome) {
        if self.is_queued() {
            // Those behind it need not wait for the disk.
            self.runs.leave(self.run.id);
        }
        match result.state {
            RunState::Succeeded => self.hook = None,
            _ => self.run_hook().await,
        }
        self.settle(result);
        self.run.output.flush().await;
        if self.hook_pending {
            // The row stays open.
            return;
        }
        let past = self.run.past();
        let written = self.runs.history.end(past, self.run.output.file_bytes()).await;
        self.written = Written::Ended;
        self.runs.services.hooks.release(self.run.id);
        if let Err(error) = written {
            let run = self.run.id.0;
            tracing::error!(target: "topside", run, %error, "the end of a run is not written down yet");
        }
    }

    /// The same for what is not written down.
    pub(crate) fn finish(mut self, result: Outcome) {
        self.settle(result);
    }

    fn settle(&mut self, result: Outcome) {
        let run = &self.run;
        run.output.end();
        let mut row = lock(&run.row);
        row.state = result.state;
        row.exit_code = result.exit_code;
        row.signal = result.signal;
        row.escaped.clone_from(&result.escaped);
        if result.state == RunState::Cancelled {
            row.ended_by = run.cancelled_by.get().cloned();
        }
        row.ended_at = Some(Time::now());
        row.place = None;
        row.waits_for = Vec::new();
        let ms = |since: Instant| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        row.duration_ms = self.since.map(ms);
        drop(row);
        self.result = Some(result);
    }

    /// Tells everybody of it: that it waits, or that it goes on.
    pub(crate) fn list(&mut self) {
        let command = lock(&self.run.row).command.clone();
        let run = ClientRun { run_id: self.run.id, command, queued: self.is_queued() };
        self.runs.services.clients.run_listed(&self.client, run, self.run.access());
        let _state = lock(&self.runs.state);
        self.run.listed.store(true, Ordering::Relaxed);
        self.run.tell(&self.runs);
    }

    /// Interrupted before its hook ran: the hook thread runs it, and the run holds what it has until then. Whether
    /// that is so.
    fn runs_hook_later(&mut self) -> bool {
        let is_open = self.written == Written::Begun
            && !self.hook_pending
            && !self.runs.services.tasks.has_ended();
        let Some(hook) = self.hook.take_if(|_| is_open) else { return false };
        let (runs, run) = (Arc::clone(&self.runs), Arc::clone(&self.run));
        let limit = runs.services.config.get().config.limits.hook_timeout;
        let command = lock(&run.row).command.clone();
        let done = move |closed: Option<_>| {
            if closed.is_some() {
                runs.history.end_later(run.past(), run.output.file_bytes());
                runs.services.hooks.release(run.id);
                runs.leave(run.id);
            }
        };
        let run = self.run.id;
        self.runs.services.hooks.submit(Job { run, command, hook, limit, done: Box::new(done) });
        true
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        if self.result.is_none() {
            self.settle(Outcome {
                state: RunState::Cancelled,
                exit_code: None,
                signal: None,
                escaped: Vec::new(),
            });
        }
        let hook_later = self.runs_hook_later();
        let row = self.run.row();
        if let Some(by) = self.announced.take() {
            self.runs.services.audit.note(self.audited(by, "run/ended").result(row.outcome()));
        }
        let Self { runs, run, .. } = self;
        // One with a pending hook stays open, and the next start runs it.
        if self.written == Written::Begun && self.hook.is_none() && !hook_later {
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
        if run.listed.load(Ordering::Relaxed) {
            runs.services.clients.run_ended(&self.client, run.id);
        }
        let mut state = lock(&runs.state);
        run.tell(runs);
        state.live.remove(&run.id);
        state.limited.remove(&run.id);
        if !hook_later && state.queue.leave(run.id) {
            state.move_up(runs);
        }
        if !run.recorded {
            state.remember(Arc::clone(run));
        }
        drop(state);
        run.ended.cancel();
        runs.fewer.notify_waiters();
    }
}
