//! The server's log: its last lines, and each new one as it comes, filtered by level and by words.
//!
//! The last lines are read first and the new ones subscribed to right behind, so that the snapshot of the
//! subscription closes the seam; a line of both answers is taken once.

mod lines;
mod log_line;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use topside_shared::methods::{EventsSubscribe, LogEntries, LogTail, SubscribeResult, Topic};
use topside_shared::notifications::{Level, Notification};

#[cfg(test)]
pub(crate) use lines::KEPT;
use lines::LogState;
pub(crate) use lines::LogView;
use log_line::{LogLine, short};

use crate::app::ask::{self, Ask};
use crate::app::console::Console;
use crate::app::view::{Change, Outcome, View, act, close, stay};
use crate::app::{Effect, State, connection, session};
use crate::connect::CallError;
use crate::input::key::{Code, Key};
use crate::scrollback::grouped;
use crate::terminal::Size;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::widgets::canvas::{self, Canvas, ViewHits};
use crate::widgets::filter_list::ListArea;
use crate::widgets::row::{self, Row};

/// How many of the last lines are asked for, the most that a server gives.
const TAIL: u64 = 1_000;
/// Columns of a level.
const LEVEL: usize = 6;
/// From this width on a time has room for its day.
const WIDE_FROM: u16 = 56;
/// Columns of a time with and without its day.
const TIMES: (usize, usize) = (12, 9);
/// From so many rows on the columns have heads.
const HEADS_FROM: u16 = 10;

pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.open(LogView::new());
    begin(state)
}

/// Asks for the last lines and for all that come. Where the subscription of an earlier view is not answered yet, that
/// ends first, so that no line comes twice.
fn begin(state: &mut State) -> Vec<Effect> {
    let Some(session) = state.session() else { return Vec::new() };
    let Some(console) = state.console_mut() else { return Vec::new() };
    let waits = std::mem::replace(&mut console.log_asked, true);
    state.with_view::<LogView>(|view, _| {
        view.standing = if waits { LogState::Waiting } else { LogState::Asked };
        stay()
    });
    if waits {
        return Vec::new();
    }
    let tail = LogTail { lines: Some(TAIL), ..LogTail::default() };
    let topics = vec![Topic::Log];
    let tail = Ask::of_view(&tail, LogView::take_tail);
    [tail, Ask::new(&EventsSubscribe { topics }, subscribed)]
        .map(|ask| Effect::Ask { session, ask })
        .into()
}

/// The subscription has begun, or was refused.
fn subscribed(state: &mut State, answer: Result<SubscribeResult, CallError>) -> Vec<Effect> {
    if let Some(console) = state.console_mut() {
        console.log_asked = false;
    }
    let id = answer.as_ref().ok().map(|subscribed| subscribed.subscription_id);
    let mut answer = Some(answer);
    let open = state.with_view::<LogView>(|view, state| {
        match answer.take_if(|_| view.standing == LogState::Asked) {
            Some(answer) => view.take_subscription(answer, state),
            None => act(begin),
        }
    });
    if answer.is_none() {
        return Vec::new();
    }
    // It was asked for by a view that was closed since.
    let mut effects =
        id.map_or_else(Vec::new, |id| state.ask_if_connected(session::unsubscribe(id)));
    effects.extend(open.unwrap_or_default());
    effects
}

impl LogView {
    /// Takes the last lines. A refusal is said by the answer that follows.
    fn take_tail(&mut self, answer: Result<LogEntries, CallError>, state: &State) -> Outcome {
        if let (LogState::Asked, Ok(LogEntries { entries })) = (&self.standing, answer) {
            let again = !self.lines.is_empty();
            self.take(&entries, again, state.clock.wall);
        }
        stay()
    }

    fn take_subscription(
        &mut self,
        answer: Result<SubscribeResult, CallError>,
        state: &State,
    ) -> Outcome {
        self.standing = match answer {
            Ok(SubscribeResult { subscription_id, snapshot }) => {
                self.take(&snapshot.log.unwrap_or_default(), false, state.clock.wall);
                LogState::Live(subscription_id)
            }
            Err(error) => LogState::Refused(ask::why(&error)),
        };
        stay()
    }
}

impl View for LogView {
    fn leaves_colon(&self) -> bool {
        self.list.filter.is_empty()
    }

    fn title(&self, state: &State) -> String {
        format!("Log of {}", state.console().map_or("the server", Console::name))
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        if key.code != Code::Esc && !key.is_ctrl('c') {
            self.lines_key(key, log_page(state.size));
            return stay();
        }
        match self.standing {
            LogState::Live(id) => {
                close().then(move |state| state.ask_if_connected(session::unsubscribe(id)))
            }
            _ => close(),
        }
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        self.search(text);
        stay()
    }

    fn wheel(&mut self, rows: i32, _state: &State) {
        self.turn(rows);
    }

    fn change(&mut self, change: &Change<'_>, state: &State) -> Outcome {
        let now = state.clock.wall;
        match change {
            Change::SessionBegan => return act(begin),
            // The view covers the title that says why.
            Change::SessionEnded(why) => {
                self.standing = LogState::Cut;
                self.say(now, *why);
            }
            Change::Notice(Notification::LogEntry(entry))
                if matches!(self.standing, LogState::Live(_)) =>
            {
                self.push(LogLine::of(entry));
            }
            Change::Notice(Notification::EventsDropped(dropped))
                if self.standing == LogState::Live(dropped.subscription_id) =>
            {
                let lines = if dropped.count == 1 { "line" } else { "lines" };
                let count = grouped(dropped.count);
                self.say(now, format!("{count} {lines} did not reach this screen"));
            }
            Change::Notice(_) | Change::Tick => {}
        }
        stay()
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let Size { width, height } = log_room(state.size);
        let inside = canvas.popup(&self.title(state), width, height);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let (shown, at) = (self.shown(), self.place());
        let chosen = shown.get(at).and_then(|number| self.line(*number));
        let below = chosen.map(|line| whole(state, line, usize::from(inside.width)));
        let wanted = below.as_ref().map_or(0, Vec::len);
        let usual = detail_rows(inside.height);
        let most = inside.height.saturating_sub(4);
        let needed = u16::try_from(wanted).unwrap_or(u16::MAX);
        let rows = if self.whole { needed.max(usual).min(most) } else { usual };

        let field = Rect { width: inside.width.saturating_sub(12), ..inside };
        let list = ListArea::new(&self.list.filter, field, 0, buffer, theme);
        let filter = if self.failures { "failures only" } else { least(self.level) };
        let style = if self.failures { theme.failed } else { theme.dim };
        Row::new(buffer, inside).right(filter, style);
        let heads = heads(inside.height);
        if heads > 0 {
            column_heads(&mut Row::at(buffer, inside, 1), theme);
        }
        let mut list_rows = Rect {
            y: inside.y + 1 + heads,
            height: inside.height.saturating_sub(rows + 3 + heads),
            ..inside
        };
        let seam = Rect { y: list_rows.bottom(), height: 1, ..inside };
        let forgotten = self.forgotten();
        if forgotten > 0 && at + 1 < usize::from(list_rows.height) {
            let text = format!("  ─ {} older lines are not kept any more", grouped(forgotten));
            Row::new(buffer, list_rows).left(&text, theme.dim);
            list_rows = Rect { y: list_rows.y + 1, height: list_rows.height - 1, ..list_rows };
        }
        let top = (at + 1).saturating_sub(usize::from(list_rows.height).max(1));
        for (y, (nth, number)) in (0..list_rows.height).zip(shown.iter().enumerate().skip(top)) {
            let Some(line) = self.line(*number) else { continue };
            one(state, line, nth == at, &mut Row::at(buffer, list_rows, y), theme);
        }
        if shown.is_empty() {
            let text = match &self.standing {
                LogState::Asked | LogState::Waiting => "Asking …",
                _ if self.is_empty() => "There is no line yet.",
                _ => "No line passes the filters.",
            };
            Row::new(buffer, list_rows).skip(2).left(text, theme.dim);
        }
        row::rule(buffer, seam, theme.rule);
        standing(state, self, seam, buffer, theme);
        for (y, text) in (0..rows).zip(below.unwrap_or_default()) {
            let cut = y + 1 == rows && usize::from(rows) < wanted;
            let text = if cut { format!("{text}…") } else { text };
            Row::at(buffer, Rect { y: seam.y + 1, ..inside }, y).left(&text, theme.plain);
        }
        let mut row = Row::at(buffer, inside, inside.height - 1);
        foot(self, (at, shown.len()), &mut row, &mut canvas.hits, theme);
        list.cursor
    }
}

/// The inner room of the log: all rows down to the hints, because there are many lines, and they are long.
fn log_room(size: Size) -> Size {
    let width = size.width.saturating_sub(6).max(size.width.min(36));
    Size { width, height: size.height.saturating_sub(3) }
}

/// Rows for the heads of the columns; a small screen has none.
fn heads(height: u16) -> u16 {
    u16::from(height >= HEADS_FROM)
}

/// Rows for the chosen line below the log, unless all of it is shown.
fn detail_rows(height: u16) -> u16 {
    (height / 5).clamp(1, 3)
}

/// How many lines of the log a page has.
fn log_page(size: Size) -> usize {
    let Size { height, .. } = log_room(size);
    // Filters, heads, the line under the list, and the foot.
    usize::from(height.saturating_sub(detail_rows(height) + heads(height) + 3)).max(1)
}

/// The chosen line, in rows of so many columns.
fn whole(state: &State, line: &LogLine, room: usize) -> Vec<String> {
    let at = times::stamp(line.at, state.clock.wall, &state.zone);
    let level = line.level.map(|level| format!("{} ", level.name())).unwrap_or_default();
    fit::wrap(&format!("{at} {level}{}", line.text()), room)
}

/// Columns of the time in a row with so much room.
fn time_columns(room: usize) -> usize {
    if room < usize::from(WIDE_FROM) { TIMES.1 } else { TIMES.0 }
}

fn column_heads(row: &mut Row<'_>, theme: &Theme) {
    row.skip(2);
    let times = time_columns(row.room());
    row.column("TIME", times, theme.dim).column("LEVEL", LEVEL + 2, theme.dim);
    row.left("MESSAGE", theme.dim);
}

fn one(state: &State, line: &LogLine, chosen: bool, row: &mut Row<'_>, theme: &Theme) {
    row.left(if chosen { "▌ " } else { "  " }, theme.accent);
    let Some(level) = line.level else {
        row.left("─ ", theme.dim).left(&line.message, theme.dim);
        return;
    };
    let times = time_columns(row.room());
    let at = match times == TIMES.1 {
        true => times::clock(line.at, &state.zone),
        false => times::stamp(line.at, state.clock.wall, &state.zone),
    };
    let (sign, style) = look(level, theme);
    let sign = if line.is_failure { "✗ " } else { sign };
    row.column(&at, times, theme.dim)
        .left(sign, if line.is_failure { theme.failed } else { style });
    row.column(level.name(), LEVEL, style);
    let style = match (line.is_failure, chosen) {
        (true, true) => theme.chosen().patch(theme.failed),
        (true, false) => theme.failed,
        (false, true) => theme.chosen(),
        (false, false) => theme.plain,
    };
    row.left(&line.message, style);
    for (name, value) in &line.fields {
        row.left(&format!(" {name}="), theme.dim).left(&short(value), style);
    }
}

/// The sign and the colour of a level.
fn look(level: Level, theme: &Theme) -> (&'static str, Style) {
    match level {
        Level::Error => ("✗ ", theme.error),
        Level::Warn => ("▲ ", theme.warning),
        Level::Info => ("• ", theme.info),
        Level::Debug | Level::Trace => ("· ", theme.debug),
    }
}

/// The filter by level, in words.
fn least(level: Level) -> &'static str {
    match level {
        Level::Error => "errors only",
        Level::Warn => "from warn",
        Level::Info => "from info",
        Level::Debug => "from debug",
        Level::Trace => "all levels",
    }
}

/// How the log comes, on the line under its rows.
fn standing(state: &State, view: &LogView, seam: Rect, buffer: &mut Buffer, theme: &Theme) {
    let (text, style) = match &view.standing {
        LogState::Refused(why) => (format!("▲ not told: {why}"), theme.warn),
        LogState::Cut => (format!("▲ {}", connection::brief(state)), theme.warn),
        LogState::Asked | LogState::Waiting => ("asking …".to_owned(), theme.dim),
        LogState::Live(_) => match (view.follows(), view.new_lines()) {
            (true, _) => ("live".to_owned(), theme.good),
            (false, 0) => ("scrolled up · End follows".to_owned(), theme.dim),
            (false, n) => (format!("↓ {} new · End follows", grouped(n as u64)), theme.accent),
        },
    };
    let room = usize::from(seam.width.saturating_sub(4));
    let text = format!(" {} ", fit::cut(&text, room));
    Row::new(buffer, seam).skip_right(1).right(&text, style);
}

fn foot(
    view: &LogView,
    (at, count): (usize, usize),
    row: &mut Row<'_>,
    hits: &mut ViewHits,
    theme: &Theme,
) {
    if count > 0 {
        row.right(&format!("{} of {}", grouped(at as u64 + 1), grouped(count as u64)), theme.dim)
            .skip_right(1);
    }
    let whole = if view.whole { "Enter less of it" } else { "Enter all of it" };
    let failures = match (view.failures, view.list.filter.is_empty()) {
        (true, true) => "f all lines",
        (false, true) => "f failures",
        (_, false) => "Ctrl-U no filter",
    };
    canvas::keys(row, ["Tab level", failures, whole, "End follows", "Esc closes"], hits, theme);
}
