//! The thread that writes the audit log.
//!
//! Where a write fails, the file is cut back to its last good line and tried again with the next entries. Where a
//! sync fails, nobody can tell what of the file is on the disk, and asking again would not tell either: it is
//! cut back to what was synced before, and another file is begun.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::chain::Link;
use super::entry::{By, Entry};
use super::files;
use super::tally::Tally;
use super::{Counts, Job, MOST_NOTES, Recording, Unrecorded};

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
}

impl Default for Sizes {
    fn default() -> Self {
        Self { file: 64 * 1024 * 1024, files: 8 }
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

/// The thread's own.
pub(super) struct Writer {
    pub(super) state: PathBuf,
    boot_id: Option<String>,
    pub(super) sizes: Sizes,
    counts: Arc<Counts>,
    tally: Arc<Tally>,
    pub(super) stand: Stand,
    head: Option<File>,
    /// What the writer itself has to tell, first in the next write.
    pub(super) own: Vec<Entry>,
    /// Files that go once it has been told, on the disk, that they do.
    pub(super) going: Vec<PathBuf>,
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
        counts: Arc<Counts>,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            state: state.to_path_buf(),
            boot_id,
            sizes,
            counts,
            tally,
            stand: Stand::Unopened,
            head: None,
            own: Vec::new(),
            going: Vec::new(),
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
            self.counts.notes.fetch_sub(notes, Ordering::Relaxed);
            if closes || self.summing_until.is_some_and(|until| until <= Instant::now()) {
                self.summing_until = None;
                group.extend(self.tally.take().into_iter().map(Recording::note));
            }
            self.record(group);
            let is_due = |since: Instant| since.elapsed() >= SETTLE;
            let is_much = self.unsynced.len() >= MOST_NOTES;
            if closes || is_much || self.unsynced_since.is_some_and(is_due) {
                self.settle();
            }
        }
        if !self.late.is_empty() {
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
        let again = (!self.late.is_empty()).then(|| Instant::now() + AGAIN);
        let next = [settles, again, self.summing_until].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Writes a group, and then says so to those who wait.
    pub(super) fn record(&mut self, group: Vec<Recording>) {
        let lost = self.counts.lost.swap(0, Ordering::Relaxed);
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
                let error = Unrecorded::Unwritable(error.to_string());
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
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
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
        Ok(())
    }

    /// The file that can be written, which it is no more until it is given back.
    fn growing(&mut self) -> io::Result<Growing> {
        match std::mem::replace(&mut self.stand, Stand::Unopened) {
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

    /// Puts what was written on the disk. Where that fails, none of it counts, and another file is begun.
    fn sync(&mut self, growing: Growing) -> io::Result<()> {
        self.unsynced_since = None;
        let unsynced = std::mem::take(&mut self.unsynced);
        match growing.file.sync_data() {
            Ok(()) => {
                self.write_down(&growing.last);
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
