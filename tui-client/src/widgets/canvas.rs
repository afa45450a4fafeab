//! Where a view is drawn: the buffer, the theme, and the frame of a popup with its breadcrumb.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::row::Row;
use crate::terminal::Size;
use crate::text::fit;
use crate::theme::Theme;

/// What a view draws on.
pub(crate) struct Canvas<'c> {
    pub(crate) area: Rect,
    pub(crate) buffer: &'c mut Buffer,
    pub(crate) theme: Theme,
    /// The titles of the views below, the lowest first.
    pub(crate) below: Vec<String>,
    /// Places that can be clicked, with their numbers.
    pub(crate) hits: Vec<(Rect, usize)>,
}

impl Canvas<'_> {
    /// Draws the frame of a popup with room for so much in the middle; returns the room inside. The title is a
    /// breadcrumb where views lie below.
    pub(crate) fn popup(&mut self, title: &str, width: u16, height: u16) -> Rect {
        let area = self.area;
        let width = (width + 4).min(area.width);
        let height = (height + 2).min(area.height.saturating_sub(1));
        let place = Rect::new(
            area.x + (area.width - width) / 2,
            // A little above the middle, where the eye is; never over the row of remarks.
            area.y + (area.height - height).saturating_sub(1) * 2 / 5,
            width,
            height,
        );
        let title = self.breadcrumb(title, usize::from(width.saturating_sub(6)));
        framed(&title, place, self.buffer, &self.theme)
    }

    /// Lets a place be clicked: the view is told this number.
    pub(crate) fn hit(&mut self, place: Rect, number: usize) {
        self.hits.push((place, number));
    }

    /// The inner room of a large popup.
    pub(crate) fn room(&self) -> Size {
        room(Size { width: self.area.width, height: self.area.height })
    }

    /// `Clients › #4 phone › Disconnect`, without its beginning where that has no room.
    fn breadcrumb(&self, title: &str, room: usize) -> String {
        for skip in 0..self.below.len() {
            let start = if skip == 0 { "" } else { "… › " };
            let path = format!("{start}{} › {title}", self.below[skip..].join(" › "));
            if fit::width(&path) <= room {
                return path;
            }
        }
        title.to_owned()
    }
}

/// The inner room of a large popup: columns and rows. On a small screen all but the last row, where remarks are.
pub(crate) fn room(size: Size) -> Size {
    let margin = if size.height < 20 { 3 } else { 4 };
    Size {
        width: size.width.saturating_sub(6).min(90).max(size.width.min(36)),
        height: size.height.saturating_sub(margin).min(34),
    }
}

/// Columns inside a large popup. Two columns go to the frame where the terminal is as narrow as the popup.
pub(crate) fn text_width(size: Size) -> u16 {
    room(size).width.min(size.width.saturating_sub(4))
}

/// Rows of a popup's list, its last two being for the keys.
pub(crate) fn page(size: Size) -> usize {
    usize::from(room(size).height.saturating_sub(2)).max(1)
}

/// Writes what keys do, as many as fit whole; with little room Esc goes last.
pub(crate) fn keys<'k>(row: &mut Row<'_>, keys: impl IntoIterator<Item = &'k str>, theme: &Theme) {
    const GAP: &str = " · ";
    let mut keys: Vec<&str> = keys.into_iter().collect();
    while fit::width(&keys.join(GAP)) > row.room() {
        let last = keys.iter().rposition(|key| !key.starts_with("Esc "));
        match last {
            Some(last) => drop(keys.remove(last)),
            None => drop(keys.pop()),
        }
    }
    row.left(&keys.join(GAP), theme.dim);
}

/// Draws a box exactly here; returns the room inside.
pub(crate) fn framed(title: &str, place: Rect, buffer: &mut Buffer, theme: &Theme) -> Rect {
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
