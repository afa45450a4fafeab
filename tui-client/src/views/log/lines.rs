//! The lines of the log that are kept, their filters, and the reader's place among them.

use std::collections::VecDeque;

use topside_shared::notifications::{Level, LogEntry};
use topside_shared::{SubscriptionId, Time};

use super::log_line::LogLine;
use crate::input::key::{Code, Key};
use crate::widgets::filter_list::{FilterList, ListMove};

/// How many are kept.
pub(crate) const KEPT: usize = 5_000;

/// Said where two answers of the server have no line in common.
const HOLE: &str = "lines before this one may be missing";

/// From the fewest lines to the most.
const LEVELS: [Level; 5] = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];

#[derive(Debug)]
pub(crate) struct LogView {
    /// Lines are known by their numbers, which grow.
    pub(super) list: FilterList<u64>,
    /// The least level that is shown.
    pub(super) level: Level,
    /// Whether only failures are shown.
    pub(super) failures: bool,
    /// Whether the chosen line has all the room that it needs.
    pub(super) whole: bool,
    pub(super) standing: LogState,
    pub(super) lines: VecDeque<LogLine>,
    /// The number of the line that comes next.
    next: u64,
    /// The numbers of those that pass both filters.
    shown: Vec<u64>,
    /// Since which line the reader follows no more; none: the newest line is the chosen one.
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
    /// The session is over.
    Cut,
}

impl LogView {
    pub(super) fn new() -> Self {
        Self {
            list: FilterList::default(),
            level: Level::Info,
            failures: false,
            whole: false,
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
        if self.follows() {
            self.shown.len().saturating_sub(1)
        } else {
            self.list.place(&self.shown)
        }
    }

    pub(crate) fn line(&self, number: u64) -> Option<&LogLine> {
        let at = number.checked_sub(self.forgotten())?;
        self.lines.get(usize::try_from(at).ok()?)
    }

    /// Whether the newest line stays the chosen one.
    pub(crate) fn follows(&self) -> bool {
        self.left.is_none()
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
        let begin = &mut self.lines[place];
        end.add_beginning(begin);
        if self.left.is_none() {
            begin.is_replaced = true;
            self.shown.retain(|shown| *shown != first + place as u64);
        }
    }

    /// Lets the oldest line go. A reader who stands on it goes to the next one.
    fn forget(&mut self) {
        let oldest = self.forgotten();
        self.lines.pop_front();
        if self.shown.first() == Some(&oldest) {
            let stands_there = self.list.chosen(&self.shown) == Some(oldest);
            self.shown.remove(0);
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
    /// where another session goes on.
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
    fn filter(&mut self) {
        let chosen = self.list.chosen(&self.shown);
        let first = self.forgotten();
        let numbered = (first..).zip(&self.lines);
        self.shown = numbered.filter(|(_, line)| self.passes(line)).map(|(n, _)| n).collect();
        if let Some(chosen) = chosen {
            let before = self.shown.partition_point(|number| *number <= chosen);
            self.list.choose(&self.shown, before.saturating_sub(1));
        }
    }

    /// Pasted text is looked for; its first line.
    pub(super) fn search(&mut self, text: &str) {
        self.list.paste(text);
        self.filter();
    }

    fn follow(&mut self) {
        self.left = None;
    }

    /// From now on new lines move nothing.
    fn leave(&mut self) {
        if self.follows() && !self.shown.is_empty() {
            self.left = Some(self.next);
            self.list.choose(&self.shown, self.shown.len().saturating_sub(1));
        }
    }

    /// The wheel was turned.
    pub(super) fn turn(&mut self, rows: i32) {
        let code = if rows > 0 { Code::Down } else { Code::Up };
        for _ in 0..rows.unsigned_abs() {
            self.walk(Key::plain(code), 1);
        }
    }

    /// A key that goes through the lines; whether it was one.
    fn walk(&mut self, key: Key, page: usize) -> bool {
        let up = matches!(key.code, Code::Up | Code::PageUp | Code::Home);
        if self.follows() && matches!(key.code, Code::Down | Code::PageDown) {
            return true;
        }
        if up {
            self.leave();
        }
        if key == Key::plain(Code::Home) {
            self.list.choose(&self.shown, 0);
            return true;
        }
        match self.list.walk(key, &self.shown, page) {
            Some(ListMove::Beyond) => self.follow(),
            Some(ListMove::Moved) => {}
            None => return false,
        }
        true
    }

    /// A key that is not the view's end.
    pub(super) fn lines_key(&mut self, key: Key, page: usize) {
        let at = LEVELS.iter().position(|level| *level == self.level).unwrap_or_default();
        let steps = match key.code {
            Code::Tab => 1,
            Code::BackTab => LEVELS.len() - 1,
            Code::Char('f') if key == Key::plain(key.code) && self.list.filter.is_empty() => {
                self.failures = !self.failures;
                0
            }
            Code::End if !key.ctrl && !key.alt && !key.shift => return self.follow(),
            Code::Enter => {
                self.whole = !self.whole;
                return self.leave();
            }
            _ if self.walk(key, page) => return,
            _ if self.list.edit(key) => 0,
            _ => return,
        };
        self.level = LEVELS[(at + steps) % LEVELS.len()];
        self.filter();
    }
}
