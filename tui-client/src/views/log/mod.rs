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
use topside_shared::notifications::{Level, LogEntry, Notification};
use topside_shared::tables::short_value;

#[cfg(test)]
pub(crate) use lines::KEPT;
use lines::LogState;
pub(crate) use lines::LogView;
use log_line::LogLine;

use crate::app::ask::{self, Ask};
use crate::app::console::Console;
use crate::app::view::{Change, HelpKeys, Outcome, act, close, open, refuse, stay};
use crate::app::{Effect, State, connection, session};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::scrollback::grouped;
use crate::terminal::Size;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::facts_view::FactsView;
use crate::views::list_view::ListView;
use crate::widgets::canvas::{Canvas, Hit, tall_room};
use crate::widgets::facts::Fact;
use crate::widgets::list::{Column, Line, List, ListHints, Load, Table, cell};
use crate::widgets::row::{self, Row};

/// How many of the last lines are asked for, the most that a server gives.
const TAIL: u64 = 1_000;
/// From this width on a time has room for its day.
const WIDE_FROM: u16 = 56;
const COLUMNS: &[Column] =
    &[Column::new("TIME", 11), Column::new("LEVEL", 7), Column::rest("MESSAGE")];
const NARROW_COLUMNS: &[Column] =
    &[Column::new("TIME", 8), Column::new("LEVEL", 7), Column::rest("MESSAGE")];

pub(crate) fn open_view(state: &mut State) -> Vec<Effect> {
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
    let mut effects = session::end_subscription(state, id);
    effects.extend(open.unwrap_or_default());
    effects
}

impl LogView {
    /// Takes the last lines. A refusal is said by the answer that follows.
    fn take_tail(&mut self, answer: Result<LogEntries, CallError>, state: &State) -> Outcome {
        if let (LogState::Asked, Ok(answer)) = (&self.standing, answer) {
            let again = !self.lines.is_empty();
            self.take(&as_notified(answer), again, state.clock.wall);
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

/// The entries as the subscription has them, so that those of both answers are equal.
fn as_notified(LogEntries { entries }: LogEntries) -> Vec<LogEntry> {
    entries.into_iter().map(LogEntry::without_place).collect()
}

/// Reads the last lines again; those that are there are taken once.
fn read_again(state: &mut State) -> Vec<Effect> {
    let tail = LogTail { lines: Some(TAIL), ..LogTail::default() };
    state.ask_if_connected(Ask::of_view(&tail, |view: &mut LogView, answer, state| {
        match answer {
            Ok(answer) => view.take(&as_notified(answer), false, state.clock.wall),
            Err(error) => return refuse(ask::why(&error)),
        }
        stay()
    }))
}

impl ListView for LogView {
    type Row = u64;

    fn title(&self, state: &State) -> String {
        format!("Log of {}", state.console().map_or("the server", Console::name))
    }

    fn opened_by(&self) -> Option<Id> {
        Some(Id::Log)
    }

    fn list(&self) -> &List<u64> {
        &self.list
    }

    fn list_mut(&mut self) -> &mut List<u64> {
        &mut self.list
    }

    fn rows(&self, _state: &State) -> Vec<u64> {
        self.shown().to_vec()
    }

    fn enter(&mut self, state: &State) -> Outcome {
        let line = self.shown().get(self.place()).and_then(|number| self.line(*number));
        line.map_or_else(stay, |line| open(FactsView::new("Line", line_facts(state, line))))
    }

    fn own_keys(&self) -> Vec<HelpKeys> {
        vec![("Tab", "Show the next level"), ("f", "Show failures only, or all")]
    }

    fn other_key(&mut self, key: Key, _state: &State) -> Outcome {
        match key.code {
            Code::Tab => self.step_level(false),
            Code::BackTab => self.step_level(true),
            Code::Char('f') if key.typed().is_some() => {
                self.failures = !self.failures;
                self.filter();
            }
            _ => {}
        }
        stay()
    }

    fn refresh(&mut self, _state: &State) -> Outcome {
        if matches!(self.standing, LogState::Live(_)) { act(read_again) } else { stay() }
    }

    fn moved(&mut self, _state: &State) -> Outcome {
        self.note_place();
        stay()
    }

    fn filtered(&mut self, _state: &State) -> Outcome {
        self.filter();
        stay()
    }

    fn leave(&mut self, _state: &State) -> Outcome {
        match self.standing {
            LogState::Live(id) => {
                close().then(move |state| session::end_subscription(state, Some(id)))
            }
            _ => close(),
        }
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
        // There are many lines, and they are long.
        let Size { width, height } = tall_room(state.view_size(), u16::MAX);
        let inside = canvas.popup(&self.title(state), width, height);
        let theme = canvas.theme;
        let (shown, at) = (self.shown(), self.place());
        let filter = if self.failures { "failures only" } else { least(self.level) };
        let style = if self.failures { theme.failed } else { theme.dim };
        Row::new(canvas.buffer, inside).right(filter, style);
        let beside = fit::columns(filter);
        let place = Rect { x: inside.right() - beside, width: beside, height: 1, ..inside };
        let switch = if self.failures { Code::Char('f') } else { Code::Tab };
        canvas.hits.push((place, Hit::Key(Key::plain(switch))));

        let narrow = inside.width < WIDE_FROM;
        let rows = detail_rows(inside.height);
        let empty = match &self.standing {
            LogState::Asked | LogState::Waiting => "Asking …",
            _ if self.is_empty() => "There is no line yet.",
            _ if self.failures => "No failure is among these lines: f shows all lines.",
            _ => "No line has this level: Tab shows the others.",
        };
        let live = matches!(self.standing, LogState::Live(_));
        let list: Vec<&str> = [
            Some("Tab level"),
            Some(if self.failures { "f all lines" } else { "f failures" }),
            (!self.follows()).then_some("End follow"),
            live.then_some("r refresh"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let table = Table {
            columns: if narrow { NARROW_COLUMNS } else { COLUMNS },
            load: &Load::Done,
            empty,
            below: rows + 1,
            beside: beside + 1,
            hints: ListHints { row: &["Enter details"], list: &list, more: false },
        };
        let seam = Rect { y: inside.bottom().saturating_sub(rows + 2), height: 1, ..inside };
        row::rule(canvas.buffer, seam, theme.rule);
        if self.forgotten() > 0 {
            let text = format!(" {} older lines are not kept ", grouped(self.forgotten()));
            Row::new(canvas.buffer, seam).skip(2).left(&text, theme.dim);
        }
        standing(state, self, seam, canvas.buffer, &theme);
        let chosen = shown.get(at).and_then(|number| self.line(*number));
        let below = chosen.map(|line| whole(state, line, usize::from(inside.width)));
        let wanted = below.as_ref().map_or(0, Vec::len);
        for (y, text) in (0..rows).zip(below.unwrap_or_default()) {
            let cut = y + 1 == rows && usize::from(rows) < wanted;
            let text = if cut { format!("{text}…") } else { text };
            Row::at(canvas.buffer, Rect { y: seam.y + 1, ..inside }, y).left(&text, theme.plain);
        }
        self.list.draw(&table, (shown, at), inside, canvas, |number, chosen, theme| {
            let line = self.line(*number);
            line.map(|line| line_cells(state, line, (chosen, narrow), theme)).into_iter().collect()
        })
    }
}

/// Rows for the chosen line below the log, unless all of it is shown.
fn detail_rows(height: u16) -> u16 {
    (height / 5).clamp(1, 3)
}

/// The chosen line, wrapped to `width` columns.
fn whole(state: &State, line: &LogLine, room: usize) -> Vec<String> {
    let at = times::stamp(line.at, state.clock.wall, &state.zone);
    let level = line.level.map(|level| format!("{} ", level.name())).unwrap_or_default();
    fit::wrap(&format!("{at} {level}{}", line.text()), room)
}

/// All that is known of a line.
fn line_facts(state: &State, line: &LogLine) -> Vec<Fact> {
    let mut facts = vec![("time", times::full(line.at, &state.zone))];
    facts.extend(line.level.map(|level| ("level", level.name().to_owned())));
    facts.push(("message", line.message.clone()));
    let mut label = Some("fields");
    facts.extend(
        line.fields
            .iter()
            .map(|(name, value)| (label.take().unwrap_or_default(), format!("{name}={value}"))),
    );
    facts
}

fn line_cells(
    state: &State,
    line: &LogLine,
    (chosen, narrow): (bool, bool),
    theme: &Theme,
) -> Line {
    let Some(level) = line.level else {
        let text = line.message.clone().into();
        return Line::Over(vec![("─ ".into(), theme.dim), (text, theme.dim)]);
    };
    let at = match narrow {
        true => times::clock(line.at, &state.zone),
        false => times::stamp(line.at, state.clock.wall, &state.zone),
    };
    let (sign, look) = look(level, theme);
    let (sign, sign_look) = if line.is_failure { ("✗ ", theme.failed) } else { (sign, look) };
    let style = match (line.is_failure, chosen) {
        (true, true) => theme.chosen().patch(theme.failed),
        (true, false) => theme.failed,
        (false, true) => theme.chosen(),
        (false, false) => theme.plain,
    };
    let mut text = cell(line.message.clone(), style);
    for (name, value) in &line.fields {
        text.push((format!(" {name}=").into(), theme.dim));
        text.push((short_value(value).into_owned().into(), style));
    }
    let level = vec![(sign.into(), sign_look), (level.name().into(), look)];
    Line::Cells(vec![cell(at, theme.dim), level, text])
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
