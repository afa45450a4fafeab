//! Hook thread: runs the `safe_state` programs of one server, and the hooks of the whole box ([`box_hooks`]).
//!
//! The hook of a run is *pending* from the start of its run until the run succeeded or the hook was run. The thread and the
//! descriptors that a hook needs are reserved when the server starts, so a server without free descriptors or threads
//! still runs its hooks. A hook that the system has no room for stays pending and is retried.

pub(crate) mod box_hooks;
mod reserved_descriptors;
mod thread;
pub(crate) mod worker_records;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, PipeWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use topside_shared::RunId;

use crate::audit::Audit;
use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::base::mutex::Mutex;
use crate::hooks::thread::HookThread;
use crate::hooks::worker_records::WorkerRecords;
use crate::notify::Notifications;
use crate::process::safe_state::{Hook, HookResult};

pub(crate) type OnResult = Box<dyn FnOnce(Option<HookResult>) + Send>;

/// What a hook belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookOwner {
    /// A run, and its command.
    Run(RunId, String),
    /// The box: the key of `[hooks]`.
    Box(&'static str),
    /// The worker of this name.
    Worker(String),
}

impl HookOwner {
    pub(crate) fn run(&self) -> Option<u64> {
        match self {
            Self::Run(run, _) => Some(run.0),
            Self::Box(_) | Self::Worker(_) => None,
        }
    }

    /// Reports a failure of this hook to people elsewhere.
    fn report_failure(&self, notify: &Notifications, failure: &str) {
        match self {
            Self::Run(run, command) => notify.safe_state_failed(*run, command, failure),
            Self::Box(name) => notify.hook_failed(name, failure),
            Self::Worker(name) => notify.hook_failed(&format!("worker {name}"), failure),
        }
    }

    /// The entry of the audit log for a call of this hook.
    pub(crate) fn entry(&self, argv: Vec<String>) -> Entry {
        let (action, object) = match self {
            Self::Run(run, _) => (AuditAction::RunSafeState, format!("run {run}")),
            Self::Box(name) => (AuditAction::ServerHook, (*name).to_owned()),
            Self::Worker(name) => (AuditAction::WorkerSafeState, format!("worker {name}")),
        };
        Entry::new(By::server(), action, object).argv(argv)
    }
}

impl fmt::Display for HookOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run, command) => write!(f, "the safe_state of run {run} ({command})"),
            Self::Box(name) => write!(f, "the hook {name} of the box"),
            Self::Worker(name) => write!(f, "the safe_state of worker {name}"),
        }
    }
}

pub(crate) struct HookRequest {
    pub(crate) owner: HookOwner,
    pub(crate) hook: Hook,
    /// How long the program may take, and how long its start is retried during a shutdown.
    pub(crate) limit: Option<Duration>,
    pub(crate) done: OnResult,
}

#[derive(Debug)]
pub(crate) struct Hooks {
    requests: mpsc::Sender<HookRequest>,
    wake: PipeWriter,
    shared: Arc<HookState>,
    notify: Arc<Notifications>,
    /// The pending safe states of workers.
    pub(crate) workers: WorkerRecords,
}

#[derive(Debug, Default)]
struct HookState {
    /// Runs with a pending hook, and their commands.
    pending: Mutex<BTreeMap<RunId, String>>,
    retries: Mutex<Retries>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Retries {
    /// Without a limit.
    #[default]
    Unlimited,
    /// Each for its own time limit, from the start of the shutdown.
    ClosingSince(Instant),
    Stopped,
}

impl Hooks {
    /// Starts the thread of the server with this state directory.
    pub(crate) fn start(
        audit: Arc<Audit>,
        notify: Arc<Notifications>,
        state: &Path,
    ) -> io::Result<Self> {
        let (requests, queue) = mpsc::channel();
        let (woken, wake) = io::pipe()?;
        rustix::io::ioctl_fionbio(&woken, true)?;
        rustix::io::ioctl_fionbio(&wake, true)?;
        let shared = Arc::<HookState>::default();
        let thread =
            HookThread::new(queue, woken, Arc::clone(&shared), audit, Arc::clone(&notify))?;
        let log = tracing::dispatcher::get_default(Clone::clone);
        std::thread::Builder::new()
            .name("hooks".into())
            .spawn(move || tracing::dispatcher::with_default(&log, || thread.run()))?;
        Ok(Self { requests, wake, shared, notify, workers: WorkerRecords::open(state) })
    }

    /// Reports a failure of a hook that the thread did not run: a function of a worker.
    pub(crate) fn report_failure(&self, owner: &HookOwner, failure: &str) {
        owner.report_failure(&self.notify, failure);
    }

    /// Marks the hook of this run as pending.
    pub(crate) fn register(&self, run: RunId, command: &str) {
        self.shared.pending.lock().insert(run, command.to_owned());
    }

    /// Marks the hook of this run as not pending: it was run, or is not needed.
    pub(crate) fn release(&self, run: RunId) {
        self.shared.pending.lock().remove(&run);
    }

    pub(crate) fn pending(&self) -> Vec<(RunId, String)> {
        self.shared.pending.lock().iter().map(|(run, command)| (*run, command.clone())).collect()
    }

    /// Runs a hook. That of a run stays pending until [`Hooks::release`].
    pub(crate) fn submit(&self, request: HookRequest) {
        if let HookOwner::Run(run, command) = &request.owner {
            self.register(*run, command);
        }
        if let Err(mpsc::SendError(request)) = self.requests.send(request) {
            (request.done)(None);
        }
        self.wake();
    }

    /// Runs a hook, and waits for its result; none: it could not be started, and is still pending.
    pub(crate) async fn run(
        &self,
        owner: HookOwner,
        hook: Hook,
        limit: Option<Duration>,
    ) -> Option<HookResult> {
        let (reply, answer) = oneshot::channel();
        // The waiting task may have been dropped.
        let done = Box::new(|closed| drop(reply.send(closed)));
        self.submit(HookRequest { owner, hook, limit, done });
        answer.await.ok().flatten()
    }

    /// The server shuts down: starts are retried for the time limit of each hook.
    pub(crate) fn closing(&self) {
        *self.shared.retries.lock() = Retries::ClosingSince(Instant::now());
        self.wake();
    }

    /// The server ends at once: no start is retried.
    pub(crate) fn stop_retries(&self) {
        *self.shared.retries.lock() = Retries::Stopped;
        self.wake();
    }

    fn wake(&self) {
        // A full pipe has woken it already.
        let _ = (&self.wake).write(&[0]);
    }
}
