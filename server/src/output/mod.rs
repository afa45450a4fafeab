//! The output of one run, shared by the program that writes it and the clients that read it.
//!
//! A run never waits for a reader. The newest output is in memory; all of it goes to the run's file, up to the command's
//! `max_output`, as it comes. A slow reader reads the file, and gets a gap for bytes that are not there either. A run
//! without output has no file.
//!
//! Offsets count both streams in order of arrival, where a character arrives with its last byte. So UTF-8 is cut between
//! characters everywhere.

mod buffer;
mod json_escape;
mod notification;
mod output_block;
mod output_file;
mod output_index;
pub(crate) mod output_reader;
pub(crate) mod tail;

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use topside_shared::notifications::Stream;

use crate::base::blocking;
use crate::base::mutex::Mutex;
use crate::base::platform;
use crate::output::buffer::Buffer;
use crate::output::output_reader::Reader;
use crate::output::tail::{MAX_TAIL, Tail};

/// Bytes added between two evictions.
const STEP: usize = 64 * 1024;

/// The output of one run. A clone is the same output.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    state: Arc<OutputState>,
}

#[derive(Debug)]
struct OutputState {
    /// Never held during a disk access.
    buffer: Mutex<Buffer>,
    changed: Notify,
    written: Notify,
    /// The file is made with the first output.
    path: PathBuf,
}

impl Output {
    /// An empty output that keeps its first `max_output` bytes in a file at `path`.
    pub(crate) fn kept_in(path: PathBuf, max_output: u64) -> Self {
        Self::of(Buffer::limited(max_output), path)
    }

    /// The output of a run that has ended, as far as the file at `path` holds it; there may be none. `max_output`
    /// has cut it at `cut_at`. Blocks.
    pub(crate) fn read_from(path: PathBuf, bytes: u64, cut_at: Option<u64>) -> io::Result<Self> {
        let file = platform::if_there(File::open(&path))?;
        let kept = file.as_ref().map_or(Ok(Vec::new()), output_file::parts)?;
        Ok(Self::of(Buffer::ended(bytes, cut_at, kept, file), path))
    }

    /// Appends the output that came after a crash to the file at `path`, behind its last complete block; returns the length
    /// of the output and of the file on the disk. Blocks.
    pub(crate) fn add_to(path: &Path, stream: Stream, bytes: &[u8]) -> io::Result<(u64, u64)> {
        let bytes = output_file::add_to(path, stream, bytes)?;
        Ok((bytes, disk_bytes(path)?))
    }

    fn of(buffer: Buffer, path: PathBuf) -> Self {
        let (changed, written) = (Notify::new(), Notify::new());
        Self { state: Arc::new(OutputState { buffer: Mutex::new(buffer), changed, written, path }) }
    }

    /// Adds bytes of one stream. May wait for the disk, never for a reader.
    pub(crate) async fn append(&self, stream: Stream, bytes: &[u8]) {
        for step in bytes.chunks(STEP) {
            self.state.buffer.lock().push(stream, step);
            self.state.changed.notify_waiters();
            self.start_writing();
            self.wait_for_disk(|buffer| !buffer.is_ahead()).await;
            self.state.buffer.lock().evict();
        }
    }

    /// Starts a thread that writes, unless there is one.
    fn start_writing(&self) {
        if !self.state.buffer.lock().begin_writing() {
            return;
        }
        let state = Arc::clone(&self.state);
        // The threads of the pool belong to no server.
        let log = tracing::dispatcher::get_default(Clone::clone);
        blocking::start(move || tracing::dispatcher::with_default(&log, || state.write_all()));
    }

    async fn wait_for_disk(&self, until: impl Fn(&Buffer) -> bool) {
        loop {
            // Created before the check, so that no later change is missed.
            let written = self.state.written.notified();
            if until(&self.state.buffer.lock()) {
                return;
            }
            written.await;
        }
    }

    /// Waits until the file has all bytes so far; of a large ended output also the index.
    pub(crate) async fn flush(&self) {
        self.start_writing();
        self.wait_for_disk(Buffer::is_written).await;
        let Some((file, parts)) = self.state.buffer.lock().file_to_index() else { return };
        let written = blocking::blocking(move || output_index::write(&file, &parts)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, path = %self.state.path.display(), "output gets no index");
        }
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        let length = self.state.buffer.lock().file_length();
        if length == 0 { 0 } else { disk_bytes(&self.state.path).unwrap_or(length) }
    }

    /// Ends the output. Readers end once they have read all of it.
    pub(crate) fn end(&self) {
        self.state.buffer.lock().end();
        self.state.changed.notify_waiters();
        self.start_writing();
    }

    /// The length so far. The bytes of a character count once it is complete, or at the end.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.buffer.lock().bytes()
    }

    /// The length of the file, if `max_output` has cut it.
    pub(crate) fn cut_at(&self) -> Option<u64> {
        self.state.buffer.lock().cut_at()
    }

    /// The end of the output so far: the longest part that has a JSON form of at most [`MAX_TAIL`] bytes.
    pub(crate) fn tail(&self) -> Tail {
        let (bytes, missing) = self.state.buffer.lock().newest(MAX_TAIL);
        Tail::of(bytes, missing)
    }

    /// The newest bytes so far that are in memory, at most `most`.
    pub(crate) fn newest(&self, most: usize) -> Vec<u8> {
        self.state.buffer.lock().newest(most).0
    }

    /// The newest bytes of the output that the file at `path` holds, at most `most`. Blocks.
    pub(crate) fn newest_in(path: &Path, most: usize) -> io::Result<Vec<u8>> {
        let Some(file) = platform::if_there(File::open(path))? else { return Ok(Vec::new()) };
        let mut newest = Vec::new();
        for part in output_file::parts(&file)?.into_iter().rev() {
            let blocks = output_file::read(&file, part)?;
            let mut bytes: Vec<u8> =
                blocks.iter().flat_map(|block| &block.data[..]).copied().collect();
            bytes.append(&mut newest);
            newest = bytes;
            if newest.len() >= most {
                break;
            }
        }
        newest.drain(..newest.len().saturating_sub(most));
        Ok(newest)
    }

    /// A reader from this offset on. Readers that share `turns` hold output from the disk only with one of its permits.
    pub(crate) fn reader(&self, from: u64, turns: Arc<Semaphore>) -> Reader {
        Reader::new(Arc::clone(&self.state), from, turns)
    }
}

impl OutputState {
    fn write_all(&self) {
        loop {
            let (batch, file, at) = {
                let mut buffer = self.buffer.lock();
                (buffer.next_batch(), buffer.file(), buffer.file_length())
            };
            if batch.is_empty() {
                self.written.notify_waiters();
                return;
            }
            let written = match file {
                Some(file) => Ok(file),
                None => {
                    output_file::create(&self.path).map(|file| self.buffer.lock().set_file(file))
                }
            }
            .and_then(|file| output_file::write(&file, at, &batch));
            if let Err(error) = &written {
                tracing::warn!(%error, path = %self.path.display(), "output cannot be kept");
            }
            self.buffer.lock().written(written.ok());
            self.written.notify_waiters();
        }
    }
}

/// Bytes that a file takes on the disk: its blocks, not its length.
pub(crate) fn disk_bytes(path: &Path) -> io::Result<u64> {
    let file = std::fs::metadata(path)?;
    // A file system may not have counted its blocks yet.
    Ok(if file.blocks() > 0 { file.blocks() * 512 } else { file.len() })
}

#[cfg(test)]
mod tests;
