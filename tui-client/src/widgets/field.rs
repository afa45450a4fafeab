//! Draws a line under edit.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use super::editor::Editor;
use crate::text::fit;
use crate::theme::Theme;

/// Stands for one character of a secret.
const DOT: &str = "•";

/// Draws a line under edit so that its cursor is visible; returns where the cursor is.
pub(crate) fn field(
    buffer: &mut Buffer,
    place: Rect,
    editor: &Editor,
    style: Style,
) -> Option<Position> {
    styled_field(buffer, place, editor, &[], |_| style)
}

/// The same on the background of an input field, the rest of its place too.
pub(crate) fn boxed_field(
    buffer: &mut Buffer,
    place: Rect,
    editor: &Editor,
    secret: bool,
    theme: &Theme,
) -> Option<Position> {
    let place = place.intersection(*buffer.area());
    buffer.set_style(place, theme.field);
    let draw = if secret { secret_field } else { field };
    draw(buffer, place, editor, theme.field)
}

/// Gives a row that is typed into the background of a field, whatever is drawn in it.
pub(crate) fn ground(buffer: &mut Buffer, place: Rect, theme: &Theme) {
    if let Some(colour) = theme.field.bg {
        buffer.set_style(place.intersection(*buffer.area()), Style::new().bg(colour));
    }
}

/// The same with none of its characters to be read.
pub(crate) fn secret_field(
    buffer: &mut Buffer,
    place: Rect,
    editor: &Editor,
    style: Style,
) -> Option<Position> {
    let all = 0..editor.text().len();
    styled_field(buffer, place, editor, std::slice::from_ref(&all), |_| style)
}

/// The same with a style for each byte, and the bytes of `secrets` out of sight.
pub(crate) fn styled_field(
    buffer: &mut Buffer,
    place: Rect,
    editor: &Editor,
    secrets: &[Range<usize>],
    style: impl Fn(usize) -> Style,
) -> Option<Position> {
    let place = place.intersection(*buffer.area());
    if place.is_empty() {
        return None;
    }
    let room = usize::from(place.width);
    let shown = |(at, cluster)| {
        let secret = secrets.iter().any(|span| span.contains(&at));
        (at, if secret { DOT } else { cluster })
    };
    let clusters = || editor.text().grapheme_indices(true).map(shown);
    let left = clusters().take_while(|(at, _)| *at < editor.cursor());
    let before: usize = left.map(|(_, cluster)| fit::width(cluster)).sum();
    // The cursor needs a column of its own after the text.
    let hidden = (before + 1).saturating_sub(room);
    let mut column = 0;
    for (at, cluster) in clusters() {
        let wide = fit::width(cluster);
        if column >= hidden && column + wide <= hidden + room {
            let x = place.x + u16::try_from(column - hidden).unwrap_or(0);
            buffer.set_stringn(x, place.y, cluster, wide, style(at));
        }
        column += wide;
    }
    let x = place.x + u16::try_from(before - hidden.min(before)).unwrap_or(0);
    Some(Position::new(x.min(place.right() - 1), place.y))
}
