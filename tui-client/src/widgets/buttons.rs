//! Buttons in one row: the chosen one is pressed by Enter, each one by a click.

use ratatui::layout::Rect;

use super::row::Row;
use crate::theme::Theme;

/// Draws buttons from the left, and returns their places.
pub(crate) fn draw<'t>(
    row: &mut Row<'_>,
    texts: impl IntoIterator<Item = &'t str>,
    chosen: Option<usize>,
    theme: &Theme,
) -> Vec<Rect> {
    let mut places = Vec::new();
    for (nth, text) in texts.into_iter().enumerate() {
        let x = row.x();
        // The brackets say that it is a button where there are no colours.
        let (left, right, style) = match chosen == Some(nth) {
            true => ("[▸", "◂]", theme.chosen_button),
            false => ("[ ", " ]", theme.button),
        };
        row.left(&format!("{left}{text}{right}"), style);
        places.push(row.since(x));
        row.skip(2);
    }
    places
}
