//! Status of the server: the figures of the last two minutes, and facts in groups. Asked once a second while it is
//! shown, one request at a time.

mod facts;

use ratatui::layout::Position;
use ratatui::style::Style;
use topside_shared::methods::{DiskFigures, Status};
use topside_shared::text::{bytes, duration};

use crate::app::connection;
use crate::app::console::Console;
use crate::app::console::figures::{Figure, Figures};
use crate::app::console::status_poll;
use crate::app::view::{Change, Outcome, View, act, close, stay};
use crate::app::{Effect, State};
use crate::input::key::{Code, Key};
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::widgets::canvas::{Canvas, page, text_width};
use crate::widgets::facts::lines;
use crate::widgets::row::Row;
use crate::widgets::scrolled_text::ScrolledText;
use crate::widgets::sparkline::{condensed, gauge, sparkline};

/// Columns of the labels.
const LABELS: usize = 10;
/// Columns of a value: `212 of 921 MiB`.
const VALUE: usize = 16;
/// Columns of the least and of the greatest value.
const EXTREME: usize = 9;
/// From this width on the least and the greatest value have columns of their own.
const WIDE_FROM: usize = 52;
/// Most columns of the bars: one for each sample of two minutes.
const BARS: usize = 60;
/// A disk with a smaller share of free space is marked.
const LITTLE: f64 = 0.1;

#[derive(Debug, Default)]
pub(crate) struct StatusView(ScrolledText);

pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.open(StatusView::default());
    ask(state)
}

fn ask(state: &mut State) -> Vec<Effect> {
    status_poll::ask(state, true)
}

impl StatusView {
    /// Rows of a page: there is no blank row above the keys.
    fn scroll(state: &State) -> (usize, usize) {
        (rows(state).len(), page(state.view_size()) + 1)
    }
}

impl View for StatusView {
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, state: &State) -> String {
        format!("Status of {}", state.console().map_or("the server", Console::name))
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        if key == Key::plain(Code::Char('r')) {
            return act(ask);
        }
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
        status_poll::view_due(state)
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let figures = &state.console()?.figures;
        let mut rows = rows(state);
        if rows.is_empty() {
            rows.push(StatusLine::Asking);
        }
        let head = (&*self.title(state), width(state));
        let at = figures.last.as_ref().map(|last| times::clock(last.at.wall, &state.zone));
        let keys: &[_] =
            if state.session().is_some() { &["Esc closes", "r refresh"] } else { &["Esc closes"] };
        let foot = (keys, &*at.unwrap_or_default());
        self.0.draw_with_foot(head, foot, &rows, 0, canvas, |line, row, theme| match line {
            StatusLine::Asking => {
                row.left("Asking …", theme.dim);
            }
            StatusLine::Blank => {}
            StatusLine::Warning(begins, text) => {
                row.left(if *begins { "▲ " } else { "  " }, theme.warn).left(text, theme.plain);
            }
            StatusLine::Head => head_row(figures, row, theme),
            StatusLine::Bars(figure) => figure_row(figures, *figure, row, theme),
            StatusLine::Disk(disk) => disk_row(disk, row, theme),
            StatusLine::Fact(label, text) => {
                row.column(label, LABELS, theme.dim).left(text, theme.plain);
            }
        });
        None
    }
}

/// Columns inside: where there is room, a bar for each sample.
fn width(state: &State) -> u16 {
    let all = u16::try_from(LABELS + BARS + VALUE + 2 * EXTREME).unwrap_or(u16::MAX);
    text_width(state.view_size()).max(all.min(state.view_size().width.saturating_sub(6)))
}

enum StatusLine {
    /// There is no answer yet.
    Asking,
    Blank,
    /// A warning; whether it begins in this row.
    Warning(bool, String),
    /// The names of the columns.
    Head,
    Bars(Figure),
    Disk(DiskFigures),
    /// A label, empty where the text continues, and the text.
    Fact(&'static str, String),
}

/// All rows, the most important first.
fn rows(state: &State) -> Vec<StatusLine> {
    let Some(console) = state.console() else { return Vec::new() };
    let figures = &console.figures;
    let room = usize::from(width(state));
    let mut rows = Vec::new();
    for text in warnings(state, figures) {
        let lines = fit::wrap(&text, room.saturating_sub(2)).into_iter().enumerate();
        rows.extend(lines.map(|(nth, line)| StatusLine::Warning(nth == 0, line)));
    }
    let Some(answer) = &figures.last else { return rows };
    rows.push(StatusLine::Head);
    let known = |figure: &Figure| figures.now(*figure).is_some();
    let (last, first) = Figure::ALL.split_last().unwrap_or((&Figure::Temperature, &[]));
    rows.extend(first.iter().copied().filter(known).map(StatusLine::Bars));
    let disks = answer.status.box_figures.iter().flat_map(|figures| &figures.disks);
    rows.extend(disks.cloned().map(StatusLine::Disk));
    rows.extend(Some(*last).filter(known).map(StatusLine::Bars));
    for group in facts::groups(state, console, answer) {
        rows.push(StatusLine::Blank);
        let lines = lines(&group, room.saturating_sub(LABELS)).into_iter();
        rows.extend(lines.map(|(label, text)| StatusLine::Fact(label, text)));
    }
    rows
}

fn warnings(state: &State, figures: &Figures) -> Vec<String> {
    let mut warnings = Vec::new();
    if !state.is_connected() {
        warnings.push(format!("These figures are old: {}.", connection::brief(state)));
    }
    if let Some(why) = &figures.failed {
        warnings.push(format!("The server did not send its status: {why}"));
    }
    let status = figures.last.as_ref().map(|last| &last.status);
    if let Some(behind) = status.and_then(|status| status.clock_behind_ms) {
        warnings.push(format!("The clock of the box is wrong: {} behind.", duration(behind)));
    }
    warnings
}

/// Columns of the bars in a row with this many columns left.
fn bars_room(row: &Row<'_>) -> usize {
    let extremes = if is_wide(row) { 2 * EXTREME } else { 0 };
    row.room().saturating_sub(LABELS + VALUE + extremes).min(BARS)
}

fn is_wide(row: &Row<'_>) -> bool {
    row.room() >= WIDE_FROM
}

/// Writes the columns on the right.
fn values(row: &mut Row<'_>, [now, least, most]: [(&str, Style); 3]) {
    if is_wide(row) {
        row.right(&format!("{:>EXTREME$}", most.0), most.1);
        row.right(&format!("{:>EXTREME$}", least.0), least.1);
    }
    row.right(&format!("{:>VALUE$}", now.0), now.1);
}

fn head_row(figures: &Figures, row: &mut Row<'_>, theme: &Theme) {
    let bars = bars_room(row);
    values(row, [("now", theme.dim), ("min", theme.dim), ("max", theme.dim)]);
    let history = figures.last.as_ref().and_then(|last| last.status.history.as_ref());
    let step = history.map_or(1_000, |history| history.step_ms);
    let seconds = (figures.samples(Figure::Clients).len() as u64).saturating_mul(step) / 1_000;
    let span = if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
    if bars >= 8 {
        row.right(&span, theme.dim);
    }
}

/// A figure: its bars, and what it is now, at least and at most.
fn figure_row(figures: &Figures, figure: Figure, row: &mut Row<'_>, theme: &Theme) {
    let samples = figures.samples(figure);
    let known = || samples.iter().copied().flatten();
    let least = known().min_by(f64::total_cmp);
    let most = known().max_by(f64::total_cmp);
    let status = figures.last.as_ref().map(|last| &last.status);
    let total = status.and_then(|status| total(figure, status));
    let words =
        |value: Option<f64>| value.map_or_else(String::new, |value| short(figure, value, total));
    let now = figures.now(figure).map_or_else(String::new, |now| long(figure, now, total));
    let bars = bars_room(row);
    values(row, [(&now, theme.plain), (&words(least), theme.dim), (&words(most), theme.dim)]);
    row.column(title(figure), LABELS, theme.dim);
    let shown = condensed(&samples, bars);
    row.right(&sparkline(&shown, bars, span(figure, total)), theme.accent);
}

/// A filesystem: how much of it is in use.
fn disk_row(disk: &DiskFigures, row: &mut Row<'_>, theme: &Theme) {
    let used = disk.total_bytes.saturating_sub(disk.free_bytes);
    let share = if disk.total_bytes == 0 { 0.0 } else { used as f64 / disk.total_bytes as f64 };
    let style = if 1.0 - share < LITTLE { theme.warn } else { theme.plain };
    let bars = bars_room(row);
    let now = used_of(used as f64, disk.total_bytes);
    values(row, [(&now, style), ("", theme.dim), ("", theme.dim)]);
    let label = format!("disk {}", disk.path);
    let fits = fit::width(&label) < LABELS;
    row.column(if fits { &label } else { "disk" }, LABELS, theme.dim);
    let percent = format!(" {:.0} %", share * 100.0);
    let path = if fits { 0 } else { fit::width(&disk.path) + 2 };
    if let Some(bars) = bars.checked_sub(fit::width(&percent)).filter(|bars| *bars >= 4) {
        row.right(&percent, style);
        // Without room for the path and a bar, the path is left out.
        match bars.checked_sub(path).filter(|bars| *bars >= 8) {
            Some(rest) if path > 0 => {
                row.left(&disk.path, theme.dim).right(&gauge(share, rest), theme.accent);
            }
            _ => drop(row.right(&gauge(share, bars), theme.accent)),
        }
    }
}

fn title(figure: Figure) -> &'static str {
    match figure {
        Figure::Clients => "clients",
        Figure::Requests => "requests",
        Figure::Runs => "runs",
        Figure::Cpu => "cpu",
        Figure::Load => "load",
        Figure::Memory => "memory",
        Figure::Temperature => "cpu temp",
    }
}

/// The memory of the box, for the figure of its memory.
fn total(figure: Figure, status: &Status) -> Option<u64> {
    let known = status.box_figures.as_ref().filter(|_| figure == Figure::Memory)?;
    known.memory_total_bytes.filter(|_| known.memory_available_bytes.is_some())
}

/// The least difference of two values that is drawn with the full height of a bar.
fn span(figure: Figure, total: Option<u64>) -> f64 {
    match figure {
        Figure::Clients | Figure::Runs => 3.0,
        Figure::Requests => 2.0,
        Figure::Cpu => 20.0,
        Figure::Load => 0.5,
        Figure::Memory => total.map_or(1_048_576.0, |total| total as f64 / 20.0),
        Figure::Temperature => 5.0,
    }
}

/// The value now: `12 %`, `212 of 921 MiB`.
fn long(figure: Figure, value: f64, total: Option<u64>) -> String {
    match (figure, total) {
        (Figure::Requests, _) => format!("{}/s", rate(value)),
        (Figure::Temperature, _) => format!("{value:.0} °C"),
        (_, Some(total)) => used_of(value, total),
        _ => short(figure, value, total),
    }
}

/// The least or the greatest value, with fewer units.
fn short(figure: Figure, value: f64, total: Option<u64>) -> String {
    match (figure, total) {
        (Figure::Clients | Figure::Runs | Figure::Temperature, _) => format!("{value:.0}"),
        (Figure::Requests, _) => rate(value),
        (Figure::Cpu, _) => format!("{value:.0} %"),
        (Figure::Load, _) => format!("{value:.2}"),
        (Figure::Memory, Some(total)) => in_unit(value, unit(total).0),
        (Figure::Memory, None) => bytes(value as u64),
    }
}

/// One digit after the point while that tells something.
fn rate(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// `212 of 921 MiB`, both in the unit of the total.
fn used_of(used: f64, total: u64) -> String {
    let (size, name) = unit(total);
    format!("{} of {} {name}", in_unit(used, size), in_unit(total as f64, size))
}

/// The unit for an amount of bytes: its size and its name.
fn unit(total: u64) -> (f64, &'static str) {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let found = units.into_iter().find(|(size, _)| total >= *size);
    found.map_or((1.0, "B"), |(size, name)| (size as f64, name))
}

fn in_unit(value: f64, size: f64) -> String {
    let value = value / size;
    if value < 10.0 && size > 1.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_and_total_have_the_unit_of_the_total() {
        const MIB: u64 = 1 << 20;
        assert_eq!(used_of(212.0 * 1_048_576.0, 921 * MIB), "212 of 921 MiB");
        assert_eq!(used_of(1.5 * 1_073_741_824.0, 2_048 * MIB), "1.5 of 2.0 GiB");
        assert_eq!(used_of(0.0, 0), "0 of 0 B");
    }
}
