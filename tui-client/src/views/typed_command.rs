//! The line of a command as it is typed: the prompt or the search, the text with its secrets hidden, the hint for the
//! arguments, and the open list above it. The console has one, and so has the command on several boxes.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use topside_shared::cmdline::{self, Hint, LineErrorKind};
use topside_shared::command::Command;

use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::field::styled_field;
use crate::widgets::input_box::{InputBox, draw_list};
use crate::widgets::row::Row;

/// What is drawn.
pub(super) struct TypedCommand<'c> {
    pub(super) input: &'c InputBox,
    /// The menu that says which arguments are secrets.
    pub(super) commands: &'c [Command],
    pub(super) hint: Option<Hint<'c>>,
}

/// How it was drawn.
pub(super) struct Drawn<'c> {
    pub(super) cursor: Option<Position>,
    /// The hint, if the row has no room for it.
    pub(super) long_hint: Option<Hint<'c>>,
    /// The rows of the open list, for clicks.
    pub(super) rows: Vec<(Rect, usize)>,
}

impl<'c> TypedCommand<'c> {
    pub(super) fn draw(
        self,
        prompt: Style,
        place: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
    ) -> Drawn<'c> {
        let Self { input, commands, hint } = self;
        let editor = &input.editor;
        let mut row = Row::new(buffer, place);
        match &input.recall {
            Some(recall) => {
                let found = recall.chosen.is_some() || recall.query.is_empty();
                row.left(if found { "earlier: " } else { "earlier, not found: " }, theme.dim);
                row.left(&recall.query, theme.accent).left(" ❯ ", theme.dim);
            }
            None => {
                row.left("❯ ", prompt);
            }
        }
        let place = row.free();
        let wrong = hint.as_ref().and_then(|hint| hint.error.as_ref());
        let wrong = wrong.map(|error| error.span.clone());
        row.skip_right(1);
        let long_hint = hint.filter(|hint| {
            let (sign, text) = hint_words(hint);
            let wide = fit::width(&text) + fit::width(sign);
            let fits = row.room() >= fit::width(editor.text()) + 1 + 3 + wide;
            if fits {
                row.right(&text, theme.dim).right(sign, theme.bad);
            }
            !fits
        });
        let secrets = cmdline::secrets(editor.text(), commands);
        let cursor = styled_field(buffer, place, editor, &secrets, |at| match &wrong {
            Some(span) if span.contains(&at) => theme.wrong,
            _ => theme.plain,
        });
        let rows = draw_list(input, cursor, buffer, theme);
        Drawn { cursor, long_hint, rows }
    }
}

fn hint_words(hint: &Hint<'_>) -> (&'static str, String) {
    match &hint.error {
        // The line shows the word. A text that repeats it would be drawn again with each key.
        Some(error) if error.kind == LineErrorKind::UnknownCommand => {
            let rest = error.message.split_once(": ").map_or("m shows the menu", |(_, rest)| rest);
            // The server may have it for another role; after Enter it says which.
            ("✗ ", format!("not in your menu: {rest}"))
        }
        Some(error) => ("✗ ", error.message.clone()),
        None => ("", hint.text()),
    }
}

/// Draws a hint into a row of its own.
pub(super) fn draw_long_hint(hint: &Hint<'_>, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let (sign, text) = hint_words(hint);
    let mut row = Row::new(buffer, place);
    row.skip(1).skip_right(1).left(sign, theme.bad);
    if hint.error.is_some() {
        row.left(&text, theme.plain);
        return;
    }
    // The argument that the cursor is on comes first: what is before it is typed.
    let current = hint.parts.iter().position(|part| part.current).unwrap_or(0);
    for (nth, part) in hint.parts.iter().enumerate().skip(current) {
        if nth > current {
            row.left(" · ", theme.dim);
        }
        row.left(&part.text, if part.current { theme.plain } else { theme.dim });
        if part.current && !part.description.is_empty() {
            row.left(&format!(" – {}", part.description), theme.dim);
        }
    }
}
