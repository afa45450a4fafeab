//! The audit log: who did what to this server, in `audit.jsonl` of the state directory.
//!
//! Each line names the SHA-256 of the line before it, so that none can be edited or taken out unnoticed. One
//! thread writes. What changes something is written *ahead*: it is on the disk before it takes effect, and does
//! not take effect where it cannot be written. All that wait at one moment share one sync. The rest is noted:
//! nobody waits for it.

pub(crate) mod aggregate;
pub(crate) mod argv;
mod chain;
pub(crate) mod entry;
mod files;
mod open;
pub(crate) mod read;
mod retained;
mod writer;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use topside_shared::{ClientId, ErrorKind, RpcError};

use crate::audit::aggregate::{Aggregate, Origin, SignIn};
use crate::audit::chain::Link;
use crate::audit::entry::{By, Entry};
use crate::audit::writer::{Shared, Sizes, Writer};
use crate::base::identity::Identity;
use crate::base::shortage;
use crate::base::shortage::Shortage;

/// Entries that may wait for the thread; of these, notes.
const MOST_WAITING: usize = 4_096;
const MOST_NOTES: usize = 2_048;
/// How long is waited for what goes on in any case.
const PATIENCE: Duration = Duration::from_secs(2);

/// The action of an entry that says up to which line old files are removed.
const LET_GO: &str = "audit/let-go";

/// Why something is not done that must be recorded first.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unrecorded {
    /// The disk would not have it.
    #[error(
        "the audit log in the state directory cannot be written, and nothing is changed that it does not record: {0}"
    )]
    Unwritable(String, #[source] Option<Shortage>),
    /// The disk is slower than what is asked.
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

/// What the thread is sent.
enum Job {
    Record(Box<Recording>),
    /// The minute of the sums begins.
    Summing,
    /// The server ends.
    Close,
}

/// An entry on its way to the disk.
struct Recording {
    entry: Entry,
    /// Tells whoever waits until it is on the disk.
    done: Option<Done>,
    /// Whether it is kept to be tried again where it cannot be written.
    kept: bool,
}

type Done = Box<dyn FnOnce(Result<(), Unrecorded>) + Send>;

#[derive(Debug)]
pub(crate) struct Audit {
    jobs: SyncSender<Job>,
    counts: Arc<Counts>,
    tally: Arc<Aggregate>,
    alarm: Arc<Alarm>,
    synced: Arc<Mutex<Link>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Tells admins that something happened to the log.
#[derive(Default)]
pub(crate) struct Alarm(OnceLock<Box<Tell>>);

/// What is called with a message for admins.
type Tell = dyn Fn(&str) + Send + Sync;

impl Alarm {
    fn raise(&self, message: &str) {
        tracing::error!(target: "topside", "{message}");
        if let Some(tell) = self.0.get() {
            tell(message);
        }
    }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alarm")
    }
}

/// What the thread and those who send to it both count.
#[derive(Debug, Default)]
struct Counts {
    /// Notes on their way to the thread.
    notes: AtomicUsize,
    /// Notes that there was no room for.
    lost: AtomicU64,
}

impl Audit {
    /// The log in this directory, which no other process writes meanwhile. A server, which has a `boot_id`, makes the
    /// head at once, before it writes any other file of the directory.
    ///
    /// # Errors
    /// No thread can be started, or the directory cannot be read.
    pub(crate) fn open(state: &Path, boot_id: Option<String>) -> io::Result<Self> {
        let is_new = !files::has_any(state)?;
        let is_missing = is_new && files::has_served(state);
        if is_new && !is_missing && boot_id.is_some() {
            // On a full disk the first entry makes it.
            let _ = files::begin_head(state, &Link::default());
        }
        let (jobs, todo) = sync_channel(MOST_WAITING);
        let (counts, tally) = (Arc::<Counts>::default(), Arc::<Aggregate>::default());
        let alarm = Arc::<Alarm>::default();
        let synced = Arc::new(Mutex::new(files::last(state)?));
        let shared = Shared {
            counts: Arc::clone(&counts),
            tally: Arc::clone(&tally),
            alarm: Arc::clone(&alarm),
            synced: Arc::clone(&synced),
        };
        let writer = Writer::new(state, boot_id, Sizes::default(), shared, is_missing);
        let log = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new().name("audit".into()).spawn(move || {
            tracing::dispatcher::with_default(&log, || writer.run(&todo));
        })?;
        Ok(Self { jobs, counts, tally, alarm, synced, thread: Mutex::new(Some(thread)) })
    }

    /// Calls this, on the log's own thread, when a file of the log was removed or changed under the server.
    pub(crate) fn on_alarm(&self, tell: impl Fn(&str) + Send + Sync + 'static) {
        // The server sets it once.
        let _ = self.alarm.0.set(Box::new(tell));
    }

    /// The last line that is on the disk: its number, 0 if there is none, and its hash.
    pub(crate) fn synced(&self) -> (u64, String) {
        let synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        (synced.seq, synced.hash.clone())
    }

    /// Records what is about to be done. When this returns, it is on the disk.
    ///
    /// # Errors
    /// [`Unrecorded`]; it must not be done then.
    pub(crate) async fn ahead(&self, entry: Entry) -> Result<(), Unrecorded> {
        let (tell, told) = oneshot::channel();
        // Whoever waited may have gone.
        self.send(entry, false, Box::new(|result| drop(tell.send(result))))?;
        told.await.map_err(|_| gone())?
    }

    /// The same for a thread that may block.
    ///
    /// # Errors
    /// [`Unrecorded`]; it must not be done then.
    pub(crate) fn ahead_blocking(&self, entry: Entry) -> Result<(), Unrecorded> {
        let (tell, told) = mpsc::channel();
        self.send(entry, false, Box::new(move |result| drop(tell.send(result))))?;
        told.recv().map_err(|_| gone())?
    }

    /// Records what is about to be done whatever becomes of this: what ends something must not depend on a
    /// disk. It waits for the disk for a moment only; what cannot be written yet is written later.
    pub(crate) async fn note_ahead(&self, entry: Entry) {
        let (tell, told) = oneshot::channel();
        if self.send(entry, true, Box::new(|result| drop(tell.send(result)))).is_ok() {
            // The thread has told why, if it went wrong.
            let _ = tokio::time::timeout(PATIENCE, told).await;
        }
    }

    /// The same for a thread that may block, and for several at once.
    pub(crate) fn note_ahead_blocking(&self, entries: impl IntoIterator<Item = Entry>) {
        let deadline = Instant::now() + PATIENCE;
        let (tell, told) = mpsc::channel();
        for entry in entries {
            let tell = tell.clone();
            let _ = self.send(entry, true, Box::new(move |result| drop(tell.send(result))));
        }
        drop(tell);
        // Each is told of once, and the end when the last one was.
        while told.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
    }

    /// Records what was done, within a second, and waits for nothing.
    pub(crate) fn note(&self, entry: Entry) {
        let has_room = self.counts.notes.fetch_add(1, Ordering::Relaxed) < MOST_NOTES;
        let note = Job::Record(Box::new(Recording { entry, done: None, kept: true }));
        if !has_room || self.jobs.try_send(note).is_err() {
            self.counts.notes.fetch_sub(1, Ordering::Relaxed);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a connection that was refused; each minute has one entry per origin. True for the first in a minute.
    pub(crate) fn refused(
        &self,
        origin: Origin,
        action: &'static str,
        object: &'static str,
    ) -> bool {
        let added = self.tally.refused(origin, (action, object));
        if added.starts {
            self.start_summing();
        }
        added.is_new
    }

    /// Records the begin or the end of a session within a second. More of the same identity from the same source are
    /// counted, and each minute has one entry for them.
    pub(crate) fn note_session(
        &self,
        client: ClientId,
        who: &Identity,
        address: &str,
        action: &'static str,
        result: &'static str,
    ) {
        let added = self.tally.session(SignIn::new(who, address, action, result));
        if added.is_new {
            let by = By::identity(who, address.to_owned());
            self.note(Entry::new(by, action, format!("client {client}")).result(result));
        }
        if added.starts {
            self.start_summing();
        }
    }

    fn start_summing(&self) {
        // If the queue is full, the counts are written with the next minute, or when the server ends.
        let _ = self.jobs.try_send(Job::Summing);
    }

    /// Writes what there is, and ends the thread. Blocks for the disk.
    pub(crate) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let _ = self.jobs.send(Job::Close);
        if thread.join().is_err() {
            tracing::error!(target: "topside", "the thread that writes the audit log has panicked");
        }
    }

    fn send(&self, entry: Entry, kept: bool, done: Done) -> Result<(), Unrecorded> {
        let job = Job::Record(Box::new(Recording { entry, done: Some(done), kept }));
        match self.jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Unrecorded::Behind),
            Err(TrySendError::Disconnected(_)) => Err(gone()),
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.close();
    }
}

fn gone() -> Unrecorded {
    Unrecorded::Unwritable("the thread that writes it has ended".into(), None)
}

#[cfg(test)]
mod tests;
