//! Draws the list above the line: completions, or earlier lines that match a search.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::InputBox;
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::canvas::framed;
use crate::widgets::row::Row;

/// Most rows shown at once.
const ROWS: usize = 8;
/// Rows at the top of the screen that stay free.
const FREE_ABOVE: u16 = 2;

/// Draws the open list above the row in which the cursor is; returns the place of each row that is drawn.
pub(crate) fn draw_list(
    input: &InputBox,
    cursor: Option<Position>,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Vec<(Rect, usize)> {
    let Some(cursor) = cursor else { return Vec::new() };
    match (&input.popup, &input.recall) {
        (Some(_), _) => candidates(input, cursor, buffer, theme),
        (None, Some(_)) => earlier_lines(input, cursor, buffer, theme),
        (None, None) => Vec::new(),
    }
}

/// Where a list of so many columns and rows is drawn, and how many of its rows. Its texts begin in the column where
/// `beside` does, which ends at the cursor.
fn place(
    beside: &str,
    cursor: Position,
    (width, rows): (usize, usize),
    area: Rect,
) -> (Rect, usize) {
    let shown = rows.min(ROWS).min(usize::from(cursor.y.saturating_sub(FREE_ABOVE + 2)));
    let width = u16::try_from(width + 5).unwrap_or(u16::MAX).min(area.width.saturating_sub(2));
    let height = u16::try_from(shown).unwrap_or(0) + 2;
    let x = cursor.x.saturating_sub(fit::columns(beside)).saturating_sub(3);
    let x = x.min(area.right().saturating_sub(width));
    (Rect::new(x, cursor.y.saturating_sub(height), width, height), shown)
}

/// Writes on the frame how many rows are not shown.
fn more(count: usize, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    if count > 0 {
        let bottom = Rect { y: place.bottom() - 1, height: 1, ..place };
        Row::new(buffer, bottom).skip_right(2).right(&format!(" {count} more "), theme.dim);
    }
}

fn candidates(
    input: &InputBox,
    cursor: Position,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Vec<(Rect, usize)> {
    let Some(popup) = &input.popup else { return Vec::new() };
    let editor = &input.editor;
    let typed = editor.text().get(popup.replace.start..editor.cursor()).unwrap_or_default();
    let names = popup.candidates.iter().map(|c| fit::width(&c.text)).max().unwrap_or(0);
    let about = popup.candidates.iter().map(|c| fit::width(&c.description)).max().unwrap_or(0);
    let wide = names + if about > 0 { 2 + about } else { 0 };
    let count = popup.candidates.len();
    let (place, shown) = place(typed, cursor, (wide, count), *buffer.area());
    let inside = framed("", place, buffer, theme);
    let top = popup.at.map_or(0, |at| (at + 1).saturating_sub(shown));
    let mut places = Vec::new();
    for (y, (nth, candidate)) in
        (0..inside.height).zip(popup.candidates.iter().enumerate().skip(top))
    {
        let chosen = popup.at == Some(nth);
        places.push((Rect { y: inside.y + y, height: 1, ..inside }, nth));
        let mut row = Row::at(buffer, inside, y);
        row.left(if chosen { "▌" } else { " " }, theme.accent);
        let style = if chosen { theme.chosen() } else { theme.plain };
        row.column(&candidate.text, names, style).skip(2).left(&candidate.description, theme.dim);
    }
    more(count - shown, place, buffer, theme);
    places
}

/// The newest match is next to the line.
fn earlier_lines(
    input: &InputBox,
    cursor: Position,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Vec<(Rect, usize)> {
    let Some(recall) = &input.recall else { return Vec::new() };
    let lines = input.earlier(recall);
    if lines.is_empty() {
        return Vec::new();
    }
    let editor = &input.editor;
    let wide = lines.iter().map(|line| fit::width(line)).max().unwrap_or(0);
    let before = editor.text().get(..editor.cursor()).unwrap_or_default();
    let (place, shown) = place(before, cursor, (wide, lines.len()), *buffer.area());
    let inside = framed("", place, buffer, theme);
    let first = recall.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(shown));
    let mut places = Vec::new();
    for (up, (nth, line)) in (1..=inside.height).zip(lines.iter().enumerate().skip(first)) {
        let chosen = recall.chosen == Some(nth);
        let place = Rect { y: inside.bottom() - up, height: 1, ..inside };
        places.push((place, nth));
        let mut row = Row::new(buffer, place);
        row.left(if chosen { "▌" } else { " " }, theme.accent);
        let style = if chosen { theme.chosen() } else { theme.plain };
        let start = line.find(&recall.query).unwrap_or(0);
        let (before, rest) = line.split_at(start);
        let (matching, behind) = rest.split_at(recall.query.len().min(rest.len()));
        row.left(before, style).left(matching, theme.accent).left(behind, style);
    }
    more(lines.len() - shown, place, buffer, theme);
    places
}
