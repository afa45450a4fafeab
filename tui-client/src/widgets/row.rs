//! Writing into one row of the buffer from both of its ends, so that nothing overlaps.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text::fit;

/// What is still free of a row.
pub(crate) struct Row<'b> {
    buffer: &'b mut Buffer,
    x: u16,
    end: u16,
    y: u16,
}

impl<'b> Row<'b> {
    /// The first row of an area.
    pub(crate) fn new(buffer: &'b mut Buffer, area: Rect) -> Self {
        let area = area.intersection(*buffer.area());
        let end = if area.height == 0 { area.x } else { area.right() };
        Self { buffer, x: area.x, end, y: area.y }
    }

    pub(crate) fn at(buffer: &'b mut Buffer, area: Rect, y: u16) -> Self {
        let top = area.y.saturating_add(y);
        let height = u16::from(top < area.bottom());
        Self::new(buffer, Rect { y: top, height, ..area })
    }

    /// Free columns.
    pub(crate) fn room(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    /// Where the next text from the left begins.
    pub(crate) fn x(&self) -> u16 {
        self.x
    }

    /// What was written from the left, from this column on.
    pub(crate) fn since(&self, x: u16) -> Rect {
        Rect { x, y: self.y, width: self.x.saturating_sub(x), height: 1 }
    }

    /// What is free of it.
    pub(crate) fn free(&self) -> Rect {
        Rect { x: self.x, y: self.y, width: self.end.saturating_sub(self.x), height: 1 }
    }

    /// Writes from the left, cut to what is free.
    pub(crate) fn left(&mut self, text: &str, style: Style) -> &mut Self {
        if self.room() > 0 {
            let text = fit::cut(text, self.room());
            (self.x, _) = self.buffer.set_stringn(self.x, self.y, &text, self.room(), style);
        }
        self
    }

    /// Leaves columns free on the left.
    pub(crate) fn skip(&mut self, columns: u16) -> &mut Self {
        self.x = self.x.saturating_add(columns).min(self.end);
        self
    }

    /// Leaves columns free on the right.
    pub(crate) fn skip_right(&mut self, columns: u16) -> &mut Self {
        self.end = self.end.saturating_sub(columns).max(self.x);
        self
    }

    /// Writes at the right, if all of it fits.
    pub(crate) fn right(&mut self, text: &str, style: Style) -> &mut Self {
        let width = fit::columns(text);
        if usize::from(width) <= self.room() && width > 0 {
            self.end -= width;
            self.buffer.set_stringn(self.end, self.y, text, usize::from(width), style);
        }
        self
    }

    /// Writes from the left into a column of this width, and goes to its end.
    pub(crate) fn column(&mut self, text: &str, width: usize, style: Style) -> &mut Self {
        let start = self.x;
        let width = width.min(self.room());
        let text = fit::cut(text, width);
        self.buffer.set_stringn(self.x, self.y, &text, width, style);
        self.x = start + u16::try_from(width).unwrap_or(0);
        self
    }
}

/// Draws a text in the rows of an area, behind a sign in the first row; the further rows begin below the text.
pub(crate) fn wrapped(
    buffer: &mut Buffer,
    area: Rect,
    (sign, sign_style): (&str, Style),
    text: &str,
    style: Style,
) {
    let indent = fit::columns(sign);
    let room = usize::from(area.width.saturating_sub(indent));
    let lines = fit::wrap_rows(text, room, usize::from(area.height));
    for (y, line) in (0..area.height).zip(&lines) {
        let mut row = Row::at(buffer, area, y);
        if y == 0 {
            row.left(sign, sign_style);
        } else {
            row.skip(indent);
        }
        row.left(line, style);
    }
}

/// Empties a row.
pub(crate) fn clear(buffer: &mut Buffer, area: Rect) {
    for at in area.intersection(*buffer.area()).positions() {
        buffer[at].reset();
    }
}

/// Draws a line from an area's left to its right.
pub(crate) fn rule(buffer: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(*buffer.area());
    if area.height > 0 {
        for x in area.left()..area.right() {
            buffer[(x, area.y)].set_symbol("─").set_style(style);
        }
    }
}

/// Draws a line down a column.
pub(crate) fn seam(buffer: &mut Buffer, x: u16, from: u16, to: u16, style: Style) {
    for y in from..to {
        if buffer.area().contains((x, y).into()) {
            buffer[(x, y)].set_symbol("│").set_style(style);
        }
    }
}

/// Puts one sign over what is there, as where lines meet.
pub(crate) fn sign(buffer: &mut Buffer, x: u16, y: u16, sign: &str, style: Style) {
    if buffer.area().contains((x, y).into()) {
        buffer[(x, y)].set_symbol(sign).set_style(style);
    }
}
