//! The thread that writes the audit log.
//!
//! Where a write fails, the file is cut back to its last good line and tried again with the next entries. Where a
//! sync fails, nobody can tell what of the file is on the disk, and asking again would not tell either: it is
//! cut back to what was synced before, and another file is begun.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::audit::aggregate::Aggregate;
use crate::audit::chain::Link;
use crate::audit::entry::{By, Entry};
use crate::audit::{Alarm, Counts, Job, MOST_NOTES, Recording, Unrecorded, files, retained};
use crate::base::shortage::Shortage;

/// How soon notes are synced, and how soon what could not be written is tried again.
const SETTLE: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_secs(2);
/// For how long refused connections and sessions are summed.
const MINUTE: Duration = Duration::from_secs(60);
/// Entries that are written at once at most.
const GROUP: usize = 512;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Bytes at which a file is closed.
    pub(super) file: u64,
    /// How many times that much is kept in all.
    pub(super) files: u64,
    /// Bytes of copied administrative lines at which another file of them is begun; two are kept.
    pub(super) kept: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { file: 64 * 1024 * 1024, files: 8, kept: 64 * 1024 * 1024 }
    }
}

/// How the file stands.
pub(super) enum Stand {
    /// It has not been looked at, or that failed.
    Unopened,
    /// It can be written.
    Open(Growing),
    /// Another one must be begun after the line of this link; why, unless the last was just full. Whether
    /// the last holds any line.
    Over { last: Link, holds: bool, why: Option<String> },
}

/// The file that grows.
pub(super) struct Growing {
    pub(super) file: File,
    pub(super) bytes: u64,
    /// Its last line, or that of the file before.
    pub(super) last: Link,
    /// How much of it is on the disk, and the last line there.
    pub(super) synced_bytes: u64,
    pub(super) synced: Link,
}

/// What the thread shares with [`Audit`](super::Audit).
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) counts: Arc<Counts>,
    pub(super) tally: Arc<Aggregate>,
    pub(super) alarm: Arc<Alarm>,
    /// The last line that is on the disk.
    pub(super) synced: Arc<Mutex<Link>>,
}

/// The thread's own.
pub(super) struct Writer {
    pub(super) state: PathBuf,
    boot_id: Option<String>,
    pub(super) sizes: Sizes,
    shared: Shared,
    /// The log is gone though a server has run here.
    pub(super) is_missing: bool,
    pub(super) stand: Stand,
    head: Option<File>,
    /// What the writer itself has to tell, first in the next write.
    pub(super) own: Vec<Entry>,
    /// Files that go once it has been told, on the disk, that they do.
    pub(super) going: Vec<PathBuf>,
    /// Whether the copies of administrative lines begin another file then.
    pub(super) kept_is_full: bool,
    /// Notes that could not be written yet.
    late: VecDeque<Entry>,
    /// Notes that were written and not synced, and since when.
    unsynced: Vec<Entry>,
    unsynced_since: Option<Instant>,
    summing_until: Option<Instant>,
    fails: bool,
}

impl Writer {
    pub(super) fn new(
        state: &Path,
        boot_id: Option<String>,
        sizes: Sizes,
        shared: Shared,
        is_missing: bool,
    ) -> Self {
        Self {
            state: state.to_path_buf(),
            boot_id,
            sizes,
            shared,
            is_missing,
            stand: Stand::Unopened,
            head: None,
            own: Vec::new(),
            going: Vec::new(),
            kept_is_full: false,
            late: VecDeque::new(),
            unsynced: Vec::new(),
            unsynced_since: None,
            summing_until: None,
            fails: false,
        }
    }

    /// Records what it is told until the server ends.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let mut closes = false;
        while !closes {
            let first = match self.patience() {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => jobs.recv_timeout(patience),
            };
            let first = match first {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut group = Vec::new();
            for job in first.into_iter().chain(jobs.try_iter().take(GROUP - 1)) {
                match job {
                    Job::Record(recording) => group.push(*recording),
                    Job::Summing => {
                        self.summing_until.get_or_insert_with(|| Instant::now() + MINUTE);
                    }
                    Job::Close => closes = true,
                }
            }
            let notes = group.iter().filter(|recording| recording.done.is_none()).count();
            self.shared.counts.notes.fetch_sub(notes, Ordering::Relaxed);
            if closes || self.summing_until.is_some_and(|until| until <= Instant::now()) {
                self.summing_until = None;
                group.extend(self.shared.tally.take().into_iter().map(Recording::note));
            }
            self.record(group);
            let is_due = |since: Instant| since.elapsed() >= SETTLE;
            let is_much = self.unsynced.len() >= MOST_NOTES;
            if closes || is_much || self.unsynced_since.is_some_and(is_due) {
                self.settle();
            }
        }
        if !self.late.is_empty() || !self.own.is_empty() {
            self.record(Vec::new());
            self.settle();
        }
        if !self.late.is_empty() {
            let entries = self.late.len();
            tracing::error!(target: "topside", entries, "what was done last is not in the audit log");
        }
    }

    /// How long nothing has to be done unless somebody asks.
    fn patience(&self) -> Option<Duration> {
        let settles = self.unsynced_since.map(|since| since + SETTLE);
        let waits = !self.late.is_empty() || !self.own.is_empty();
        let again = waits.then(|| Instant::now() + AGAIN);
        let next = [settles, again, self.summing_until].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Writes a group, and then says so to those who wait.
    pub(super) fn record(&mut self, group: Vec<Recording>) {
        let lost = self.shared.counts.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let result = format!("{lost} entries had no room");
            self.own.push(Entry::new(By::server(), "audit/lost", "notes").result(result));
        }
        if group.is_empty() && self.late.is_empty() && self.own.is_empty() {
            return;
        }
        let waits = group.iter().any(|recording| recording.done.is_some());
        let late = std::mem::take(&mut self.late);
        let entries: Vec<&Entry> =
            late.iter().chain(group.iter().map(|recording| &recording.entry)).collect();
        let written = self.write(&entries, waits);
        // What is not synced yet may fail yet.
        if written.is_err() || self.unsynced_since.is_none() {
            self.tell(written.as_ref().err());
        }
        match written {
            Ok(()) => {
                if self.unsynced_since.is_some() {
                    self.unsynced.extend(late);
                }
                for Recording { entry, done, .. } in group {
                    match done {
                        Some(done) => done(Ok(())),
                        None if self.unsynced_since.is_some() => self.unsynced.push(entry),
                        None => {}
                    }
                }
            }
            Err(error) => {
                // Those that a failed sync has given back come first.
                self.late.extend(late);
                let error = Unrecorded::Unwritable(error.to_string(), Shortage::of(&error));
                for Recording { entry, done, kept } in group {
                    if kept {
                        self.keep(entry);
                    }
                    if let Some(done) = done {
                        done(Err(error.clone()));
                    }
                }
            }
        }
    }

    fn keep(&mut self, entry: Entry) {
        if self.late.len() < MOST_NOTES {
            self.late.push_back(entry);
        } else {
            self.shared.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says once that it fails, and once that it does no more.
    fn tell(&mut self, error: Option<&io::Error>) {
        match error {
            Some(error) if !self.fails => tracing::error!(
                target: "topside", %error,
                "the audit log cannot be written: what may change something is refused until it can"
            ),
            None if self.fails => {
                tracing::info!(target: "topside", "the audit log can be written again");
            }
            _ => {}
        }
        self.fails = error.is_some();
    }

    /// Writes what the writer has to tell and then these; with `sync` they are on the disk when this returns. On an
    /// error none of them counts.
    fn write(&mut self, entries: &[&Entry], sync: bool) -> io::Result<()> {
        let mut growing = self.growing()?;
        let own = std::mem::take(&mut self.own);
        let mut last = growing.last.clone();
        let mut bytes = Vec::new();
        for entry in own.iter().chain(entries.iter().copied()) {
            let (line, link) = entry.line(&last, self.boot_id.as_deref())?;
            bytes.extend_from_slice(&line);
            bytes.push(b'\n');
            last = link;
        }
        if let Err(error) = growing.file.write_all(&bytes) {
            self.own = own;
            // Where it cannot be cut back, it is looked at anew.
            if growing.file.set_len(growing.bytes).is_ok() {
                self.stand = Stand::Open(growing);
            }
            return Err(error);
        }
        growing.bytes += bytes.len() as u64;
        growing.last = last;
        if !sync && self.going.is_empty() {
            self.unsynced.extend(own);
            self.unsynced_since.get_or_insert_with(Instant::now);
            self.stand = Stand::Open(growing);
            return Ok(());
        }
        self.sync(growing).inspect_err(|_| self.own.extend(own))?;
        for path in std::mem::take(&mut self.going) {
            if let Err(error) = std::fs::remove_file(&path) {
                let path = path.display();
                tracing::warn!(target: "topside", %path, %error, "an old audit log cannot be removed");
            }
        }
        if std::mem::take(&mut self.kept_is_full)
            && let Err(error) = retained::turn(&self.state)
        {
            tracing::warn!(target: "topside", %error, "copies of the audit log cannot be renamed");
        }
        Ok(())
    }

    /// The file that can be written, which it is no more until it is given back.
    fn growing(&mut self) -> io::Result<Growing> {
        let stand = std::mem::replace(&mut self.stand, Stand::Unopened);
        match self.look_at(stand)? {
            Stand::Unopened => self.open(),
            Stand::Open(growing) if growing.bytes >= self.sizes.file => {
                let unsynced = growing.synced_bytes < growing.bytes;
                let last = growing.last.clone();
                if unsynced {
                    self.sync(growing)?;
                    self.stand = Stand::Unopened;
                }
                self.begin(Stand::Over { last, holds: true, why: None })
            }
            Stand::Open(growing) => Ok(growing),
            over @ Stand::Over { .. } => self.begin(over),
        }
    }

    /// Compares the open file with the one that is in its place. If another program removed or changed that one, admins
    /// are told, and another file must be begun.
    fn look_at(&mut self, stand: Stand) -> io::Result<Stand> {
        let Stand::Open(growing) = stand else { return Ok(stand) };
        let found = files::changed(&self.state, files::FILE, &growing.file, growing.bytes);
        let what = match found {
            Ok(None) => return Ok(Stand::Open(growing)),
            Ok(Some(what)) => what,
            Err(error) => {
                self.stand = Stand::Open(growing);
                return Err(error);
            }
        };
        let last = growing.last;
        let message = format!(
            "the audit log (audit.jsonl) was {what} while the server ran, after entry {}: another file is begun, and \
             `topsided audit verify` names what is missing",
            last.seq
        );
        self.raise(files::FILE, &message);
        self.unsynced_since = None;
        let unsynced = std::mem::take(&mut self.unsynced);
        let is_gone = matches!(what, "removed" | "replaced");
        if is_gone {
            // What was not on the disk yet is recorded again.
            self.late.extend(unsynced);
        }
        self.head = None;
        let over = Stand::Over { last: last.clone(), holds: true, why: None };
        if what == "replaced"
            && let Err(error) = files::move_foreign(&self.state, last.seq)
        {
            self.stand = over;
            return Err(error);
        }
        Ok(over)
    }

    /// Tells admins, the server's log and the audit log itself that a file of the audit log is not as it was left.
    pub(super) fn raise(&mut self, file: &str, message: &str) {
        self.shared.alarm.raise(message);
        self.own.push(Entry::new(By::server(), "audit/missing", file).result(message));
    }

    /// Makes this the last line that clients are told of: it is on the disk.
    pub(super) fn show_synced(&self, link: &Link) {
        let mut synced = self.shared.synced.lock().unwrap_or_else(PoisonError::into_inner);
        synced.clone_from(link);
    }

    /// Puts what was written on the disk. Where that fails, none of it counts, and another file is begun.
    fn sync(&mut self, growing: Growing) -> io::Result<()> {
        self.unsynced_since = None;
        let unsynced = std::mem::take(&mut self.unsynced);
        match growing.file.sync_data() {
            Ok(()) => {
                self.write_down(&growing.last);
                self.show_synced(&growing.last);
                let synced = growing.last.clone();
                self.stand =
                    Stand::Open(Growing { synced_bytes: growing.bytes, synced, ..growing });
                Ok(())
            }
            Err(error) => {
                let cut = growing.file.set_len(growing.synced_bytes).is_ok();
                let (last, bytes) = match cut {
                    true => (growing.synced, growing.synced_bytes),
                    // What is there all the same must not be there twice.
                    false => (growing.last, growing.bytes),
                };
                if cut {
                    self.late.extend(unsynced);
                }
                let why = Some(error.to_string());
                self.stand = Stand::Over { last, holds: bytes > 0, why };
                Err(error)
            }
        }
    }

    /// Puts on the disk what nobody waits for.
    fn settle(&mut self) {
        match std::mem::replace(&mut self.stand, Stand::Unopened) {
            Stand::Open(growing) => {
                let synced = self.sync(growing);
                self.tell(synced.as_ref().err());
            }
            stand => self.stand = stand,
        }
    }

    /// Writes down how far the disk has it; where that fails, only a line that is cut off at the end may be missed.
    fn write_down(&mut self, link: &Link) {
        if let Some(head) = &self.head
            && let Ok(Some(what)) =
                files::changed(&self.state, files::HEAD, head, files::HEAD_BYTES)
        {
            self.head = None;
            let message = format!("audit.head was {what} while the server ran: it is made again");
            self.raise(files::HEAD, &message);
        }
        if self.head.is_none() {
            self.head = files::open_head(&self.state).ok();
        }
        if let Some(head) = &self.head
            && files::write_head(head, link).is_err()
        {
            self.head = None;
        }
    }
}

impl Recording {
    /// One that nobody waits for.
    fn note(entry: Entry) -> Self {
        Self { entry, done: None, kept: true }
    }
}
