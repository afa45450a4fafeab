//! Buttons in one row: the chosen one is pressed by Enter, each one by a click.

use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::row::Row;
use crate::theme::Theme;

/// The edges of a button, left and right; on an ASCII screen they are brackets.
pub(crate) const EDGES: [&str; 2] = ["▐", "▌"];

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
        // The signs say which one is chosen where there are no colours.
        let (left, right, style) = match chosen == Some(nth) {
            true => ("▸", "◂", theme.chosen_button),
            false => (" ", " ", theme.button),
        };
        let edge = edge(style);
        row.left(EDGES[0], edge).left(&format!("{left}{text}{right}"), style).left(EDGES[1], edge);
        places.push(row.since(x));
        row.skip(1);
    }
    places
}

/// The style of an edge: half a cell in the colour of the button.
fn edge(button: Style) -> Style {
    let reversed = button.add_modifier.contains(Modifier::REVERSED);
    let colour = if reversed { button.fg } else { button.bg };
    Style::new().fg(colour.unwrap_or(Color::Reset))
}
