//! Painter: turns a frame into bytes for the terminal, only for what changed, independent of the terminal's idea of the
//! width of a character.
//!
//! Terminals disagree about the width of emoji, of characters that are joined from several, and of many scripts. A row of
//! plain characters of one column is changed cell by cell. Any other row is erased and painted as a whole when it changes,
//! and the cursor is set to its column after each character of uncertain width. So the cells of a row depend on that
//! row alone, and no half of a wide character remains.
//!
//! On a slow line a frame is painted in pieces: first a new line of output and the row of the cursor, so that a typed key
//! does not wait for other output.
//! **Invariant:** the picture after any sequence of complete frames is the picture of the last frame on a blank terminal.

use std::ops::Range;

use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::layout::{Position, Rect};

use super::cell_writer::CellWriter;
use super::scroll;
use crate::scrollback::symbol;

pub(crate) struct Painter {
    out: CellWriter,
    /// What the terminal shows.
    shown: Buffer,
    /// The frame that is painted.
    frame: Buffer,
    cursor: Option<Position>,
    /// Whether the terminal has to be erased first.
    erased: bool,
    /// Whether rows may have to be moved.
    new: bool,
}

/// Bytes for the terminal.
pub(crate) struct Painted {
    pub(crate) bytes: Vec<u8>,
    /// Whether the terminal shows the whole frame with them.
    pub(crate) complete: bool,
}

impl Painter {
    pub(crate) fn new(area: Rect) -> Self {
        Self {
            out: CellWriter::default(),
            shown: Buffer::empty(area),
            frame: Buffer::empty(area),
            cursor: None,
            erased: false,
            new: false,
        }
    }

    /// Erases the terminal with the next bytes; all of the frame is painted again.
    pub(crate) fn clear(&mut self) {
        self.erased = true;
    }

    /// Takes a frame of this area. `draw` gets a blank buffer, and returns the position of a visible cursor.
    pub(crate) fn draw(&mut self, area: Rect, draw: impl FnOnce(&mut Buffer) -> Option<Position>) {
        if self.shown.area != area {
            self.shown.resize(area);
            self.clear();
        }
        self.frame.resize(area);
        self.frame.reset();
        self.cursor = draw(&mut self.frame);
        self.new = true;
    }

    /// Paints the frame, or where that takes more than about `most` bytes, the next part of it.
    pub(crate) fn paint(&mut self, most: usize) -> Painted {
        if std::mem::take(&mut self.erased) {
            self.out.forget();
            self.out.erase();
            self.shown.reset();
        }
        let freed = if std::mem::take(&mut self.new) { self.scroll() } else { 0..0 };
        // A row that was painted does not differ any more.
        let first = self.cursor.map(|cursor| cursor.y).filter(|y| *y < self.frame.area.height);
        // The cursor is in a single new row already.
        let (new, more) = if freed.len() == 1 { (freed, 0..0) } else { (0..0, freed) };
        let rows = new.chain(first).chain(more).chain(0..self.frame.area.height);
        let mut complete = true;
        for y in rows {
            let row = self.row(y);
            if self.shown.content[row.clone()] == self.frame.content[row.clone()] {
                continue;
            }
            if self.out.bytes.len() >= most {
                complete = false;
                break;
            }
            self.paint_row(y);
            self.shown.content[row.clone()].clone_from_slice(&self.frame.content[row]);
        }
        self.out.cursor(self.cursor);
        Painted { bytes: std::mem::take(&mut self.out.bytes), complete }
    }

    /// The cells of a row.
    fn row(&self, y: u16) -> Range<usize> {
        let width = usize::from(self.frame.area.width);
        let start = usize::from(y) * width;
        start..(start + width).min(self.frame.content.len())
    }

    /// Moves what the terminal shows to where the frame has it; returns the rows that became free.
    fn scroll(&mut self) -> Range<u16> {
        let Some(scroll) = scroll::find(&self.shown, &self.frame) else { return 0..0 };
        let width = usize::from(self.frame.area.width);
        let cells = &mut self.shown.content[scroll.rows.start * width..scroll.rows.end * width];
        let moved = width * usize::try_from(scroll.up.unsigned_abs()).unwrap_or(0);
        let free = if scroll.up > 0 {
            cells.rotate_left(moved);
            cells.len() - moved..cells.len()
        } else {
            cells.rotate_right(moved);
            0..moved
        };
        cells[free.clone()].fill(Cell::EMPTY);
        let row = |y: usize| u16::try_from(y).unwrap_or(u16::MAX);
        self.out.scroll(row(scroll.rows.start), row(scroll.rows.end), scroll.up);
        let first = scroll.rows.start;
        row(first + free.start / width)..row(first + free.end / width)
    }

    fn paint_row(&mut self, y: u16) {
        let row = self.row(y);
        let (before, now) = (&self.shown.content[row.clone()], &self.frame.content[row]);
        if before.iter().chain(now).all(is_narrow) {
            return self.out.changed_cells(y, before, now);
        }
        self.out.move_to(Position { x: 0, y });
        self.out.erase_row();
        let mut x = 0;
        while let Some(cell) = now.get(usize::from(x)) {
            if *cell == Cell::EMPTY {
                // It is blank already.
            } else if has_known_width(cell.symbol()) {
                self.out.cell(x, y, cell, now.len());
            } else {
                self.out.cell_as(x, y, cell, &symbol(cell.symbol()));
            }
            x += cell.symbol().cell_width().max(1);
        }
    }
}

/// Whether a cell holds one character that takes one column on every terminal.
fn is_narrow(cell: &Cell) -> bool {
    let symbol = cell.symbol();
    symbol.len() == 1 || (has_known_width(symbol) && symbol.cell_width() == 1)
}

/// Whether all terminals give a symbol the same width: it is one character, of a script without joined characters, with
/// the same width in all versions of Unicode.
fn has_known_width(symbol: &str) -> bool {
    let mut chars = symbol.chars();
    let (Some(c), None) = (chars.next(), chars.next()) else { return false };
    matches!(c,
        ' '..='~'
        // Latin, Greek and Cyrillic letters.
        | '\u{a0}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}'
        // Punctuation, arrows, mathematics, boxes, blocks and shapes.
        | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{2070}'..='\u{20cf}' | '\u{2190}'..='\u{22ff}'
        | '\u{2500}'..='\u{25fc}'
        // The signs of this program that are not among them.
        | '✓' | '✗' | '❯'
        // Two columns: Japanese, Chinese, Korean, and full-width forms.
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{ff01}'..='\u{ff60}'
    )
}

#[cfg(test)]
#[path = "painter_tests.rs"]
mod tests;
