//! The server's log: what happened, for people on standard error, in `topsided.log`, by `log/tail`
//! and on the `log` topic.
//!
//! A layer takes the events of `tracing`. The last 1,000 entries stay in memory; lines for
//! the file and for standard error go to a thread of their own, so that a slow disk stops nobody.

mod log_file;
mod tracing_layer;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use topside_shared::notifications::LogEntry;
use topside_shared::tables::log_line;
use tracing_subscriber::layer::{Layer as _, SubscriberExt};

use crate::base::log::log_file::{LineSender, LogFile, Unwritable, Writing};
use crate::base::log::tracing_layer::Events;

/// Entries kept in memory for `log/tail` and subscribers.
pub(crate) const KEPT: usize = 1_000;
/// Name of the log's file in the state directory.
pub(crate) const FILE_NAME: &str = "topsided.log";

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Private to this type; nothing that may log happens under it.
    recent: Mutex<Recent>,
    on_entry: OnceLock<Box<dyn Poke>>,
    /// To the thread that writes the file.
    lines: OnceLock<LineSender>,
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

impl Log {
    /// A log and the dispatcher that fills it. The log is written while [`Writing`] lives.
    ///
    /// # Errors
    /// Where the thread that writes cannot be started.
    pub(crate) fn open(sinks: &Sinks) -> io::Result<(Arc<Self>, tracing::Dispatch, Writing)> {
        let log = Arc::new(Self::default());
        let path = sinks.directory.as_ref().map(|directory| directory.join(FILE_NAME));
        let (file, unwritable) = path.clone().map(LogFile::open).unzip();
        let (lines, writing) = Writing::start(file, sinks.stderr)?;
        // It is set here alone.
        let _ = log.lines.set(lines.clone());
        let layer = Events { log: Arc::clone(&log), lines };
        let filter = tracing_subscriber::filter::Targets::new()
            .with_target("topside", tracing::Level::INFO)
            .with_target("topsided", tracing::Level::INFO);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        let dispatch = tracing::Dispatch::new(subscriber);
        if let (Some(path), Some(Some(error))) = (&path, unwritable) {
            // A server that may have valves to close starts without its log.
            let words = Unwritable(path);
            tracing::dispatcher::with_default(&dispatch, || {
                tracing::warn!(target: "topside", "{words} {error}");
            });
        }
        Ok((log, dispatch, writing))
    }

    /// Calls `poke` after each new entry, from whatever thread made it. The first call counts.
    pub(crate) fn on_entry(&self, poke: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_entry.set(Box::new(poke));
    }

    /// Has the log's file made again where it was moved or removed.
    pub(crate) fn check_file(&self) {
        if let Some(lines) = self.lines.get() {
            lines.check();
        }
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
            needle.as_ref().is_none_or(|needle| log_line(entry).to_lowercase().contains(needle))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

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
}
