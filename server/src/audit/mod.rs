//! The audit log: who did what to this server, in `audit.jsonl` of the state directory.
//!
//! Each line names the SHA-256 of the line before it, so that no line can be edited or removed unnoticed. One thread
//! writes. A change is recorded *ahead*: its entry is on the disk before it takes effect, and it is refused if the entry
//! cannot be written. Entries that arrive together share one sync. All other entries are notes: no caller waits for them.

pub(crate) mod action;
pub(crate) mod aggregate;
pub(crate) mod argv;
mod chain;
pub(crate) mod entry;
mod entry_writer;
mod log_files;
mod open;
pub(crate) mod read;
mod retained;
mod seek;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use topside_shared::{ClientId, ErrorKind, RpcError};

use crate::audit::action::AuditAction;
use crate::audit::aggregate::{Aggregate, Origin, SignIn};
use crate::audit::chain::Link;
use crate::audit::entry::{By, Entry};
use crate::audit::entry_writer::{Sizes, Writer};
use crate::base::identity::Identity;
use crate::base::mutex::Mutex;
use crate::base::shortage::{self, Shortage};

/// Entries in the queue of the thread; of these, notes.
const MOST_WAITING: usize = 4_096;
const MOST_NOTES: usize = 2_048;
/// Longest wait for an entry about an action that is done in any case.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why an action is refused that must be recorded first.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unrecorded {
    #[error(
        "the audit log in the state directory cannot be written, and nothing is changed that it does not record: {0}"
    )]
    Unwritable(String, #[source] Option<Shortage>),
    #[error("{MOST_WAITING} entries wait for the audit log already: try again in a moment")]
    Behind,
}

impl From<Unrecorded> for RpcError {
    fn from(error: Unrecorded) -> Self {
        let kind = match error {
            Unrecorded::Unwritable(..) => ErrorKind::Internal,
            Unrecorded::Behind => ErrorKind::Busy,
        };
        shortage::rpc_error(error, kind)
    }
}

enum WriterMessage {
    Record(Box<Recording>),
    StartCounts,
    Close,
}

struct Recording {
    entry: Entry,
    /// Called when it is on the disk, or failed; none for a note.
    done: Option<OnRecorded>,
    /// Whether a failed write is retried.
    kept: bool,
}

type OnRecorded = Box<dyn FnOnce(Result<(), Unrecorded>) + Send>;

#[derive(Debug)]
pub(crate) struct Audit {
    queue: SyncSender<WriterMessage>,
    state: Arc<AuditState>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and its callers share.
#[derive(Debug, Default)]
struct AuditState {
    notes: AtomicUsize,
    /// Notes that did not fit.
    lost: AtomicU64,
    counts: Aggregate,
    alarm: Alarm,
    synced: Mutex<Link>,
}

/// Reports to admins that a file of the log was changed.
#[derive(Default)]
struct Alarm(OnceLock<Box<Report>>);

type Report = dyn Fn(&str) + Send + Sync;

impl Alarm {
    fn raise(&self, message: &str) {
        tracing::error!(target: "topside", "{message}");
        if let Some(report) = self.0.get() {
            report(message);
        }
    }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alarm")
    }
}

impl Audit {
    /// Opens the log in this directory, which no other process may write. A server has a `boot_id`; for it the head is made
    /// before any other file of the directory.
    pub(crate) fn open(state: &Path, boot_id: Option<String>) -> io::Result<Self> {
        let is_new = !log_files::has_any(state)?;
        let is_missing = is_new && log_files::has_served(state);
        if is_new && !is_missing && boot_id.is_some() {
            // On a full disk the first entry makes it.
            let _ = log_files::begin_head(state, &Link::default());
        }
        let (queue, messages) = sync_channel(MOST_WAITING);
        let synced = Mutex::new(log_files::last(state)?);
        let shared = Arc::new(AuditState { synced, ..AuditState::default() });
        let writer = Writer::new(state, boot_id, Sizes::default(), Arc::clone(&shared), is_missing);
        let log = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new().name("audit".into()).spawn(move || {
            tracing::dispatcher::with_default(&log, || writer.run(&messages));
        })?;
        Ok(Self { queue, state: shared, thread: Mutex::new(Some(thread)) })
    }

    /// Sets the function that the log's thread calls when a file of the log was removed or changed. Only the first counts.
    pub(crate) fn on_alarm(&self, report: impl Fn(&str) + Send + Sync + 'static) {
        let _ = self.state.alarm.0.set(Box::new(report));
    }

    /// The number, 0 if there is none, and the hash of the last line that is on the disk.
    pub(crate) fn synced(&self) -> (u64, String) {
        let synced = self.state.synced.lock();
        (synced.seq, synced.hash.clone())
    }

    /// Records an action ahead: the entry is on the disk when this returns. On an error the action must not be done.
    pub(crate) async fn ahead(&self, entry: Entry) -> Result<(), Unrecorded> {
        let (done, result) = oneshot::channel();
        // The caller may have been dropped.
        self.send(entry, false, Box::new(|result| drop(done.send(result))))?;
        result.await.map_err(|_| thread_ended())?
    }

    /// The same for a thread that may block.
    pub(crate) fn ahead_blocking(&self, entry: Entry) -> Result<(), Unrecorded> {
        let (done, result) = mpsc::channel();
        self.send(entry, false, Box::new(move |result| drop(done.send(result))))?;
        result.recv().map_err(|_| thread_ended())?
    }

    /// Records an action ahead that is done in any case: stopping a run must not depend on a disk. Waits for the disk a
    /// short time only; a failed write is retried.
    pub(crate) async fn note_ahead(&self, entry: Entry) {
        let (done, result) = oneshot::channel();
        if self.send(entry, true, Box::new(|result| drop(done.send(result)))).is_ok() {
            // The thread logs errors.
            let _ = tokio::time::timeout(PATIENCE, result).await;
        }
    }

    /// The same for a thread that may block, and for several entries.
    pub(crate) fn note_ahead_blocking(&self, entries: impl IntoIterator<Item = Entry>) {
        let deadline = Instant::now() + PATIENCE;
        let (done, results) = mpsc::channel();
        for entry in entries {
            let done = done.clone();
            let _ = self.send(entry, true, Box::new(move |result| drop(done.send(result))));
        }
        drop(done);
        // The channel closes after the last result.
        while results.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
    }

    /// Records an action within a second, without waiting.
    pub(crate) fn note(&self, entry: Entry) {
        let has_room = self.state.notes.fetch_add(1, Ordering::Relaxed) < MOST_NOTES;
        let note = WriterMessage::Record(Box::new(Recording::note(entry)));
        if !has_room || self.queue.try_send(note).is_err() {
            self.state.notes.fetch_sub(1, Ordering::Relaxed);
            self.state.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a refused connection; each minute has one entry per origin. Whether it is the first in its minute.
    pub(crate) fn refused(
        &self,
        origin: Origin,
        action: AuditAction,
        object: &'static str,
    ) -> bool {
        let added = self.state.counts.refused(origin, (action, object));
        if added.starts {
            self.start_counts();
        }
        added.is_new
    }

    /// Records the begin or the end of a session within a second. Further ones of the same identity from the same source
    /// are counted, and each minute has one entry for them.
    pub(crate) fn note_session(
        &self,
        client: ClientId,
        who: &Identity,
        address: &str,
        action: AuditAction,
        result: &'static str,
    ) {
        let added = self.state.counts.session(SignIn::new(who, address, action, result));
        if added.is_new {
            let by = By::identity(who, address.to_owned());
            self.note(Entry::new(by, action, format!("client {client}")).result(result));
        }
        if added.starts {
            self.start_counts();
        }
    }

    fn start_counts(&self) {
        // If the queue is full, the counts are written with the next minute, or when the server ends.
        let _ = self.queue.try_send(WriterMessage::StartCounts);
    }

    /// Writes all entries, and ends the thread. Blocks for the disk.
    pub(crate) fn close(&self) {
        let Some(thread) = self.thread.lock().take() else { return };
        let _ = self.queue.send(WriterMessage::Close);
        if thread.join().is_err() {
            tracing::error!(target: "topside", "the thread that writes the audit log has panicked");
        }
    }

    fn send(&self, entry: Entry, kept: bool, done: OnRecorded) -> Result<(), Unrecorded> {
        let recording = Box::new(Recording { entry, done: Some(done), kept });
        self.queue.try_send(WriterMessage::Record(recording)).map_err(|error| match error {
            TrySendError::Full(_) => Unrecorded::Behind,
            TrySendError::Disconnected(_) => thread_ended(),
        })
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.close();
    }
}

fn thread_ended() -> Unrecorded {
    Unrecorded::Unwritable("the thread that writes it has ended".into(), None)
}

#[cfg(test)]
mod tests;
