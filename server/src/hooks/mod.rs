//! Hook thread: runs the `safe_state` programs of one server.
//!
//! A hook is *pending* from the start of its run until the run succeeded or the hook was run. The thread and the
//! descriptors that a hook needs are reserved when the server starts, so a server without free descriptors or threads
//! still runs its hooks. A hook that the system has no room for stays pending and is retried.

mod reserve;
mod thread;

use std::collections::BTreeMap;
use std::io::{self, PipeWriter, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use topside_shared::RunId;

use crate::audit::Audit;
use crate::hooks::thread::HookThread;
use crate::process::safe_state::{Closed, Hook};

/// Gets how a hook went; none: it could not be started before the server ended, and is still pending.
pub(crate) type Done = Box<dyn FnOnce(Option<Closed>) + Send>;

/// A hook to run.
pub(crate) struct Job {
    pub(crate) run: RunId,
    /// The name of the run's command.
    pub(crate) command: String,
    pub(crate) hook: Hook,
    /// How long the program may take, and how long it is retried once the server shuts down.
    pub(crate) limit: Option<Duration>,
    pub(crate) done: Done,
}

/// The hooks of one server.
#[derive(Debug)]
pub(crate) struct Hooks {
    jobs: mpsc::Sender<Job>,
    wake: PipeWriter,
    shared: Arc<Shared>,
}

/// What the thread and the server's other threads share.
#[derive(Debug, Default)]
struct Shared {
    /// Runs whose hook has not run, with the names of their commands.
    pending: Mutex<BTreeMap<RunId, String>>,
    retries: Mutex<Retries>,
}

/// How long hooks are retried that could not be started.
#[derive(Debug, Clone, Copy, Default)]
enum Retries {
    /// As long as the server lives.
    #[default]
    Unlimited,
    /// The server has been shutting down since then: each for as long as its limit allows.
    ClosingSince(Instant),
    /// The server ends at once.
    Stopped,
}

impl Hooks {
    /// Starts the thread, and reserves what it needs.
    ///
    /// # Errors
    /// The system has no thread or descriptors for it.
    pub(crate) fn start(audit: Arc<Audit>) -> io::Result<Self> {
        let (jobs, todo) = mpsc::channel();
        let (woken, wake) = io::pipe()?;
        rustix::io::ioctl_fionbio(&woken, true)?;
        rustix::io::ioctl_fionbio(&wake, true)?;
        let shared = Arc::<Shared>::default();
        let thread = HookThread::new(todo, woken, Arc::clone(&shared), audit)?;
        let log = tracing::dispatcher::get_default(Clone::clone);
        std::thread::Builder::new()
            .name("hooks".into())
            .spawn(move || tracing::dispatcher::with_default(&log, || thread.run()))?;
        Ok(Self { jobs, wake, shared })
    }

    /// From now on the hook of this run is pending.
    pub(crate) fn register(&self, run: RunId, command: &str) {
        self.shared.pending().insert(run, command.to_owned());
    }

    /// The hook of this run has run, or need not run.
    pub(crate) fn release(&self, run: RunId) {
        self.shared.pending().remove(&run);
    }

    /// The runs whose hook is pending, with the names of their commands.
    pub(crate) fn pending(&self) -> Vec<(RunId, String)> {
        self.shared.pending().iter().map(|(run, command)| (*run, command.clone())).collect()
    }

    /// Runs a hook. It is pending until [`Hooks::release`].
    pub(crate) fn submit(&self, job: Job) {
        self.register(job.run, &job.command);
        if let Err(mpsc::SendError(job)) = self.jobs.send(job) {
            // The thread ends only with the server.
            (job.done)(None);
        }
        self.wake();
    }

    /// Runs a hook, and waits for it; none: it could not be started, and is still pending.
    pub(crate) async fn run(
        &self,
        run: RunId,
        command: String,
        hook: Hook,
        limit: Option<Duration>,
    ) -> Option<Closed> {
        let (tell, told) = oneshot::channel();
        // The run may have been broken off meanwhile.
        let done = Box::new(|closed| drop(tell.send(closed)));
        self.submit(Job { run, command, hook, limit, done });
        told.await.ok().flatten()
    }

    /// The server shuts down: hooks that cannot be started are retried for as long as their limit allows.
    pub(crate) fn closing(&self) {
        *self.shared.retries() = Retries::ClosingSince(Instant::now());
        self.wake();
    }

    /// The server ends at once: no hook is retried.
    pub(crate) fn stop_retries(&self) {
        *self.shared.retries() = Retries::Stopped;
        self.wake();
    }

    fn wake(&self) {
        // A full pipe wakes it too.
        let _ = (&self.wake).write(&[0]);
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, BTreeMap<RunId, String>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retries(&self) -> MutexGuard<'_, Retries> {
        self.retries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
