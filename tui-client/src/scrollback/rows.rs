//! The lines of a stream that are not in the store: the one with the cursor, and those below it.
//!
//! A program that shows progress moves the cursor up and writes its last lines anew. A move up takes the last line
//! back out of the store, a move down hands it over again. So a stream that only appends has one line here.

use super::current_line::{Erase, OpenLine};
use super::line::{Line, LineKind};
use super::store::Store;

/// The last lines of a stream that can be written anew. Moves further up stop there.
pub(crate) const REWRITABLE: usize = 50;

/// The lines of a stream from the cursor's on.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The line with the cursor.
    pub(crate) line: OpenLine,
    /// The lines below it, the last one first.
    below: Vec<OpenLine>,
}

impl Rows {
    pub(crate) fn new(kind: LineKind) -> Self {
        Self { line: OpenLine::new(kind), below: Vec::new() }
    }

    /// How many lines there are to show.
    pub(crate) fn count(&self) -> usize {
        let blank = self.below.iter().take_while(|line| !line.is_begun()).count();
        match self.below.len() - blank {
            0 => usize::from(self.line.is_begun()),
            below => 1 + below,
        }
    }

    /// The `nth` of them.
    pub(crate) fn line(&self, nth: usize, number: u64) -> Line<'_> {
        let below = nth.checked_sub(1).map(|nth| &self.below[self.below.len() - 1 - nth]);
        below.unwrap_or(&self.line).line(number)
    }

    /// Ends the line; the cursor is at the beginning of the next one.
    pub(crate) fn end(&mut self, store: &mut Store) {
        self.line.end(store);
        if let Some(next) = self.below.pop() {
            self.line = next;
            self.line.carriage_return();
        }
    }

    /// Moves up, as far as there are lines of this stream that can be written anew.
    pub(crate) fn up(&mut self, rows: u16, store: &mut Store) {
        let column = self.line.cursor();
        let mut moved = false;
        for _ in 0..rows {
            let last = self.below.first().unwrap_or(&self.line);
            let lines = self.below.len() + 1 + usize::from(last.is_begun());
            if lines > REWRITABLE || self.line.continues() {
                break;
            }
            let Some(line) = store.pop(self.line.kind()) else { break };
            self.below.push(std::mem::replace(&mut self.line, line));
            moved = true;
        }
        if moved {
            self.line.go_to(column, store);
        }
    }

    /// Moves down, not past the last line.
    pub(crate) fn down(&mut self, rows: u16, store: &mut Store) {
        let column = self.line.cursor();
        let rows = usize::from(rows).min(self.below.len());
        for _ in 0..rows {
            self.end(store);
        }
        if rows > 0 {
            self.line.go_to(column, store);
        }
    }

    /// Erases right of the cursor and below.
    pub(crate) fn erase_below(&mut self) {
        self.line.erase(Erase::Right);
        let kind = self.line.kind();
        self.below.iter_mut().for_each(|line| *line = OpenLine::new(kind));
    }

    /// Hands over what there is at the end of the stream.
    pub(crate) fn finish(&mut self, store: &mut Store) {
        for _ in 1..self.count() {
            self.end(store);
        }
        self.below.clear();
        self.line.finish(store);
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
