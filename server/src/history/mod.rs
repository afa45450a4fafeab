//! History of runs: rows in `runs.db` and outputs in `runs/NUMBER.out`, both in the state directory.
//!
//! One thread owns the writing connection. A run's row is written before its program starts, and is final before a
//! client is notified of its end; jobs that arrive while the thread is busy go into one transaction. Lists and
//! look-ups share one reading connection, on the pool of blocking threads.

mod database_writer;
mod db;
mod lost_runs;
mod read_connection;
mod retry;
mod run_ids;
mod schedules;

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::sync::{oneshot, watch};
use topside_shared::records::{RunRow, RunState};
use topside_shared::{ErrorKind, Role, RpcError, RunId};

use crate::audit::Audit;
use crate::authorize::may_see_run;
use crate::base::blocking::blocking;
use crate::base::identity::{Identity, Owner};
use crate::base::mutex::Mutex;
use crate::base::platform;
use crate::base::shortage::{self, Shortage};
use crate::history::database_writer::HistoryWriter;
use crate::history::db::Db;
use crate::history::read_connection::ReadConnection;
use crate::history::retry::RetryQueue;
use crate::history::run_ids::RunIds;
pub(crate) use crate::history::schedules::{
    Account, Adjustment, ScheduleState, ScheduleWrite, StartKey, StartRow,
};
use crate::hooks::Hooks;
use crate::notify::Notifications;
use crate::output::Output;
use crate::process::cgroup::{Cgroup, Delegated};
use crate::process::run_processes::{LeaderProcess, SpawnRecord};
use crate::process::safe_state::RunHook;
use crate::settings::retention::Kept;

const ROWS: &str = "runs.db";
const OUTPUTS: &str = "runs";
const LOCK: &str = "lock";

/// Why runs cannot be recorded.
#[derive(Debug, Clone, thiserror::Error)]
#[error("runs cannot be written down in the state directory: {0}")]
pub(crate) struct Unwritable(String, #[source] Option<Shortage>);

impl Unwritable {
    fn of_sqlite(error: &rusqlite::Error) -> Self {
        Self(error.to_string(), Shortage::cause(error))
    }
}

impl From<Unwritable> for RpcError {
    fn from(error: Unwritable) -> Self {
        shortage::rpc_error(error, ErrorKind::Internal)
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    #[error("reading the runs took longer than {0:?}: ask for less, or again in a moment")]
    Slow(Duration),
    #[error("the runs cannot be read: {0}")]
    Failed(String, #[source] Option<Shortage>),
}

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoHistory {
    /// Another server uses the state directory.
    #[error("another server keeps its runs in {}: give this one a state directory of its own", .0.display())]
    Taken(PathBuf),
    /// The directory of outputs cannot be made.
    #[error("the directory {} for runs cannot be made: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// A row, and the fields that clients do not see.
#[derive(Debug, Clone)]
pub(crate) struct RunRecord {
    pub(crate) owner: Owner,
    /// The least role that may run its command and see the run.
    pub(crate) role: Role,
    pub(crate) row: RunRow,
}

/// Written before a program starts, so that the next start of the server can clean up after a crash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Intent {
    pub(crate) hook: Option<RunHook>,
    pub(crate) birth: Option<SpawnRecord>,
    /// The start of a schedule that the run belongs to.
    pub(crate) instant: Option<StartKey>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) state: Option<RunState>,
    pub(crate) command: Option<String>,
    pub(crate) user: Option<String>,
    /// Only runs with a smaller id.
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

/// A job for the writing thread.
enum WriteJob {
    /// A run from this address is about to start, or is queued.
    Begin(Box<RunRecord>, String, Intent, Reply),
    Resume(Box<RunRow>, Intent, Reply),
    Started(RunId, LeaderProcess),
    /// It has ended; the size of its output on the disk.
    End(Box<RunRecord>, u64, Option<Reply>),
    /// Reserves ids up to this one.
    Reserve(u64, Option<Reply>),
    Keep(Kept),
    /// The reply has whether it changed anything.
    Schedule(Box<ScheduleWrite>, Cell<bool>, oneshot::Sender<Result<bool, Unwritable>>),
    /// The server ends; the last number in use.
    Close(u64),
}

type Reply = oneshot::Sender<Result<(), Unwritable>>;

/// The result of opening the database and cleaning up after a crash: the id of this database, which marks the
/// processes of its runs.
type OpenResult = Result<Arc<str>, Unwritable>;

#[derive(Debug)]
pub(crate) struct History {
    state: PathBuf,
    /// Unbounded, since the end of a run must never be rejected: each live run has at most four jobs in it, of which
    /// it waits for all but two, and runs are limited (`max_runs`, `max_queued`).
    jobs: mpsc::Sender<WriteJob>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ids: Arc<RunIds>,
    retries: Arc<RetryQueue>,
    reader: ReadConnection,
    delegated: Option<Delegated>,
    opened: watch::Receiver<Option<OpenResult>>,
}

impl History {
    /// Opens the history in this state directory. A thread does the slow part, which delays the first run but not the
    /// server.
    pub(crate) fn open(
        state: &Path,
        kept: Kept,
        hook_timeout: Option<Duration>,
        audit: Arc<Audit>,
        hooks: Arc<Hooks>,
        notify: Arc<Notifications>,
        before_first_run: Box<dyn FnOnce() -> bool + Send>,
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
        let ids = Arc::new(RunIds::default());
        let retries = Arc::new(RetryQueue::default());
        let delegated = Delegated::find();
        let writer = HistoryWriter {
            state: state.to_path_buf(),
            kept,
            hook_timeout,
            audit,
            hooks,
            notify,
            ids: Arc::clone(&ids),
            retries: Arc::clone(&retries),
            delegated: delegated.clone(),
            before_first_run,
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
            ids,
            retries,
            reader: ReadConnection::new(state.join(ROWS)),
            delegated,
            opened,
        })
    }

    pub(crate) fn keep(&self, kept: Kept) {
        // Without the thread nothing is recorded any more.
        let _ = self.job(WriteJob::Keep(kept));
    }

    pub(crate) fn output(&self, id: RunId) -> PathBuf {
        output(&self.state, id)
    }

    /// The directory of the results of a run.
    pub(crate) fn results(&self, id: RunId) -> PathBuf {
        results(&self.state, id)
    }

    /// The id that marks the processes of this server's runs, in `TOPSIDE_INSTANCE`.
    pub(crate) fn instance(
        &self,
    ) -> impl Future<Output = Result<Arc<str>, Unwritable>> + Send + use<> {
        let mut opened = self.opened.clone();
        async move {
            let opened = opened.wait_for(Option::is_some).await.map_err(|_| thread_ended())?;
            opened.clone().unwrap_or_else(|| Err(thread_ended()))
        }
    }

    /// Records that a run is about to start, or is queued. On an error it must not start.
    pub(crate) async fn begin(
        &self,
        run: RunRecord,
        address: String,
        intent: Intent,
    ) -> Result<(), Unwritable> {
        self.write(|reply| WriteJob::Begin(Box::new(run), address, intent, reply)).await
    }

    /// Records that a queued run is about to start. On an error it must not start.
    pub(crate) async fn resume(&self, row: RunRow, intent: Intent) -> Result<(), Unwritable> {
        self.write(|reply| WriteJob::Resume(Box::new(row), intent, reply)).await
    }

    pub(crate) fn started(&self, id: RunId, first: LeaderProcess) {
        // Without the thread there is no row.
        let _ = self.job(WriteJob::Started(id, first));
    }

    pub(crate) fn cgroup(&self, id: RunId) -> Option<Cgroup> {
        self.delegated.as_ref().map(|delegated| delegated.of(id))
    }

    /// Records the end of a run. After an error it is retried, and until then its row is kept in memory.
    pub(crate) async fn end(&self, run: RunRecord, size: u64) -> Result<(), Unwritable> {
        self.write(|reply| WriteJob::End(Box::new(run), size, Some(reply))).await
    }

    /// Like [`History::end`], without waiting for the result.
    pub(crate) fn end_later(&self, run: RunRecord, size: u64) {
        let _ = self.job(WriteJob::End(Box::new(run), size, None));
    }

    /// The rows that `filter` selects and `who` may see, newest first.
    pub(crate) async fn list(
        &self,
        filter: Filter,
        who: Arc<Identity>,
        limit: usize,
    ) -> Result<Vec<RunRow>, Unreadable> {
        self.instance().await?;
        // Before the file is read: a row that leaves the retry queue meanwhile is final in the file.
        let retries = self.retries.all();
        let (asked, asker) = (filter.clone(), Arc::clone(&who));
        let most = limit.saturating_add(retries.len());
        let mut rows = self.read(move |db| db.list(&asked, &asker, most)).await?;
        if !retries.is_empty() {
            rows.retain(|row| retries.iter().all(|record| record.row.run_id != row.run_id));
            let retries = retries.into_iter().filter(|record| {
                filter.takes(&record.row) && may_see_run(&who, record.owner, record.role)
            });
            rows.extend(retries.map(|record| record.row));
            rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.run_id));
            rows.truncate(limit);
        }
        Ok(rows)
    }

    pub(crate) async fn get(&self, id: RunId) -> Result<Option<RunRecord>, Unreadable> {
        self.instance().await?;
        match self.retries.get(id) {
            Some(record) => Ok(Some(record)),
            None => self.read(move |db| db.get(id)).await,
        }
    }

    /// The output of a run that has ended.
    pub(crate) async fn read_output(&self, row: &RunRow) -> Result<Output, Unreadable> {
        let (path, bytes, cut_at) = (self.output(row.run_id), row.bytes, row.cut_at);
        let reading = blocking(move || Output::read_from(path, bytes, cut_at));
        reading
            .await
            .map_err(|_| thread_ended())?
            .map_err(|error| Unreadable::Failed(error.to_string(), Shortage::of(&error)))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unreadable> {
        self.instance().await?;
        self.reader.read(read).await
    }

    /// Writes all jobs, and ends the thread. Blocks for the disk.
    pub(crate) fn close(&self) {
        self.reader.close();
        let last = self.ids.last.load(Ordering::Relaxed);
        // It may have ended with an error that it logged.
        let _ = self.job(WriteJob::Close(last));
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!(target: "topside", "the thread that writes runs down has panicked");
        }
    }

    async fn write(&self, job: impl FnOnce(Reply) -> WriteJob) -> Result<(), Unwritable> {
        let (reply, written) = oneshot::channel();
        self.job(job(reply))?;
        written.await.map_err(|_| thread_ended())?
    }

    fn job(&self, job: WriteJob) -> Result<(), Unwritable> {
        self.jobs.send(job).map_err(|_| thread_ended())
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.close();
    }
}

fn thread_ended() -> Unwritable {
    Unwritable("the thread that writes them has ended; the log says why".into(), None)
}

fn output(state: &Path, id: RunId) -> PathBuf {
    state.join(OUTPUTS).join(format!("{}.out", id.0))
}

fn results(state: &Path, id: RunId) -> PathBuf {
    state.join(OUTPUTS).join(format!("{}.files", id.0))
}

/// Locks the directory of outputs for this process; none: another process has it.
fn lock(outputs: &Path) -> io::Result<Option<File>> {
    let mut options = platform::private_file();
    let file = options.write(true).create(true).truncate(false).open(outputs.join(LOCK))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
