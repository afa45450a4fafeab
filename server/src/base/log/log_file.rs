//! The thread that writes the log, and rotation of the file by size.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use topside_shared::Time;
use topside_shared::notifications::Level;

use crate::base::platform;

const ROTATE_AT: u64 = 8 * 1024 * 1024;
/// Older files kept: `topsided.log.1` is the newest of them.
pub(super) const ROTATED: u32 = 4;
/// Lines that may wait for the thread; more are dropped, and counted in the file.
const MAX_QUEUED: usize = 4_096;
/// Shortest time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_millis(5);

/// Sends lines to the writing thread; never blocks.
#[derive(Debug, Clone)]
pub(super) struct LineSender {
    lines: SyncSender<LogMessage>,
    dropped: Arc<AtomicU64>,
}

impl LineSender {
    pub(super) fn send(&self, level: Level, line: String) {
        if self.lines.try_send(LogMessage::Line(level, line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Moves the file aside and begins a new one.
    pub(super) async fn rotate(&self) -> Result<(), String> {
        let (done, result) = oneshot::channel();
        if self.lines.try_send(LogMessage::Rotate(done)).is_err() {
            return Err("the log has too many lines to write: try again".to_owned());
        }
        result.await.unwrap_or_else(|_| Err("the log has ended".to_owned()))
    }

    /// Recreates the file if it was moved or removed.
    pub(super) fn check(&self) {
        // If the queue is full, the file is checked with its lines.
        let _ = self.lines.try_send(LogMessage::Check);
    }
}

#[derive(Debug)]
enum LogMessage {
    Line(Level, String),
    Check,
    Rotate(oneshot::Sender<Result<(), String>>),
    Stop,
}

/// Ends the writing thread when dropped, once all queued lines are written.
#[derive(Debug)]
pub(crate) struct LogThread {
    lines: SyncSender<LogMessage>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for LogThread {
    fn drop(&mut self) {
        // The dispatcher may outlive this, so the channel stays open.
        let _ = self.lines.send(LogMessage::Stop);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl LogThread {
    /// Starts the thread: lines go to `file` and, with `stderr`, to standard error.
    pub(super) fn start(file: Option<LogFile>, stderr: bool) -> io::Result<(LineSender, Self)> {
        let (lines, queue) = sync_channel(MAX_QUEUED);
        let dropped = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_lines(&queue, stderr, file, &count))?;
        Ok((LineSender { lines: lines.clone(), dropped }, Self { lines, thread: Some(thread) }))
    }
}

fn write_lines(
    queue: &Receiver<LogMessage>,
    stderr: bool,
    mut file: Option<LogFile>,
    dropped: &AtomicU64,
) {
    let journal = stderr && platform::stderr_is_journal();
    let mut batch = String::new();
    // The same lines with priorities, for the journal.
    let mut prioritised = String::new();
    // The last error of the file, so that it is reported once.
    let mut reported = None;
    let mut stopped = false;
    while !stopped && let Ok(first) = queue.recv() {
        batch.clear();
        prioritised.clear();
        let mut rotation = None;
        let mut put = |level, line: &str| {
            if journal {
                put_with_priority(&mut prioritised, level, line);
            }
            batch.push_str(line);
            batch.push('\n');
        };
        for item in std::iter::once(first).chain(queue.try_iter().take(MAX_QUEUED)) {
            match item {
                LogMessage::Line(level, line) => put(level, &line),
                LogMessage::Check => {}
                LogMessage::Rotate(done) => {
                    rotation = Some(done);
                    // The lines before it are written first; those after it wait.
                    break;
                }
                LogMessage::Stop => stopped = true,
            }
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let line = format!("{} warn  log lines dropped count={lost}", Time::now());
            put(Level::Warn, &line);
        }
        if stderr && !batch.is_empty() {
            // Standard error may be closed; there is no other place to report that.
            let lines = if journal { &prioritised } else { &batch };
            let _ = io::stderr().write_all(lines.as_bytes());
        }
        if let Some(log) = &mut file {
            let failed = log.write(batch.as_bytes()).err().map(|error| error.to_string());
            if let Some(error) = failed.as_ref().filter(|_| stderr && failed != reported) {
                let time = Time::now();
                let _ = writeln!(io::stderr(), "{time} warn  {}", unwritable(&log.path, error));
            }
            reported = failed;
        }
        if let Some(done) = rotation {
            let rotated = file.as_mut().map_or(Ok(()), LogFile::rotate);
            // The caller may have left.
            let _ = done.send(rotated.map_err(|error| error.to_string()));
        }
        if !stopped {
            // Lines that arrive meanwhile are written together, and their senders need not wake this thread.
            std::thread::park_timeout(WRITE_INTERVAL);
        }
    }
}

/// Adds a line in the form that journald reads from a stream: the syslog priority first.
fn put_with_priority(lines: &mut String, level: Level, line: &str) {
    let priority = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Debug | Level::Trace => 7,
        _ => 6,
    };
    let written = writeln!(lines, "<{priority}>{line}");
    debug_assert!(written.is_ok());
}

/// `topsided.log`, moved to `topsided.log.1` and so on as it grows.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    /// None if it could not be opened; each write tries again.
    file: Option<File>,
    size: u64,
}

pub(super) fn unwritable(path: &Path, error: &impl fmt::Display) -> String {
    format!(
        "{} cannot be written, so the log is kept in memory and on standard error only; make the file writable for this \
         user, and the server opens it within seconds: {error}",
        path.display()
    )
}

impl LogFile {
    /// Opens the log at `path`; the error if it cannot be written.
    pub(super) fn open(path: PathBuf) -> (Self, Option<io::Error>) {
        let mut log = Self { path, file: None, size: 0 };
        let error = log.reopen().err();
        (log, error)
    }

    fn reopen(&mut self) -> io::Result<&mut File> {
        self.file = None;
        let file = platform::private_file().create(true).append(true).open(&self.path)?;
        self.size = file.metadata()?.len();
        Ok(self.file.insert(file))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.follow_name()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if self.size > 0 && self.size + bytes.len() as u64 > ROTATE_AT {
            self.rotate()?;
        }
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let written = file.write_all(bytes);
        if written.is_err() {
            // A full disk may have room again: the next write opens the file again.
            self.file = None;
        }
        self.size += bytes.len() as u64;
        written
    }

    /// Begins a new file; an empty one stays.
    fn rotate(&mut self) -> io::Result<()> {
        self.follow_name()?;
        if self.size > 0 {
            rotate(&self.path)?;
            self.reopen()?;
        }
        Ok(())
    }

    /// Opens the file again if its name belongs to another file: it was removed, or `logrotate` moved it.
    fn follow_name(&mut self) -> io::Result<()> {
        let ours = self.file.as_ref().map(File::metadata).transpose()?;
        match (ours, std::fs::metadata(&self.path)) {
            // It may have been truncated in place.
            (Some(ours), Ok(named)) if platform::file_id(&named) == platform::file_id(&ours) => {
                self.size = ours.len();
            }
            _ => {
                self.reopen()?;
            }
        }
        Ok(())
    }
}

fn rotate(path: &Path) -> io::Result<()> {
    for n in (1..ROTATED).rev() {
        platform::if_there(std::fs::rename(numbered(path, n), numbered(path, n + 1)))?;
    }
    std::fs::rename(path, numbered(path, 1))
}

/// The older file of this number; 1 is the newest of them.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::log::FILE_NAME;

    #[test]
    fn a_full_file_is_moved_aside_and_only_so_many_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        let (mut file, error) = LogFile::open(path.clone());
        assert!(error.is_none(), "{error:?}");
        let mib = vec![b'x'; 1024 * 1024];
        for _ in 0..8 * (ROTATED + 3) {
            file.write(&mib).unwrap();
        }
        let mut names: Vec<String> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 1 + ROTATED as usize, "{names:?}");
        assert!(std::fs::metadata(&path).unwrap().len() <= ROTATE_AT);
    }
}
