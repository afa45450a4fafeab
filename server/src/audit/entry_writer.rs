//! The thread that writes the audit log.
//!
//! If a write fails, the file is cut back to its last good line, and the write is retried with the next entries. If a sync
//! fails, it is not known what of the file is on the disk, and another sync would not tell: the file is cut back to what
//! was synced before, and another file is begun.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::audit::action::AuditAction;
use crate::audit::chain::Link;
use crate::audit::entry::{By, Entry};
use crate::audit::{
    AuditState, MOST_NOTES, Recording, Unrecorded, WriterMessage, log_files, retained,
};
use crate::base::shortage::Shortage;

/// Delay of the sync of notes, and of the retry of a failed write.
const SYNC_DELAY: Duration = Duration::from_millis(500);
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// How long refused connections and sessions are counted.
const MINUTE: Duration = Duration::from_secs(60);
/// Most entries in one write.
const GROUP: usize = 512;

#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) file: u64,
    pub(super) files: u64,
    /// Bytes of copied administrative lines at which another file of them is begun; two are kept.
    pub(super) kept: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { file: 64 * 1024 * 1024, files: 8, kept: 64 * 1024 * 1024 }
    }
}

#[derive(Default)]
pub(super) enum FileState {
    #[default]
    Unopened,
    Open(CurrentFile),
    /// Another file must be begun after the line `last`. `holds`: the old one has lines. `why`: it was not just full.
    Ended {
        last: Link,
        holds: bool,
        why: Option<String>,
    },
}

pub(super) struct CurrentFile {
    pub(super) file: File,
    pub(super) bytes: u64,
    /// Its last line, or that of the file before.
    pub(super) last: Link,
    /// How much of it is on the disk, and the last line there.
    pub(super) synced_bytes: u64,
    pub(super) synced: Link,
}

#[derive(Default)]
pub(super) struct Writer {
    pub(super) directory: PathBuf,
    boot_id: Option<String>,
    pub(super) sizes: Sizes,
    pub(super) shared: Arc<AuditState>,
    /// The log is missing although a server has run here.
    pub(super) is_missing: bool,
    pub(super) file: FileState,
    head: Option<File>,
    /// Entries of the writer itself, first in the next write.
    pub(super) first: Vec<Entry>,
    /// Files that are removed once their removal is recorded on the disk.
    pub(super) removing: Vec<PathBuf>,
    /// Whether the copies of administrative lines are rotated then.
    pub(super) kept_is_full: bool,
    /// Notes to write again after an error.
    retry: VecDeque<Entry>,
    /// Notes that were written and not synced, and since when.
    unsynced: Vec<Entry>,
    unsynced_since: Option<Instant>,
    counts_until: Option<Instant>,
    fails: bool,
}

impl Writer {
    pub(super) fn new(
        state: &Path,
        boot_id: Option<String>,
        sizes: Sizes,
        shared: Arc<AuditState>,
        is_missing: bool,
    ) -> Self {
        Self {
            directory: state.to_path_buf(),
            boot_id,
            sizes,
            shared,
            is_missing,
            ..Self::default()
        }
    }

    pub(super) fn run(mut self, messages: &Receiver<WriterMessage>) {
        let mut closes = false;
        while !closes {
            let first = match self.timeout() {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(timeout) => messages.recv_timeout(timeout),
            };
            let first = match first {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut group = Vec::new();
            for message in first.into_iter().chain(messages.try_iter().take(GROUP - 1)) {
                match message {
                    WriterMessage::Record(recording) => group.push(*recording),
                    WriterMessage::StartCounts => {
                        self.counts_until.get_or_insert_with(|| Instant::now() + MINUTE);
                    }
                    WriterMessage::Close => closes = true,
                }
            }
            let notes = group.iter().filter(|recording| recording.done.is_none()).count();
            self.shared.notes.fetch_sub(notes, Ordering::Relaxed);
            if closes || self.counts_until.is_some_and(|until| until <= Instant::now()) {
                self.counts_until = None;
                group.extend(self.shared.counts.take().into_iter().map(Recording::note));
            }
            self.record(group);
            let is_due = |since: Instant| since.elapsed() >= SYNC_DELAY;
            let is_much = self.unsynced.len() >= MOST_NOTES;
            if closes || is_much || self.unsynced_since.is_some_and(is_due) {
                self.sync_notes();
            }
        }
        if self.has_retries() {
            self.record(Vec::new());
            self.sync_notes();
        }
        if !self.retry.is_empty() {
            let entries = self.retry.len();
            tracing::error!(target: "topside", entries, "the last entries are not in the audit log");
        }
    }

    fn has_retries(&self) -> bool {
        !self.retry.is_empty() || !self.first.is_empty()
    }

    /// The time until the next sync, retry or end of a minute.
    fn timeout(&self) -> Option<Duration> {
        let sync = self.unsynced_since.map(|since| since + SYNC_DELAY);
        let retry = self.has_retries().then(|| Instant::now() + RETRY_DELAY);
        let next = [sync, retry, self.counts_until].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Writes a group, and then calls the callbacks of its recordings.
    pub(super) fn record(&mut self, group: Vec<Recording>) {
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.put_first(AuditAction::AuditLost, "notes", format!("{lost} entries had no room"));
        }
        if group.is_empty() && !self.has_retries() {
            return;
        }
        let sync = group.iter().any(|recording| recording.done.is_some());
        let retry = std::mem::take(&mut self.retry);
        let entries: Vec<&Entry> =
            retry.iter().chain(group.iter().map(|recording| &recording.entry)).collect();
        let written = self.write(&entries, sync);
        // The sync of unsynced entries can still fail.
        if written.is_err() || self.unsynced_since.is_none() {
            self.report(written.as_ref().err());
        }
        match written {
            Ok(()) => {
                if self.unsynced_since.is_some() {
                    self.unsynced.extend(retry);
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
                // After the entries that a failed sync has put back.
                self.retry.extend(retry);
                let error = Unrecorded::Unwritable(error.to_string(), Shortage::of(&error));
                for Recording { entry, done, kept } in group {
                    if kept && self.retry.len() < MOST_NOTES {
                        self.retry.push_back(entry);
                    } else if kept {
                        self.shared.lost.fetch_add(1, Ordering::Relaxed);
                    }
                    if let Some(done) = done {
                        done(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// Puts an entry of the writer itself before the next ones.
    pub(super) fn put_first(&mut self, action: AuditAction, object: &str, result: String) {
        self.first.push(Entry::new(By::server(), action, object).result(result));
    }

    /// Logs once that writing fails, and once that it works again.
    fn report(&mut self, error: Option<&io::Error>) {
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

    /// Writes the writer's own entries and then these; with `sync` they are on the disk when this returns. On an error none
    /// of them counts.
    fn write(&mut self, entries: &[&Entry], sync: bool) -> io::Result<()> {
        let mut current = self.current()?;
        let own = std::mem::take(&mut self.first);
        let mut last = current.last.clone();
        let mut bytes = Vec::new();
        for entry in own.iter().chain(entries.iter().copied()) {
            let (line, link) = entry.line(&last, self.boot_id.as_deref())?;
            bytes.extend_from_slice(&line);
            bytes.push(b'\n');
            last = link;
        }
        if let Err(error) = current.file.write_all(&bytes) {
            self.first = own;
            // If it cannot be cut back, it is opened again.
            if current.file.set_len(current.bytes).is_ok() {
                self.file = FileState::Open(current);
            }
            return Err(error);
        }
        current.bytes += bytes.len() as u64;
        current.last = last;
        if !sync && self.removing.is_empty() {
            self.unsynced.extend(own);
            self.unsynced_since.get_or_insert_with(Instant::now);
            self.file = FileState::Open(current);
            return Ok(());
        }
        self.sync(current).inspect_err(|_| self.first.extend(own))?;
        for path in std::mem::take(&mut self.removing) {
            if let Err(error) = std::fs::remove_file(&path) {
                let path = path.display();
                tracing::warn!(target: "topside", %path, %error, "an old audit log cannot be removed");
            }
        }
        if std::mem::take(&mut self.kept_is_full)
            && let Err(error) = retained::rotate(&self.directory)
        {
            tracing::warn!(target: "topside", %error, "copies of the audit log cannot be renamed");
        }
        Ok(())
    }

    fn current(&mut self) -> io::Result<CurrentFile> {
        let file = std::mem::take(&mut self.file);
        match self.check(file)? {
            FileState::Unopened => self.open(),
            FileState::Open(current) if current.bytes >= self.sizes.file => {
                let last = current.last.clone();
                if current.synced_bytes < current.bytes {
                    self.sync(current)?;
                    self.file = FileState::Unopened;
                }
                self.begin(FileState::Ended { last, holds: true, why: None })
            }
            FileState::Open(current) => Ok(current),
            ended @ FileState::Ended { .. } => self.begin(ended),
        }
    }

    /// Compares the open file with the one of its name. If another program removed or changed that one, admins get a
    /// message, and another file must be begun.
    fn check(&mut self, file: FileState) -> io::Result<FileState> {
        let FileState::Open(current) = file else { return Ok(file) };
        let found =
            log_files::changed(&self.directory, log_files::FILE, &current.file, current.bytes);
        let what = match found {
            Ok(None) => return Ok(FileState::Open(current)),
            Ok(Some(what)) => what,
            Err(error) => {
                self.file = FileState::Open(current);
                return Err(error);
            }
        };
        let last = current.last;
        let message = format!(
            "the audit log (audit.jsonl) was {what} while the server ran, after entry {}: another file is begun, and \
             `topsided audit verify` names what is missing",
            last.seq
        );
        self.raise(log_files::FILE, &message);
        self.unsynced_since = None;
        let unsynced = std::mem::take(&mut self.unsynced);
        if matches!(what, "removed" | "replaced") {
            // Entries that were not on the disk yet are recorded again.
            self.retry.extend(unsynced);
        }
        self.head = None;
        let ended = FileState::Ended { last: last.clone(), holds: true, why: None };
        if what == "replaced"
            && let Err(error) = log_files::move_foreign(&self.directory, last.seq)
        {
            self.file = ended;
            return Err(error);
        }
        Ok(ended)
    }

    /// Reports to admins, to the server's log and in the audit log that a file of the audit log was changed.
    pub(super) fn raise(&mut self, file: &str, message: &str) {
        self.shared.alarm.raise(message);
        self.put_first(AuditAction::AuditMissing, file, message.to_owned());
    }

    /// Syncs the written entries. If that fails, none of them counts, and another file is begun.
    fn sync(&mut self, current: CurrentFile) -> io::Result<()> {
        self.unsynced_since = None;
        let unsynced = std::mem::take(&mut self.unsynced);
        let Err(error) = current.file.sync_data() else {
            self.update_head(&current.last);
            self.shared.synced.lock().clone_from(&current.last);
            let (synced_bytes, synced) = (current.bytes, current.last.clone());
            self.file = FileState::Open(CurrentFile { synced_bytes, synced, ..current });
            return Ok(());
        };
        let (last, bytes) = if current.file.set_len(current.synced_bytes).is_ok() {
            self.retry.extend(unsynced);
            (current.synced, current.synced_bytes)
        } else {
            // The entries are still in the file, and must not be written twice.
            (current.last, current.bytes)
        };
        self.file = FileState::Ended { last, holds: bytes > 0, why: Some(error.to_string()) };
        Err(error)
    }

    fn sync_notes(&mut self) {
        match std::mem::take(&mut self.file) {
            FileState::Open(current) => {
                let synced = self.sync(current);
                self.report(synced.as_ref().err());
            }
            file => self.file = file,
        }
    }

    /// Writes the last synced line into the head. If that fails, verification only misses lines cut off at the end.
    fn update_head(&mut self, link: &Link) {
        if let Some(head) = &self.head
            && let Ok(Some(what)) =
                log_files::changed(&self.directory, log_files::HEAD, head, log_files::HEAD_BYTES)
        {
            self.head = None;
            let message = format!("audit.head was {what} while the server ran: it is made again");
            self.raise(log_files::HEAD, &message);
        }
        if self.head.is_none() {
            self.head = log_files::open_head(&self.directory).ok();
        }
        if let Some(head) = &self.head
            && log_files::write_head(head, link).is_err()
        {
            self.head = None;
        }
    }
}

impl Recording {
    pub(super) fn note(entry: Entry) -> Self {
        Self { entry, done: None, kept: true }
    }
}
