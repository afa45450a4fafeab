//! What is kept of runs after they have ended, and after the server has: rows in `runs.db`, output in
//! `runs/NUMBER.out`, both in the state directory.
//!
//! One thread owns the writing connection. A run's row is there before its program is started, and final
//! before anybody is told of its end; what comes while the thread is busy goes into one transaction. Lists
//! and look-ups take turns on one reading connection, on the pool for what blocks.

mod db;
mod ids;
mod reader;
mod retry;
mod writer;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::sync::{oneshot, watch};
use topside_shared::records::{RunRow, RunState};
use topside_shared::{Role, RunId, Time};

use crate::audit::Audit;
use crate::authorize::may_see_run;
use crate::base::blocking::blocking;
use crate::base::identity::{Identity, Owner};
use crate::base::platform;
use crate::base::shortage::Shortage;
use crate::history::db::Db;
use crate::history::ids::RunIds;
use crate::history::reader::Reader;
use crate::history::retry::RetryQueue;
use crate::history::writer::HistoryWriter;
use crate::hooks::Hooks;
use crate::output::Output;
use crate::process::cgroup::{Cgroup, Delegated};
use crate::process::safe_state::Hook;
use crate::process::tracking::{LeaderProcess, SpawnRecord};
use crate::settings::retention::Kept;

/// The file of rows, in the state directory.
const ROWS: &str = "runs.db";
/// The directory of outputs, in the state directory.
const OUTPUTS: &str = "runs";
/// Locked by the server that keeps its runs here.
const LOCK: &str = "lock";

/// Why runs cannot be written down, in words for whoever wanted one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("runs cannot be written down in the state directory: {0}")]
pub(crate) struct Unwritable(String, #[source] Option<Shortage>);

impl Unwritable {
    fn of_sqlite(error: &rusqlite::Error) -> Self {
        Self(error.to_string(), Shortage::cause(error))
    }
}

/// Why rows or outputs cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unreadable {
    /// There are none.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// It would hold up other requests.
    #[error("reading the runs took longer than {0:?}: ask for less, or again in a moment")]
    Slow(Duration),
    /// The system, or SQLite, said no.
    #[error("the runs cannot be read: {0}")]
    Failed(String, #[source] Option<Shortage>),
}

/// Why no server can keep its runs here.
#[derive(Debug, thiserror::Error)]
pub enum NoHistory {
    /// Another server uses the state directory.
    #[error("another server keeps its runs in {}: give this one a state directory of its own", .0.display())]
    Taken(PathBuf),
    /// There is no directory for their output.
    #[error("the directory {} for runs cannot be made: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A row with what clients are not shown of it.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) owner: Owner,
    /// The least role that may run its command, and so may see it.
    pub(crate) role: Role,
    pub(crate) row: RunRow,
}

/// What is written down before a program is started, for whoever has to look after it when this server
/// cannot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Intent {
    /// What must be run unless it succeeds.
    pub(crate) hook: Option<Hook>,
    /// What its processes will be known by.
    pub(crate) birth: Option<SpawnRecord>,
}

/// Which rows are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) state: Option<RunState>,
    pub(crate) command: Option<String>,
    pub(crate) user: Option<String>,
    /// Only runs with a smaller number.
    pub(crate) before: Option<RunId>,
}

impl Filter {
    pub(crate) fn takes(&self, row: &RunRow) -> bool {
        self.state.is_none_or(|state| row.state == state)
            && self.command.as_ref().is_none_or(|command| row.command == *command)
            && self.user.as_ref().is_none_or(|user| row.user == *user)
            && self.before.is_none_or(|before| row.run_id < before)
    }
}

/// What the thread is asked to do.
enum Job {
    /// A run, asked for from this address, is about to start, or waits for its turn.
    Begin(Box<Past>, String, Intent, Done),
    /// A queued run is about to start, at this time.
    Resume(RunId, Time, Intent, Done),
    /// Its program has been started.
    Started(RunId, LeaderProcess),
    /// It has ended; its output takes so many bytes.
    End(Box<Past>, u64, Option<Done>),
    /// Numbers up to this one may be given out.
    Reserve(u64, Option<Done>),
    /// From now on so much is kept.
    Keep(Kept),
    /// The server ends; this is the last number that it gave out.
    Close(u64),
}

type Done = oneshot::Sender<Result<(), Unwritable>>;

/// What the thread says once it knows the numbers and has looked after what a crash left behind: what tells
/// the processes of this server's runs from those of others.
type Opened = Result<Arc<str>, Unwritable>;

#[derive(Debug)]
pub(crate) struct History {
    state: PathBuf,
    /// It has no bound of its own, for an end must never be turned away: each live run has at most four jobs in it,
    /// of which it waits for all but two, and runs are limited (`max_runs`, `max_queued`).
    jobs: mpsc::Sender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
    numbers: Arc<RunIds>,
    late: Arc<RetryQueue>,
    reader: Reader,
    delegated: Option<Delegated>,
    opened: watch::Receiver<Option<Opened>>,
}

impl History {
    /// Keeps runs in this state directory. What blocks for long goes on in a thread, which holds back the
    /// first run but not the server.
    ///
    /// # Errors
    /// [`NoHistory`].
    pub(crate) fn open(
        state: &Path,
        kept: Kept,
        hook_timeout: Option<Duration>,
        audit: Arc<Audit>,
        hooks: Arc<Hooks>,
    ) -> Result<Self, NoHistory> {
        let outputs = state.join(OUTPUTS);
        let locked = platform::private_directory(&outputs).and_then(|()| lock(&outputs));
        let locked = match locked {
            Ok(Some(locked)) => locked,
            Ok(None) => return Err(NoHistory::Taken(state.to_path_buf())),
            Err(source) => return Err(NoHistory::Directory { path: outputs, source }),
        };
        let (jobs, todo) = mpsc::channel();
        let (open, opened) = watch::channel(None);
        let numbers = Arc::new(RunIds::default());
        let late = Arc::new(RetryQueue::default());
        let delegated = Delegated::find();
        let writer = HistoryWriter {
            state: state.to_path_buf(),
            kept,
            hook_timeout,
            audit,
            hooks,
            numbers: Arc::clone(&numbers),
            late: Arc::clone(&late),
            delegated: delegated.clone(),
            _locked: locked,
        };
        let log = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new().name("runs".into()).spawn(move || {
            tracing::dispatcher::with_default(&log, || writer.run(&todo, &open));
        });
        let thread = thread.map_err(|source| NoHistory::Directory { path: outputs, source })?;
        Ok(Self {
            state: state.to_path_buf(),
            jobs,
            thread: Mutex::new(Some(thread)),
            numbers,
            late,
            reader: Reader::new(state.join(ROWS)),
            delegated,
            opened,
        })
    }

    /// From now on so much is kept.
    pub(crate) fn keep(&self, kept: Kept) {
        // Without the thread nothing is kept any more.
        let _ = self.job(Job::Keep(kept));
    }

    /// Where the output of a run is kept.
    pub(crate) fn output(&self, id: RunId) -> PathBuf {
        output(&self.state, id)
    }

    /// What tells the processes of this server's runs from those of others, in `TOPSIDE_INSTANCE`.
    ///
    /// # Errors
    /// [`Unwritable`].
    pub(crate) fn instance(
        &self,
    ) -> impl Future<Output = Result<Arc<str>, Unwritable>> + Send + use<> {
        let mut opened = self.opened.clone();
        async move {
            let opened = opened.wait_for(Option::is_some).await.map_err(|_| gone())?;
            opened.clone().unwrap_or_else(|| Err(gone()))
        }
    }

    /// Writes down that a run is about to start, or that it waits for its turn.
    ///
    /// # Errors
    /// [`Unwritable`]; it must not start then.
    pub(crate) async fn begin(
        &self,
        run: Past,
        address: String,
        intent: Intent,
    ) -> Result<(), Unwritable> {
        let (done, is_done) = oneshot::channel();
        self.job(Job::Begin(Box::new(run), address, intent, done))?;
        is_done.await.map_err(|_| gone())?
    }

    /// Writes down that a queued run is about to start.
    ///
    /// # Errors
    /// [`Unwritable`]; it must not start then.
    pub(crate) async fn resume(
        &self,
        id: RunId,
        started: Time,
        intent: Intent,
    ) -> Result<(), Unwritable> {
        let (done, is_done) = oneshot::channel();
        self.job(Job::Resume(id, started, intent, done))?;
        is_done.await.map_err(|_| gone())?
    }

    /// Writes down which process is the first of a run.
    pub(crate) fn started(&self, id: RunId, first: LeaderProcess) {
        // Without the thread there is no row either.
        let _ = self.job(Job::Started(id, first));
    }

    /// The cgroup for a run, where runs have some.
    pub(crate) fn cgroup(&self, id: RunId) -> Option<Cgroup> {
        self.delegated.as_ref().map(|delegated| delegated.of(id))
    }

    /// Writes down how a run ended.
    ///
    /// # Errors
    /// [`Unwritable`]; it is tried again, and until then its row is kept in memory.
    pub(crate) async fn end(&self, run: Past, size: u64) -> Result<(), Unwritable> {
        let (done, is_done) = oneshot::channel();
        self.job(Job::End(Box::new(run), size, Some(done)))?;
        is_done.await.map_err(|_| gone())?
    }

    /// The same where nobody can wait for it.
    pub(crate) fn end_later(&self, run: Past, size: u64) {
        let _ = self.job(Job::End(Box::new(run), size, None));
    }

    /// The rows that `filter` takes and `who` may see, newest first, at most so many.
    ///
    /// # Errors
    /// What SQLite said.
    pub(crate) async fn list(
        &self,
        filter: Filter,
        who: Arc<Identity>,
        limit: usize,
    ) -> Result<Vec<RunRow>, Unreadable> {
        self.instance().await?;
        // Before the file is read: one that leaves here meanwhile is final there.
        let late = self.late.all();
        let (asked, asker) = (filter.clone(), Arc::clone(&who));
        let most = limit.saturating_add(late.len());
        let mut rows = self.read(move |db| db.list(&asked, &asker, most)).await?;
        if !late.is_empty() {
            rows.retain(|row| late.iter().all(|past| past.row.run_id != row.run_id));
            let late = late
                .into_iter()
                .filter(|past| filter.takes(&past.row) && may_see_run(&who, past.owner, past.role));
            rows.extend(late.map(|past| past.row));
            rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.run_id));
            rows.truncate(limit);
        }
        Ok(rows)
    }

    /// The run of this number, if it is kept.
    ///
    /// # Errors
    /// What SQLite said.
    pub(crate) async fn get(&self, id: RunId) -> Result<Option<Past>, Unreadable> {
        self.instance().await?;
        match self.late.get(id) {
            Some(past) => Ok(Some(past)),
            None => self.read(move |db| db.get(id)).await,
        }
    }

    /// The output of a run that has ended, which said so many bytes.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) async fn read_output(&self, id: RunId, bytes: u64) -> Result<Output, Unreadable> {
        let path = self.output(id);
        let reading = blocking(move || Output::read_from(path, bytes));
        reading
            .await
            .map_err(|_| gone())?
            .map_err(|error| Unreadable::Failed(error.to_string(), Shortage::of(&error)))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unreadable> {
        self.instance().await?;
        self.reader.read(read).await
    }

    /// Writes down what there is, and ends the thread. Blocks for the disk.
    pub(crate) fn close(&self) {
        let last = self.numbers.last.load(Ordering::Relaxed);
        // It may have ended by itself, having told why.
        let _ = self.job(Job::Close(last));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!(target: "topside", "the thread that writes runs down has panicked");
        }
    }

    fn job(&self, job: Job) -> Result<(), Unwritable> {
        self.jobs.send(job).map_err(|_| gone())
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.close();
    }
}

fn gone() -> Unwritable {
    Unwritable("the thread that writes them has ended; the log says why".into(), None)
}

fn output(state: &Path, id: RunId) -> PathBuf {
    state.join(OUTPUTS).join(format!("{}.out", id.0))
}

/// Locks the directory of outputs for this process; none: another has it.
fn lock(outputs: &Path) -> io::Result<Option<File>> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = platform::private(&mut options).open(outputs.join(LOCK))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
