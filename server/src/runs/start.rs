//! Starts a run: records it, starts the program or worker, and waits for its end.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use topside_shared::notifications::Stream;
use topside_shared::records::{RunRow, RunState};
use topside_shared::{ErrorKind, RpcError, RunId, Time};

use crate::authorize::role_to_see;
use crate::base::shortage;
use crate::clients::Client;
use crate::history::{Intent, Unwritable};
use crate::menu::{Does, Entry};
use crate::output::Output;
use crate::process::launch::Caller;
use crate::process::pipes::Pipes;
use crate::process::program_spec::Program;
use crate::process::running_program::Until;
use crate::runs::input::Input;
use crate::runs::run_guard::{Outcome, RunGuard};
use crate::runs::{Run, Runs, scheduler};
use crate::workers::worker::{Call, Host, RunHandle, perform};

/// How long a built-in waits at most until the runs of the server before are looked after.
const LONGEST_OPENING: Duration = Duration::from_secs(1);

/// Starts a command for a client. The arguments have been checked. Once it was let in, it starts whether
/// or not somebody still waits for it.
///
/// # Errors
/// `closing`, `busy` with the limit or the shortage, `spawnFailed`, or `internal` where it cannot be written down.
pub(crate) async fn start(
    runs: &Arc<Runs>,
    host: &Host,
    client: &Arc<Client>,
    entry: &Arc<Entry>,
    args: Map<String, Value>,
) -> Result<Arc<Run>, RpcError> {
    if let Some(id) = runs.history.number_at_once() {
        return start_as(id, runs, host, client, entry, args).await;
    }
    let (own, host) = (Arc::clone(runs), Arc::clone(host));
    let (client, entry) = (Arc::clone(client), Arc::clone(entry));
    let (tell, told) = oneshot::channel();
    let numberless = Numberless::new(runs);
    runs.services.tasks.spawn_run(async move {
        // Gone once the one who waits has been told.
        let _numberless = numberless;
        let history = &own.history;
        let number = match entry.recorded {
            true => history.number().await,
            // Pending hooks hold up what they may exclude, not the built-ins that show what is wrong.
            false => match timeout(LONGEST_OPENING, history.number()).await {
                Ok(Ok(number)) => Ok(number),
                Ok(Err(_)) | Err(_) => Ok(history.number_of_this_start()),
            },
        };
        let started = match number {
            Ok(id) => start_as(id, &own, &host, &client, &entry, args).await,
            Err(error) => Err(internal(error)),
        };
        // Nobody may wait for it any more.
        let _ = tell.send(started);
    });
    told.await.unwrap_or_else(|_| Err(runs.services.shutdown.interrupted("the start of the run")))
}

/// A run that waits for a number, for as long as this is there.
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

/// Starts a command as the run of this number; all but the waiting is done when this is polled first.
async fn start_as(
    id: RunId,
    runs: &Arc<Runs>,
    host: &Host,
    client: &Arc<Client>,
    entry: &Arc<Entry>,
    args: Map<String, Value>,
) -> Result<Arc<Run>, RpcError> {
    let history = &runs.history;
    let output = match entry.recorded {
        false => Output::in_memory(),
        true => Output::kept_in(history.output(id), entry.max_output),
    };
    let who = client.who();
    let run = Arc::new(Run {
        id,
        owner: who.owner,
        role: role_to_see(entry.info.role, !entry.recorded),
        output,
        input: Input::of(entry.info.stdin),
        cancel: CancellationToken::new(),
        cancelled_by: OnceLock::new(),
        ended: CancellationToken::new(),
        turn: CancellationToken::new(),
        changed: Notify::new(),
        listed: AtomicBool::new(false),
        recorded: entry.recorded,
        policy: entry.policy,
        holders: Mutex::default(),
        row: Mutex::new(RunRow {
            run_id: id,
            command: entry.info.name.clone(),
            args: entry.info.masked(&args),
            user: who.user.clone(),
            owner: Some(who.owner.kind().into()),
            client_id: client.id,
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
        }),
    });
    let starts = scheduler::admit(runs, client, &who, &run, entry)?;
    let mut live = RunGuard::new(Arc::clone(runs), Arc::clone(client), Arc::clone(&run), starts);
    if client.outbox.is_closed() {
        // It left while this was on its way.
        runs.client_left(client.id);
    }
    let call = Call {
        host: Arc::clone(host),
        client: Arc::clone(client),
        who,
        ending: run.cancel.child_token(),
        run: RunHandle {
            id,
            output: run.output.clone(),
            cancel: run.cancel.clone(),
            ended: run.ended.clone(),
        },
        args,
    };
    if entry.recorded || entry.changes_something() {
        let (tell, told) = oneshot::channel();
        runs.services.tasks.spawn(carry_out(live, Arc::clone(entry), call, Asker(Some(tell))));
        told.await
            .unwrap_or_else(|_| Err(runs.services.shutdown.interrupted("the start of the run")))?;
        return Ok(run);
    }
    let mut work: Pin<Box<dyn Future<Output = Outcome> + Send>> =
        Box::pin(work(Arc::clone(entry), call));
    // Most built-ins are done at once: these need no task, and nobody sees them as running.
    match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => live.finish(result),
        Poll::Pending => {
            live.list();
            runs.services.tasks.spawn_run(async move {
                let result = work.await;
                live.finish(result);
            });
        }
    }
    Ok(run)
}

pub(crate) fn closing() -> RpcError {
    RpcError::new(ErrorKind::Closing, "the server is shutting down")
}

pub(crate) fn internal(error: Unwritable) -> RpcError {
    shortage::rpc_error(error, ErrorKind::Internal)
}

/// Whoever asked for a run, until they have been told whether it was let in.
struct Asker(Option<oneshot::Sender<Result<(), RpcError>>>);

impl Asker {
    /// It starts, or waits for its turn.
    fn tell(&mut self) {
        if let Some(tell) = self.0.take() {
            // Nobody may wait for the answer any more.
            let _ = tell.send(Ok(()));
        }
    }

    /// It was not started. Who was told that it waits reads so in its output.
    async fn refuse(self, live: RunGuard, error: RpcError) {
        if self.0.is_none() {
            let said = format!("It was not started: {error}\n");
            live.run.output.append(Stream::Stderr, said.as_bytes()).await;
        }
        live.over(FAILED).await;
        if let Some(tell) = self.0 {
            let _ = tell.send(Err(error));
        }
    }
}

/// A run that is written down or recorded, from before its start, or its wait for that, to after its end.
async fn carry_out(mut live: RunGuard, entry: Arc<Entry>, mut call: Call, mut asker: Asker) {
    if live.is_queued() {
        // What was never started owes nothing.
        if let Err(error) = live.begin(Intent::default()).await {
            return asker.refuse(live, error).await;
        }
        live.list();
        asker.tell();
        if !scheduler::wait(&mut live, &entry, &mut call).await {
            return live.over(CANCELLED).await;
        }
    }
    if let Err(error) = live.announce(&entry, &call).await {
        return asker.refuse(live, error).await;
    }
    let begun = match &entry.does {
        Does::Work(_, None) => live.begin(Intent::default()).await.map(|()| None),
        Does::Work(_, Some(safe_state)) => match live.caller(&call).await {
            Ok(caller) => {
                let hook = Some(safe_state.hook(caller));
                live.begin(Intent { hook, birth: None }).await.map(|()| None)
            }
            Err(error) => Err(error),
        },
        Does::Execute(program) => begin(&mut live, program, &entry, &mut call).await.map(Some),
    };
    let begun = match begun {
        Ok(begun) => begun,
        Err(error) => return asker.refuse(live, error).await,
    };
    let runs = Arc::clone(&live.runs);
    let (program, (caller, pipes)) = match (&entry.does, begun) {
        (Does::Execute(program), Some(begun)) => (program, begun),
        _ => {
            live.list();
            asker.tell();
            let over = runs.services.tasks.runs_ended();
            let result = tokio::select! {
                result = work(Arc::clone(&entry), call) => result,
                () = over.cancelled() => CANCELLED,
            };
            return live.over(result).await;
        }
    };
    match live.spawn(program, &call, &caller, pipes) {
        Ok(process) => {
            live.list();
            asker.tell();
            let run = Arc::clone(&live.run);
            let until = Until {
                cancel: run.cancel.clone(),
                timeout: program.timeout,
                server_ends: runs.services.tasks.runs_ended(),
            };
            let ended = process.run(&run.output, until).await;
            live.end(Outcome::of_program(ended, program)).await;
        }
        Err(error) => asker.refuse(live, error).await,
    }
}

/// Writes down that a program is about to be started.
async fn begin(
    live: &mut RunGuard,
    program: &Program,
    entry: &Entry,
    call: &mut Call,
) -> Result<(Caller, Pipes), RpcError> {
    let caller = live.caller(call).await?;
    // Once more: it may have waited, and links can be changed.
    if let Cow::Owned(followed) = program.followed(&call.args).await? {
        call.args = followed;
    }
    // Without what is masked, which is secret.
    let mut args = entry.info.masked(&call.args);
    args.retain(|name, value| call.args.get(name) == Some(value));
    let pipes =
        program.pipes().map_err(|error| shortage::rpc_error(error, ErrorKind::SpawnFailed))?;
    let hook = program.safe_state(&caller, &args);
    live.begin(Intent { hook, birth: pipes.spawn_record() }).await?;
    // Writing that down may have waited for the disk.
    program.confirm(&call.args).await?;
    Ok((caller, pipes))
}

/// How a run ends that was never started, and one that the server could not wait for.
const FAILED: Outcome =
    Outcome { state: RunState::Failed, exit_code: None, signal: None, escaped: Vec::new() };
const CANCELLED: Outcome =
    Outcome { state: RunState::Cancelled, exit_code: None, signal: None, escaped: Vec::new() };

/// Carries out a worker.
async fn work(entry: Arc<Entry>, call: Call) -> Outcome {
    let Does::Work(worker, _) = &entry.does else { return FAILED };
    let timeout = entry.info.timeout_ms.map(Duration::from_millis);
    let (state, content) = perform(Arc::clone(worker), call, timeout).await;
    Outcome { state, exit_code: Some(i32::from(!content)), signal: None, escaped: Vec::new() }
}
