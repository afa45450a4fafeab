//! Where a view is drawn: the buffer, the theme, and the frame of a popup with its breadcrumb.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::row::Row;
use crate::input::key::Key;
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
    /// Places that can be clicked.
    pub(crate) hits: ViewHits,
    /// The first free row below the popup; without a popup, none is free.
    pub(crate) free_from: u16,
}

/// Places of a view that can be clicked.
pub(crate) type ViewHits = Vec<(Rect, Hit)>;

/// How a list was drawn: its first row, and how many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListLayout {
    pub(crate) top: usize,
    pub(crate) page: usize,
}

/// What a click on a place of a view does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hit {
    /// A row of the list of the view.
    Row(usize),
    /// The list of the view, beside its rows.
    List(ListLayout),
    /// The view gets this number.
    Number(usize),
    /// The same as this key.
    Key(Key),
    /// Goes back to a view below, by its place in the stack.
    Back(usize),
}

impl Canvas<'_> {
    /// Draws the frame of a popup with room for this size in the middle; returns the room inside. The title is a
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
        self.free_from = place.bottom();
        let room = usize::from(width.saturating_sub(6));
        let skip = self.skipped(title, room);
        let path = self.path(title, skip);
        // Each part of the breadcrumb is a way back.
        let mut x = place.x + 3 + if skip == 0 { 0 } else { fit::columns(CUT) };
        for (nth, part) in self.below.iter().enumerate().skip(skip) {
            let width = fit::columns(part);
            self.hits.push((Rect { x, y: place.y, width, height: 1 }, Hit::Back(nth)));
            x += width + fit::columns(STEP);
        }
        framed(&path, place, self.buffer, &self.theme)
    }

    /// The inner room of a large popup.
    pub(crate) fn room(&self) -> Size {
        room(Size { width: self.area.width, height: self.area.height })
    }

    /// `Clients › #4 phone › Disconnect`, without the first parts.
    fn path(&self, title: &str, skip: usize) -> String {
        let parts = self.below[skip..].iter().map(String::as_str).chain([title]);
        let path = parts.collect::<Vec<_>>().join(STEP);
        if skip == 0 || skip == self.below.len() { path } else { format!("{CUT}{path}") }
    }

    /// How many parts at the beginning have no room.
    fn skipped(&self, title: &str, room: usize) -> usize {
        let fits = |skip: &usize| fit::width(&self.path(title, *skip)) <= room;
        (0..self.below.len()).find(fits).unwrap_or(self.below.len())
    }
}

/// Columns and rows of the frame of a popup; the rows include the one below it, which is for remarks.
pub(crate) const FRAME: Size = Size { width: 4, height: 3 };

/// Between two parts of a breadcrumb.
const STEP: &str = " › ";
/// The beginning of a breadcrumb without its first parts.
const CUT: &str = "… › ";

/// The inner room of a large popup: columns and rows. On a small screen all but the last row, where remarks are.
pub(crate) fn room(size: Size) -> Size {
    let margin = if size.height < 20 { 3 } else { 4 };
    Size { width: columns(size, 90), height: size.height.saturating_sub(margin).min(34) }
}

/// The inner area of a popup of at most this width, with all rows down to the hints.
pub(crate) fn tall_room(size: Size, most: u16) -> Size {
    Size { width: columns(size, most), height: size.height.saturating_sub(FRAME.height) }
}

/// Columns of a popup of at most this width: with a margin, but on a narrow screen all.
pub(crate) fn columns(size: Size, most: u16) -> u16 {
    size.width.saturating_sub(6).min(most).max(size.width.min(36))
}

/// Columns inside a large popup. Some go to the frame where the terminal is as narrow as the popup.
pub(crate) fn text_width(size: Size) -> u16 {
    room(size).width.min(size.width.saturating_sub(FRAME.width))
}

/// Rows of a popup's list, its last two being for the keys.
pub(crate) fn page(size: Size) -> usize {
    usize::from(room(size).height.saturating_sub(2)).max(1)
}

/// Writes what keys do, and lets each be clicked. With little room Esc goes last.
pub(crate) fn keys<'k>(
    row: &mut Row<'_>,
    keys: impl IntoIterator<Item = &'k str>,
    hits: &mut ViewHits,
    theme: &Theme,
) {
    const GAP: &str = " · ";
    let mut keys: Vec<&str> = keys.into_iter().collect();
    while fit::width(&keys.join(GAP)) > row.room() {
        match keys.iter().rposition(|key| !key.starts_with("Esc ")) {
            Some(last) => drop(keys.remove(last)),
            None => drop(keys.pop()),
        }
    }
    for (nth, key) in keys.iter().enumerate() {
        row.left(if nth > 0 { GAP } else { "" }, theme.dim);
        let x = row.x();
        let (name, what) = key.split_once(' ').unwrap_or((key, ""));
        row.left(name, theme.plain).left(if what.is_empty() { "" } else { " " }, theme.dim);
        row.left(what, theme.dim);
        hits.extend(named(name).map(|key| (row.since(x), Hit::Key(key))));
    }
}

/// Writes at the right end which lines are on the screen, `1-22 of 31`, unless all are.
pub(crate) fn position(
    row: &mut Row<'_>,
    (top, page): (usize, usize),
    lines: usize,
    theme: &Theme,
) {
    if lines > page {
        let end = (top + page).min(lines);
        row.right(&format!("{}-{end} of {lines}", top + 1), theme.dim).skip_right(1);
    }
}

/// The key of a name as a hint shows it.
pub(crate) fn named(name: &str) -> Option<Key> {
    let lower = || name.to_lowercase().parse().ok();
    name.parse().ok().or_else(lower)
}

/// Draws a box exactly here; returns the room inside.
pub(crate) fn framed(title: &str, place: Rect, buffer: &mut Buffer, theme: &Theme) -> Rect {
    let place = place.intersection(*buffer.area());
    halve_wide(place, buffer);
    Clear.render(place, buffer);
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.focused_frame)
        .render(place, buffer);
    if !title.is_empty() {
        let top = Rect { x: place.x + 2, width: place.width.saturating_sub(4), ..place };
        let title = format!(" {title} ");
        Row::new(buffer, top).left(&title, theme.title);
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
