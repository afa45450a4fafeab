//! Drawing of the command on several boxes.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use topside_shared::text::duration;

use super::results::{LABEL, ResultRow, Results};
use super::{Phase, SeveralBoxes};
use crate::app::State;
use crate::app::msg::WaitingBox;
use crate::app::picker::all_servers;
use crate::app::view::View as _;
use crate::fan_out::{Standing, effect_word};
use crate::terminal::Size;
use crate::text::times;
use crate::theme::Theme;
use crate::views::console::menu::effect_sign;
use crate::views::picker::mark;
use crate::widgets::canvas::{self, Canvas, Hit};
use crate::widgets::field::field;
use crate::widgets::row::Row;

/// Columns of the name of a box.
const NAME: usize = 18;

/// The inner room: all rows down to the hints.
fn room(size: Size) -> Size {
    let width = size.width.saturating_sub(6).max(size.width.min(36)).min(140);
    Size { width, height: size.height.saturating_sub(3) }
}

/// Columns and rows of the list: the first two rows and the last one have another use.
pub(super) fn list_room(state: &State) -> (usize, usize) {
    let Size { width, height } = room(state.size);
    let width = width.min(state.size.width.saturating_sub(4)).saturating_sub(2);
    (usize::from(width), usize::from(height.saturating_sub(3)).max(1))
}

pub(super) fn draw(
    view: &SeveralBoxes,
    canvas: &mut Canvas<'_>,
    state: &State,
) -> Option<Position> {
    let Size { width, height } = room(state.size);
    let inside = canvas.popup(&view.title(state), width, height);
    let theme = canvas.theme;
    let list = Rect { y: inside.y + 2, height: inside.height.saturating_sub(3), ..inside };
    let mut cursor = None;
    let keys: &[&str];
    match &view.phase {
        Phase::Line { wrong } => {
            let mut row = Row::new(canvas.buffer, inside);
            row.left("❯ ", theme.accent);
            let x = row.x();
            let place = Rect { x, width: inside.right().saturating_sub(x), height: 1, ..inside };
            cursor = field(canvas.buffer, place, &view.line, theme.field);
            let mut below = Row::at(canvas.buffer, inside, 1);
            match wrong {
                Some(why) => below.left("✗ ", theme.bad).left(why, theme.plain),
                None => below.left("Each box reads the line with its own menu.", theme.dim),
            };
            servers(view, state, list, canvas.buffer);
            keys = &["Enter run", "Esc closes"];
        }
        Phase::Running { cancelled } => {
            let lasted = state.clock.mono.saturating_sub(view.began);
            let mut row = Row::new(canvas.buffer, inside);
            row.right(
                &format!("{} of {} · {}", view.done(), view.boxes.len(), times::running(lasted)),
                theme.dim,
            );
            let words = if *cancelled { "cancelling …" } else { "running …" };
            row.left("● ", theme.running).left(words, theme.plain);
            boxes(view, list, canvas.buffer, &theme);
            keys = &["Esc cancels", "↑ ↓ scroll"];
        }
        Phase::Confirm { waiting, number, is_wrong } => {
            let count = waiting.len();
            let on = if count == 1 { "1 box".to_owned() } else { format!("{count} boxes") };
            let mut row = Row::new(canvas.buffer, inside);
            row.left("▲ ", theme.warn)
                .left(&format!("Type {count} to run it on {on} "), theme.strong);
            let place = Rect { x: row.x(), width: row.room().min(8) as u16, height: 1, ..inside };
            cursor = field(canvas.buffer, place, number, theme.field);
            let mut below = Row::at(canvas.buffer, inside, 1);
            if *is_wrong {
                let why = format!("That is not {count}: nothing was started.");
                below.left("✗ ", theme.bad).left(&why, theme.plain);
            } else {
                below.left("The list does not change any more.", theme.dim);
            }
            targets(view, waiting, list, canvas.buffer, &theme);
            keys = &["Enter run", "Esc runs it on none"];
        }
        Phase::Done { results, lasted } => {
            let of =
                format!("{} of {} · {}", results.succeeded, view.boxes.len(), duration(*lasted));
            let mut row = Row::new(canvas.buffer, inside);
            row.right(&of, theme.dim).skip_right(1);
            if let Some(warning) = view.warnings.first() {
                let more = view.warnings.len() - 1;
                let more = if more > 0 { format!(" (+{more})") } else { String::new() };
                row.left("▲ ", theme.warn).left(&format!("{warning}{more}"), theme.plain);
            }
            keys = if results.whole.is_some() {
                &["Esc all results", "↑ ↓ scroll"]
            } else {
                &["Enter details", "↑ ↓ group", "PgUp PgDn scroll", "Esc closes"]
            };
            done(results, list, canvas, state);
        }
    }
    let mut foot = Row::at(canvas.buffer, inside, inside.height.saturating_sub(1));
    canvas::keys(&mut foot, keys.iter().copied(), &mut canvas.hits, &theme);
    cursor
}

/// The boxes before the command runs, each as the picker knows it.
fn servers(view: &SeveralBoxes, state: &State, list: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    for (y, name) in (0..list.height).zip(&view.boxes) {
        let mut row = Row::at(buffer, list, y);
        row.column(name, NAME, theme.plain).skip(1);
        let Some(profile) = state.servers.iter().find(|profile| profile.name == *name) else {
            continue;
        };
        let (sign, words) = all_servers::standing(state, profile);
        let (sign, style) = mark(sign, theme);
        row.column(&format!("{sign}{words}"), STANDING.min(row.room()), style);
        let tags: Vec<String> = profile.tags.iter().map(|tag| format!("#{tag}")).collect();
        row.skip(1).left(&tags.join(" "), theme.dim);
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

fn done(results: &Results, list: Rect, canvas: &mut Canvas<'_>, state: &State) {
    let theme = canvas.theme;
    let (width, page) = list_room(state);
    if let Some(whole) = &results.whole {
        let rows = results.whole_rows(width);
        if let Some(group) = results.groups.get(results.at) {
            let (sign, style) = look(group.standing, &theme);
            let top = Rect { y: list.y - 1, height: 1, ..list };
            Row::new(canvas.buffer, top).left(sign, style).left(&group.label, theme.strong);
        }
        let top = whole.top.min(rows.len().saturating_sub(page));
        for (y, line) in (0..list.height).zip(rows.iter().skip(top)) {
            Row::at(canvas.buffer, list, y).skip(2).left(line, theme.plain);
        }
        return;
    }
    let rows = results.rows(width);
    let top = results.scroll.top.min(rows.len().saturating_sub(page));
    for (y, (group, row)) in (0..list.height).zip(rows.iter().skip(top)) {
        let place = Rect { y: list.y + y, height: 1, ..list };
        canvas.hits.push((place, Hit::Number(*group)));
        let chosen = *group == results.at;
        let Some(of) = results.groups.get(*group) else { continue };
        let (sign, style) = look(of.standing, &theme);
        let mut to = Row::new(canvas.buffer, place);
        to.left(if chosen { "▌" } else { "▎" }, if chosen { theme.accent } else { style });
        match row {
            ResultRow::Head { names } => {
                let label = if chosen { theme.chosen() } else { theme.strong };
                let start = to.room();
                to.left(sign, style).left(&of.label, label);
                let used = start - to.room();
                to.skip(LABEL.saturating_sub(used).max(2) as u16).left(names, theme.plain);
            }
            ResultRow::MoreNames { names } => {
                to.skip(LABEL as u16).left(names, theme.plain);
            }
            ResultRow::Line(line) => {
                to.skip(2).left(line, theme.plain);
            }
            ResultRow::MoreLines(count) => {
                to.skip(2).left(&format!("… {count} more lines · Enter"), theme.dim);
            }
        }
    }
}

/// The sign and the colour of a box.
fn look(standing: Standing, theme: &Theme) -> (&'static str, Style) {
    match standing {
        Standing::Succeeded => ("✓ ", theme.succeeded),
        Standing::Failed | Standing::Refused => ("✗ ", theme.failed),
        Standing::Unreachable => ("○ ", theme.unreachable),
        Standing::NotStarted => ("○ ", theme.dim),
    }
}
