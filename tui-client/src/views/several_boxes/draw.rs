//! Drawing of the command on several boxes.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use topside_shared::cmdline;
use topside_shared::text::duration;

use super::results::{LABEL, ResultLine, Results};
use super::{Phase, SeveralBoxes, count_words};
use crate::app::State;
use crate::app::msg::WaitingBox;
use crate::app::picker::{all_servers, fleet};
use crate::app::view::View as _;
use crate::fan_out::{OutcomeKind, effect_word, why_destructive};
use crate::terminal::Size;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::console::menu::effect_sign;
use crate::views::picker::{mark, tags, this_machine};
use crate::views::typed_command::{Drawn, TypedCommand, draw_long_hint};
use crate::widgets::canvas::{self, Canvas, FRAME, Hit, tall_room};
use crate::widgets::field::{field, ground};
use crate::widgets::list::{Cell, Column, Line, ListHints, Load, Table, cell};
use crate::widgets::row::{Row, wrapped};

const GROUP_COLUMNS: &[Column] =
    &[Column::new("RESULT", LABEL as u16 - 2), Column::rest("SERVERS")];
/// Columns of the name of a box.
const NAME: usize = 18;

/// Most columns inside.
const WIDTH: u16 = 140;

/// Columns and rows of the list: the first two rows and the last one have another use.
pub(super) fn list_room(state: &State) -> (usize, usize) {
    let Size { width, height } = tall_room(state.view_size(), WIDTH);
    let width = width.min(state.view_size().width.saturating_sub(FRAME.width)).saturating_sub(2);
    (usize::from(width), usize::from(height.saturating_sub(3)).max(1))
}

pub(super) fn draw(
    view: &SeveralBoxes,
    canvas: &mut Canvas<'_>,
    state: &State,
) -> Option<Position> {
    let Size { width, height } = tall_room(state.view_size(), WIDTH);
    let inside = canvas.popup(&view.title(state), width, height);
    let theme = canvas.theme;
    let list = Rect { y: inside.y + 2, height: inside.height.saturating_sub(3), ..inside };
    let mut cursor = None;
    let keys: &[&str];
    match &view.phase {
        Phase::Line { wrong } => return line(view, wrong.as_deref(), inside, canvas, state),
        Phase::Running { cancelled } => {
            let lasted = state.clock.mono.saturating_sub(view.began);
            let mut row = Row::new(canvas.buffer, inside);
            row.right(
                &format!("{} of {} · {}", view.done(), view.boxes.len(), times::running(lasted)),
                theme.dim,
            );
            let words = if *cancelled { "cancelling …" } else { "running …" };
            row.left("● ", theme.running).left(words, theme.plain);
            let mut heads = Row::at(canvas.buffer, inside, 1);
            heads.skip(1).column("SERVER", NAME, theme.dim).skip(1).left("STATE", theme.dim);
            boxes(view, list, canvas.buffer, &theme);
            keys = match (*cancelled, view.rows.len() > usize::from(list.height)) {
                (false, false) => &["Esc cancels"],
                (false, true) => &["Esc cancels", "↑ ↓ scroll"],
                (true, false) => &["Esc waits no longer"],
                (true, true) => &["Esc waits no longer", "↑ ↓ scroll"],
            };
        }
        Phase::Confirm { waiting, number, is_wrong, .. } => {
            let count = waiting.len();
            let on = count_words(count);
            let mut row = Row::new(canvas.buffer, inside);
            row.left("▲ ", theme.warn)
                .left(&format!("Type {count} to run it on {on} "), theme.strong);
            let place = row.free();
            let place = Rect { width: place.width.min(8), ..place };
            cursor = field(canvas.buffer, place, number, theme.field);
            let mut below = Row::at(canvas.buffer, inside, 1);
            if *is_wrong {
                let why = format!("That is not {count}: nothing was started.");
                below.left("✗ ", theme.bad).left(&why, theme.plain);
            } else {
                let why = |one: &WaitingBox| why_destructive(one.effect, one.question.is_some());
                let why = waiting.iter().find_map(why);
                below.left(why.unwrap_or("The list does not change any more."), theme.dim);
            }
            targets(view, waiting, list, canvas.buffer, &theme);
            keys = match number.text().trim() == count.to_string() {
                true => &["Enter run", "Esc runs it on none"],
                false => &["Esc runs it on none"],
            };
        }
        Phase::Done { results, lasted } => {
            let of =
                format!("{} of {} · {}", results.succeeded, view.boxes.len(), duration(*lasted));
            Row::new(canvas.buffer, inside).right(&of, theme.dim);
            if results.whole.is_none() {
                return groups(view, results, fit::columns(&of) + 1, inside, canvas);
            }
            keys = match whole(results, list, canvas, state) {
                true => &["Esc all results", "↑ ↓ scroll"],
                false => &["Esc all results"],
            };
        }
    }
    let mut foot = Row::at(canvas.buffer, inside, inside.height.saturating_sub(1));
    canvas::keys(&mut foot, keys.iter().copied(), &mut canvas.hits, &theme);
    cursor
}

/// The boxes, and below them the line, as in a console.
fn line(
    view: &SeveralBoxes,
    wrong: Option<&str>,
    inside: Rect,
    canvas: &mut Canvas<'_>,
    state: &State,
) -> Option<Position> {
    let theme = canvas.theme;
    let (sign, text) = match (wrong, &view.left_out) {
        (Some(why), _) => (("✗ ", theme.bad), why),
        (None, Some(left_out)) => (("▲ ", theme.warn), left_out.as_str()),
        (None, None) => (("", theme.dim), "Each server reads the line with its own menu."),
    };
    let rows = fit::wrap(text, usize::from(inside.width.saturating_sub(2))).len().min(3);
    let top = Rect { height: u16::try_from(rows).unwrap_or(1).min(inside.height), ..inside };
    let style = if sign.0.is_empty() { theme.dim } else { theme.plain };
    wrapped(canvas.buffer, top, sign, text, style);
    let used = top.height + 2;
    let list = Rect { y: top.bottom(), height: inside.height.saturating_sub(used), ..inside };
    servers(view, state, list, canvas.buffer);
    let row = Rect { y: inside.bottom().saturating_sub(2), height: 1, ..inside };
    let last = Rect { y: row.y + 1, ..row };
    let (input, commands) = (&view.input, &view.menu);
    let (text, at) = (input.editor.text(), input.editor.cursor());
    // Each box checks the line itself: a menu that is cached may be an older one.
    let hint = cmdline::hint(text, at, commands).filter(|hint| hint.error.is_none());
    let hint = hint.filter(|hint| !input.is_busy() && !hint.parts.is_empty());
    let typed = TypedCommand { input, commands: view.menu_with_secret(), hint };
    let Drawn { cursor, long_hint, rows } = typed.draw(theme.accent, row, canvas.buffer, &theme);
    ground(canvas.buffer, row, &theme);
    canvas.hits.splice(0..0, rows.into_iter().map(|(place, nth)| (place, Hit::Row(nth))));
    if let Some(hint) = long_hint {
        draw_long_hint(&hint, last, canvas.buffer, &theme);
        return cursor;
    }
    let is_empty = text.trim().is_empty();
    let has_earlier = is_empty && input.history.newest_first().next().is_some();
    let keys = [
        (!is_empty).then_some("Enter run"),
        Some("Esc closes"),
        (!commands.is_empty()).then_some("Tab completes"),
        has_earlier.then_some("Ctrl-R earlier lines"),
    ];
    let keys = keys.into_iter().flatten().collect::<Vec<_>>();
    let keys = input.keys().unwrap_or(&keys).iter().copied();
    canvas::keys(&mut Row::new(canvas.buffer, last), keys, &mut canvas.hits, &theme);
    cursor
}

/// The boxes before the command runs, as in the picker.
fn servers(view: &SeveralBoxes, state: &State, list: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    for (y, name) in (0..list.height).zip(&view.boxes) {
        let mut row = Row::at(buffer, list, y);
        row.column(name, NAME, theme.plain).skip(1);
        let of_fleet = state.fleet.iter().find(|each| each.profile.name == *name);
        let saved = state.servers.iter().find(|profile| profile.name == *name);
        let (tags, (sign, words)) = match (saved, of_fleet) {
            (Some(profile), _) => (tags(profile), all_servers::standing(state, profile)),
            (None, Some(each)) => (tags(&each.profile), fleet::standing(state, each)),
            (None, None) => (String::new(), this_machine(state)),
        };
        let (sign, style) = mark(sign, theme);
        row.column(&format!("{sign}{words}"), STANDING.min(row.room()), style);
        row.skip(1).left(&tags, theme.dim);
    }
    let more = view.boxes.len().saturating_sub(usize::from(list.height));
    if more > 0 && list.height > 0 {
        let blank = " ".repeat(usize::from(list.width));
        let mut row = Row::at(buffer, list, list.height - 1);
        row.left(&blank, theme.plain);
        Row::at(buffer, list, list.height - 1).left(&format!("and {} more", more + 1), theme.dim);
    }
}

/// Columns of the state of a box.
const STANDING: usize = 30;

fn boxes(view: &SeveralBoxes, list: Rect, buffer: &mut Buffer, theme: &Theme) {
    let top = view.scroll.top.min(view.rows.len().saturating_sub(usize::from(list.height)));
    let rows = view.boxes.iter().zip(&view.rows).skip(top);
    for (y, (name, one)) in (0..list.height).zip(rows) {
        let mut row = Row::at(buffer, list, y);
        let (sign, style, words) = match &one.ended {
            Some((standing, words)) => {
                let (sign, style) = look(*standing, theme);
                (sign, style, words.as_str())
            }
            None => ("· ", theme.dim, "…"),
        };
        row.left("▎", style).column(name, NAME, theme.plain).skip(1);
        row.left(sign, style).left(words, theme.plain);
    }
}

/// The boxes on which the command waits, then those that will not run it.
fn targets(
    view: &SeveralBoxes,
    waiting: &[WaitingBox],
    list: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let mut y = 0;
    for one in waiting.iter().skip(view.scroll.top.min(waiting.len().saturating_sub(1))) {
        let mut row = Row::at(buffer, list, y);
        let name = view.boxes.get(one.index).map_or("", String::as_str);
        let (_, style) = effect_sign(one.effect, theme);
        row.column(name, NAME, theme.strong).skip(1).column(effect_word(one.effect), 12, style);
        if let Some(question) = &one.question {
            row.skip(1).left(question, theme.plain);
        }
        y += 1;
    }
    let rest = view.boxes.iter().zip(&view.rows);
    let rest: Vec<_> = rest.filter_map(|(name, row)| Some((name, row.ended.as_ref()?))).collect();
    if !rest.is_empty() {
        Row::at(buffer, list, y + 1).left("Not among them:", theme.dim);
    }
    for (y, (name, (standing, words))) in (y + 2..list.height).zip(rest) {
        let (sign, style) = look(*standing, theme);
        let mut row = Row::at(buffer, list, y);
        row.column(name, NAME, theme.plain).skip(1).left(sign, style).left(words, theme.plain);
    }
}

/// The groups as a list; returns where the cursor is while its filter is typed.
fn groups(
    view: &SeveralBoxes,
    results: &Results,
    beside: u16,
    inside: Rect,
    canvas: &mut Canvas<'_>,
) -> Option<Position> {
    let warning = view.warnings.first();
    if let Some(warning) = warning {
        let more = view.warnings.len() - 1;
        let more = if more > 0 { format!(" (+{more})") } else { String::new() };
        let theme = canvas.theme;
        let mut row = Row::at(canvas.buffer, inside, inside.height.saturating_sub(2));
        row.left("▲ ", theme.warn).left(&format!("{warning}{more}"), theme.plain);
    }
    let table = Table {
        columns: GROUP_COLUMNS,
        load: &Load::Done,
        empty: "No server has a result.",
        below: u16::from(warning.is_some()),
        beside,
        hints: ListHints { row: &["Enter details"], list: &[], more: false },
    };
    let width = usize::from(inside.width.saturating_sub(2));
    let shown = results.shown();
    let at = results.list.place(&shown);
    let height = |nth: &usize| results.lines(*nth, width).len();
    results.list.draw_rows(&table, (&shown, at, &height), inside, canvas, |nth, chosen, theme| {
        let Some(group) = results.groups.get(*nth) else { return Vec::new() };
        let (sign, style) = look(group.standing, theme);
        let label = if chosen { theme.chosen() } else { theme.strong };
        let label: Cell = vec![(sign.into(), style), (group.label.clone().into(), label)];
        let mut label = Some(label);
        let line = |line: ResultLine<'_>| match line {
            ResultLine::Names(names) => {
                Line::Cells(vec![label.take().unwrap_or_default(), cell(names, theme.plain)])
            }
            ResultLine::Output(text) => Line::Over(cell(format!("  {text}"), theme.plain)),
            ResultLine::MoreOutput(count) => {
                Line::Over(cell(format!("  … {count} more lines · Enter"), theme.dim))
            }
        };
        results.lines(*nth, width).into_iter().map(line).collect()
    })
}

/// The chosen group whole; returns whether its rows scroll.
fn whole(results: &Results, list: Rect, canvas: &mut Canvas<'_>, state: &State) -> bool {
    let (Some(whole), Some(group)) = (&results.whole, results.chosen()) else { return false };
    let (theme, (width, page)) = (canvas.theme, list_room(state));
    let rows = results.whole_rows(width);
    let (sign, style) = look(group.standing, &theme);
    let top = Rect { y: list.y - 1, height: 1, ..list };
    Row::new(canvas.buffer, top).left(sign, style).left(&group.label, theme.strong);
    let top = whole.top.min(rows.len().saturating_sub(page));
    for (y, line) in (0..list.height).zip(rows.iter().skip(top)) {
        Row::at(canvas.buffer, list, y).skip(2).left(line, theme.plain);
    }
    rows.len() > page
}

/// The sign and the colour of a box.
fn look(standing: OutcomeKind, theme: &Theme) -> (&'static str, Style) {
    match standing {
        OutcomeKind::Succeeded => ("✓ ", theme.succeeded),
        OutcomeKind::Failed | OutcomeKind::Refused => ("✗ ", theme.failed),
        OutcomeKind::Unreachable => ("○ ", theme.unreachable),
        OutcomeKind::NotStarted => ("○ ", theme.dim),
    }
}
