//! The server's log: to standard error, to `topsided.log`, by `log/tail` and on the `log` topic.
//!
//! A layer receives the events of `tracing`. The last 1,000 entries stay in memory; a thread writes the lines for the
//! file and for standard error, so that a slow disk blocks no one else.

mod log_file;
mod recent;
mod search;
mod tracing_layer;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use topside_shared::notifications::{Level, LogEntry};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt};
use tracing_subscriber::{Registry, reload};

use crate::base::blocking::blocking;
use crate::base::log::log_file::{LineSender, LogFile, LogThread, unwritable};
use crate::base::log::recent::Recent;
pub(crate) use crate::base::log::search::LogQuery;
use crate::base::log::tracing_layer::Events;
use crate::base::mutex::Mutex;

pub(crate) const KEPT: usize = 1_000;
pub(crate) const FILE_NAME: &str = "topsided.log";

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Nothing that may log runs under this lock.
    recent: Mutex<Recent>,
    on_entry: OnceLock<Box<dyn Callback>>,
    lines: OnceLock<LineSender>,
    /// The file, if there is one.
    path: Option<PathBuf>,
    filter: OnceLock<LevelFilter>,
}

/// Changes the filter of the running log.
type LevelFilter = reload::Handle<Targets, Registry>;

trait Callback: Fn() + Send + Sync {}
impl<F: Fn() + Send + Sync> Callback for F {}

impl fmt::Debug for dyn Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}

/// Where lines of the log go besides memory.
#[derive(Debug, Clone, Default)]
pub struct Sinks {
    /// Standard error.
    pub stderr: bool,
    /// The directory of `topsided.log`.
    pub directory: Option<PathBuf>,
}

impl Log {
    /// A log and the dispatcher that fills it. The log is written while the [`LogThread`] lives.
    pub(crate) fn open(
        sinks: &Sinks,
        level: Level,
    ) -> io::Result<(Arc<Self>, tracing::Dispatch, LogThread)> {
        let path = sinks.directory.as_ref().map(|directory| directory.join(FILE_NAME));
        let log = Arc::new(Self { path: path.clone(), ..Self::default() });
        let (file, error) = path.clone().map(LogFile::open).unzip();
        let (lines, thread) = LogThread::start(file, sinks.stderr)?;
        let _ = log.lines.set(lines.clone());
        let layer = Events { log: Arc::clone(&log), lines };
        let (filter, handle) = reload::Layer::new(targets(level));
        let _ = log.filter.set(handle);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        let dispatch = tracing::Dispatch::new(subscriber);
        if let (Some(path), Some(Some(error))) = (&path, error) {
            // A server that may have valves to close starts without its log.
            tracing::dispatcher::with_default(&dispatch, || {
                tracing::warn!(target: "topside", "{}", unwritable(path, &error));
            });
        }
        Ok((log, dispatch, thread))
    }

    /// Calls `callback` after each new entry, on the thread that logs it. Only the first call counts.
    pub(crate) fn on_entry(&self, callback: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_entry.set(Box::new(callback));
    }

    /// Keeps lines of this level and of those that matter more from now on.
    pub(crate) fn set_level(&self, level: Level) {
        if let Some(filter) = self.filter.get() {
            // It fails only where the subscriber is gone, with the server.
            let _ = filter.reload(targets(level));
        }
    }

    pub(crate) fn check_file(&self) {
        if let Some(lines) = self.lines.get() {
            lines.check();
        }
    }

    pub(crate) fn clock(&self) -> u64 {
        self.recent.lock().clock()
    }

    /// Entries after number `last` that are still kept, each with its number, and the newest number.
    pub(crate) fn since(&self, last: u64) -> (Vec<(u64, LogEntry)>, u64) {
        let recent = self.recent.lock();
        let clock = recent.clock();
        let entries = recent.last(after(last, clock), 0);
        let before = clock - entries.len() as u64;
        ((before + 1..).zip(entries).collect(), clock)
    }

    /// The last `lines` entries up to number `until` that are in memory, oldest first.
    pub(crate) fn tail(&self, lines: usize, until: u64) -> Vec<LogEntry> {
        let recent = self.recent.lock();
        recent.last(lines, after(until, recent.clock()))
    }

    /// The entries of a query, oldest first, in memory and in all files.
    pub(crate) async fn search(&self, query: LogQuery) -> Vec<LogEntry> {
        let memory = self.tail(KEPT, self.clock());
        // At once where that is possible, so that it comes before the answer to a later request.
        let found = search::in_memory(query.clone(), &memory);
        let Some(path) = self.path.clone().filter(|_| !query.is_answered_by_memory(found.len()))
        else {
            return found;
        };
        match blocking(move || search::in_files(&path, query, &memory)).await {
            Ok(Ok(entries)) => entries,
            Ok(Err(error)) => {
                tracing::warn!(target: "topside", %error, "the files of the log cannot be read");
                found
            }
            // The panic was reported.
            Err(_) => Vec::new(),
        }
    }

    /// Begins a new file: the lines so far are moved to `topsided.log.1`.
    ///
    /// # Errors
    /// Why that was not possible.
    pub(crate) async fn rotate(&self) -> Result<(), String> {
        let lines = self.lines.get().filter(|_| self.path.is_some());
        let Some(lines) = lines else { return Err("this server writes no log file".to_owned()) };
        lines.rotate().await
    }

    fn add(&self, entry: &LogEntry) {
        self.recent.lock().add(entry);
        if let Some(callback) = self.on_entry.get() {
            callback();
        }
    }
}

/// How many entries have a number greater than `number`.
fn after(number: u64, clock: u64) -> usize {
    usize::try_from(clock.saturating_sub(number)).unwrap_or(usize::MAX)
}

/// The events that are kept: those of this program, without those of its libraries.
fn targets(level: Level) -> Targets {
    let level = match level {
        Level::Error => tracing::Level::ERROR,
        Level::Warn => tracing::Level::WARN,
        Level::Info => tracing::Level::INFO,
        Level::Debug => tracing::Level::DEBUG,
        Level::Trace => tracing::Level::TRACE,
    };
    Targets::new().with_target("topside", level)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn log_in(directory: &Path) -> (Arc<Log>, tracing::Dispatch, LogThread) {
        Log::open(&Sinks { stderr: false, directory: Some(directory.to_owned()) }, Level::Info)
            .unwrap()
    }

    #[test]
    fn an_event_is_kept_with_its_fields_and_written_as_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let (log, dispatch, thread) = log_in(directory.path());
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(target: "topside", client = 7u64, name = "a b\n\u{1b}[2J", "client connected");
            tracing::debug!(target: "topside", "not kept");
        });
        let entries = log.tail(10, log.clock());
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].message, "client connected");
        assert_eq!(entries[0].fields["client"], 7);
        drop((dispatch, thread));
        let text = std::fs::read_to_string(directory.path().join(FILE_NAME)).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(r#"client=7 name="a b\\u{a}\\u{1b}[2J""#), "{text}");
    }

    #[test]
    fn the_last_thousand_entries_are_kept() {
        let (log, dispatch, _thread) = Log::open(&Sinks::default(), Level::Info).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            for n in 0..KEPT + 1 {
                tracing::info!(target: "topside", n, "Entry");
            }
        });
        assert_eq!(log.tail(usize::MAX, log.clock()).len(), KEPT);
        let (new, clock) = log.since(log.clock() - 2);
        assert_eq!(new.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [clock - 1, clock]);
    }
}
