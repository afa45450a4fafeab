//! What the lists with a filter share: the field at the top, the rows that are on the screen, the count.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::console::input_box::field;
use super::overlay_frame;
use super::row::Row;
use crate::app::widgets::editor::Editor;
use crate::theme::Theme;

/// Where the parts of a list are.
pub(super) struct Parts {
    /// All of the box.
    pub(super) inside: Rect,
    /// The rows.
    pub(super) rows: Rect,
    pub(super) cursor: Option<Position>,
}

/// Writes the filter at the top of a box. Below the rows `below` others are kept free, the foot being one.
pub(super) fn begin(
    filter: &Editor,
    inside: Rect,
    below: u16,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Parts {
    let mut first = Row::new(buffer, inside);
    first.left("❯ ", theme.accent);
    let place = Rect { x: first.x(), width: inside.right() - first.x(), height: 1, ..inside };
    let cursor = field(buffer, place, filter, theme.plain);
    let rows = Rect { y: inside.y + 2, height: inside.height.saturating_sub(2 + below), ..inside };
    Parts { inside, rows, cursor }
}

impl Parts {
    /// The first row that is shown, so that the chosen one is.
    pub(super) fn top(&self, at: usize) -> usize {
        (at + 1).saturating_sub(usize::from(self.rows.height).max(1))
    }

    /// Says in place of the rows why there are none.
    pub(super) fn nothing(&self, text: &str, buffer: &mut Buffer, theme: &Theme) {
        // A list that could not be read again still has its rows.
        let blank = " ".repeat(usize::from(self.rows.width));
        Row::new(buffer, self.rows).left(&blank, theme.plain);
        Row::new(buffer, self.rows).skip(2).left(text, theme.dim);
    }

    /// What keys do, and which of how many is chosen; `more`: the server has others.
    pub(super) fn foot<'k>(
        &self,
        (at, count, more): (usize, usize, bool),
        keys: impl IntoIterator<Item = &'k str>,
        buffer: &mut Buffer,
        theme: &Theme,
    ) {
        let mut foot = Row::at(buffer, self.inside, self.inside.height.saturating_sub(1));
        if count > 0 {
            let more = if more { "+" } else { "" };
            foot.right(&format!("{} of {count}{more}", at + 1), theme.dim).skip_right(1);
        }
        overlay_frame::keys(&mut foot, keys, theme);
    }
}
