//! The output of one command: two streams, the lines they wrote, and markers between them.

use std::ops::Range;

use super::characters::{clean, grouped};
use super::chunk::LineFacts;
use super::line::{Line, LineKind};
use super::parser::StreamParser;
use super::store::{Caps, Store};

/// One of the two streams of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What one command printed.
///
/// Lines are numbered from 0 in the order in which they ended; open lines come after them, standard output's before
/// standard error's: the line without an end yet, or the line that the cursor was moved up to and those below it.
/// Numbers stay when older lines are dropped.
#[derive(Debug)]
pub struct Block {
    id: u64,
    folded: bool,
    finished: bool,
    store: Store,
    stdout: StreamParser,
    stderr: StreamParser,
    /// The lines that a reader who stands still has seen, or could have.
    pub(crate) seen: u64,
}

impl Block {
    /// An empty block under the caller's own number.
    #[must_use]
    pub fn new(id: u64, caps: Caps) -> Self {
        Self {
            id,
            folded: false,
            finished: false,
            store: Store::new(caps),
            stdout: StreamParser::new(LineKind::Stdout),
            stderr: StreamParser::new(LineKind::Stderr),
            seen: 0,
        }
    }

    /// The caller's number for it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether only its header is shown, and its newest line while more may come.
    #[must_use]
    pub fn is_folded(&self) -> bool {
        self.folded
    }

    /// Shows the header and the newest line to come only, or all lines.
    pub fn set_folded(&mut self, folded: bool) {
        self.folded = folded;
    }

    /// Whether [`finish`](Self::finish) was called.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes the next bytes of a stream, cut anywhere.
    pub fn push(&mut self, channel: Channel, bytes: &[u8]) {
        match channel {
            Channel::Stdout => self.stdout.push(bytes, &mut self.store),
            Channel::Stderr => self.stderr.push(bytes, &mut self.store),
        }
    }

    /// Puts a line between those of the program, as after a gap: open lines end here, and what
    /// follows is read afresh, in plain style.
    pub fn push_marker(&mut self, text: &str) {
        self.end_streams();
        self.mark(text);
    }

    /// Says that bytes are missing here.
    pub fn push_gap(&mut self, bytes: u64) {
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        self.push_marker(&format!("… {} {unit} skipped", grouped(bytes)));
    }

    /// Says that no more will come: open lines end, spare memory is given back.
    pub fn finish(&mut self) {
        self.end_streams();
        self.store.seal();
        self.finished = true;
    }

    /// The numbers of the lines to show: the oldest may be the word about those dropped, the newest
    /// may still be without their ends.
    #[must_use]
    pub fn lines(&self) -> Range<u64> {
        let stored = self.store.range();
        stored.start..self.open_lines(Channel::Stderr).end
    }

    /// The lines below its header: of a folded block the newest one while more may come, then none.
    pub(crate) fn shown(&self) -> Range<u64> {
        let lines = self.lines();
        let start = match (self.folded, self.finished) {
            (false, _) => lines.start,
            (true, false) => lines.start.max(lines.end.saturating_sub(1)),
            (true, true) => lines.end,
        };
        start..lines.end
    }

    /// A line by its number.
    #[must_use]
    pub fn line(&self, number: u64) -> Option<Line<'_>> {
        if number < self.store.next() {
            return self.store.line(number);
        }
        let channel = self.open_channel(number)?;
        let nth = number - self.open_lines(channel).start;
        Some(self.feed(channel).open_line(nth as usize, number))
    }

    /// How many lines were dropped to stay within the caps.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.store.dropped()
    }

    /// The memory that its finished lines take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Lines as plain text, with line ends between them and none after the last: for copying and
    /// saving. A line that was too long to keep in one is whole again; markers are included, so
    /// that a copy does not hide what is missing.
    #[must_use]
    pub fn plain_text(&self, lines: Range<u64>) -> String {
        let kept = self.lines();
        let mut text = String::new();
        let mut before = None;
        for number in lines.start.max(kept.start)..lines.end.min(kept.end) {
            let Some(line) = self.line(number) else { continue };
            if before.is_some_and(|kind| !line.continues || kind != line.kind) {
                text.push('\n');
            }
            text.push_str(&line.text);
            before = Some(line.kind);
        }
        text
    }

    /// The stream that has an open line of this number.
    pub(crate) fn open_channel(&self, number: u64) -> Option<Channel> {
        [Channel::Stdout, Channel::Stderr]
            .into_iter()
            .find(|channel| self.open_lines(*channel).contains(&number))
    }

    /// The numbers of a stream's open lines.
    pub(crate) fn open_lines(&self, channel: Channel) -> Range<u64> {
        let out = self.store.next() + self.stdout.open_lines() as u64;
        match channel {
            Channel::Stdout => self.store.next()..out,
            Channel::Stderr => out..out + self.stderr.open_lines() as u64,
        }
    }

    fn feed(&self, channel: Channel) -> &StreamParser {
        match channel {
            Channel::Stdout => &self.stdout,
            Channel::Stderr => &self.stderr,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Drops the oldest lines; the newest piece only if `all`. False: there was nothing to drop.
    pub(crate) fn evict(&mut self, all: bool) -> bool {
        (all || self.store.chunk_count() > 1) && self.store.evict()
    }

    fn end_streams(&mut self) {
        let lost = [self.stdout.finish(&mut self.store), self.stderr.finish(&mut self.store)];
        for text in lost.into_iter().flatten() {
            self.mark(&text);
        }
    }

    fn mark(&mut self, text: &str) {
        let text = clean(text);
        let facts = LineFacts { kind: LineKind::Marker, continues: false, ascii: text.is_ascii() };
        self.store.push(&text, &[], facts);
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
