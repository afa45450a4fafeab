//! The thread that writes the log's lines, and the file that moves aside as it grows.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use topside_shared::Time;

/// A file of the log is closed at this size, in bytes.
const ROTATE_AT: u64 = 8 * 1024 * 1024;
/// Older files kept: `topsided.log.1` is the youngest of them.
const ROTATED: u32 = 4;
/// Lines that may wait for the writing thread; more are dropped, and counted in the file.
const MOST_WAITING: usize = 4_096;
/// Shortest time between two writes.
const PACE: Duration = Duration::from_millis(5);

/// Hands lines to the writing thread without ever waiting for it.
#[derive(Debug, Clone)]
pub(super) struct LineSender {
    lines: SyncSender<Waiting>,
    dropped: Arc<AtomicU64>,
}

impl LineSender {
    pub(super) fn send(&self, line: String) {
        if self.lines.try_send(Waiting::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the file made again where it was moved or removed.
    pub(super) fn check(&self) {
        // Where lines wait, the file is looked at with them.
        let _ = self.lines.try_send(Waiting::Check);
    }
}

/// What the writing thread is sent.
#[derive(Debug)]
enum Waiting {
    Line(String),
    /// Look whether the file is still there.
    Check,
    Stop,
}

/// Ends the writing thread when dropped, once all waiting lines are written.
#[derive(Debug)]
pub(crate) struct Writing {
    lines: SyncSender<Waiting>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        // The dispatcher may outlive this, so the thread is told, not left to find its channel closed.
        let _ = self.lines.send(Waiting::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Writing {
    /// Starts the thread: lines go to `file` and, if `stderr` is set, to standard error.
    pub(super) fn start(file: Option<LogFile>, stderr: bool) -> io::Result<(LineSender, Self)> {
        let (lines, waiting) = sync_channel(MOST_WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_lines(&waiting, stderr, file, &count))?;
        Ok((LineSender { lines: lines.clone(), dropped }, Self { lines, thread: Some(thread) }))
    }
}

fn write_lines(
    waiting: &Receiver<Waiting>,
    stderr: bool,
    mut file: Option<LogFile>,
    dropped: &AtomicU64,
) {
    let mut batch = String::new();
    let mut stopped = false;
    while !stopped && let Ok(first) = waiting.recv() {
        batch.clear();
        for item in std::iter::once(first).chain(waiting.try_iter().take(MOST_WAITING)) {
            match item {
                Waiting::Line(line) => {
                    batch.push_str(&line);
                    batch.push('\n');
                }
                Waiting::Check => {}
                Waiting::Stop => stopped = true,
            }
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let written = writeln!(batch, "{} warn  log lines dropped count={lost}", Time::now());
            debug_assert!(written.is_ok());
        }
        if stderr && !batch.is_empty() {
            // Standard error may be closed; there is nowhere left to say so.
            let _ = io::stderr().write_all(batch.as_bytes());
        }
        if let Some(log) = &mut file
            && let Err(error) = log.write(batch.as_bytes())
        {
            if stderr {
                let _ = writeln!(io::stderr(), "{} cannot be written: {error}", log.path.display());
            }
            // A full disk may have room again: try to open it anew with the next lines.
            if let Ok(again) = LogFile::open(log.path.clone()) {
                *log = again;
            }
        }
        if !stopped {
            // What comes meanwhile goes out together, and nobody who logs has to wake this thread.
            std::thread::sleep(PACE);
        }
    }
}

/// `topsided.log`, moved to `topsided.log.1` and so on as it grows.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file =
            crate::platform::private(OpenOptions::new().create(true).append(true)).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.follow_name()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if self.size > 0 && self.size + bytes.len() as u64 > ROTATE_AT {
            rotate(&self.path)?;
            *self = Self::open(std::mem::take(&mut self.path))?;
        }
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

impl LogFile {
    /// Opens the file of the log's name where that is another: it was removed, or `logrotate` moved it.
    fn follow_name(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(named) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => {
                // It may have been cut to nothing in place.
                self.size = ours.len();
            }
            _ => *self = Self::open(self.path.clone())?,
        }
        Ok(())
    }
}

fn rotate(path: &Path) -> io::Result<()> {
    let numbered = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    };
    for n in (1..ROTATED).rev() {
        match std::fs::rename(numbered(n), numbered(n + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, numbered(1))
}

#[cfg(test)]
mod tests {
    use super::super::FILE_NAME;
    use super::*;

    #[test]
    fn a_full_file_is_moved_aside_and_only_so_many_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        let mut file = LogFile::open(path.clone()).unwrap();
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
