//! Cells of a line that a program edits, such as a progress bar: one cell a column, as on a terminal. Most lines never
//! need them.

use std::collections::BTreeMap;

use super::characters::{Glyph, glyph};
use super::line::Span;
use super::style::TextStyle;

/// Most combining marks on one character; more are dropped.
pub(crate) const MAX_MARKS: u8 = 8;
/// The most columns that can be edited. A terminal can go back within one row of its window; a line longer than any
/// window is only appended to.
pub(crate) const EDIT_COLUMNS: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Cell {
    c: char,
    /// 0 for the other columns of a wide character.
    width: u8,
    style: TextStyle,
}

impl Cell {
    const BLANK: Self = Self { c: ' ', width: 1, style: TextStyle::PLAIN };
}

#[derive(Clone, Debug)]
pub(crate) struct Cells {
    cells: Vec<Cell>,
    /// The combining marks, by column.
    marks: BTreeMap<usize, String>,
    cursor: usize,
}

impl Cells {
    /// The cells of a line, with the cursor at this column.
    pub(crate) fn new(text: &str, spans: &[Span], cursor: usize) -> Self {
        let mut this =
            Self { cells: Vec::with_capacity(text.len()), marks: BTreeMap::new(), cursor: 0 };
        let mut spans = spans.iter().peekable();
        let mut style = TextStyle::default();
        for (at, c) in text.char_indices() {
            while let Some(span) = spans.next_if(|span| span.start as usize <= at) {
                style = span.style;
            }
            match glyph(c) {
                Glyph::Mark => this.mark(c),
                Glyph::Wide(width) => this.put(c, width, style),
                Glyph::Replaced => this.put(c, 1, style),
                Glyph::Dropped => {}
            }
        }
        this.cursor = cursor.min(this.cells.len());
        this
    }

    pub(crate) fn has_room(&self, width: u8) -> bool {
        self.cursor + usize::from(width) <= EDIT_COLUMNS
    }

    pub(crate) fn put(&mut self, c: char, width: u8, style: TextStyle) {
        let end = self.cursor + usize::from(width);
        if width == 1
            && let Some(cell) = self.cells.get_mut(self.cursor)
            && cell.width == 1
        {
            *cell = Cell { c, width, style };
            if !self.marks.is_empty() {
                self.marks.remove(&self.cursor);
            }
            self.cursor = end;
            return;
        }
        for column in self.cursor..end {
            self.blank(column);
        }
        if self.cells.len() < end {
            self.cells.resize(end, Cell::BLANK);
        }
        for (i, cell) in self.cells[self.cursor..end].iter_mut().enumerate() {
            *cell = Cell { c, width: if i == 0 { width } else { 0 }, style };
        }
        self.cursor = end;
    }

    /// Adds a combining mark to the character before the cursor.
    pub(crate) fn mark(&mut self, mark: char) {
        let Some(last) = self.cursor.checked_sub(1).filter(|i| *i < self.cells.len()) else {
            return;
        };
        let marks = self.marks.entry(self.head(last)).or_default();
        if marks.chars().count() < usize::from(MAX_MARKS) {
            marks.push(mark);
        }
    }

    /// Moves to the next tab stop and keeps what is there.
    pub(crate) fn tab(&mut self) {
        self.go_to((self.cursor / 8 + 1) * 8);
    }

    /// Moves to a column; columns that were never printed become blank.
    pub(crate) fn go_to(&mut self, column: usize) {
        self.cursor = column;
        if self.cells.len() < column {
            self.cells.resize(column, Cell::BLANK);
        }
    }

    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(crate) fn back(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    pub(crate) fn erase_right(&mut self) {
        self.blank(self.cursor);
        self.cells.truncate(self.cursor);
        self.marks.split_off(&self.cursor);
    }

    pub(crate) fn erase_left(&mut self) {
        self.blank(self.cursor);
        let end = (self.cursor + 1).min(self.cells.len());
        self.cells[..end].fill(Cell::BLANK);
        self.marks = self.marks.split_off(&end);
    }

    /// Erases all; the cursor stays.
    pub(crate) fn erase(&mut self) {
        self.cells.clear();
        self.marks.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn is_blank_at_start(&self) -> bool {
        self.cells.is_empty() && self.cursor == 0
    }

    /// Writes the cells as text with style spans.
    pub(crate) fn write_to(&self, text: &mut String, spans: &mut Vec<Span>) {
        let mut style = TextStyle::default();
        for (column, cell) in self.cells.iter().enumerate().filter(|(_, cell)| cell.width > 0) {
            if cell.style != style {
                style = cell.style;
                spans.push(Span { start: text.len() as u32, style });
            }
            text.push(cell.c);
            text.push_str(self.marks.get(&column).map_or("", String::as_str));
        }
    }

    /// Blanks the whole character at this column, if there is one.
    fn blank(&mut self, column: usize) {
        if column >= self.cells.len() {
            return;
        }
        let head = self.head(column);
        let width = usize::from(self.cells[head].width.max(1));
        let end = (head + width).min(self.cells.len());
        self.cells[head..end].fill(Cell::BLANK);
        self.marks.remove(&head);
    }

    fn head(&self, mut column: usize) -> usize {
        while column > 0 && self.cells[column].width == 0 {
            column -= 1;
        }
        column
    }
}
