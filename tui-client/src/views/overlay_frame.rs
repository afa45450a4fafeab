//! Draws the frame of an overlay.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::row::Row;
use crate::text::fit;
use crate::theme::Theme;

/// Draws a box in the middle of an area with room for so much; returns the room inside.
pub(super) fn centred(
    title: &str,
    width: u16,
    height: u16,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Rect {
    let width = (width + 4).min(area.width);
    let height = (height + 2).min(area.height.saturating_sub(1));
    let place = Rect::new(
        area.x + (area.width - width) / 2,
        // A little above the middle, where the eye is; never over the row of remarks.
        area.y + (area.height - height).saturating_sub(1) * 2 / 5,
        width,
        height,
    );
    framed(title, place, buffer, theme)
}

/// Writes what keys do, as many as fit whole.
pub(super) fn keys<'k>(row: &mut Row<'_>, keys: impl IntoIterator<Item = &'k str>, theme: &Theme) {
    for (nth, key) in keys.into_iter().enumerate() {
        let text = if nth > 0 { format!(" · {key}") } else { key.to_owned() };
        if fit::width(&text) > row.room() {
            return;
        }
        row.left(&text, theme.dim);
    }
}

/// Writes what keys do to a text that is read, and how many of its rows are below the page; returns the first row that
/// is on the screen: a larger terminal has room for what was scrolled out of a smaller one.
pub(super) fn reading(
    foot: &mut Row<'_>,
    rows: usize,
    top: usize,
    page: u16,
    theme: &Theme,
) -> usize {
    let page = usize::from(page);
    let top = top.min(rows.saturating_sub(page));
    let below = rows.saturating_sub(top + page);
    if below > 0 {
        foot.right(&format!("↓ {below} more"), theme.dim).skip_right(1);
    }
    match rows > page {
        true => keys(foot, ["↑ ↓ scroll", "any other key closes"], theme),
        false => keys(foot, ["Esc closes"], theme),
    }
    top
}

/// Draws a box exactly here; returns the room inside.
pub(super) fn framed(title: &str, place: Rect, buffer: &mut Buffer, theme: &Theme) -> Rect {
    let place = place.intersection(*buffer.area());
    halve_wide(place, buffer);
    Clear.render(place, buffer);
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.rule)
        .render(place, buffer);
    if !title.is_empty() {
        let top = Rect { x: place.x + 2, width: place.width.saturating_sub(4), ..place };
        let title = format!(" {title} ");
        Row::new(buffer, top).left(&title, theme.strong);
    }
    Rect::new(
        place.x + 2,
        place.y + 1,
        place.width.saturating_sub(4),
        place.height.saturating_sub(2),
    )
}

/// A character of two columns that the box's left edge would cut in two is taken out whole.
fn halve_wide(place: Rect, buffer: &mut Buffer) {
    if place.x == 0 {
        return;
    }
    for y in place.top()..place.bottom() {
        let cell = &mut buffer[(place.x - 1, y)];
        if fit::width(cell.symbol()) > 1 {
            cell.set_symbol(" ");
        }
    }
}
