//! Draws the input box of a run: the command, the question, and the typed text.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::State;
use crate::app::prompt::Prompt;
use crate::input::actions::Id;
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::field::{field, secret_field};
use crate::widgets::row::Row;

/// Columns that are left for what is typed, however long the question is.
const ROOM: usize = 16;

/// Draws the input row; returns where the cursor is.
pub(crate) fn draw(
    prompt: &Prompt,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let mut row = Row::new(buffer, place);
    row.skip(1);
    row.left(&prompt.label(), if prompt.is_over() { theme.bad } else { theme.warn });
    row.left(" ", theme.plain);
    // The block shows it too, unless the output is scrolled.
    let room = row.room().saturating_sub(ROOM);
    if !prompt.is_over() && !prompt.question().is_empty() && room > ROOM / 2 {
        row.left(&fit::cut(prompt.question(), room), theme.plain).left(" ", theme.plain);
    } else {
        row.left("❯ ", theme.dim);
    }
    let place = row.free();
    if prompt.is_hidden() {
        secret_field(buffer, place, &prompt.editor, theme.plain)
    } else {
        field(buffer, place, &prompt.editor, theme.plain)
    }
}

/// Its keys, for the last row.
pub(crate) fn keys(state: &State, prompt: &Prompt) -> Vec<(String, &'static str)> {
    // The input box's own, and those of two actions, which may have none.
    let own = |key: &str, does| Some((key.to_owned(), does));
    let key = |id, does| state.keys.first(id, false).map(|key| (key.to_string(), does));
    let other = key(Id::OtherBox, "commands");
    let hide = key(Id::Unhide, "show or hide").filter(|_| !prompt.editor.is_empty());
    let keys = if prompt.is_over() {
        vec![own("Esc", "drop it"), other, hide]
    } else {
        let answer = own("Enter", "answer");
        let (end, stop) = match prompt.editor.is_empty() {
            true => (own("Ctrl-D", "end of input"), own("Ctrl-C", "cancel")),
            false => (None, own("Ctrl-C", "clear")),
        };
        vec![answer, end, other, hide, stop]
    };
    keys.into_iter().flatten().collect()
}
