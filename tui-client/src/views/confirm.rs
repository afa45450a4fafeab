//! A question and its two answers, or the name that must be typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::console::input_box::field;
use super::overlay_frame;
use super::row::Row;
use crate::app::confirm::{Confirm, ConfirmInput};
use crate::text::fit;
use crate::theme::Theme;

pub(super) fn draw(
    confirm: &Confirm,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let width = usize::from(area.width.saturating_sub(6)).min(64);
    let mut lines: Vec<(String, bool)> = Vec::new();
    // A long question does not fit a title.
    let title = if fit::width(&confirm.title) + 4 <= width {
        confirm.title.as_str()
    } else {
        "Please confirm"
    };
    if title != confirm.title {
        lines.extend(fit::wrap_rows(&confirm.title, width, 6).into_iter().map(|line| (line, true)));
        lines.push((String::new(), false));
    }
    for text in &confirm.text {
        lines.extend(fit::wrap_rows(text, width, 4).into_iter().map(|line| (line, false)));
    }
    if !lines.is_empty() {
        lines.push((String::new(), false));
    }
    let tail = match &confirm.ask {
        ConfirmInput::Choice { .. } => 1,
        ConfirmInput::Reason { .. } => 4,
        ConfirmInput::Name { .. } => 3,
    };
    let height = u16::try_from(lines.len()).unwrap_or(0) + tail;
    let columns = u16::try_from(width).unwrap_or(u16::MAX);
    let inside = overlay_frame::centred(title, columns, height, area, buffer, theme);
    let room = inside.height.saturating_sub(tail);
    // What has no room is cut so that it shows.
    while lines.last().is_some_and(|(line, _)| line.is_empty()) && lines.len() > usize::from(room) {
        lines.pop();
    }
    if lines.len() > usize::from(room) && room > 0 {
        let rest = lines.split_off(usize::from(room) - 1);
        let strong = rest.first().is_some_and(|(_, strong)| *strong);
        let rest: Vec<String> = rest.into_iter().map(|(line, _)| line).collect();
        lines.push((fit::cut(rest.join(" ").trim(), width), strong));
    }
    for (y, (line, strong)) in (0..room).zip(&lines) {
        let style = if *strong { theme.strong } else { theme.plain };
        Row::at(buffer, inside, y).left(line, style);
    }
    match &confirm.ask {
        ConfirmInput::Choice { yes, on_yes } => {
            buttons(buffer, inside, yes, *on_yes, theme);
            None
        }
        ConfirmInput::Reason { yes, on_yes, field: typed, wrong } => {
            let mut row = Row::at(buffer, inside, inside.height.saturating_sub(4));
            row.left("Reason ", theme.plain).left("❯ ", theme.accent);
            let place = rest(&row, inside.bottom().saturating_sub(4));
            let cursor = field(buffer, place, typed, theme.strong);
            let mut row = Row::at(buffer, inside, inside.height.saturating_sub(3));
            match wrong {
                Some(why) => row.left("✗ ", theme.bad).left(why, theme.plain),
                None => row.skip(7).left("is told to this client; may be empty", theme.dim),
            };
            buttons(buffer, inside, yes, *on_yes, theme);
            cursor
        }
        ConfirmInput::Name { name, field: typed, wrong } => {
            let mut row = Row::at(buffer, inside, inside.height.saturating_sub(3));
            let room = row.room() / 2;
            row.left("Type ", theme.plain).left(&fit::cut(name, room), theme.strong);
            row.left(" ❯ ", theme.accent);
            let place = rest(&row, inside.bottom().saturating_sub(3));
            let cursor = field(buffer, place, typed, theme.strong);
            let mut row = Row::at(buffer, inside, inside.height.saturating_sub(1));
            if *wrong {
                row.left("✗ ", theme.bad).left(&format!("That is not {name}."), theme.plain);
            } else {
                row.left("Enter confirms · Esc cancels", theme.dim);
            }
            cursor
        }
    }
}

/// What is left of a row, for a field.
fn rest(row: &Row<'_>, y: u16) -> Rect {
    Rect { x: row.x(), y, width: u16::try_from(row.room()).unwrap_or(0), height: 1 }
}

/// The two answers, in the last row.
fn buttons(buffer: &mut Buffer, inside: Rect, yes: &str, on_yes: bool, theme: &Theme) {
    let mut row = Row::at(buffer, inside, inside.height.saturating_sub(1));
    button(&mut row, "Cancel", !on_yes, theme);
    row.skip(2);
    button(&mut row, yes, on_yes, theme);
    row.right("Tab other · Enter chooses", theme.dim);
}

fn button(row: &mut Row<'_>, text: &str, focus: bool, theme: &Theme) {
    if focus {
        row.left("▐ ", theme.accent).left(text, theme.chosen()).left(" ▌", theme.accent);
    } else {
        row.left("  ", theme.plain).left(text, theme.dim).left("  ", theme.plain);
    }
}
