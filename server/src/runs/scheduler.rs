//! Scheduler: from a request to the start of its run. A run is admitted or refused; then it starts, or waits in the queue
//! until others end. [`run_end`](crate::runs::run_end) has the rest. It is one file: these are the
//! steps of `carry_out` in their order, and their refusals.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topside_shared::command::{Command, REASON};
use topside_shared::notifications::Stream;
use topside_shared::records::{RunState, queue_reason};
use topside_shared::time::millis;
use topside_shared::{ErrorKind, Role, RpcError, RunId, text, values};

use crate::authorize::{Action, authorize};
use crate::base::identity::Identity;
use crate::base::limit::Limit;
use crate::base::shortage;
use crate::files::run_directory::TakenFiles;
use crate::history::Unwritable;
use crate::keys::expiry;
use crate::menu::{Executor, Runnable, WorkerSafeState};
use crate::process::program_spec::Program;
use crate::process::running_program::{Process, Until};
use crate::runs::follow_up::{self, Success};
use crate::runs::pending_hook::PendingHook;
use crate::runs::queue::{Needs, RefusalReason, Refused, seats};
use crate::runs::requester::Requester;
use crate::runs::run_end::{RunEnd, RunGuard};
use crate::runs::window::Window;
use crate::runs::{LiveRuns, Run, Runs, queue};
use crate::workers::arguments::Arguments;
use crate::workers::concurrency::Exclusion;
use crate::workers::run_rules::Rate;
use crate::workers::safe_state_calls::FunctionHook;
use crate::workers::worker::{Call, RunHandle, Worker, perform};

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
            let number = runs.history.number().await.map_err(internal);
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

/// Checks the arguments of which a program lists the choices.
async fn check_choices(
    runs: &Runs,
    command: &Runnable,
    args: &Map<String, Value>,
) -> Result<(), RpcError> {
    for choices in &command.choices {
        let arg = command.info.args.iter().find(|arg| arg.name == choices.argument());
        if let Some((arg, value)) = arg.and_then(|arg| Some((arg, args.get(&arg.name)?))) {
            let instance = runs.history.instance().await.map_err(internal)?;
            choices.check(arg, value, Some(&instance)).await?;
        }
    }
    Ok(())
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

pub(crate) fn internal(error: Unwritable) -> RpcError {
    shortage::rpc_error(error, ErrorKind::Internal)
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
            let text = format!("It was not started: {error}\n");
            guard.run.output.append(Stream::Stderr, text.as_bytes()).await;
        }
        guard.end(RunEnd::FAILED).await;
        self.send(Err(error));
    }
}

/// Adds a run to the live ones if the limits allow it.
///
/// # Errors
/// `closing`, or `busy` with the limit or the lock.
fn admit(
    id: RunId,
    runs: &Arc<Runs>,
    requester: &Requester,
    command: &Arc<Runnable>,
    mut args: Map<String, Value>,
    files: TakenFiles,
) -> Result<(RunGuard, Call), RpcError> {
    let who = requester.who();
    let reason = take_reason(&command.info, &mut args)?;
    let run = Arc::new(Run::new(id, runs, requester, &who, command, &args, reason));
    let starts = enter(runs, requester, &who, &run, command, &args)?;
    let (own, asker) = (Arc::clone(runs), requester.clone());
    let guard = RunGuard::new(own, asker, Arc::clone(&run), starts, files);
    if let Some(client) = requester.client().filter(|client| client.outbox.is_closed()) {
        // It left before the run was live.
        runs.client_left(client.id);
    }
    let (output, cancel) = (run.output.clone(), run.cancel.clone());
    let ending = cancel.child_token();
    let run = RunHandle { id, output, cancel };
    Ok((guard, Call { who, run, args: Arguments(args), ending }))
}

/// Takes the reason of a run out of its arguments: the program does not get it.
fn take_reason(
    command: &Command,
    args: &mut Map<String, Value>,
) -> Result<Option<String>, RpcError> {
    if !command.asks_reason() {
        return Ok(None);
    }
    let reason = args.remove(REASON);
    let reason = reason.as_ref().and_then(Value::as_str).unwrap_or_default().trim();
    if reason.is_empty() {
        let message = format_args!("{} needs a reason: say why it is run", command.name);
        return Err(RpcError::invalid_argument(REASON, message));
    }
    Ok(Some(reason.to_owned()))
}

/// Takes a place among the live runs; whether the run starts now.
fn enter(
    runs: &Runs,
    requester: &Requester,
    who: &Identity,
    run: &Arc<Run>,
    command: &Runnable,
    args: &Map<String, Value>,
) -> Result<bool, RpcError> {
    let now = runs.services.config.get();
    let limits = &now.config.limits;
    let mut state = runs.state.lock();
    if state.closed || runs.services.shutdown.has_begun() {
        return Err(RpcError::new(ErrorKind::Closing, "the server is shutting down"));
    }
    let own = state.live.values().filter(|live| live.client_id == run.client_id).count();
    let most = limits.max_runs_per_client;
    if requester.client().is_some() && own >= most {
        return Err(busy(Limit::MaxRunsPerClient, most, &format!("you have {most} runs")));
    }
    let now = Instant::now();
    if let Some(rate) = command.rules.rate
        && let Err(left) = state.rates.check(&command.info.name, rate, now)
    {
        return Err(too_often(&command.info.name, rate, left));
    }
    let by_admin = who.role == Role::Admin;
    let seats = seats(limits.max_runs, limits.admin_runs, by_admin);
    let needs = Needs {
        command: command.info.name.clone(),
        user: who.user.clone(),
        access: run.access(),
        exclusion: command.exclusion.of_run(args),
        seats,
        by_admin,
    };
    let standing = state.queue.ask(run.id, needs, limits.max_queued).map_err(|mut refused| {
        queue::hide_holders(&mut refused.waits_for, &refused.holders, who);
        refusal(command, &refused, seats)
    })?;
    if let Some(rate) = command.rules.rate {
        state.rates.count(&command.info.name, rate, now);
    }
    let starts = standing.is_none();
    if let Some(standing) = standing {
        run.row.lock().state = RunState::Queued;
        run.set_standing(standing);
    }
    state.live.insert(run.id, Arc::clone(run));
    state.started += u64::from(starts);
    Ok(starts)
}

fn busy(limit: Limit, most: usize, what: &str) -> RpcError {
    let message = format_args!("{what} at once already, which is the limit: wait for one to end");
    RpcError::new(ErrorKind::Busy, message).with("limit", limit).with("most", most as u64)
}

fn too_often(command: &str, rate: Rate, left: Duration) -> RpcError {
    let Rate { runs, period } = rate;
    let message = format_args!(
        "{command} may run {runs} times in {}, and has: try again in {}",
        values::write_duration(millis(period)),
        text::duration(millis(left))
    );
    RpcError::new(ErrorKind::RateLimited, message)
        .with("limit", Limit::Rate)
        .with("most", runs as u64)
}

/// Why a run can neither start nor wait, with the runs that hold what it needs.
fn refusal(command: &Runnable, refused: &Refused, seats: usize) -> RpcError {
    let Refused { why, waits_for, .. } = refused;
    if queue::waits_only_for_a_seat(waits_for) && *why == RefusalReason::NoQueue {
        return busy(Limit::MaxRuns, seats, &format!("{seats} runs go on"));
    }
    let lock = waits_for.iter().find_map(|wait| wait.lock.as_ref());
    let Exclusion { max_concurrent, group, .. } = &command.exclusion;
    let group = group.as_ref().map(|group| group.max_concurrent);
    let max_concurrent = match waits_for.iter().any(|wait| wait.group.is_some()) {
        true => group,
        false => *max_concurrent,
    };
    let max_concurrent = max_concurrent.map(NonZeroUsize::get);
    let (because, limit) = match *why {
        RefusalReason::NoQueue => {
            ("it has no queue".to_owned(), (Limit::MaxConcurrent, max_concurrent))
        }
        RefusalReason::Queue(most) => {
            (format!("its queue is full ({most} waiting)"), (Limit::Queue, Some(most)))
        }
        RefusalReason::Server(most) => {
            let because = format!("{most} runs wait on this server already, which is the limit");
            (because, (Limit::MaxQueued, Some(most)))
        }
    };
    let (name, what) = (&command.info.name, queue_reason::describe(waits_for));
    let message =
        format_args!("{name} would have to wait for {what}, and {because}: try again later");
    let error = RpcError::new(ErrorKind::Busy, message);
    let error = match (why, lock) {
        (RefusalReason::NoQueue, Some(lock)) => error.with("lock", lock.clone()),
        _ => error.with("limit", limit.0).with("most", limit.1.map(|most| most as u64)),
    };
    error.with("waitsFor", serde_json::to_value(waits_for).unwrap_or_default())
}

/// Carries out an admitted run, from its wait for a turn to its end.
async fn carry_out(
    mut guard: RunGuard,
    command: Arc<Runnable>,
    mut call: Call,
    mut asker: Asker,
    window: Option<Window>,
) {
    if guard.is_queued() {
        // A run that was never started needs no hook.
        if let Err(error) = guard.record(None, None).await {
            return asker.refuse(guard, error).await;
        }
        guard.list();
        asker.send(Ok(Arc::clone(&guard.run)));
        if !wait_for_turn(&mut guard, &command, &mut call, window).await {
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
            run.output.append(Stream::Stderr, b"It was not started: its window ended first\n").await;
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
            let text = format!("It was not started: {why}\n");
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
        for (id, standing) in self.queue.standings() {
            let Some(run) = self.live.get(&id) else { continue };
            {
                let row = run.row.lock();
                let same = row.place == Some(standing.place) && row.waits_for == standing.waits_for;
                if same || row.state != RunState::Queued {
                    continue;
                }
            }
            run.set_standing(standing);
            run.publish(runs);
        }
    }
}
