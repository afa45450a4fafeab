//! The output of one run, shared by the program that makes it and the clients that read it.
//!
//! A run never waits for a reader. The newest output is in memory; all of it goes to the run's file, up
//! to the command's `max_output`, as it comes; a reader that is behind what memory holds reads the file,
//! and what is not there either is told as a gap. What says nothing has no file.
//!
//! Offsets count both streams in order of arrival, where a character arrives with its last byte. So
//! a stream that is UTF-8 is cut between characters everywhere.

mod block;
mod buffer;
mod json_escape;
mod notification;
mod output_file;
pub(crate) mod reader;
pub(crate) mod tail;

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};
use topside_shared::notifications::Stream;

use crate::base::blocking;
use crate::output::buffer::Buffer;
use crate::output::reader::Reader;
use crate::output::tail::{MAX_TAIL, Tail};

/// Most bytes taken in before the store looks whether some must leave.
const STEP: usize = 64 * 1024;

/// The output of one run. A clone is the same output.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    shared: Arc<Shared>,
}

/// What the run, its readers and the disk's thread have in common.
#[derive(Debug)]
struct Shared {
    /// Never held across an await or a disk access.
    store: Mutex<Buffer>,
    /// Told at each change of the store.
    changed: Notify,
    /// Told when a batch is on the disk.
    written: Notify,
    /// The file, made with the first output.
    path: PathBuf,
}

impl Output {
    /// An empty output that stays in memory: what a reader is too slow for is a gap to it.
    pub(crate) fn in_memory() -> Self {
        Self::of(Buffer::new(0), PathBuf::new())
    }

    /// An empty output whose first `max_output` bytes are kept in a file at `path`.
    pub(crate) fn kept_in(path: PathBuf, max_output: u64) -> Self {
        Self::of(Buffer::limited(max_output), path)
    }

    /// The output of a run that has ended, of which the file at `path` holds what was kept of its `bytes`.
    /// Blocks for the disk.
    ///
    /// # Errors
    /// The file cannot be read. That there is none is no error: then nothing was kept.
    pub(crate) fn read_from(path: PathBuf, bytes: u64) -> io::Result<Self> {
        let file = match File::open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let kept = file.as_ref().map_or(Ok(Vec::new()), output_file::parts)?;
        Ok(Self::of(Buffer::ended(bytes, kept, file), path))
    }

    /// Adds what came after a crash to the file at `path`, behind its last whole block, and says how many bytes
    /// of output it has then, and how many the file takes on the disk. Blocks for the disk.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn add_to(path: &Path, stream: Stream, bytes: &[u8]) -> io::Result<(u64, u64)> {
        let bytes = output_file::add_to(path, stream, bytes)?;
        Ok((bytes, disk_bytes(path)?))
    }

    fn of(store: Buffer, path: PathBuf) -> Self {
        let (changed, written) = (Notify::new(), Notify::new());
        Self { shared: Arc::new(Shared { store: Mutex::new(store), changed, written, path }) }
    }

    /// Adds bytes of one stream. Waits for the disk at most, never for a reader.
    pub(crate) async fn append(&self, stream: Stream, bytes: &[u8]) {
        for step in bytes.chunks(STEP) {
            self.shared.store().push(stream, step);
            self.shared.changed.notify_waiters();
            self.write();
            self.until(|store| !store.is_ahead()).await;
            self.shared.store().evict();
        }
    }

    /// Has the disk's thread write what there is, unless it is at it already.
    fn write(&self) {
        if !self.shared.store().begin_writing() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        // The disk's threads know nothing of this server's log by themselves.
        let log = tracing::dispatcher::get_default(Clone::clone);
        blocking::start(move || {
            tracing::dispatcher::with_default(&log, || shared.write_all());
        });
    }

    /// Waits for the disk until something holds of the store.
    async fn until(&self, holds: impl Fn(&Buffer) -> bool) {
        loop {
            // Made before the look, so that no change after it is missed.
            let written = self.shared.written.notified();
            if holds(&self.shared.store()) {
                return;
            }
            written.await;
        }
    }

    /// Waits until the file has all that it will have.
    pub(crate) async fn flush(&self) {
        self.write();
        self.until(Buffer::is_written).await;
    }

    /// Bytes that the file takes on the disk.
    pub(crate) fn file_bytes(&self) -> u64 {
        let length = self.shared.store().file_length();
        if length == 0 { 0 } else { disk_bytes(&self.shared.path).unwrap_or(length) }
    }

    /// Says that nothing more will come. Readers end once they have had everything.
    pub(crate) fn end(&self) {
        self.shared.store().end();
        self.shared.changed.notify_waiters();
        self.write();
    }

    /// How many bytes have come so far. The first bytes of a character that is not whole yet count
    /// with its last, or at the end.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.store().bytes()
    }

    /// How many bytes are kept in the file, where `max_output` kept more from it.
    pub(crate) fn cut_at(&self) -> Option<u64> {
        self.shared.store().cut_at()
    }

    /// The end of the output so far: the longest whose JSON form is at most [`MAX_TAIL`] bytes.
    pub(crate) fn tail(&self) -> Tail {
        let (bytes, missing) = self.shared.store().newest(MAX_TAIL);
        Tail::of(bytes, missing)
    }

    /// A reader from this offset on. Of the readers that share `turns`, as many as that has permits hold something
    /// from the disk at once.
    pub(crate) fn reader(&self, from: u64, turns: Arc<Semaphore>) -> Reader {
        Reader::new(Arc::clone(&self.shared), from, turns)
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Buffer> {
        // Each change of the store is whole before anything in it can panic.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes to the file until it has everything; on the disk's thread.
    fn write_all(&self) {
        loop {
            let (batch, file, at) = {
                let mut store = self.store();
                (store.next_batch(), store.file(), store.file_length())
            };
            if batch.is_empty() {
                self.written.notify_waiters();
                return;
            }
            let written = match file {
                Some(file) => Ok(file),
                None => output_file::create(&self.path).map(|file| self.store().set_file(file)),
            }
            .and_then(|file| output_file::write(&file, at, &batch));
            if let Err(error) = &written {
                tracing::warn!(%error, path = %self.path.display(), "output cannot be kept");
            }
            self.store().written(written.ok());
            self.written.notify_waiters();
        }
    }
}

/// Bytes that a file takes on the disk: its blocks, not its length.
///
/// # Errors
/// What the system said.
pub(crate) fn disk_bytes(path: &Path) -> io::Result<u64> {
    let file = std::fs::metadata(path)?;
    // A file system that has not counted its blocks yet says 0.
    Ok(if file.blocks() > 0 { file.blocks() * 512 } else { file.len() })
}

#[cfg(test)]
mod tests;
