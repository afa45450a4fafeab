//! The server's log: its last lines, and each new one as it comes, filtered by level and by words.
//!
//! The last lines are read first and the new ones subscribed to right behind, so that the snapshot of the
//! subscription closes the seam; what two answers both have is taken once.

use std::collections::VecDeque;

use topside_shared::methods::{EventsSubscribe, LogEntries, SubscribeResult, Topic};
use topside_shared::notifications::{Level, LogEntry};
use topside_shared::{SubscriptionId, Time, tables};

use crate::app::ask::{self, Ask};
use crate::app::overlay::{self, Overlay};
use crate::app::widgets::filter_list::{FilterList, ListMove};
use crate::app::{Effect, State, session};
use crate::connect::CallError;
use crate::input::key::{Code, Key};
use crate::scrollback::grouped;
use crate::text::sanitize;

/// The built-in that is in the menu of a role that may read the log.
pub(crate) const COMMAND: &str = "log";
/// How many of the last lines are asked for, the most that a server gives.
pub(crate) const TAIL: u64 = 1_000;
/// How many are kept.
pub(crate) const KEPT: usize = 5_000;

/// Said where two answers of the server have no line in common.
const HOLE: &str = "lines before this one may be missing";

/// From the fewest lines to the most.
const LEVELS: [Level; 5] = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];

/// The view.
#[derive(Debug)]
pub(crate) struct LogView {
    /// Lines are known by their numbers, which grow.
    pub(crate) list: FilterList<u64>,
    /// The least level that is shown.
    pub(crate) level: Level,
    /// Whether the chosen line has all the room that it needs.
    pub(crate) whole: bool,
    pub(crate) standing: LogState,
    lines: VecDeque<LogLine>,
    /// The number of the line that comes next.
    next: u64,
    /// The numbers of those that pass both filters.
    shown: Vec<u64>,
    /// Since which line the reader follows no more; none: the newest line is the chosen one.
    left: Option<u64>,
}

/// How the log comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogState {
    /// A subscription of an earlier look is still being ended.
    Waiting,
    /// It was asked for.
    Asked,
    /// Each new line comes by itself.
    Live(SubscriptionId),
    /// The server would not: why.
    Refused(String),
    /// The session is over.
    Cut,
}

/// A line of the log, or what is said between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    pub(crate) at: Time,
    /// None: it is said here, whatever is filtered.
    pub(crate) level: Option<Level>,
    pub(crate) text: String,
}

impl LogLine {
    fn of(entry: &LogEntry) -> Self {
        let text = sanitize::sentence(&tables::log_text(entry));
        Self { at: entry.time, level: Some(entry.level), text }
    }
}

impl LogView {
    fn new() -> Self {
        Self {
            list: FilterList::default(),
            level: Level::Info,
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

    /// The line of a number.
    pub(crate) fn line(&self, number: u64) -> Option<&LogLine> {
        let at = number.checked_sub(self.forgotten())?;
        self.lines.get(usize::try_from(at).ok()?)
    }

    /// Whether the newest line is the chosen one, whatever comes.
    pub(crate) fn follows(&self) -> bool {
        self.left.is_none()
    }

    /// How many lines have come to those shown since the reader follows no more.
    pub(crate) fn new_lines(&self) -> usize {
        let since = self.left.unwrap_or(self.next);
        self.shown.len() - self.shown.partition_point(|number| *number < since)
    }

    /// Whether there is no line at all, whatever is filtered.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many older lines are not kept any more.
    pub(crate) fn forgotten(&self) -> u64 {
        self.next - self.lines.len() as u64
    }

    fn passes(&self, line: &LogLine) -> bool {
        line.level.is_none_or(|level| {
            level >= self.level && self.list.passes(&format!("{} {}", level.name(), line.text))
        })
    }

    fn push(&mut self, line: LogLine) {
        if self.lines.len() == KEPT {
            self.forget();
        }
        if self.passes(&line) {
            self.shown.push(self.next);
        }
        self.lines.push_back(line);
        self.next += 1;
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
    fn say(&mut self, at: Time, text: impl Into<String>) {
        self.push(LogLine { at, level: None, text: text.into() });
    }

    /// Takes the last lines of the log behind those that are here, each once; says where they do not meet, and
    /// where another session goes on.
    fn take(&mut self, entries: &[LogEntry], again: bool, now: Time) {
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
    pub(crate) fn paste(&mut self, text: &str) {
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
    pub(crate) fn wheel(&mut self, steps: usize, down: bool) {
        let code = if down { Code::Down } else { Code::Up };
        for _ in 0..steps {
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
            Some(ListMove::Here) => {}
            None => return false,
        }
        true
    }

    /// A key that is not the view's end.
    fn key(&mut self, key: Key, page: usize) {
        let at = LEVELS.iter().position(|level| *level == self.level).unwrap_or_default();
        let steps = match key.code {
            Code::Tab => 1,
            Code::BackTab => LEVELS.len() - 1,
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

/// Opens the view.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.overlays.push(Overlay::Log(Box::new(LogView::new())));
    begin(state)
}

fn view(state: &mut State) -> Option<&mut LogView> {
    state.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Log(view) => Some(view.as_mut()),
        _ => None,
    })
}

/// Asks for the last lines and for all that come; where a question of an earlier look is not answered yet, behind
/// the end of that one, so that no line is told twice.
fn begin(state: &mut State) -> Vec<Effect> {
    let Some(session) = state.session() else { return Vec::new() };
    let Some(console) = state.console_mut() else { return Vec::new() };
    let waits = std::mem::replace(&mut console.log_asked, true);
    let Some(view) = view(state) else { return Vec::new() };
    view.standing = if waits { LogState::Waiting } else { LogState::Asked };
    if waits {
        return Vec::new();
    }
    [read_tail(), subscribe()].map(|ask| Effect::Ask { session, ask }).into()
}

fn read_tail() -> Ask {
    let params = topside_shared::methods::LogTail { lines: Some(TAIL), ..Default::default() };
    Ask::new(&params, |state, result| {
        tail(state, result);
        Vec::new()
    })
}

fn subscribe() -> Ask {
    Ask::new(&EventsSubscribe { topics: vec![Topic::Log] }, subscribed)
}

/// A session has begun: an open view goes on with it.
pub(crate) fn session_began(state: &mut State) -> Vec<Effect> {
    if let Some(console) = state.console_mut() {
        console.log_asked = false;
    }
    if view(state).is_some() { begin(state) } else { Vec::new() }
}

/// The session is over: why is said here too, for the view lies on top of the title that says it.
pub(crate) fn session_ended(state: &mut State, why: String) {
    let now = state.clock.wall;
    if let Some(view) = view(state) {
        view.standing = LogState::Cut;
        view.say(now, why);
    }
}

/// The last lines have come. That they were refused is said by the answer behind them.
fn tail(state: &mut State, result: Result<LogEntries, CallError>) {
    let now = state.clock.wall;
    let Some(view) = view(state).filter(|view| view.standing == LogState::Asked) else { return };
    if let Ok(LogEntries { entries }) = result {
        let again = !view.lines.is_empty();
        view.take(&entries, again, now);
    }
}

/// The subscription has begun, or not.
fn subscribed(state: &mut State, result: Result<SubscribeResult, CallError>) -> Vec<Effect> {
    let now = state.clock.wall;
    let Some(console) = state.console_mut() else { return Vec::new() };
    console.log_asked = false;
    let id = result.as_ref().ok().map(|subscribed| subscribed.subscription_id);
    match view(state) {
        Some(view) if view.standing == LogState::Asked => match result {
            Ok(SubscribeResult { subscription_id, snapshot }) => {
                view.take(&snapshot.log.unwrap_or_default(), false, now);
                view.standing = LogState::Live(subscription_id);
                Vec::new()
            }
            Err(error) => {
                view.standing = LogState::Refused(ask::why(&error));
                Vec::new()
            }
        },
        // It was asked for by a view that was closed since.
        looks => {
            let again = looks.is_some();
            let mut effects =
                id.map_or_else(Vec::new, |id| state.ask_if_connected(session::unsubscribe(id)));
            if again {
                effects.extend(begin(state));
            }
            effects
        }
    }
}

/// A new line has come.
pub(crate) fn entry(state: &mut State, entry: &LogEntry) {
    let live = |view: &&mut LogView| matches!(view.standing, LogState::Live(_));
    if let Some(view) = view(state).filter(live) {
        view.push(LogLine::of(entry));
    }
}

/// Lines of a subscription were not told: this screen, or the log, was too fast for them.
pub(crate) fn dropped(state: &mut State, id: SubscriptionId, count: u64) {
    let now = state.clock.wall;
    if let Some(view) = view(state).filter(|view| view.standing == LogState::Live(id)) {
        let lines = if count == 1 { "line" } else { "lines" };
        view.say(now, format!("{} {lines} did not reach this screen", grouped(count)));
    }
}

/// A key for the view, which was taken off the overlays.
pub(crate) fn key(state: &mut State, mut view: Box<LogView>, key: Key) -> Vec<Effect> {
    if key.code == Code::Esc || key.is_ctrl('c') {
        return match view.standing {
            LogState::Live(id) => state.ask_if_connected(session::unsubscribe(id)),
            _ => Vec::new(),
        };
    }
    view.key(key, overlay::log_page(state.size));
    state.overlays.push(Overlay::Log(view));
    Vec::new()
}
