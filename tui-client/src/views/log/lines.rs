//! The lines of the log that are kept, their filters, and the reader's place among them.

use std::collections::VecDeque;

use topside_shared::notifications::{Level, LogEntry};
use topside_shared::{SubscriptionId, Time};

use super::log_line::LogLine;
use crate::widgets::list::List;

/// How many are kept.
pub(crate) const KEPT: usize = 5_000;

/// Said where two answers of the server have no line in common.
const HOLE: &str = "lines before this one may be missing";

/// From the fewest lines to the most.
const LEVELS: [Level; 5] = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];

#[derive(Debug)]
pub(crate) struct LogView {
    /// Lines are known by their numbers, which grow. The newest line is chosen until the reader looks back.
    pub(super) list: List<u64>,
    /// The least level that is shown.
    pub(super) level: Level,
    /// Whether only failures are shown.
    pub(super) failures: bool,
    pub(super) standing: LogState,
    pub(super) lines: VecDeque<LogLine>,
    /// The number of the line that comes next.
    next: u64,
    /// The numbers of those that pass both filters.
    shown: Vec<u64>,
    /// Since which line the reader looks back.
    left: Option<u64>,
}

/// Whether the log is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogState {
    /// A subscription of an earlier look is still being ended.
    Waiting,
    Asked,
    /// Each new line comes by itself.
    Live(SubscriptionId),
    /// The server would not: why.
    Refused(String),
    /// The session has ended.
    Cut,
}

impl LogView {
    pub(super) fn new() -> Self {
        Self {
            list: List::following(),
            level: Level::Info,
            failures: false,
            standing: LogState::Cut,
            lines: VecDeque::new(),
            next: 0,
            shown: Vec::new(),
            left: None,
        }
    }

    /// The numbers of the lines that pass both filters, oldest first.
    pub(crate) fn shown(&self) -> &[u64] {
        &self.shown
    }

    /// The place of the chosen line among those shown.
    pub(crate) fn place(&self) -> usize {
        self.list.place(&self.shown)
    }

    pub(crate) fn line(&self, number: u64) -> Option<&LogLine> {
        let at = number.checked_sub(self.forgotten())?;
        self.lines.get(usize::try_from(at).ok()?)
    }

    /// Whether the newest line stays the chosen one.
    pub(crate) fn follows(&self) -> bool {
        self.list.follows()
    }

    /// How many lines have come to those shown since the reader follows no more.
    pub(crate) fn new_lines(&self) -> usize {
        let since = self.left.unwrap_or(self.next);
        self.shown.len() - self.shown.partition_point(|number| *number < since)
    }

    /// Whether there is no line at all, with or without filters.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many older lines are not kept any more.
    pub(crate) fn forgotten(&self) -> u64 {
        self.next - self.lines.len() as u64
    }

    fn passes(&self, line: &LogLine) -> bool {
        line.level.is_none_or(|level| {
            !line.is_replaced
                && level >= self.level
                && (line.is_failure || !self.failures)
                && self.list.passes(|| format!("{} {}", level.name(), line.text()))
        })
    }

    pub(super) fn push(&mut self, mut line: LogLine) {
        if self.lines.len() == KEPT {
            self.forget();
        }
        self.merge(&mut line);
        if self.passes(&line) {
            self.shown.push(self.next);
        }
        self.lines.push_back(line);
        self.next += 1;
    }

    /// The end of a connection takes the place of its beginning, so that a connection has one line. A reader who looks
    /// back keeps the lines that are on the screen.
    fn merge(&mut self, end: &mut LogLine) {
        let first = self.forgotten();
        let Some(place) = self.lines.iter().rposition(|line| end.ends(line)) else { return };
        let follows = self.follows();
        let begin = &mut self.lines[place];
        end.add_beginning(begin);
        if follows {
            begin.is_replaced = true;
            self.shown.retain(|shown| *shown != first + place as u64);
        }
    }

    /// Lets the oldest line go. A reader who stands on it goes to the next one.
    fn forget(&mut self) {
        let oldest = self.forgotten();
        self.lines.pop_front();
        if self.shown.first() == Some(&oldest) {
            let stands_there = !self.follows() && self.list.chosen(&self.shown) == Some(oldest);
            self.shown.remove(0);
            // The rows on the screen stay where they are.
            self.list.scroll_to(self.list.top().saturating_sub(1));
            if stands_there {
                self.list.choose(&self.shown, 0);
            }
        }
    }

    /// Says something between two lines of the log.
    pub(super) fn say(&mut self, at: Time, text: impl Into<String>) {
        self.push(LogLine::remark(at, text.into()));
    }

    /// Takes the last lines of the log behind those that are here, each once; says where they do not meet, and
    /// where another session continues.
    pub(super) fn take(&mut self, entries: &[LogEntry], again: bool, now: Time) {
        let fresh: Vec<LogLine> = entries.iter().map(LogLine::of).collect();
        let known: Vec<&LogLine> = self.lines.iter().filter(|line| line.level.is_some()).collect();
        // The most of the fresh ones that are known already: they end where the known ones do.
        let meets = (1..=fresh.len()).rev().find(|end| {
            let same = known.iter().rev().zip(fresh[..*end].iter().rev());
            !known.is_empty() && same.into_iter().all(|(known, fresh)| *known == fresh)
        });
        let hole = meets.is_none() && !known.is_empty() && !fresh.is_empty();
        match (again, hole) {
            (true, true) => self.say(now, format!("connected again; {HOLE}")),
            (true, false) => self.say(now, "connected again"),
            (false, true) => self.say(now, HOLE),
            (false, false) => {}
        }
        for line in fresh.into_iter().skip(meets.unwrap_or_default()) {
            self.push(line);
        }
    }

    /// The filters have changed: the choice stays, or goes to the line before it.
    pub(super) fn filter(&mut self) {
        let chosen = self.list.chosen(&self.shown).filter(|_| !self.follows());
        let first = self.forgotten();
        let numbered = (first..).zip(&self.lines);
        self.shown = numbered.filter(|(_, line)| self.passes(line)).map(|(n, _)| n).collect();
        if let Some(chosen) = chosen {
            let before = self.shown.partition_point(|number| *number <= chosen);
            self.list.choose(&self.shown, before.saturating_sub(1));
        }
    }

    /// Another line is chosen, perhaps: notes since when the reader looks back.
    pub(super) fn note_place(&mut self) {
        self.left = (!self.follows()).then(|| self.left.unwrap_or(self.next));
    }

    /// Shows the level this many steps further.
    pub(super) fn step_level(&mut self, back: bool) {
        let at = LEVELS.iter().position(|level| *level == self.level).unwrap_or_default();
        let steps = if back { LEVELS.len() - 1 } else { 1 };
        self.level = LEVELS[(at + steps) % LEVELS.len()];
        self.filter();
    }
}
