//! Scheduler: from a request to the start of its run. A run is admitted or refused; then it starts, or waits in the queue
//! until others end. [`admit`](crate::runs::admit) has the checks of an admission, [`run_end`](crate::runs::run_end) the end.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use topside_shared::notifications::Stream;
use topside_shared::records::RunState;
use topside_shared::{ErrorKind, RpcError, RunId};

use crate::authorize::{Action, authorize};
use crate::base::identity::Identity;
use crate::base::shortage;
use crate::files::run_directory::TakenFiles;
use crate::keys::expiry;
use crate::menu::{Executor, Runnable, WorkerSafeState};
use crate::process::program_spec::Program;
use crate::process::running_program::{Process, Until};
use crate::runs::admit::{admit, check_choices, enter_approved};
use crate::runs::approval::{self, not_started};
use crate::runs::follow_up::{self, Success};
use crate::runs::pending_hook::PendingHook;
use crate::runs::requester::Requester;
use crate::runs::run_end::{RunEnd, RunGuard};
use crate::runs::window::Window;
use crate::runs::{LiveRuns, Run, Runs};
use crate::workers::arguments::Arguments;
use crate::workers::safe_state_calls::FunctionHook;
use crate::workers::worker::{Call, Worker, perform};

/// Starts a run. The arguments have been checked, except against choices that a program lists; `files` are those that they
/// name. Once it is admitted, it starts even if the client leaves. It ends at `window`, if that is given, and has then
/// succeeded.
///
/// # Errors
/// `closing`, `busy` with the limit or the shortage, `rateLimited`, `spawnFailed`, `invalidParams` for a value that is no
/// choice, or `internal` where it cannot be recorded.
pub(crate) async fn start(
    runs: &Arc<Runs>,
    requester: &Requester,
    command: &Arc<Runnable>,
    args: Map<String, Value>,
    files: TakenFiles,
    window: Option<Window>,
) -> Result<Arc<Run>, RpcError> {
    check_choices(runs, command, &args).await?;
    let (sender, result) = oneshot::channel();
    let mut asker = Asker(Some(sender));
    let tasks = &runs.services.tasks;
    // Without a wait where that is possible: so a client's runs are admitted in the order of its requests.
    if runs.may_start_at_once()
        && let Some(id) = runs.history.number_at_once()
    {
        let (guard, call) = admit(id, runs, requester, command, args, files)?;
        tasks.spawn(carry_out(guard, Arc::clone(command), call, asker, window));
    } else {
        let (runs, requester, command) = (Arc::clone(runs), requester.clone(), Arc::clone(command));
        let numberless = Numberless::new(&runs);
        tasks.spawn_run(async move {
            // Dropped once the run is live or the client has its refusal.
            let _numberless = numberless;
            runs.may_start().await;
            let number = runs.history.number().await.map_err(RpcError::from);
            match number.and_then(|id| admit(id, &runs, &requester, &command, args, files)) {
                Ok((guard, call)) => {
                    runs.services.tasks.spawn(carry_out(guard, command, call, asker, window));
                }
                Err(error) => asker.send(Err(error)),
            }
        });
    }
    result.await.unwrap_or_else(|_| Err(runs.services.shutdown.interrupted("the start of the run")))
}

/// Counts a run that waits for a number.
struct Numberless(Arc<Runs>);

impl Numberless {
    fn new(runs: &Arc<Runs>) -> Self {
        runs.numberless.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(runs))
    }
}

impl Drop for Numberless {
    fn drop(&mut self) {
        self.0.numberless.fetch_sub(1, Ordering::Relaxed);
        self.0.fewer.notify_waiters();
    }
}

/// The request that waits for the start of a run.
struct Asker(Option<oneshot::Sender<Result<Arc<Run>, RpcError>>>);

impl Asker {
    fn send(&mut self, result: Result<Arc<Run>, RpcError>) {
        if let Some(sender) = self.0.take() {
            // The client may have left.
            let _ = sender.send(result);
        }
    }

    /// The run was not started. A client that knows it as queued reads why in its output.
    async fn refuse(mut self, guard: RunGuard, error: RpcError) {
        if self.0.is_none() {
            let text = not_started(&error);
            guard.run.output.append(Stream::Stderr, text.as_bytes()).await;
        }
        guard.end(RunEnd::FAILED).await;
        self.send(Err(error));
    }
}

/// Carries out an admitted run, from its wait for a turn to its end.
async fn carry_out(
    mut guard: RunGuard,
    command: Arc<Runnable>,
    mut call: Call,
    mut asker: Asker,
    window: Option<Window>,
) {
    if guard.has_not_started() {
        if guard.run.approval.is_some() {
            guard.request_approval(&call);
        }
        // A run that was never started needs no hook.
        if let Err(error) = guard.record(None, None).await {
            return asker.refuse(guard, error).await;
        }
        guard.list();
        asker.send(Ok(Arc::clone(&guard.run)));
        match wait_for_approval(&mut guard, &command, &mut call).await {
            Ok(true) => {}
            Ok(false) => return guard.end(RunEnd::CANCELLED).await,
            Err(error) => return asker.refuse(guard, error).await,
        }
        if guard.has_not_started() && !wait_for_turn(&mut guard, &command, &mut call, window).await
        {
            return guard.end(RunEnd::CANCELLED).await;
        }
    }
    let process = match begin(&mut guard, &command, &mut call).await {
        Ok(process) => process,
        Err(error) => return asker.refuse(guard, error).await,
    };
    guard.list();
    asker.send(Ok(Arc::clone(&guard.run)));
    let (runs, run, who) = (Arc::clone(&guard.runs), guard.run.id, Arc::clone(&call.who));
    let reason = guard.run.row.lock().reason.clone();
    let end = {
        let mut execution = pin!(execute(
            &guard.run,
            &command,
            call,
            process,
            guard.runs.services.tasks.runs_ended()
        ));
        tokio::select! {
            biased;
            end = &mut execution => end,
            () = window_end(window) => {
                let others = guard.run.cancel.is_cancelled();
                guard.run.cancel.cancel();
                let end = execution.await;
                if others { end } else { end.at_window_end() }
            }
        }
    };
    let has_succeeded = end.state == RunState::Succeeded;
    guard.end(end).await;
    if has_succeeded && !command.rules.then.is_empty() {
        follow_up::start_all(runs, command, Success { run, who, reason }).await;
    }
}

/// Waits for the end of a window; for ever without one.
async fn window_end(window: Option<Window>) {
    match window {
        Some(window) => window.ended().await,
        None => std::future::pending().await,
    }
}

/// Executes the program or the worker's function of a run until it ends, is cancelled, or the server ends.
async fn execute(
    run: &Run,
    command: &Runnable,
    call: Call,
    process: Option<Process>,
    server_ends: CancellationToken,
) -> RunEnd {
    let timeout = command.info.timeout_ms.map(Duration::from_millis);
    match (&command.executor, process) {
        (Executor::Program(program), Some(process)) => {
            let cancel = run.cancel.clone();
            let until = Until { cancel, timeout: program.timeout, server_ends };
            RunEnd::of_program(process.run(&run.output, until).await, program)
        }
        (Executor::Worker(worker, _), _) => tokio::select! {
            end = work(worker, call, timeout) => end,
            () = server_ends.cancelled() => RunEnd::CANCELLED,
        },
        (Executor::Program(_), None) => RunEnd::FAILED,
    }
}

/// Waits until a run that needs approval is approved, and takes its place then; whether it may go on. If not, its output says
/// why.
///
/// # Errors
/// It was approved, and can neither start nor be queued.
async fn wait_for_approval(
    guard: &mut RunGuard,
    command: &Runnable,
    call: &mut Call,
) -> Result<bool, RpcError> {
    let (runs, run) = (Arc::clone(&guard.runs), Arc::clone(&guard.run));
    if run.approval.is_none() {
        return Ok(true);
    }
    let is_caused = run.row.lock().caused_by.is_some();
    let identity = || current_identity(&runs, &call.who, command, is_caused);
    let may_start = || approval::check_declaration(&runs, &run).and_then(|()| identity().map(drop));
    if !approval::wait(guard, may_start).await || run.cancel.is_cancelled() {
        return Ok(false);
    }
    call.who = identity().map_err(|why| RpcError::new(ErrorKind::Forbidden, why))?;
    if enter_approved(&runs, &call.who, &run, command, call.args())? {
        guard.leaves_queue();
    }
    Ok(true)
}

/// Waits for the turn of a queued run; whether it may start then. If not, its output says why.
async fn wait_for_turn(
    guard: &mut RunGuard,
    command: &Runnable,
    call: &mut Call,
    window: Option<Window>,
) -> bool {
    let (runs, run) = (Arc::clone(&guard.runs), Arc::clone(&guard.run));
    let over = runs.services.tasks.runs_ended();
    tokio::select! {
        biased;
        () = run.cancel.cancelled() => return false,
        () = over.cancelled() => return false,
        () = window_end(window) => {
            let text = not_started("its window ended first");
            run.output.append(Stream::Stderr, text.as_bytes()).await;
            return false;
        }
        () = run.turn.cancelled() => {}
    }
    let is_caused = run.row.lock().caused_by.is_some();
    match current_identity(&runs, &call.who, command, is_caused) {
        Ok(who) => {
            call.who = who;
            guard.leaves_queue();
            true
        }
        Err(why) => {
            tracing::warn!(target: "topside", run = run.id.0, why, "queued run not started");
            let text = not_started(why);
            run.output.append(Stream::Stderr, text.as_bytes()).await;
            false
        }
    }
}

/// The caller as it is now, if it may still run the command: a key can change while a run waits.
fn current_identity(
    runs: &Runs,
    who: &Arc<Identity>,
    command: &Runnable,
    is_caused: bool,
) -> Result<Arc<Identity>, String> {
    let now = expiry::identity(&runs.services.keys, &runs.services.config.get().config.local, who)?;
    let action = Action::Run { command: &command.info.name, role: command.info.role };
    // The list of commands of a key may lack one that `then` starts.
    if !is_caused {
        authorize(&now, action).map_err(|error| error.message)?;
    }
    Ok(now)
}

/// Records that a run is about to start, and starts its program if it has one.
async fn begin(
    guard: &mut RunGuard,
    command: &Runnable,
    call: &mut Call,
) -> Result<Option<Process>, RpcError> {
    guard.audit_start(command, call).await?;
    guard.prepare_files(command, call).await?;
    match &command.executor {
        Executor::Worker(_, None) => guard.record(None, None).await.map(|()| None),
        Executor::Worker(_, Some(WorkerSafeState::Program(safe_state))) => {
            let hook = PendingHook::Program(safe_state.hook(guard.caller(call).await?));
            guard.record(Some(hook), None).await.map(|()| None)
        }
        Executor::Worker(_, Some(WorkerSafeState::Function(worker, function))) => {
            let hook = PendingHook::Function(FunctionHook::new(worker, function, call.run_id()));
            guard.record(Some(hook), None).await.map(|()| None)
        }
        Executor::Program(program) => spawn(guard, program, command, call).await.map(Some),
    }
}

async fn spawn(
    guard: &mut RunGuard,
    program: &Program,
    command: &Runnable,
    call: &mut Call,
) -> Result<Process, RpcError> {
    let caller = guard.caller(call).await?;
    // Once more: links can have changed while the run waited.
    if let Cow::Owned(followed) = program.followed(call.args()).await? {
        call.args = Arguments(followed);
    }
    // The hook gets no masked value: those are secrets.
    let mut args = command.info.masked(call.args());
    args.retain(|name, value| call.args().get(name) == Some(value));
    let pipes =
        program.pipes().map_err(|error| shortage::rpc_error(error, ErrorKind::SpawnFailed))?;
    let hook = program.safe_state(&caller, &args).map(PendingHook::Program);
    guard.record(hook, pipes.spawn_record.clone()).await?;
    // The record may have waited for the disk.
    program.confirm(call.args()).await?;
    guard.spawn(program, call, &caller, pipes)
}

async fn work(worker: &Arc<dyn Worker>, call: Call, timeout: Option<Duration>) -> RunEnd {
    let (state, succeeded) = perform(Arc::clone(worker), call, timeout).await;
    let exit_code = Some(i32::from(!succeeded));
    RunEnd {
        state,
        exit_code,
        signal: None,
        escaped: Vec::new(),
        runs_hook: state != RunState::Succeeded,
    }
}

impl Runs {
    /// Gives back what a run holds, or its place in the queue, and moves others up.
    pub(crate) fn leave(&self, id: RunId) {
        let mut state = self.state.lock();
        state.queue.leave(id);
        state.move_up(self);
    }

    /// Applies changed limits: some queued runs may start now.
    pub(crate) fn limits_changed(&self) {
        let now = self.services.config.get();
        let limits = &now.config.limits;
        let mut state = self.state.lock();
        state.queue.set_seats(limits.max_runs, limits.admin_runs);
        state.move_up(self);
    }
}

impl LiveRuns {
    /// Starts the queued runs that can start, and reports changed places. All under one lock, so that clients get the
    /// reports in their order.
    pub(crate) fn move_up(&mut self, runs: &Runs) {
        if !self.closed && !runs.services.shutdown.has_begun() {
            for id in self.queue.turns() {
                if let Some(run) = self.live.get(&id) {
                    run.turn.cancel();
                }
            }
        }
        for (id, standing) in self.queue.places() {
            let Some(run) = self.live.get(&id) else { continue };
            {
                let row = run.row.lock();
                let same = row.place == Some(standing.place) && row.waits_for == standing.waits_for;
                if same || row.state != RunState::Queued {
                    continue;
                }
            }
            run.set_place(standing);
            run.publish(runs);
        }
    }
}
