//! Workers: programs in any language that are started once, get calls as lines of JSON on standard input and
//! answer on standard output. `docs/COMMANDS.md` describes the protocol.

pub(crate) mod arguments;
mod call_queue;
pub(crate) mod concurrency;
mod restart;
mod stderr_log;
pub(crate) mod worker;
mod worker_messages;
pub(crate) mod worker_pool;
mod worker_process;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topside_shared::command::{Command, Output};

use crate::process::daemon::Daemon;
use crate::process::program_spec::Policy;
use crate::process::safe_state::SafeState;
use crate::workers::call_queue::CallQueue;
use crate::workers::concurrency::Exclusion;
use crate::workers::worker::{Call, Calling, Worker};

/// A worker as declared and checked by `menu_file`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredWorker {
    pub(crate) name: String,
    pub(crate) daemon: Daemon,
    /// How many calls it gets at once.
    pub(crate) max_concurrent: usize,
    /// Time to answer a cancelled call, and to end.
    pub(crate) stop_timeout: Duration,
}

/// A command that calls a function of a worker, as declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredFunction {
    pub info: Command,
    pub(crate) worker: String,
    pub(crate) function: String,
    pub(crate) max_output: u64,
    pub(crate) policy: Policy,
    pub(crate) exclusion: Exclusion,
    pub(crate) safe_state: Option<SafeState>,
}

/// A worker of this server, running or not.
pub(crate) struct Resident {
    /// Whether its output may hold a secret: then it is never quoted.
    knows_secrets: bool,
    declared: DeclaredWorker,
    calls: CallQueue,
    starts: AtomicU64,
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
            starts: AtomicU64::new(0),
            stop: CancellationToken::new(),
            deadline: OnceLock::new(),
            ended: CancellationToken::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.declared.name
    }

    pub(crate) fn standing(&self) -> String {
        let restarts = self.starts.load(Ordering::Relaxed).saturating_sub(1);
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
            let mut queued = worker.calls.enter(line, &call.run, stop_timeout)?;
            let answer = tokio::select! {
                answer = queued.answer() => answer,
                () = call.cancelled() => {
                    queued.cancel();
                    queued.answer().await
                }
            };
            call.print(&self.shown(&answer?)).await;
            Ok(())
        })
    }
}

impl Function {
    /// A result as output: a text as it is, with a final newline; anything else as JSON.
    fn shown(&self, result: &Value) -> String {
        match (result, self.declared.info.output) {
            (Value::Null, _) => String::new(),
            (Value::String(text), Output::Text) if text.is_empty() || text.ends_with('\n') => {
                text.clone()
            }
            (Value::String(text), Output::Text) => format!("{text}\n"),
            (value, _) => format!("{value}\n"),
        }
    }
}
