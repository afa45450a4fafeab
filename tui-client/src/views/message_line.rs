//! Draws the message line: what was done, what was refused, and what is wrong in the settings.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::remark::MESSAGE_MARGIN;
use crate::app::{State, Tone};
use crate::text::fit;
use crate::widgets::row::{self, Row};

/// Draws the message below a popup: in the last row, and in free rows above it where it is long.
pub(super) fn draw_below(state: &State, free_from: u16, last: Rect, buffer: &mut Buffer) {
    let free = last.bottom().saturating_sub(free_from);
    let rows = state.message_rows().min(free).max(1);
    draw(state, Rect { y: last.bottom() - rows, height: rows, ..last }, buffer);
}

/// Draws the message, if there is one, wrapped into the rows of `place`.
pub(super) fn draw(state: &State, place: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let Some((tone, text)) = state.message() else { return };
    let (sign, style) = match tone {
        Tone::Done => ("✓ ", theme.good),
        Tone::Note => ("· ", theme.accent),
        Tone::Warning => ("▲ ", theme.warn),
        Tone::Refused => ("✗ ", theme.bad),
    };
    let room = usize::from(place.width.saturating_sub(MESSAGE_MARGIN));
    let lines = fit::wrap_rows(text, room, usize::from(place.height));
    for (y, line) in (0..place.height).zip(&lines) {
        row::clear(buffer, Rect { y: place.y + y, height: 1, ..place });
        let mut row = Row::at(buffer, place, y);
        row.skip(1).left(if y == 0 { sign } else { "  " }, style).left(line, theme.plain);
    }
}
