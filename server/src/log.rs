//! The server's log: what happened, for people on standard error, in `topsided.log`, by `log/tail`
//! and on the `log` topic.
//!
//! A layer takes the events of `tracing`. The last 1,000 entries stay in memory; lines for
//! the file and for standard error go to a thread of their own, so that a slow disk stops nobody.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Map, Value};
use topside_shared::Time;
use topside_shared::notices::{Level, LogEntry};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Entries kept in memory for `log/tail` and subscribers.
pub(crate) const KEPT: usize = 1_000;
/// Name of the log's file in the state directory.
pub(crate) const FILE_NAME: &str = "topsided.log";
/// A file of the log is closed at this size, in bytes.
const ROTATE_AT: u64 = 8 * 1024 * 1024;
/// Older files kept: `topsided.log.1` is the youngest of them.
const ROTATED: u32 = 4;
/// Lines that may wait for the writing thread; more are dropped, and counted in the file.
const MOST_WAITING: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Private to this type; nothing that may log happens under it.
    recent: Mutex<Recent>,
    on_entry: OnceLock<Box<dyn Poke>>,
}

/// Who wants to know of new entries.
trait Poke: Fn() + Send + Sync {}
impl<F: Fn() + Send + Sync> Poke for F {}

impl fmt::Debug for dyn Poke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Poke")
    }
}

#[derive(Debug, Default)]
struct Recent {
    entries: VecDeque<LogEntry>,
    /// Entries ever taken in; the last one's number.
    clock: u64,
}

/// Where lines of the log go besides memory.
#[derive(Debug, Clone, Default)]
pub struct Sinks {
    /// Standard error, for a program that owns it.
    pub stderr: bool,
    /// A directory for `topsided.log`, if the log is to be kept.
    pub directory: Option<PathBuf>,
}

/// What the writing thread is sent.
#[derive(Debug)]
enum Waiting {
    Line(String),
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

impl Log {
    /// A log and the dispatcher that fills it. The log is written while [`Writing`] lives.
    ///
    /// # Errors
    /// Where `topsided.log` cannot be opened.
    pub(crate) fn open(sinks: &Sinks) -> io::Result<(Arc<Self>, tracing::Dispatch, Writing)> {
        let log = Arc::new(Self::default());
        let file = match &sinks.directory {
            Some(directory) => Some(LogFile::open(directory.join(FILE_NAME))?),
            None => None,
        };
        let (lines, waiting) = sync_channel(MOST_WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let thread = {
            let (stderr, dropped) = (sinks.stderr, Arc::clone(&dropped));
            std::thread::Builder::new()
                .name("log".into())
                .spawn(move || write_lines(&waiting, stderr, file, &dropped))?
        };
        let layer = Lines { log: Arc::clone(&log), lines: lines.clone(), dropped };
        let filter = tracing_subscriber::filter::Targets::new()
            .with_target("topside", tracing::Level::INFO)
            .with_target("topsided", tracing::Level::INFO);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        let writing = Writing { lines, thread: Some(thread) };
        Ok((log, tracing::Dispatch::new(subscriber), writing))
    }

    /// Calls `poke` after each new entry, from whatever thread made it. The first call counts.
    pub(crate) fn on_entry(&self, poke: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_entry.set(Box::new(poke));
    }

    /// The number of the last entry.
    pub(crate) fn clock(&self) -> u64 {
        self.lock().clock
    }

    /// Entries after number `told` that are still kept, each with its number, and the last number.
    pub(crate) fn since(&self, told: u64) -> (Vec<(u64, LogEntry)>, u64) {
        let recent = self.lock();
        let new = usize::try_from(recent.clock.saturating_sub(told)).unwrap_or(usize::MAX);
        let skip = recent.entries.len().saturating_sub(new);
        let first = recent.clock - (recent.entries.len() - skip) as u64;
        let entries = recent
            .entries
            .iter()
            .skip(skip)
            .zip(first + 1..)
            .map(|(e, n)| (n, e.clone()))
            .collect();
        (entries, recent.clock)
    }

    /// The last `lines` entries up to number `until` that hold `matching` in any case, oldest first.
    pub(crate) fn tail(&self, lines: usize, matching: Option<&str>, until: u64) -> Vec<LogEntry> {
        let recent = self.lock();
        let newer = usize::try_from(recent.clock.saturating_sub(until)).unwrap_or(usize::MAX);
        let needle = matching.map(str::to_lowercase);
        let matches = |entry: &&LogEntry| {
            needle.as_ref().is_none_or(|needle| plain(entry).to_lowercase().contains(needle))
        };
        let mut entries: Vec<LogEntry> =
            recent.entries.iter().rev().skip(newer).filter(matches).take(lines).cloned().collect();
        entries.reverse();
        entries
    }

    fn take_in(&self, entry: LogEntry) {
        let mut recent = self.lock();
        if recent.entries.len() == KEPT {
            recent.entries.pop_front();
        }
        recent.entries.push_back(entry);
        recent.clock += 1;
        drop(recent);
        if let Some(poke) = self.on_entry.get() {
            poke();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One entry as a line for people: time, level, message, fields.
pub(crate) fn plain(entry: &LogEntry) -> String {
    let mut line = format!("{} {:5} {}", entry.time, entry.level.name(), entry.message);
    for (name, value) in &entry.fields {
        let written = match value {
            Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\\']) => {
                write!(line, " {name}={text}")
            }
            value => write!(line, " {name}={value}"),
        };
        debug_assert!(written.is_ok());
    }
    line
}

/// The `tracing` layer that fills a [`Log`].
struct Lines {
    log: Arc<Log>,
    lines: SyncSender<Waiting>,
    dropped: Arc<AtomicU64>,
}

impl<S> Layer<S> for Lines
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let entry = LogEntry {
            time: Time::now(),
            level: match *event.metadata().level() {
                tracing::Level::ERROR => Level::Error,
                tracing::Level::WARN => Level::Warn,
                tracing::Level::INFO => Level::Info,
                tracing::Level::DEBUG => Level::Debug,
                tracing::Level::TRACE => Level::Trace,
            },
            message: fields.message,
            fields: fields.values,
        };
        if self.lines.try_send(Waiting::Line(plain(&entry))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.log.take_in(entry);
    }
}

/// The values of one event; control characters in text are escaped, so that a line stays a line.
#[derive(Default)]
struct Fields {
    message: String,
    values: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.values.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = one_line(&format!("{value:?}"));
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, one_line(value).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

fn one_line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if topside_shared::text::is_control(c) {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
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
        for item in std::iter::once(first).chain(waiting.try_iter().take(256)) {
            match item {
                Waiting::Line(line) => {
                    batch.push_str(&line);
                    batch.push('\n');
                }
                Waiting::Stop => stopped = true,
            }
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let written = writeln!(batch, "{} warn  log lines dropped count={lost}", Time::now());
            debug_assert!(written.is_ok());
        }
        if stderr {
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
    }
}

/// `topsided.log`, moved to `topsided.log.1` and so on as it grows.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file =
            crate::platform::private(OpenOptions::new().create(true).append(true)).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size > 0 && self.size + bytes.len() as u64 > ROTATE_AT {
            rotate(&self.path)?;
            *self = Self::open(std::mem::take(&mut self.path))?;
        }
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
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
    use super::*;

    fn log_in(directory: &Path) -> (Arc<Log>, tracing::Dispatch, Writing) {
        Log::open(&Sinks { stderr: false, directory: Some(directory.to_owned()) }).unwrap()
    }

    #[test]
    fn an_event_is_kept_with_its_fields_and_written_as_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let (log, dispatch, writing) = log_in(directory.path());
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(target: "topside", client = 7u64, name = "a b\n\u{1b}[2J", "client connected");
            tracing::debug!(target: "topside", "not kept");
        });
        let entries = log.tail(10, None, log.clock());
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].message, "client connected");
        assert_eq!(entries[0].fields["client"], 7);
        drop((dispatch, writing));
        let text = std::fs::read_to_string(directory.path().join(FILE_NAME)).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(r#"client=7 name="a b\\u{a}\\u{1b}[2J""#), "{text}");
    }

    #[test]
    fn the_tail_finds_text_in_any_case_and_keeps_the_last_thousand() {
        let (log, dispatch, _writing) = Log::open(&Sinks::default()).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            for n in 0..KEPT + 1 {
                tracing::info!(target: "topside", n, "Entry");
            }
        });
        assert_eq!(log.tail(usize::MAX, None, log.clock()).len(), KEPT);
        let found = log.tail(5, Some("ENTRY N=1000"), log.clock());
        assert_eq!(found.len(), 1);
        let (new, clock) = log.since(log.clock() - 2);
        assert_eq!(new.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [clock - 1, clock]);
    }

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
