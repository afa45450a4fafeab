//! A run's life, from its number to its final row.

use std::sync::Arc;

use tokio::time::Instant;
use topside_shared::notices::Stream;
use topside_shared::rows::{ClientRun, RunState};
use topside_shared::{ErrorKind, RpcError, Time};

use super::history::{self, Origin, Past};
use super::start::internal;
use super::{Run, lock};
use crate::clients::Client;
use crate::commands::Call;
use crate::commands::exec::{Caller, Ended, Hook, Process, Program};
use crate::server::Server;

/// How a run ended.
pub(super) struct Outcome {
    pub(super) state: RunState,
    pub(super) exit_code: Option<i32>,
    pub(super) signal: Option<i32>,
}

impl Outcome {
    pub(super) fn of_program(ended: &Ended, program: &Program) -> Self {
        Self {
            state: ended.state(program.success_exit_codes()),
            exit_code: ended.exit_code,
            signal: ended.signal,
        }
    }
}

/// A run from its start to its end. Dropping it makes the row final, so that no run stays behind.
pub(super) struct Live {
    server: Arc<Server>,
    client: Arc<Client>,
    pub(super) run: Arc<Run>,
    since: Instant,
    /// Whether others have seen it as running.
    listed: bool,
    written: Written,
    /// What must be run unless it succeeds, once it may have been started.
    hook: Option<Hook>,
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

impl Live {
    /// A run that was let in.
    pub(super) fn new(server: Arc<Server>, client: Arc<Client>, run: Arc<Run>) -> Self {
        Self {
            server,
            client,
            run,
            since: Instant::now(),
            listed: false,
            written: Written::No,
            hook: None,
            result: None,
        }
    }

    /// On whose behalf its program runs.
    ///
    /// # Errors
    /// `internal`: runs cannot be written down.
    pub(super) async fn caller(&self, call: &Call) -> Result<Caller, RpcError> {
        let instance = self.server.runs.history.instance().await.map_err(internal)?;
        Ok(Caller {
            run: self.run.id,
            instance: instance.to_string(),
            user: call.who.user.clone(),
            role: call.who.role,
        })
    }

    /// Writes down that it is about to start, and what it then owes.
    pub(super) async fn begin(&mut self, hook: Option<Hook>) -> Result<(), RpcError> {
        let run = &self.run;
        let past = Past { owner: run.owner, role: run.role, row: run.row() };
        let origin = Origin { address: self.client.address.clone(), hook: hook.clone() };
        self.server.runs.history.begin(past, origin).await.map_err(internal)?;
        self.written = Written::Begun;
        self.hook = hook;
        Ok(())
    }

    /// Starts its program, and writes down which process that is.
    pub(super) fn spawn(
        &mut self,
        program: &Program,
        call: &Call,
        caller: &Caller,
    ) -> Result<Process, RpcError> {
        let process = program.spawn(&call.args, caller).map_err(|error| {
            // What was never started has left nothing.
            self.hook = None;
            RpcError::new(ErrorKind::SpawnFailed, error)
        })?;
        if let Some(started) = process.pid().and_then(history::Process::of) {
            self.server.runs.history.started(self.run.id, started);
        }
        Ok(process)
    }

    /// Pays what it owes for not having succeeded.
    async fn close(&mut self) {
        let Some(hook) = self.hook.clone() else { return };
        let (id, limit) = (self.run.id, self.server.config.limits.hook_timeout);
        let log = tracing::dispatcher::get_default(Clone::clone);
        let closing = tokio::task::spawn_blocking(move || {
            tracing::dispatcher::with_default(&log, || history::safe_state(id, &hook, limit))
        });
        // Without an answer it is still owed, and the next start pays.
        if let Ok(closed) = closing.await {
            self.run.output.append(Stream::Stderr, &closed.said()).await;
            self.hook = None;
        }
    }

    /// Makes its row final, has it and the output written down, and then tells everybody.
    pub(super) async fn end(mut self, result: Outcome) {
        match result.state {
            RunState::Succeeded => self.hook = None,
            _ => self.close().await,
        }
        self.settle(result);
        self.run.output.flush().await;
        let row = self.run.row();
        let written = self.server.runs.history.end(row, self.run.output.file_bytes()).await;
        self.written = Written::Ended;
        if let Err(error) = written {
            let run = self.run.id.0;
            tracing::error!(target: "topside", run, %error, "the end of a run is not written down");
        }
    }

    /// The same for what is not written down.
    pub(super) fn finish(mut self, result: Outcome) {
        self.settle(result);
    }

    fn settle(&mut self, result: Outcome) {
        let run = &self.run;
        run.output.end();
        let mut row = lock(&run.row);
        row.state = result.state;
        row.exit_code = result.exit_code;
        row.signal = result.signal;
        row.ended_at = Some(Time::now());
        row.duration_ms = Some(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX));
        drop(row);
        self.result = Some(result);
    }

    pub(super) fn list(&mut self) {
        self.listed = true;
        let row = self.run.row();
        let run = ClientRun { run_id: self.run.id, command: row.command.clone() };
        self.server.clients.run_started(&self.client, run);
        self.server.events.run_changed(&row, self.run.owner, self.run.role);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.result.is_none() {
            self.settle(Outcome { state: RunState::Cancelled, exit_code: None, signal: None });
        }
        let Self { server, run, .. } = self;
        let row = run.row();
        // One that still owes its hook stays open, and the next start pays.
        if self.written == Written::Begun && self.hook.is_none() {
            server.runs.history.end_later(row.clone(), run.output.file_bytes());
        }
        tracing::info!(
            target: "topside", run = run.id.0, command = row.command, user = row.user,
            client = row.client_id.0, state = row.state.words(), exit = row.exit_code,
            signal = row.signal, ms = row.duration_ms, "run ended"
        );
        if self.listed {
            server.clients.run_ended(&self.client, run.id);
            server.events.run_changed(&row, run.owner, run.role);
        }
        let mut state = lock(&server.runs.state);
        state.live.remove(&run.id);
        state.limited.remove(&run.id);
        if !run.recorded {
            state.remember(Arc::clone(run));
        }
        drop(state);
        run.ended.cancel();
        server.runs.fewer.notify_waiters();
    }
}
