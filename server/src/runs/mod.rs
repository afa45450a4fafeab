//! Runs: starting a command, its row while it lives, and its end, whoever brings that about.
//!
//! A run belongs to the server, not to the connection that asked for it: a client may leave, and the
//! run goes on.

pub(crate) mod output;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topside_shared::notices::Stream;
use topside_shared::rows::{ClientRun, RunRow, RunState};
use topside_shared::{ErrorKind, Role, RpcError, RunId, Time};

use crate::clients::{Client, Identity, Owner};
use crate::commands::exec::{Caller, Ended, Program};
use crate::commands::{Call, Does, Entry, Worker};
use crate::server::Server;
use output::Output;

/// Ended runs that are remembered.
const REMEMBERED: usize = 200;
/// Output of a worker that is kept for slow readers, in bytes; programs declare their own.
const WORKER_OUTPUT: u64 = 64 * 1024 * 1024;

/// One execution of a command.
pub(crate) struct Run {
    pub(crate) id: RunId,
    /// Whom it belongs to.
    pub(crate) owner: Owner,
    /// The least role that may run its command, and so may see it.
    pub(crate) role: Role,
    pub(crate) output: Output,
    /// Asks it to end.
    pub(crate) cancel: CancellationToken,
    /// Raised once its row is final.
    pub(crate) ended: CancellationToken,
    /// Private to this type, never held across an `.await`.
    row: Mutex<RunRow>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Run {
    /// The row as it is now.
    pub(crate) fn row(&self) -> RunRow {
        let mut row = lock(&self.row).clone();
        row.bytes = self.output.bytes();
        row
    }
}

/// How a run ended.
struct Result {
    state: RunState,
    exit_code: Option<i32>,
    signal: Option<i32>,
}

impl Result {
    fn of_program(ended: &Ended, program: &Program) -> Self {
        Self {
            state: ended.state(program.success_exit_codes()),
            exit_code: ended.exit_code,
            signal: ended.signal,
        }
    }

    fn of_worker(succeeded: bool, cancelled: bool) -> Self {
        let state = match (succeeded, cancelled) {
            (_, true) => RunState::Cancelled,
            (true, false) => RunState::Succeeded,
            (false, false) => RunState::Failed,
        };
        Self { state, exit_code: Some(i32::from(!succeeded)), signal: None }
    }
}

/// All runs of a server.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    last_id: AtomicU64,
    /// How many were let in: one that is refused has a number too, and was never started.
    started: AtomicU64,
    /// Private to this type, never held across an `.await`.
    state: Mutex<State>,
    /// Raised when a run ends.
    fewer: Notify,
}

#[derive(Debug, Default)]
struct State {
    live: BTreeMap<RunId, Arc<Run>>,
    /// Numbers of live runs of programs, by client: what the limits count.
    programs: BTreeMap<RunId, topside_shared::ClientId>,
    ended: VecDeque<(Owner, Role, RunRow)>,
    /// Shutting down: nothing new is started.
    closed: bool,
}

impl Runs {
    /// Live runs, by number.
    pub(crate) fn live(&self) -> Vec<Arc<Run>> {
        lock(&self.state).live.values().cloned().collect()
    }

    /// The live run of this number.
    pub(crate) fn get(&self, id: RunId) -> Option<Arc<Run>> {
        lock(&self.state).live.get(&id).cloned()
    }

    /// Rows of ended runs that are remembered, newest first, each with its owner and its command's
    /// role.
    pub(crate) fn ended(&self) -> Vec<(Owner, Role, RunRow)> {
        lock(&self.state).ended.iter().rev().cloned().collect()
    }

    /// How many were ever started.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// How many live now.
    pub(crate) fn count(&self) -> usize {
        lock(&self.state).live.len()
    }

    /// Asks every run to end, and starts none any more.
    pub(crate) fn cancel_all(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        for run in state.live.values() {
            run.cancel.cancel();
        }
    }

    /// Waits until no run lives.
    pub(crate) async fn all_ended(&self) {
        loop {
            let fewer = self.fewer.notified();
            tokio::pin!(fewer);
            fewer.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            fewer.await;
        }
    }
}

/// Starts a command for a client. The arguments have been checked.
///
/// # Errors
/// `closing`, `busy` with the limit, or `spawnFailed`.
pub(crate) fn start(
    server: &Arc<Server>,
    client: &Arc<Client>,
    entry: &Arc<Entry>,
    args: Map<String, Value>,
) -> std::result::Result<Arc<Run>, RpcError> {
    let runs = &server.runs;
    let id = RunId(runs.last_id.fetch_add(1, Ordering::Relaxed) + 1);
    let kept = match &entry.does {
        Does::Work(_) => WORKER_OUTPUT,
        Does::Execute(program) => program.max_output(),
    };
    let who = client.who();
    let run = Arc::new(Run {
        id,
        owner: who.owner,
        role: entry.info.role,
        output: Output::new(&server.config.state, kept),
        cancel: CancellationToken::new(),
        ended: CancellationToken::new(),
        row: Mutex::new(RunRow {
            run_id: id,
            command: entry.info.name.clone(),
            args: entry.info.masked(&args),
            user: who.user.clone(),
            client_id: client.id,
            state: RunState::Running,
            started_at: Time::now(),
            ended_at: None,
            duration_ms: None,
            exit_code: None,
            signal: None,
            bytes: 0,
        }),
    });
    let program = matches!(entry.does, Does::Execute(_));
    admit(server, client, &who, &run, program)?;
    let mut live = Live {
        server: Arc::clone(server),
        client: Arc::clone(client),
        run: Arc::clone(&run),
        since: Instant::now(),
        listed: false,
        result: None,
    };
    match &entry.does {
        Does::Execute(program) => {
            let caller = Caller { run: id, user: who.user.clone(), role: who.role };
            let process = match program.spawn(&args, &caller) {
                Ok(process) => process,
                Err(error) => {
                    live.end(Result { state: RunState::Failed, exit_code: None, signal: None });
                    return Err(RpcError::new(ErrorKind::SpawnFailed, error));
                }
            };
            live.list(&entry.info.name);
            let program = program.clone();
            server.spawn_run(async move {
                let run = Arc::clone(&live.run);
                let ended = process.run(&run.output, run.cancel.clone(), program.timeout()).await;
                live.end(Result::of_program(&ended, &program));
            });
        }
        Does::Work(_) => {
            let call = Call {
                server: Arc::clone(server),
                client: Arc::clone(client),
                who,
                run: Arc::clone(&run),
                args,
            };
            let mut work: Pin<Box<dyn Future<Output = Result> + Send>> =
                Box::pin(work(Arc::clone(entry), call));
            // Most workers are done at once: these need no task, and nobody sees them as running.
            match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => live.end(result),
                Poll::Pending => {
                    live.list(&entry.info.name);
                    server.spawn_run(async move {
                        live.end(work.await);
                    });
                }
            }
        }
    }
    Ok(run)
}

/// Adds a run to the live ones, if the limits allow it.
fn admit(
    server: &Server,
    client: &Client,
    who: &Identity,
    run: &Arc<Run>,
    program: bool,
) -> std::result::Result<(), RpcError> {
    let limits = &server.config.limits;
    let mut state = lock(&server.runs.state);
    if state.closed || server.shutdown.has_begun() {
        return Err(RpcError::new(ErrorKind::Closing, "the server is shutting down"));
    }
    if program {
        let kept = if who.role == Role::Admin { 0 } else { limits.admin_runs };
        let most = limits.max_runs.saturating_sub(kept);
        let busy = |limit: &str, most: usize, what: &str| {
            Err(RpcError::new(
                ErrorKind::Busy,
                format_args!("{what} at once already, which is the limit: wait for one to end"),
            )
            .with("limit", limit)
            .with("most", most as u64))
        };
        if state.programs.len() >= most {
            return busy("max_runs", most, &format!("{most} runs go on"));
        }
        let own = state.programs.values().filter(|id| **id == client.id).count();
        if own >= limits.max_runs_per_client {
            let most = limits.max_runs_per_client;
            return busy("max_runs_per_client", most, &format!("you have {most} runs"));
        }
        state.programs.insert(run.id, client.id);
    }
    state.live.insert(run.id, Arc::clone(run));
    server.runs.started.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Carries out a worker; its panic is its failure.
async fn work(entry: Arc<Entry>, call: Call) -> Result {
    let Does::Work(worker) = &entry.does else {
        return Result::of_worker(false, false);
    };
    let run = Arc::clone(&call.run);
    let worker: &dyn Worker = worker.as_ref();
    let outcome = AssertUnwindSafe(async { worker.call(call).await }).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Err("the worker panicked; the log says where".into()));
    if let Err(message) = &outcome {
        run.output.append(Stream::Stderr, format!("{message}\n").as_bytes()).await;
    }
    Result::of_worker(outcome.is_ok(), run.cancel.is_cancelled())
}

/// A run from its start to its end. Dropping it makes the row final, so that no run stays behind.
struct Live {
    server: Arc<Server>,
    client: Arc<Client>,
    run: Arc<Run>,
    since: Instant,
    /// Whether others have seen it as running.
    listed: bool,
    /// None: it was dropped with the server.
    result: Option<Result>,
}

impl Live {
    fn end(mut self, result: Result) {
        self.result = Some(result);
    }

    fn list(&mut self, command: &str) {
        self.listed = true;
        let run = ClientRun { run_id: self.run.id, command: command.to_owned() };
        self.server.clients.run_started(&self.client, run);
        self.server.events.run_changed(&self.run.row(), self.run.owner, self.run.role);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let Self { server, run, .. } = self;
        let result = self.result.take().unwrap_or(Result {
            state: RunState::Cancelled,
            exit_code: None,
            signal: None,
        });
        run.output.end();
        let row = {
            let mut row = lock(&run.row);
            row.state = result.state;
            row.exit_code = result.exit_code;
            row.signal = result.signal;
            row.ended_at = Some(Time::now());
            row.duration_ms =
                Some(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX));
            row.bytes = run.output.bytes();
            row.clone()
        };
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
        state.programs.remove(&run.id);
        if state.ended.len() == REMEMBERED {
            state.ended.pop_front();
        }
        state.ended.push_back((run.owner, run.role, row));
        drop(state);
        run.ended.cancel();
        server.runs.fewer.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
