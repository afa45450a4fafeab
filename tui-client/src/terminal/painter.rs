//! Painter: writes a frame to the terminal, only the cells that changed, independent of the terminal's idea of the width
//! of a character.
//!
//! Terminals disagree about the width of emoji, of characters that are joined from several, and of many scripts. A row of
//! plain characters of one column is changed cell by cell. Any other row is erased and painted as a whole when it changes,
//! and the cursor is set to its column after each character whose width may differ. So the cells of a row depend on that
//! row alone, and no half of a wide character remains.
//! **Invariant:** the picture after any sequence of frames is the picture of the last frame on a blank terminal.

use std::io::{self, Write};

use crossterm::terminal::{Clear, ClearType};
use crossterm::{cursor, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::layout::{Position, Rect};

use crate::scrollback::symbol;

pub(crate) struct Painter<W: Write> {
    backend: CrosstermBackend<W>,
    shown: Buffer,
    spare: Buffer,
}

impl<W: Write> Painter<W> {
    pub(crate) fn new(out: W, area: Rect) -> Self {
        Self {
            backend: CrosstermBackend::new(out),
            shown: Buffer::empty(area),
            spare: Buffer::empty(area),
        }
    }

    /// The backend, for bytes beside the frames.
    pub(crate) fn out(&mut self) -> &mut CrosstermBackend<W> {
        &mut self.backend
    }

    /// Erases the terminal; the next frame draws everything.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        queue!(self.backend, Clear(ClearType::All))?;
        self.shown.reset();
        Ok(())
    }

    /// Draws a frame of this area. `draw` gets a blank buffer, and returns the position of a visible cursor.
    pub(crate) fn draw(
        &mut self,
        area: Rect,
        draw: impl FnOnce(&mut Buffer) -> Option<Position>,
    ) -> io::Result<()> {
        if self.shown.area != area {
            self.shown.resize(area);
            self.spare.resize(area);
            self.clear()?;
        }
        let mut next = std::mem::take(&mut self.spare);
        next.resize(area);
        next.reset();
        let cursor = draw(&mut next);
        self.paint(&next)?;
        self.spare = std::mem::replace(&mut self.shown, next);
        match cursor {
            Some(Position { x, y }) => queue!(self.backend, cursor::Show, cursor::MoveTo(x, y)),
            None => queue!(self.backend, cursor::Hide),
        }
    }

    fn paint(&mut self, next: &Buffer) -> io::Result<()> {
        let width = usize::from(next.area.width).max(1);
        let rows = self.shown.content.chunks(width).zip(next.content.chunks(width));
        let mut changed = Vec::new();
        let mut whole = Vec::new();
        for (y, (before, now)) in (0..).zip(rows) {
            if before == now {
                continue;
            }
            if before.iter().chain(now).all(is_narrow) {
                let cells = (0..).zip(before.iter().zip(now));
                changed.extend(cells.filter(|(_, (a, b))| a != b).map(|(x, (_, b))| (x, y, b)));
            } else {
                whole.push((y, now));
            }
        }
        draw(&mut self.backend, changed.into_iter())?;
        for (y, row) in whole {
            paint_row(&mut self.backend, y, row)?;
        }
        Ok(())
    }
}

fn paint_row(backend: &mut impl BackendWrite, y: u16, row: &[Cell]) -> io::Result<()> {
    queue!(backend, cursor::MoveTo(0, y), Clear(ClearType::UntilNewLine))?;
    let mut segment = Vec::new();
    let mut x = 0;
    while let Some(cell) = row.get(usize::from(x)) {
        if has_known_width(cell.symbol()) {
            segment.push((x, y, cell));
        } else {
            // Each call of `draw` sets the cursor first.
            draw(backend, segment.drain(..))?;
            let mut alone = cell.clone();
            alone.set_symbol(&symbol(cell.symbol()));
            draw(backend, std::iter::once((x, y, &alone)))?;
        }
        x += cell.symbol().cell_width().max(1);
    }
    draw(backend, segment.into_iter())
}

fn draw<'c>(
    backend: &mut impl BackendWrite,
    cells: impl ExactSizeIterator<Item = (u16, u16, &'c Cell)>,
) -> io::Result<()> {
    if cells.len() == 0 { Ok(()) } else { backend.draw(cells) }
}

trait BackendWrite: Backend<Error = io::Error> + Write {}
impl<W: Write> BackendWrite for CrosstermBackend<W> {}

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
        | '✓' | '✗' | '❯' | char::REPLACEMENT_CHARACTER
        // Two columns: Japanese, Chinese, Korean, and full-width forms.
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{ff01}'..='\u{ff60}'
    )
}

#[cfg(test)]
#[path = "painter_tests.rs"]
mod tests;
