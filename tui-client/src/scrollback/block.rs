//! Block: the output of one command, with markers between the lines of its two streams.

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

/// The output of one command.
///
/// Lines are numbered from 0 in the order in which they ended. Open lines come after them, standard output's before
/// standard error's: an incomplete line, or the line that the cursor was moved up to and those below it. Numbers stay
/// when older lines are dropped.
#[derive(Debug)]
pub struct Block {
    id: u64,
    folded: bool,
    finished: bool,
    /// Whether a row above its lines names it. A note has none: its first line says what it is.
    has_header: bool,
    store: Store,
    stdout: StreamParser,
    stderr: StreamParser,
    /// End of the lines that a user who does not follow has seen, or could have.
    pub(crate) seen: u64,
}

impl Block {
    pub(crate) fn new(id: u64, caps: Caps) -> Self {
        Self {
            id,
            folded: false,
            finished: false,
            has_header: true,
            store: Store::new(caps),
            stdout: StreamParser::new(LineKind::Stdout),
            stderr: StreamParser::new(LineKind::Stderr),
            seen: 0,
        }
    }

    /// A finished block without a header, and with these marker lines.
    pub(crate) fn note<'l>(id: u64, caps: Caps, lines: impl Iterator<Item = &'l str>) -> Self {
        let mut block = Self { has_header: false, ..Self::new(id, caps) };
        lines.for_each(|line| block.push_marker(line));
        block.finish();
        block
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn has_header(&self) -> bool {
        self.has_header
    }

    /// Whether only its header is shown, and its newest line until it is finished.
    pub(crate) fn is_folded(&self) -> bool {
        self.folded
    }

    pub(crate) fn set_folded(&mut self, folded: bool) {
        self.folded = folded;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Adds the next bytes of a stream, cut anywhere.
    pub(crate) fn push(&mut self, channel: Channel, bytes: &[u8]) {
        match channel {
            Channel::Stdout => self.stdout.push(bytes, &mut self.store),
            Channel::Stderr => self.stderr.push(bytes, &mut self.store),
        }
    }

    /// Adds a marker line, as after a gap: open lines end here, and the parser starts again in plain style.
    pub(crate) fn push_marker(&mut self, text: &str) {
        self.end_streams();
        self.mark(text);
    }

    pub(crate) fn push_gap(&mut self, bytes: u64) {
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        self.push_marker(&format!("… {} {unit} skipped", grouped(bytes)));
    }

    /// Ends the output: open lines end, and spare memory is released.
    pub(crate) fn finish(&mut self) {
        self.end_streams();
        self.store.seal();
        self.finished = true;
    }

    /// The numbers of the lines to show: the oldest may be the marker for dropped lines, the newest may be incomplete.
    pub fn lines(&self) -> Range<u64> {
        let stored = self.store.range();
        stored.start..self.open_lines(Channel::Stderr).end
    }

    /// The lines below its header. A folded block shows the newest one until it is finished, then none.
    pub(crate) fn shown(&self) -> Range<u64> {
        let lines = self.lines();
        let start = match (self.folded, self.finished) {
            (false, _) => lines.start,
            (true, false) => lines.start.max(lines.end.saturating_sub(1)),
            (true, true) => lines.end,
        };
        start..lines.end
    }

    pub(crate) fn line(&self, number: u64) -> Option<Line<'_>> {
        if number < self.store.next() {
            return self.store.line(number);
        }
        let channel = self.open_channel(number)?;
        let nth = number - self.open_lines(channel).start;
        Some(self.parser(channel).open_line(nth as usize, number))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Lines as plain text, with line ends between them and none after the last: for copying and saving. A line that was
    /// split because of its length is joined again. Markers are included, so that a copy shows what is missing.
    pub(crate) fn plain_text(&self, lines: Range<u64>) -> String {
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

    /// The stream with an open line of this number.
    pub(crate) fn open_channel(&self, number: u64) -> Option<Channel> {
        [Channel::Stdout, Channel::Stderr]
            .into_iter()
            .find(|channel| self.open_lines(*channel).contains(&number))
    }

    pub(crate) fn open_lines(&self, channel: Channel) -> Range<u64> {
        let out = self.store.next() + self.stdout.open_lines() as u64;
        match channel {
            Channel::Stdout => self.store.next()..out,
            Channel::Stderr => out..out + self.stderr.open_lines() as u64,
        }
    }

    fn parser(&self, channel: Channel) -> &StreamParser {
        match channel {
            Channel::Stdout => &self.stdout,
            Channel::Stderr => &self.stderr,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Drops the oldest lines, the newest chunk only if `all`. Returns false if there is nothing to drop.
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
