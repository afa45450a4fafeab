//! Store: the lines of one block in chunks, oldest first, within a cap of lines and a cap of bytes.
//!
//! Beyond a cap, the oldest chunk is dropped. The numbers of the remaining lines do not change.

use std::collections::VecDeque;
use std::ops::Range;

use super::characters::grouped;
use super::chunk::{Chunk, LineFacts};
use super::current_line::OpenLine;
use super::line::{Line, LineKind, Span, Spans};

/// The most text in a chunk, and in a line: a longer line is split.
const CHUNK_BYTES: usize = 64 * 1024;
/// The most lines in a chunk: empty lines have no text to fill it.
const CHUNK_LINES: u64 = 4096;
/// The most styles in a chunk. Lines that are rewritten could otherwise add styles without limit.
const CHUNK_STYLES: usize = 16 * 1024;
/// The longest line that can be rewritten.
const REWRITABLE_BYTES: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caps {
    pub(crate) lines: u64,
    /// Memory: text, line ends, and styles.
    pub(crate) bytes: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { lines: 200_000, bytes: 64 * 1024 * 1024 }
    }
}

impl Caps {
    fn chunk_lines(&self) -> usize {
        (self.lines / 8).clamp(1, CHUNK_LINES) as usize
    }
}

/// The finished lines of a block.
#[derive(Debug)]
pub(crate) struct Store {
    caps: Caps,
    /// From the caps; it is read with every run of text.
    chunk_bytes: usize,
    chunks: VecDeque<Chunk>,
    next: u64,
    bytes: usize,
}

impl Store {
    pub(crate) fn new(caps: Caps) -> Self {
        let chunk_bytes = (caps.bytes / 8).clamp(64, CHUNK_BYTES);
        Self { caps, chunk_bytes, chunks: VecDeque::new(), next: 0, bytes: 0 }
    }

    pub(crate) fn chunk_bytes(&self) -> usize {
        self.chunk_bytes
    }

    pub(crate) fn push(&mut self, text: &str, spans: &[Span], facts: LineFacts) {
        let (most_bytes, most_lines) = (self.chunk_bytes, self.caps.chunk_lines());
        let full = self.chunks.back().is_none_or(|chunk| {
            chunk.text().len() + text.len() > most_bytes
                || chunk.line_count() >= most_lines
                || chunk.style_count() >= CHUNK_STYLES
        });
        if full {
            if let Some(chunk) = self.chunks.back_mut() {
                chunk.seal();
            }
            let chunk = Chunk::new(self.next);
            self.bytes += chunk.cost();
            self.chunks.push_back(chunk);
        }
        let chunk = self.chunks.back_mut().expect("a chunk with room was just made sure of");
        let before = chunk.cost();
        chunk.push(text, spans, facts);
        self.bytes += chunk.cost() - before;
        self.next += 1;
        while self.chunks.len() > 1
            && (self.next - self.dropped() > self.caps.lines || self.bytes > self.caps.bytes)
        {
            self.evict();
        }
    }

    /// Removes the last line and returns it, if it belongs to this stream and is not too long.
    pub(crate) fn pop(&mut self, kind: LineKind) -> Option<OpenLine> {
        let chunk = self.chunks.back_mut()?;
        let last = chunk.line_count().checked_sub(1)?;
        if chunk.line(last).kind != kind || chunk.range(last).len() > REWRITABLE_BYTES {
            return None;
        }
        let before = chunk.cost();
        let (text, spans, facts) = chunk.pop()?;
        self.bytes = self.bytes - before + chunk.cost();
        self.next -= 1;
        // The last chunk stays: its first number tells how many lines were dropped.
        if chunk.line_count() == 0 && self.chunks.len() > 1 {
            self.bytes -= self.chunks.pop_back().map_or(0, |chunk| chunk.cost());
        }
        Some(OpenLine::again(text, spans, facts))
    }

    /// Drops the oldest chunk; returns false if there is none.
    pub(crate) fn evict(&mut self) -> bool {
        let Some(chunk) = self.chunks.pop_front() else { return false };
        self.bytes -= chunk.cost();
        true
    }

    pub(crate) fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    /// Releases the memory that was reserved for more lines.
    pub(crate) fn seal(&mut self) {
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.seal();
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// How many lines were dropped, which is also the number of the first line.
    pub(crate) fn dropped(&self) -> u64 {
        self.chunks.front().map_or(self.next, |chunk| chunk.first)
    }

    /// The lines to show: the stored ones, and the number of the last dropped one for the marker.
    pub(crate) fn range(&self) -> Range<u64> {
        self.dropped().saturating_sub(1)..self.next
    }

    pub(crate) fn line(&self, number: u64) -> Option<Line<'_>> {
        let dropped = self.dropped();
        if dropped > 0 && number == dropped - 1 {
            return Some(self.dropped_marker());
        }
        let chunk = &self.chunks[self.chunk_of(number)?];
        Some(chunk.line((number - chunk.first) as usize))
    }

    pub(crate) fn chunk_of(&self, number: u64) -> Option<usize> {
        if number >= self.next {
            return None;
        }
        self.chunks.partition_point(|chunk| chunk.first <= number).checked_sub(1)
    }

    pub(crate) fn chunk(&self, i: usize) -> Option<&Chunk> {
        self.chunks.get(i)
    }

    fn dropped_marker(&self) -> Line<'static> {
        let dropped = self.dropped();
        let lines = if dropped == 1 { "line" } else { "lines" };
        Line {
            number: dropped - 1,
            kind: LineKind::Marker,
            continues: false,
            ascii: false,
            text: format!("… {} older {lines} dropped", grouped(dropped)).into(),
            spans: Spans::NONE,
        }
    }
}
