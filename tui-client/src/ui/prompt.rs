//! The input box while it is a run's: whose it is, what is asked, and what is typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::input::{field, secret_field};
use super::row::Row;
use super::theme::Theme;
use crate::app::fit;
use crate::app::prompt::Prompt;

/// Columns that are left for what is typed, however long the question is.
const ROOM: usize = 16;

/// Draws the input row; returns where the cursor is.
pub(super) fn draw(
    prompt: &Prompt,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let mut row = Row::new(buffer, place);
    row.skip(1);
    row.left(&prompt.label(), if prompt.is_over() { theme.bad } else { theme.warn });
    row.left(" ", theme.plain);
    // The block shows it too, unless somebody has scrolled.
    let room = row.room().saturating_sub(ROOM);
    if !prompt.is_over() && !prompt.question().is_empty() && room > ROOM / 2 {
        row.left(&fit::cut(prompt.question(), room), theme.plain).left(" ", theme.plain);
    } else {
        row.left("❯ ", theme.dim);
    }
    let from = row.x();
    let place = Rect { x: from, width: place.right().saturating_sub(from), ..place };
    if prompt.is_hidden() {
        secret_field(buffer, place, &prompt.editor, theme.plain)
    } else {
        field(buffer, place, &prompt.editor, theme.plain)
    }
}

/// Its keys, for the last row.
pub(super) fn keys(prompt: &Prompt) -> &'static [(&'static str, &'static str)] {
    if prompt.is_over() {
        &[("Esc", "drop it"), ("Ctrl-O", "commands"), ("Ctrl-S", "show or hide")]
    } else {
        &[
            ("Enter", "answer"),
            ("Ctrl-D", "end of input"),
            ("Ctrl-O", "commands"),
            ("Ctrl-S", "show or hide"),
            ("Ctrl-C", "cancel"),
        ]
    }
}
