//! Status of the server: asked once a second while it is shown, one request at a time.

use ratatui::layout::Position;
use topside_shared::methods::{ServerStatus, Status};
use topside_shared::text::{bytes, duration};

use crate::app::ask::{self, Ask};
use crate::app::connection::{self, ConnectionState};
use crate::app::console::Console;
use crate::app::console::figures::{Figure, Figures, Rates, StatusAnswer};
use crate::app::view::{Change, Outcome, View, act, close, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::key::Key;
use crate::scrollback::grouped;
use crate::text::{fit, sanitize, times};
use crate::theme::Theme;
use crate::theme::glyphs::BARS;
use crate::widgets::canvas::{Canvas, page, text_width};
use crate::widgets::reading::Reading;
use crate::widgets::row::Row;

/// How often the server is asked.
const EVERY: u64 = 1_000;
/// The same after a refusal.
const REFUSED: u64 = 5_000;
/// From this width on the least and the most have columns of their own.
const WIDE_FROM: u16 = 50;
/// Columns of a figure.
const FIGURE: usize = 10;
/// The same where there is little room.
const SLIM: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct StatusView(Reading);

pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.open(StatusView::default());
    ask(state)
}

impl StatusView {
    /// Rows of a page: there is no blank row above the keys.
    fn scroll(state: &State) -> (usize, usize) {
        (rows(state).len(), page(state.size) + 1)
    }
}

impl View for StatusView {
    fn leaves_colon(&self) -> bool {
        true
    }

    fn title(&self, state: &State) -> String {
        format!("Status of {}", state.console().map_or("the server", Console::name))
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let (rows, page) = Self::scroll(state);
        if self.0.key(key, rows, page) { stay() } else { close() }
    }

    fn wheel(&mut self, by: i32, state: &State) {
        let (rows, page) = Self::scroll(state);
        self.0.wheel(by, rows, page);
    }

    fn change(&mut self, change: &Change<'_>, state: &State) -> Outcome {
        match change {
            Change::SessionBegan => act(ask),
            Change::Tick if self.next_tick(state) == Some(0) => act(ask),
            _ => stay(),
        }
    }

    /// Milliseconds until the server is asked again.
    fn next_tick(&self, state: &State) -> Option<u64> {
        let figures = &state.console()?.figures;
        (state.session().is_some() && state.size.enough() && !figures.asked)
            .then(|| figures.due.saturating_sub(state.clock.mono))
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let figures = &state.console()?.figures;
        let mut rows = rows(state);
        if rows.is_empty() {
            rows.push(StatusLine::Asking);
        }
        let head = (&*self.title(state), text_width(state.size));
        let at = figures.last.as_ref().map(|last| times::clock(last.at.wall, &state.zone));
        let note = at.unwrap_or_default();
        self.0.draw_with_note((head, &note), &rows, 0, canvas, |line, row, theme| match line {
            StatusLine::Asking => {
                row.left("Asking …", theme.dim);
            }
            StatusLine::Warning(begins, text) => {
                row.left(if *begins { "▲ " } else { "  " }, theme.warn).left(text, theme.plain);
            }
            StatusLine::Head => head_row(row, theme),
            StatusLine::Bars(figure) => bars(figures, *figure, row, theme),
            StatusLine::Fact(label, text) => {
                row.column(label, usize::from(LABELS), theme.dim).left(text, theme.plain);
            }
        });
        None
    }
}

/// Asks, unless an answer is pending.
fn ask(state: &mut State) -> Vec<Effect> {
    if state.session().is_none() {
        return Vec::new();
    }
    let Some(console) = state.console_mut() else { return Vec::new() };
    if std::mem::replace(&mut console.figures.asked, true) {
        return Vec::new();
    }
    state.ask_if_connected(Ask::new(&ServerStatus::default(), |state, result| {
        take(state, result);
        Vec::new()
    }))
}

/// Takes the answer; one that comes after the view was closed is not kept.
fn take(state: &mut State, result: Result<Status, CallError>) {
    let (clock, shown) = (state.clock, state.has_view::<StatusView>());
    let Some(console) = state.console_mut() else { return };
    let figures = &mut console.figures;
    figures.asked = false;
    figures.due = clock.mono + if result.is_ok() { EVERY } else { REFUSED };
    match result {
        _ if !shown => {}
        Ok(status) => {
            figures.failed = None;
            figures.take(sanitize::status(status), clock);
        }
        Err(error) => figures.failed = Some(ask::why(&error)),
    }
}

/// Columns of the labels.
const LABELS: u16 = 9;

enum StatusLine {
    /// There is no answer yet.
    Asking,
    /// What must be seen first; whether it begins here.
    Warning(bool, String),
    /// The names of the columns.
    Head,
    Bars(Figure),
    /// A label, empty where a text goes on, and the text.
    Fact(&'static str, String),
}

/// All rows, the most wanted first.
fn rows(state: &State) -> Vec<StatusLine> {
    let Some(console) = state.console() else { return Vec::new() };
    let figures = &console.figures;
    let room = usize::from(text_width(state.size));
    let mut rows = Vec::new();
    let mut warn = |text: &str| {
        let lines = fit::wrap(text, room.saturating_sub(2)).into_iter().enumerate();
        rows.extend(lines.map(|(nth, line)| StatusLine::Warning(nth == 0, line)));
    };
    if !matches!(state.link, ConnectionState::Connected { .. }) {
        warn(&format!("These figures are old: {}.", connection::brief(state)));
    }
    if let Some(why) = &figures.failed {
        warn(&format!("The server was asked and did not tell: {why}"));
    }
    let Some(answer) = &figures.last else { return rows };
    rows.push(StatusLine::Head);
    rows.extend(Figure::ALL.map(StatusLine::Bars));
    for (label, text) in facts(state, console, answer) {
        let lines = fit::wrap(&text, room.saturating_sub(usize::from(LABELS)));
        for (nth, line) in lines.into_iter().enumerate() {
            rows.push(StatusLine::Fact(if nth == 0 { label } else { "" }, line));
        }
    }
    rows
}

fn facts(state: &State, console: &Console, answer: &StatusAnswer) -> Vec<(&'static str, String)> {
    let Status { runs, load, listeners, workers, refusals, memory_bytes, .. } = &answer.status;
    let mut facts = vec![(
        "runs",
        format!(
            "{} running, {} queued, {} started",
            grouped(runs.running),
            grouped(runs.queued),
            grouped(runs.started)
        ),
    )];
    facts.push(match load {
        Some([one, five, fifteen]) => {
            ("load", format!("{one:.2}, {five:.2}, {fifteen:.2} over 1, 5, 15 min"))
        }
        None => ("load", "the server does not tell it".to_owned()),
    });
    if memory_bytes.is_none() {
        facts.push(("memory", "the server does not tell it".to_owned()));
    }
    facts.push(("requests", format!("{} in all", grouped(answer.status.requests))));
    let (received, sent) = (answer.status.bytes.received, answer.status.bytes.sent);
    let a_second = |of: fn(&Rates) -> f64| {
        answer
            .rates
            .as_ref()
            .map_or_else(String::new, |rates| format!(" ({} a second)", bytes(of(rates) as u64)))
    };
    let (a, b) = (a_second(|rates| rates.received), a_second(|rates| rates.sent));
    facts.push(("bytes in", format!("{}{a}", bytes(received))));
    facts.push(("out", format!("{}{b}", bytes(sent))));
    let since = times::stamp(console.welcome.server.started_at, state.clock.wall, &state.zone);
    facts.push(("up", format!("{}, since {since}", duration(answer.status.uptime_ms))));
    facts.push(("version", answer.status.version.clone()));
    facts.push(("menu", format!("revision {}", answer.status.revision)));
    let listens = listeners.iter().map(|at| format!("{} {}", at.transport, at.address));
    facts.extend(listens.map(|text| ("listens", text)));
    if listeners.is_empty() {
        facts.push(("listens", "nowhere".to_owned()));
    }
    facts.extend(workers.iter().map(|w| ("worker", format!("{}: {}", w.name, w.standing))));
    let refused: Vec<String> =
        refusals.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let none = || "nothing since the start".to_owned();
    facts.push(("refused", if refused.is_empty() { none() } else { refused.join(", ") }));
    facts
}

fn head_row(row: &mut Row<'_>, theme: &Theme) {
    if row.room() < usize::from(WIDE_FROM) {
        row.skip(LABELS - 1).left(&format!("{:>SLIM$}", "now"), theme.dim);
        row.right("least–most", theme.dim);
        return;
    }
    row.skip(LABELS);
    for name in ["now", "least", "most"] {
        row.left(&format!("{name:>FIGURE$}"), theme.dim);
    }
    row.right("a bar a second, the newest right", theme.dim);
}

/// A figure: now, the least and the most of the samples, and a bar for each of as many as there is room for.
fn bars(figures: &Figures, figure: Figure, row: &mut Row<'_>, theme: &Theme) {
    let known = || figures.samples(figure).flatten();
    let least = known().min_by(f64::total_cmp);
    let most = known().max_by(f64::total_cmp);
    let now = figures.samples(figure).next_back().flatten();
    let words = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| figure.words(v));
    if row.room() < usize::from(WIDE_FROM) {
        row.column(figure.title(), usize::from(LABELS) - 1, theme.dim);
        row.left(&format!("{:>SLIM$}", words(now)), theme.plain).skip(1);
        if let Some((least, most)) = least.zip(most) {
            row.right(&range(&figure.words(least), &figure.words(most)), theme.dim).skip_right(1);
        }
    } else {
        row.column(figure.title(), usize::from(LABELS), theme.dim);
        for (value, style) in [(now, theme.plain), (least, theme.dim), (most, theme.dim)] {
            row.left(&format!("{:>FIGURE$}", words(value)), style);
        }
        row.skip(2);
    }
    let line = line_of_bars(figures.samples(figure), most.unwrap_or_default(), row.room());
    row.right(&line, theme.accent);
}

/// `1–4`, `12.1–12.4 MiB`: a unit that both have stands once.
fn range(least: &str, most: &str) -> String {
    let unit = |text: &str| text.split_once(' ').map(|(_, unit)| unit.to_owned());
    match least.split_once(' ') {
        _ if least == most => most.to_owned(),
        Some((number, _)) if unit(least) == unit(most) => format!("{number}–{most}"),
        _ => format!("{least}–{most}"),
    }
}

/// A bar for each of the newest samples, as high as its share of the most; none where the figure is unknown.
fn line_of_bars(
    samples: impl DoubleEndedIterator<Item = Option<f64>>,
    most: f64,
    room: usize,
) -> String {
    let bar = |sample: Option<f64>| match sample {
        Some(value) if most > 0.0 => {
            let steps = (BARS.len() - 1) as f64;
            BARS[((value / most * steps).round() as usize).min(BARS.len() - 1)]
        }
        Some(_) => BARS[0],
        None => ' ',
    };
    let newest: Vec<char> = samples.rev().take(room).map(bar).collect();
    newest.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_most_and_the_newest_are_kept() {
        let samples = [Some(0.0), None, Some(3.0), Some(6.0), Some(1.0)];
        assert_eq!(line_of_bars(samples.into_iter(), 6.0, 9), "▁ ▄▇▂");
        assert_eq!(line_of_bars(samples.into_iter(), 6.0, 2), "▇▂");
        assert_eq!(line_of_bars([Some(0.0); 3].into_iter(), 0.0, 9), "▁▁▁");
    }

    #[test]
    fn a_unit_that_both_ends_of_a_range_have_stands_once() {
        assert_eq!(range("12.1 MiB", "12.4 MiB"), "12.1–12.4 MiB");
        assert_eq!(range("900 B", "1.0 KiB"), "900 B–1.0 KiB");
        assert_eq!(range("2", "2"), "2");
    }
}
