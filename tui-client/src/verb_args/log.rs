//! Arguments of `log`.

use clap::{Args, ValueEnum};
use topside_shared::Time;
use topside_shared::methods::{LogTail, MAX_BEFORE, Texts};
use topside_shared::notifications::{Level, LogEntry};
use topside_shared::tables::log_line;
use topside_shared::values::parse_since;

use super::server::{LEVELS, SessionArgs, level, values};

/// Most lines that the log gives.
pub(crate) const MOST_LINES: u64 = 1000;

#[derive(Debug, Args)]
pub(crate) struct Log {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// An action in place of reading the log
    pub(crate) action: Option<LogAction>,
    /// Number of last lines: 1 to 1,000
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MOST_LINES))]
    pub(crate) lines: u64,
    /// Only lines that contain this text, ignoring case; if repeated, one of the texts
    #[arg(long = "match", value_name = "TEXT")]
    pub(crate) matching: Vec<String>,
    /// Only lines since a duration ago (90m, 2d) or a time (2026-03-01T09:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    pub(crate) since: Option<Time>,
    /// Only lines of this level or above: error, warn, info, debug, trace
    #[arg(long, value_parser = level, add = values(LEVELS))]
    pub(crate) level: Option<Level>,
    /// Number of lines above each of them that are printed too
    #[arg(short = 'B', long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_BEFORE), conflicts_with = "follow")]
    pub(crate) before: u64,
    /// Print each new line too: as text at a terminal, else as JSON lines
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// What is done with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogAction {
    /// Begin a new file; the lines so far stay in an older one
    Rotate,
}

impl Log {
    pub(crate) fn request(&self) -> LogTail {
        LogTail {
            lines: Some(self.lines),
            matching: Texts(self.matching.clone()),
            since: self.since,
            level: self.level,
            before: (self.before > 0).then_some(self.before),
            numbers: true,
        }
    }

    /// Whether an entry that comes later is one of those.
    pub(crate) fn wants(&self, entry: &LogEntry) -> bool {
        let line = log_line(entry).to_lowercase();
        self.level.is_none_or(|level| entry.level >= level)
            && self.since.is_none_or(|since| entry.time >= since)
            && (self.matching.is_empty()
                || self.matching.iter().any(|text| line.contains(&text.to_lowercase())))
    }
}
