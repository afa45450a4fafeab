//! The output of one run, shared by the program that makes it and the clients that read it.
//!
//! A run never waits for a reader. The newest output is in memory; what leaves memory before a
//! reader got it goes to a nameless file, up to the command's `max_output`; what is then still
//! missed is told as a gap. Nobody behind, or little output: no file.
//!
//! Offsets count both streams in order of arrival, where a character arrives with its last byte. So
//! a stream that is UTF-8 is cut between characters everywhere.

mod block;
mod escape;
pub(crate) mod reader;
mod spill;
mod store;
mod tail;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use topside_shared::notices::Stream;

pub(crate) use self::tail::Text;

use self::block::Block;
use self::reader::Reader;
use self::store::Store;
use self::tail::{MAX_TAIL, Tail};

/// Most bytes taken in before the store looks whether some must leave.
const STEP: usize = 64 * 1024;

/// The output of one run.
#[derive(Debug)]
pub(crate) struct Output {
    shared: Arc<Shared>,
    /// The write that goes on now; the next waits for it, and with it the run. Held by the one who
    /// appends, so that batches reach the file in their order.
    writing: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// What the run, its readers and the disk's thread have in common.
#[derive(Debug)]
struct Shared {
    /// Never held across an await or a disk access.
    store: Mutex<Store>,
    /// Told at each change of the store.
    changed: Notify,
    /// Where a file is made if one is needed.
    directory: PathBuf,
}

impl Output {
    /// An empty output. If it comes to that, at most its first `max_output` bytes are kept in a
    /// nameless file in `directory`, gone with this value and its readers.
    pub(crate) fn new(directory: &Path, max_output: u64) -> Self {
        let shared = Shared {
            store: Mutex::new(Store::new(max_output)),
            changed: Notify::new(),
            directory: directory.to_path_buf(),
        };
        Self { shared: Arc::new(shared), writing: tokio::sync::Mutex::new(None) }
    }

    /// Adds bytes of one stream. Waits for the disk at most, never for a reader.
    pub(crate) async fn append(&self, stream: Stream, bytes: &[u8]) {
        let mut writing = self.writing.lock().await;
        for step in bytes.chunks(STEP) {
            let leaving = {
                let mut store = self.shared.store();
                store.push(stream, step);
                store.evict()
            };
            self.shared.changed.notify_waiters();
            if leaving.is_empty() {
                continue;
            }
            if let Some(before) = writing.take() {
                // It reports to the store; a panic in it has been told by the runtime.
                drop(before.await);
            }
            let shared = Arc::clone(&self.shared);
            // The disk's threads know nothing of this server's log by themselves.
            let log = tracing::dispatcher::get_default(Clone::clone);
            *writing = Some(tokio::task::spawn_blocking(move || {
                tracing::dispatcher::with_default(&log, || shared.write(&leaving));
            }));
        }
    }

    /// Says that nothing more will come. Readers end once they have had everything.
    pub(crate) fn end(&self) {
        self.shared.store().end();
        self.shared.changed.notify_waiters();
    }

    /// How many bytes have come so far. The first bytes of a character that is not whole yet count
    /// with its last, or at the end.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.store().bytes()
    }

    /// The end of the output so far: the longest whose JSON form is at most [`MAX_TAIL`] bytes.
    pub(crate) fn tail(&self) -> Tail {
        let (bytes, missing) = self.shared.store().newest(MAX_TAIL);
        Tail::of(bytes, missing)
    }

    /// A reader from the beginning. What has left memory before this call may be a gap to it, so a
    /// reader of everything is made before the run starts.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        // Each change of the store is whole before anything in it can panic.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes blocks to the file; on the disk's thread.
    fn write(&self, blocks: &[Block]) {
        let file = self.store().file();
        let written = match file {
            Some(file) => Ok(file),
            None => spill::create(&self.directory).map(|file| self.store().set_file(file)),
        }
        .and_then(|file| {
            let at = self.store().file_length();
            spill::write(&file, at, blocks)
        });
        if let Err(error) = &written {
            let directory = self.directory.display();
            tracing::warn!(%error, %directory, "output cannot be kept for slow readers");
        }
        self.store().written(blocks, written.ok());
    }
}

#[cfg(test)]
mod tests;
