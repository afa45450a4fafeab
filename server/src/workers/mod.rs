//! Workers: programs in any language that are started once, get calls as lines of JSON on standard input and
//! answer on standard output. `docs/COMMANDS.md` describes the protocol.

pub(crate) mod arguments;
mod call_queue;
mod choices_call;
pub(crate) mod concurrency;
mod line_reader;
mod restart;
pub(crate) mod run_rules;
pub(crate) mod safe_state_calls;
mod stderr_log;
pub(crate) mod worker;
mod worker_messages;
pub(crate) mod worker_pool;
mod worker_process;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topside_shared::command::{Command, Output};

use crate::audit::Audit;
use crate::base::mutex::Mutex;
use crate::hooks::Hooks;
use crate::process::piped_program::PipedProgram;
use crate::process::program_spec::Policy;
use crate::process::run_user::RunUser;
use crate::process::safe_state::SafeState;
use crate::workers::call_queue::CallQueue;
use crate::workers::concurrency::Exclusion;
use crate::workers::run_rules::RunRules;
use crate::workers::worker::{Call, Calling, Worker};

/// A worker as declared and checked by `menu_file`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredWorker {
    pub(crate) name: String,
    pub(crate) program: PipedProgram,
    /// How many calls it gets at once.
    pub(crate) max_concurrent: usize,
    /// Time to answer a cancelled call, and to end.
    pub(crate) stop_timeout: Duration,
    /// Whether its cancelled calls may take any time to end, where their commands do not say.
    pub(crate) waits_for_cancelled: bool,
    /// Its program, and the files that it names: after a change of one, a reload starts it again.
    pub(crate) watched: Vec<WatchedFile>,
    /// The function that is called first after an end that was not orderly.
    pub(crate) safe_state: Option<String>,
}

/// A file, and what changes when it is replaced or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchedFile {
    pub(crate) path: String,
    /// Device, number, length and time of the last change; none: it is not there.
    pub(crate) version: Option<(u64, u64, u64, i64, i64)>,
}

/// A command that calls a function of a worker, as declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredFunction {
    pub info: Command,
    pub(crate) worker: String,
    pub(crate) function: String,
    pub(crate) max_output: u64,
    pub(crate) policy: Policy,
    /// Whether a cancelled call may take any time to end.
    pub(crate) waits_for_cancelled: bool,
    pub(crate) exclusion: Exclusion,
    pub(crate) rules: RunRules,
    pub(crate) safe_state: Option<FunctionSafeState>,
}

/// The `safe_state` of a command that calls a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FunctionSafeState {
    Program(SafeState),
    /// A function of the same worker.
    Function(String),
}

/// The other parts of the server that workers use.
#[derive(Debug, Clone)]
pub(crate) struct WorkerServices {
    pub(crate) audit: Arc<Audit>,
    pub(crate) hooks: Arc<Hooks>,
    /// How long the call of a `safe_state` may take.
    pub(crate) limit: Option<Duration>,
}

/// A worker of this server, running or not.
pub(crate) struct Resident {
    /// Whether its output may hold a secret: then it is never quoted.
    knows_secrets: bool,
    declared: DeclaredWorker,
    calls: CallQueue,
    starts: watch::Sender<u64>,
    /// The last line of the standard error of its newest process.
    last_line: Mutex<Option<String>>,
    /// Asks for a new process.
    restart: Notify,
    /// Cancelled once what an earlier server left is made safe.
    made_safe: CancellationToken,
    /// Cancelled when it must end, with the deadline.
    stop: CancellationToken,
    deadline: OnceLock<Instant>,
    /// Cancelled when it has ended.
    ended: CancellationToken,
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resident").field("declared", &self.declared).finish_non_exhaustive()
    }
}

impl Resident {
    /// `knows_secrets`: one of its functions gets secrets.
    pub(crate) fn new(declared: &DeclaredWorker, knows_secrets: bool) -> Self {
        Self {
            knows_secrets,
            calls: CallQueue::new(declared.name.clone(), declared.max_concurrent),
            declared: declared.clone(),
            starts: watch::Sender::new(0),
            last_line: Mutex::default(),
            restart: Notify::new(),
            made_safe: CancellationToken::new(),
            stop: CancellationToken::new(),
            deadline: OnceLock::new(),
            ended: CancellationToken::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.declared.name
    }

    /// The user that it runs as, if that is not the server's own.
    pub(crate) fn user(&self) -> Option<&RunUser> {
        self.declared.program.user.as_deref()
    }

    pub(crate) fn standing(&self) -> String {
        let restarts = self.starts.borrow().saturating_sub(1);
        let standing = self.calls.standing();
        match restarts {
            0 => standing,
            1 => format!("{standing}; restarted once"),
            n => format!("{standing}; restarted {n} times"),
        }
    }

    /// Whether this declaration describes this worker, so that it need not be restarted.
    pub(crate) fn is(&self, declared: &DeclaredWorker, knows_secrets: bool) -> bool {
        self.declared == *declared && self.knows_secrets == knows_secrets
    }

    /// Ends its process in order, and waits until another was started; false: it has ended for good.
    pub(crate) async fn restart(&self) -> bool {
        let mut starts = self.starts.subscribe();
        starts.mark_unchanged();
        self.restart.notify_one();
        tokio::select! {
            started = starts.changed() => started.is_ok(),
            () = self.ended.cancelled() => false,
        }
    }

    /// Cancelled when its process has ended for good.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Ends it in order, before `deadline`. No call runs any more.
    pub(crate) async fn stop(&self, deadline: Instant) {
        self.deadline.get_or_init(|| deadline);
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}

/// A use of a worker by a menu or a run. Dropping the last one ends the worker in order.
#[derive(Debug)]
pub(crate) struct WorkerRef(pub(crate) Arc<Resident>);

impl Drop for WorkerRef {
    fn drop(&mut self) {
        let Self(worker) = self;
        worker.deadline.get_or_init(|| Instant::now() + worker.declared.stop_timeout);
        worker.stop.cancel();
    }
}

/// A command that calls one function of a worker.
pub(crate) struct Function {
    pub(crate) declared: DeclaredFunction,
    pub(crate) worker: Arc<WorkerRef>,
}

impl Worker for Function {
    fn declaration(&self) -> Command {
        self.declared.info.clone()
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            let line = worker_messages::call(&self.declared.function, &call);
            let worker = &self.worker.0;
            let stop_timeout = worker.declared.stop_timeout;
            let stop_timeout = (!self.declared.waits_for_cancelled).then_some(stop_timeout);
            let of_run = (call.run.id.0, Some(call.run.output.clone()));
            let mut queued = worker.calls.enter(line, of_run, stop_timeout)?;
            let answer = tokio::select! {
                answer = queued.answer() => answer,
                () = call.cancelled() => {
                    queued.cancel();
                    queued.answer().await
                }
            };
            call.print(&shown(&answer?, self.declared.info.output)).await;
            Ok(())
        })
    }
}

/// A result as output: a text as it is, with a final newline; anything else as JSON.
fn shown(result: &Value, output: Output) -> String {
    match (result, output) {
        (Value::Null, _) => String::new(),
        (Value::String(text), Output::Text) if text.is_empty() || text.ends_with('\n') => {
            text.clone()
        }
        (Value::String(text), Output::Text) => format!("{text}\n"),
        (value, _) => format!("{value}\n"),
    }
}
