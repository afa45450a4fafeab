//! Resident workers: programs in any language that are started once, get calls as lines of JSON on their
//! standard input and answer on their standard output. `docs/COMMANDS.md` tells their authors how.
//!
//! `messages` are the lines, `call_queue` the calls, `worker_process` one process, `restart` one process after another.

mod call_queue;
pub(crate) mod concurrency;
mod messages;
mod restart;
mod stderr_log;
pub(crate) mod worker;
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
use crate::process::program::Policy;
use crate::process::safe_state::SafeState;
use crate::workers::call_queue::CallQueue;
use crate::workers::concurrency::Exclusion;
use crate::workers::worker::{Call, Calling, Worker};

/// A resident worker as declared. `menu_file` makes it and has checked it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declared {
    /// Its name in `[workers]`.
    pub(crate) name: String,
    /// How it is started.
    pub(crate) daemon: Daemon,
    /// How many calls it is sent at once.
    pub(crate) max_concurrent: usize,
    /// How long it has to answer a cancelled call, and to end.
    pub(crate) stop_timeout: Duration,
}

/// A command that a resident worker carries out, as declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredFunction {
    /// What clients see of it.
    pub info: Command,
    /// The worker's name.
    pub(crate) worker: String,
    /// What the worker calls it.
    pub(crate) function: String,
    /// How many bytes of output are kept.
    pub(crate) max_output: u64,
    /// What others' ends do to a run.
    pub(crate) policy: Policy,
    /// What keeps its runs apart from others.
    pub(crate) exclusion: Exclusion,
    /// What closes the state that a run may leave.
    pub(crate) safe_state: Option<SafeState>,
}

/// A worker of this server, whether its process runs at the moment or not.
pub(crate) struct Resident {
    /// Whether what it writes may hold a secret: then it is quoted nowhere.
    knows_secrets: bool,
    declared: Declared,
    calls: CallQueue,
    /// How often its process was started.
    starts: AtomicU64,
    /// Raised when it is to end with the server, by this moment.
    stop: CancellationToken,
    deadline: OnceLock<Instant>,
    /// Raised once it has.
    ended: CancellationToken,
}

impl fmt::Debug for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resident").field("declared", &self.declared).finish_non_exhaustive()
    }
}

impl Resident {
    /// `knows_secrets`: one of its functions is given some.
    pub(crate) fn new(declared: &Declared, knows_secrets: bool) -> Self {
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

    /// How it stands, in words for people.
    pub(crate) fn standing(&self) -> String {
        let restarts = self.starts.load(Ordering::Relaxed).saturating_sub(1);
        let standing = self.calls.standing();
        match restarts {
            0 => standing,
            1 => format!("{standing}; restarted once"),
            n => format!("{standing}; restarted {n} times"),
        }
    }

    /// Whether it would be the same, so that one that is declared so need not be started.
    pub(crate) fn is(&self, declared: &Declared, knows_secrets: bool) -> bool {
        self.declared == *declared && self.knows_secrets == knows_secrets
    }

    /// Raised once its process has ended for good.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Ends it in order, by `deadline` at the latest. No run goes on any more.
    pub(crate) async fn stop(&self, deadline: Instant) {
        self.deadline.get_or_init(|| deadline);
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}

/// A resident worker, for as long as a menu or a run has a use for it: dropping the last one ends it in order.
#[derive(Debug)]
pub(crate) struct WorkerRef(pub(crate) Arc<Resident>);

impl Drop for WorkerRef {
    fn drop(&mut self) {
        let Self(worker) = self;
        worker.deadline.get_or_init(|| Instant::now() + worker.declared.stop_timeout);
        worker.stop.cancel();
    }
}

/// A command that is one function of a resident worker.
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
            let line = messages::call(&self.declared.function, &call);
            let worker = &self.worker.0;
            let stop_timeout = worker.declared.stop_timeout;
            let mut entered = worker.calls.enter(line, &call.run, stop_timeout)?;
            let answer = tokio::select! {
                answer = entered.answer() => answer,
                () = call.cancelled() => {
                    entered.cancel();
                    entered.answer().await
                }
            };
            call.print(&self.shown(&answer?)).await;
            Ok(())
        })
    }
}

impl Function {
    /// What a result is as output: a text as it is, on a line of its own; anything else as JSON.
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
