//! Rows: the lines of a stream that are not in the store, from the one with the cursor down.
//!
//! A program that shows progress moves the cursor up and rewrites its last lines. A move up takes the last line out of the
//! store, a move down puts it back. So a stream that only appends has one line here.

use super::current_line::{Erase, OpenLine};
use super::line::{Line, LineKind};
use super::store::Store;

/// Number of last lines of a stream that can be rewritten. Moves further up stop there.
pub(crate) const REWRITABLE: usize = 50;

#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) line: OpenLine,
    /// The lines below it, the last one first.
    below: Vec<OpenLine>,
}

impl Rows {
    pub(crate) fn new(kind: LineKind) -> Self {
        Self { line: OpenLine::new(kind), below: Vec::new() }
    }

    /// Number of lines to show.
    pub(crate) fn count(&self) -> usize {
        let blank = self.below.iter().take_while(|line| !line.is_begun()).count();
        match self.below.len() - blank {
            0 => usize::from(self.line.is_begun()),
            below => 1 + below,
        }
    }

    pub(crate) fn line(&self, nth: usize, number: u64) -> Line<'_> {
        let below = nth.checked_sub(1).map(|nth| &self.below[self.below.len() - 1 - nth]);
        below.unwrap_or(&self.line).line(number)
    }

    /// Ends the line; the cursor moves to the beginning of the next one.
    pub(crate) fn end(&mut self, store: &mut Store) {
        self.line.end(store);
        if let Some(next) = self.below.pop() {
            self.line = next;
            self.line.carriage_return();
        }
    }

    /// Moves up, as far as there are rewritable lines.
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

    /// Moves down, but not past the last line.
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

    pub(crate) fn erase_below(&mut self) {
        self.line.erase(Erase::Right);
        let kind = self.line.kind();
        self.below.iter_mut().for_each(|line| *line = OpenLine::new(kind));
    }

    /// Ends the stream: adds the open lines to the store.
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
