//! The `Worker` trait: a command in Rust with calls that are runs.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use topside_shared::RunId;
use topside_shared::command::Command;
use topside_shared::notifications::Stream;
use topside_shared::records::RunState;

use crate::base::identity::Identity;
use crate::output::Output;
use crate::workers::arguments::Arguments;
use crate::workers::concurrency::Exclusion;

/// A command with calls that are runs in the server's own process. [`Config::with_worker`] adds one to a server.
///
/// The server checks role and arguments before [`Worker::call`]. A worker that panics fails its run; the server
/// continues. State that outlives a call belongs to the worker: `call` borrows it. A command that only answers with a
/// text at once is a [`Builtin`](crate::Builtin).
///
/// [`Config::with_worker`]: crate::config::Config::with_worker
///
/// ```
/// use std::sync::atomic::{AtomicI64, Ordering};
///
/// use topside_server::{Call, Calling, Worker};
/// use topside_shared::command::{Arg, ArgType, Command, Effect};
///
/// /// `water MINUTES`: adds up what each call waters.
/// #[derive(Default)]
/// struct Water {
///     minutes: AtomicI64,
/// }
///
/// impl Worker for Water {
///     fn declaration(&self) -> Command {
///         let minutes = Arg {
///             name: "minutes".into(),
///             kind: ArgType::Int,
///             description: "How long".into(),
///             required: true,
///             minimum: Some(1.0),
///             ..Arg::default()
///         };
///         Command {
///             name: "water".into(),
///             title: "Water the garden".into(),
///             category: "Garden".into(),
///             effect: Effect::Write,
///             role: Effect::Write.default_role(),
///             args: vec![minutes],
///             ..Command::default()
///         }
///     }
///
///     fn call<'a>(&'a self, call: Call) -> Calling<'a> {
///         Box::pin(async move {
///             let minutes = call.int("minutes").ok_or("how many minutes?")?;
///             let sum = self.minutes.fetch_add(minutes, Ordering::Relaxed) + minutes;
///             call.line(format!("{sum} minutes today")).await;
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait Worker: Send + Sync + 'static {
    /// The command as the menu shows it.
    fn declaration(&self) -> Command;

    /// What keeps its runs apart from each other and from those of other commands; by default nothing.
    fn exclusion(&self) -> Exclusion {
        Exclusion::default()
    }

    /// Carries out one call. When the run is cancelled or has taken longer than the declared `timeout_ms`,
    /// [`Call::cancelled`] returns and the worker should return too: until it does, the run continues. The
    /// future is dropped when the server ends.
    fn call<'a>(&'a self, call: Call) -> Calling<'a>;
}

/// What [`Worker::call`] returns.
pub type Calling<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// The result of a worker's run: an error is one sentence, shown on the run's standard error, and makes
/// its exit status 1.
pub type Outcome = Result<(), String>;

/// What a call needs of its run.
#[derive(Debug, Clone)]
pub(crate) struct RunHandle {
    pub(crate) id: RunId,
    pub(crate) output: Output,
    /// Asks the run to end.
    pub(crate) cancel: CancellationToken,
}

/// One call of a worker: the caller, the arguments and the output.
#[derive(Clone)]
pub struct Call {
    pub(crate) who: Arc<Identity>,
    pub(crate) run: RunHandle,
    pub(crate) args: Arguments,
    /// Cancelled when the worker should return: a child of the run's own token.
    pub(crate) ending: CancellationToken,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("run", &self.run.id).finish_non_exhaustive()
    }
}

impl Deref for Call {
    type Target = Arguments;

    fn deref(&self) -> &Arguments {
        &self.args
    }
}

impl Call {
    /// The run's number.
    pub fn run_id(&self) -> RunId {
        self.run.id
    }

    /// The caller.
    pub fn who(&self) -> &Identity {
        &self.who
    }

    /// Writes to the run's standard output, as it is.
    pub async fn print(&self, text: &str) {
        self.run.output.append(Stream::Stdout, text.as_bytes()).await;
    }

    /// Writes one line to the run's standard output.
    pub async fn line(&self, text: impl fmt::Display) {
        self.print(&format!("{text}\n")).await;
    }

    /// Waits until the worker should return: the run was cancelled or has taken too long, or the server ends.
    pub async fn cancelled(&self) {
        self.ending.cancelled().await;
    }
}

/// Carries a call out; the state of its run, and whether the worker returned without an error. A panic is an error.
pub(crate) async fn perform(
    worker: Arc<dyn Worker>,
    call: Call,
    timeout: Option<Duration>,
) -> (RunState, bool) {
    let (run, ending) = (call.run.clone(), call.ending.clone());
    let mut work =
        std::pin::pin!(AssertUnwindSafe(async { worker.call(call).await }).catch_unwind());
    let (outcome, timed_out) = match timeout {
        None => (work.await, false),
        Some(timeout) => match tokio::time::timeout(timeout, &mut work).await {
            Ok(outcome) => (outcome, false),
            Err(_) => {
                let timed_out = !run.cancel.is_cancelled();
                ending.cancel();
                (work.await, timed_out)
            }
        },
    };
    let outcome = outcome.unwrap_or_else(|_| Err("the worker panicked; the log says where".into()));
    if let Err(message) = &outcome {
        run.output.append(Stream::Stderr, format!("{message}\n").as_bytes()).await;
    }
    let state = match &outcome {
        _ if timed_out => RunState::TimedOut,
        _ if run.cancel.is_cancelled() => RunState::Cancelled,
        Ok(()) => RunState::Succeeded,
        Err(_) => RunState::Failed,
    };
    (state, outcome.is_ok())
}
