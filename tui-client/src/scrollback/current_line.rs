//! The open line of a stream: appended to or edited, then added to the store.

use std::borrow::Cow;

use super::cells::{Cells, EDIT_COLUMNS, MAX_MARKS};
use super::characters::{Glyph, glyph};
use super::chunk::LineFacts;
use super::line::{Line, LineKind, Span, Spans};
use super::store::Store;
use super::style::TextStyle;

/// The most columns of a real window.
const WINDOW: usize = 256;

/// The part of a line that CSI K erases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Erase {
    Right,
    Left,
    All,
}

/// A line without its end.
#[derive(Debug)]
pub(crate) struct OpenLine {
    kind: LineKind,
    text: String,
    spans: Vec<Span>,
    ascii: bool,
    column: usize,
    marks: u8,
    /// A carriage return came: the next character overwrites; a line end only ends the line.
    returned: bool,
    /// The cells of the line, once something was overwritten.
    cells: Option<Cells>,
    continues: bool,
    /// Something was printed, even if it was erased again.
    touched: bool,
}

impl OpenLine {
    pub(crate) fn new(kind: LineKind) -> Self {
        Self {
            kind,
            text: String::new(),
            spans: Vec::new(),
            ascii: true,
            column: 0,
            marks: 0,
            returned: false,
            cells: None,
            continues: false,
            touched: false,
        }
    }

    /// Opens a line from the store again, with the cursor at its end.
    pub(crate) fn again(text: String, spans: Vec<Span>, facts: LineFacts) -> Self {
        let width = |c| match glyph(c) {
            Glyph::Wide(width) => usize::from(width),
            Glyph::Replaced => 1,
            Glyph::Mark | Glyph::Dropped => 0,
        };
        let column = if facts.ascii { text.len() } else { text.chars().map(width).sum() };
        let marks = text.chars().rev().take_while(|c| glyph(*c) == Glyph::Mark).count();
        Self {
            text,
            spans,
            ascii: facts.ascii,
            column,
            marks: u8::try_from(marks).unwrap_or(MAX_MARKS),
            continues: facts.continues,
            touched: true,
            ..Self::new(facts.kind)
        }
    }

    pub(crate) fn kind(&self) -> LineKind {
        self.kind
    }

    /// Whether it continues the line before, which was too long.
    pub(crate) fn continues(&self) -> bool {
        self.continues
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.touched
    }

    /// Appends or overwrites characters with a width of `columns` in all.
    pub(crate) fn put(&mut self, run: &str, columns: usize, style: TextStyle, store: &mut Store) {
        if run.is_empty() {
            return;
        }
        let plain = self.cells.is_none() && !self.returned;
        if plain && self.text.len() + run.len() <= store.chunk_bytes() {
            self.append(run, columns, style);
            return;
        }
        for c in run.chars() {
            let width = match glyph(c) {
                Glyph::Wide(width) => width,
                _ => 1,
            };
            self.make_room(c.len_utf8(), width, store);
            match &mut self.cells {
                Some(cells) => cells.put(c, width, style),
                None => {
                    self.append(c.encode_utf8(&mut [0; 4]), usize::from(width), style);
                }
            }
        }
    }

    /// Adds a combining mark to the character before; drops it without one.
    pub(crate) fn mark(&mut self, mark: char) {
        if let Some(cells) = &mut self.cells {
            cells.mark(mark);
        } else if !self.returned && !self.text.is_empty() && self.marks < MAX_MARKS {
            self.text.push(mark);
            self.ascii = false;
            self.marks += 1;
        }
    }

    pub(crate) fn tab(&mut self, store: &mut Store) {
        self.make_room(8, 8, store);
        if let Some(cells) = &mut self.cells {
            cells.tab();
            return;
        }
        let columns = 8 - self.column % 8;
        self.append(&"        "[..columns], columns, TextStyle::default());
    }

    pub(crate) fn carriage_return(&mut self) {
        match &mut self.cells {
            Some(cells) => cells.go_to(0),
            None => self.returned = true,
        }
    }

    pub(crate) fn backspace(&mut self) {
        if let Some(cells) = &mut self.cells {
            cells.back();
        } else if !self.returned && self.column > 0 && self.column < EDIT_COLUMNS {
            self.edit(self.column - 1);
        }
    }

    /// Column of the next character.
    pub(crate) fn cursor(&self) -> usize {
        match &self.cells {
            Some(cells) => cells.cursor(),
            None if self.returned => 0,
            None => self.column,
        }
    }

    /// Moves within the line. Up to the width of a real window, a move past its end leaves blanks; a larger column only
    /// means the window's edge, which is not known here.
    pub(crate) fn go_to(&mut self, column: usize, store: &mut Store) {
        let end = self.cells.as_ref().map_or(self.column, Cells::len);
        let to = if column > end && column >= WINDOW { end } else { column };
        if let Some(cells) = &mut self.cells {
            cells.go_to(to);
        } else if to == 0 {
            self.returned = true;
        } else if self.column < EDIT_COLUMNS {
            self.returned = false;
            if to < self.column {
                self.edit(to);
            } else if to > self.column {
                let blanks = to - self.column;
                self.make_room(blanks, 0, store);
                self.append(&" ".repeat(blanks), blanks, TextStyle::default());
            }
        }
    }

    pub(crate) fn erase(&mut self, what: Erase) {
        if self.cells.is_none() {
            // At the end of the line there is nothing to the right. A line that is too long to edit is left as it is.
            if self.column >= EDIT_COLUMNS || (what == Erase::Right && !self.returned) {
                return;
            }
            if self.returned && what != Erase::Left {
                // Most progress bars do this before each step.
                self.returned = false;
                self.clear_text();
                return;
            }
            self.edit(if self.returned { 0 } else { self.column });
        }
        let Some(cells) = &mut self.cells else { return };
        match what {
            Erase::Right => cells.erase_right(),
            Erase::Left => cells.erase_left(),
            Erase::All => cells.erase(),
        }
        if cells.is_blank_at_start() {
            self.cells = None;
            self.column = 0;
        }
    }

    /// Ends the line and adds it to the store.
    pub(crate) fn end(&mut self, store: &mut Store) {
        self.store(store, false);
    }

    /// Ends the stream: adds what is left of the line to the store.
    pub(crate) fn finish(&mut self, store: &mut Store) {
        self.append_again();
        if self.text.is_empty() {
            *self = Self::new(self.kind);
        } else {
            self.store(store, false);
        }
    }

    pub(crate) fn line(&self, number: u64) -> Line<'_> {
        let (text, spans, ascii) = match &self.cells {
            None => (Cow::Borrowed(&*self.text), Cow::Borrowed(&*self.spans), self.ascii),
            Some(cells) => {
                let (mut text, mut spans) = (String::new(), Vec::new());
                cells.write_to(&mut text, &mut spans);
                let ascii = text.is_ascii();
                (text.into(), spans.into(), ascii)
            }
        };
        let spans = Spans::Own(spans);
        Line { number, kind: self.kind, continues: self.continues, ascii, text, spans }
    }

    /// Prepares for a character: edits the line after a return, and starts a new line where this one is full.
    fn make_room(&mut self, bytes: usize, width: u8, store: &mut Store) {
        if let Some(cells) = &self.cells {
            if !cells.has_room(width) {
                // Only the very end of the line cannot be edited.
                self.erase(Erase::Right);
                self.append_again();
            }
        } else if self.returned {
            if self.column < EDIT_COLUMNS {
                self.edit(0);
            } else {
                // No window is that wide, so this is not a progress bar. Keep it.
                self.store(store, false);
            }
        }
        if self.cells.is_none() && self.text.len() + bytes > store.chunk_bytes() {
            self.store(store, true);
        }
        self.touched = true;
    }

    fn edit(&mut self, cursor: usize) {
        self.returned = false;
        if self.text.is_empty() {
            self.column = 0;
            return;
        }
        self.cells = Some(Cells::new(&self.text, &self.spans, cursor));
        self.clear_text();
    }

    fn append_again(&mut self) {
        if let Some(cells) = self.cells.take() {
            self.clear_text();
            cells.write_to(&mut self.text, &mut self.spans);
            self.ascii = self.text.is_ascii();
            self.column = cells.len();
        }
    }

    fn clear_text(&mut self) {
        self.text.clear();
        self.spans.clear();
        self.ascii = true;
        self.column = 0;
        self.marks = 0;
    }

    fn store(&mut self, store: &mut Store, continues: bool) {
        self.append_again();
        let facts = LineFacts { kind: self.kind, continues: self.continues, ascii: self.ascii };
        store.push(&self.text, &self.spans, facts);
        self.clear_text();
        self.returned = false;
        self.touched = false;
        self.continues = continues;
    }

    fn append(&mut self, run: &str, columns: usize, style: TextStyle) {
        let current = self.spans.last().map_or(TextStyle::default(), |span| span.style);
        if current != style {
            self.spans.push(Span { start: self.text.len() as u32, style });
        }
        self.text.push_str(run);
        // ASCII takes one column a byte.
        self.ascii &= run.len() == columns && run.is_ascii();
        self.column += columns;
        self.marks = 0;
        self.touched = true;
    }
}
