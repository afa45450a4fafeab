//! Block of output: up to 32 KiB in order of arrival, with the offsets where the stream changes.

use bytes::Bytes;
use topside_shared::notifications::{MAX_OUTPUT_CHUNK, Stream};
use topside_shared::text::continues_character;

/// Memory of a block beside its bytes, in bytes.
const OVERHEAD: usize = 96;

#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) offset: u64,
    pub(super) marks: Marks,
    pub(super) data: Bytes,
}

impl Block {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.data.len() as u64
    }

    pub(super) fn cost(&self) -> usize {
        self.data.len() + self.marks.ends.capacity() * 2 + OVERHEAD
    }

    /// The bytes of one stream from offset `at`, which must be in the block.
    pub(super) fn piece(&self, at: u64) -> (Stream, Bytes) {
        let from = (at - self.offset) as usize;
        let (stream, to) = self.marks.run(from);
        (stream, self.data.slice(from..to))
    }

    /// The block from offset `at` on, which must be in it.
    pub(super) fn from(&self, at: u64) -> Self {
        let from = (at - self.offset) as usize;
        let marks = self.marks.part(from, self.data.len());
        Self { offset: at, marks, data: self.data.slice(from..) }
    }

    /// The longest beginning of at most `room` bytes that ends between two characters.
    pub(super) fn beginning(&self, room: u64) -> Self {
        let to = match usize::try_from(room) {
            Ok(room) if room < self.data.len() => cut(&self.data, room),
            _ => self.data.len(),
        };
        Self { offset: self.offset, marks: self.marks.part(0, to), data: self.data.slice(..to) }
    }
}

/// The stream of each byte of a block. A change of the stream takes two bytes: a program may change with every byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) first: Stream,
    /// Where each run of one stream ends; the next is of the other.
    pub(super) ends: Vec<u16>,
}

impl Marks {
    /// Whether these can be the marks of this many bytes: a file may be damaged.
    pub(super) fn fit(&self, bytes: usize) -> bool {
        self.ends.first().is_some_and(|first| *first > 0)
            && self.ends.is_sorted_by(|one, next| one < next)
            && self.ends.last().is_some_and(|last| usize::from(*last) == bytes)
    }

    /// The stream of the byte at `from`, and where its run ends.
    fn run(&self, from: usize) -> (Stream, usize) {
        let index = self.ends.partition_point(|end| usize::from(*end) <= from);
        let stream = if index.is_multiple_of(2) { self.first } else { other(self.first) };
        (stream, self.ends.get(index).map_or(from, |end| usize::from(*end)))
    }

    /// The marks of the bytes from `from` to `to`.
    fn part(&self, from: usize, to: usize) -> Self {
        let (first, _) = self.run(from);
        let later = self.ends.iter().map(|end| usize::from(*end)).filter(|end| *end > from);
        let mut ends = Vec::new();
        for end in later {
            ends.push((end.min(to) - from) as u16);
            if end >= to {
                break;
            }
        }
        Self { first, ends }
    }

    /// The stream of the last run, and where it ends.
    fn last(&mut self) -> Option<(Stream, &mut u16)> {
        let odd = self.ends.len() % 2 == 1;
        let stream = if odd { self.first } else { other(self.first) };
        self.ends.last_mut().map(|end| (stream, end))
    }
}

fn other(stream: Stream) -> Stream {
    match stream {
        Stream::Stdout => Stream::Stderr,
        Stream::Stderr => Stream::Stdout,
    }
}

#[derive(Debug)]
pub(super) struct OpenBlock {
    pub(super) offset: u64,
    marks: Marks,
    data: Vec<u8>,
}

impl OpenBlock {
    pub(super) fn new(offset: u64, first: Stream) -> Self {
        Self { offset, marks: Marks { first, ends: Vec::new() }, data: Vec::new() }
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Adds as much of `bytes` as fits without cutting a character, and returns how much that was. 0: the block is full.
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) -> usize {
        let room = MAX_OUTPUT_CHUNK - self.data.len();
        let take = if bytes.len() <= room { bytes.len() } else { cut(bytes, room) };
        if take == 0 {
            return 0;
        }
        let needed = self.data.len() + take;
        if needed > self.data.capacity() {
            let capacity = (self.data.capacity() * 2).clamp(needed, MAX_OUTPUT_CHUNK.max(needed));
            self.data.reserve_exact(capacity - self.data.len());
        }
        self.data.extend_from_slice(&bytes[..take]);
        let end = self.data.len() as u16;
        match self.marks.last() {
            Some((last, to)) if last == stream => *to = end,
            _ => self.marks.ends.push(end),
        }
        take
    }

    /// A copy of the bytes of one stream from offset `at`, which must be in the block.
    pub(super) fn piece(&self, at: u64) -> (Stream, Bytes) {
        let from = (at - self.offset) as usize;
        let (stream, to) = self.marks.run(from);
        (stream, Bytes::copy_from_slice(&self.data[from..to]))
    }

    /// A copy of the block from offset `at` on, which must be in it.
    pub(super) fn from(&self, at: u64) -> Block {
        let from = (at - self.offset) as usize;
        let marks = self.marks.part(from, self.data.len());
        Block { offset: at, marks, data: Bytes::copy_from_slice(&self.data[from..]) }
    }

    pub(super) fn close(self) -> Block {
        Block { offset: self.offset, marks: self.marks, data: Bytes::from(self.data) }
    }
}

/// The longest length up to `room` that ends between two characters; `room` if the bytes are not UTF-8.
fn cut(bytes: &[u8], room: usize) -> usize {
    let continues = |at: usize| bytes.get(at).is_some_and(|byte| continues_character(*byte));
    (room.saturating_sub(3)..=room).rev().find(|at| !continues(*at)).unwrap_or(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_knows_the_stream_of_each_byte() {
        let mut open = OpenBlock::new(100, Stream::Stderr);
        for (stream, text) in [
            (Stream::Stderr, "ab"),
            (Stream::Stderr, "c"),
            (Stream::Stdout, "d"),
            (Stream::Stderr, "e"),
            (Stream::Stdout, "fg"),
            (Stream::Stdout, "h"),
        ] {
            assert_eq!(open.push(stream, text.as_bytes()), text.len());
        }
        let block = open.close();
        let mut at = 100;
        let mut got = Vec::new();
        while at < block.end() {
            let (stream, data) = block.piece(at);
            at += data.len() as u64;
            got.push((stream, String::from_utf8(data.to_vec()).unwrap()));
        }
        let want = [
            (Stream::Stderr, "abc".to_owned()),
            (Stream::Stdout, "d".to_owned()),
            (Stream::Stderr, "e".to_owned()),
            (Stream::Stdout, "fgh".to_owned()),
        ];
        assert_eq!(got, want);
        assert_eq!(block.piece(101).1, "bc");
        let rest = block.from(102);
        assert_eq!(rest.piece(102), (Stream::Stderr, "c".into()));
        assert_eq!((rest.piece(105), rest.end()), ((Stream::Stdout, "fgh".into()), 108));
        let beginning = rest.beginning(4);
        assert_eq!((beginning.piece(105), beginning.end()), ((Stream::Stdout, "f".into()), 106));
    }

    #[test]
    fn a_full_block_ends_between_characters() {
        let text = "é".repeat(MAX_OUTPUT_CHUNK);
        let mut open = OpenBlock::new(0, Stream::Stdout);
        assert_eq!(open.push(Stream::Stdout, b"x"), 1);
        assert_eq!(open.push(Stream::Stdout, text.as_bytes()), MAX_OUTPUT_CHUNK - 2);
        assert_eq!(open.push(Stream::Stdout, text.as_bytes()), 0);
        let mut open = OpenBlock::new(0, Stream::Stdout);
        assert_eq!(open.push(Stream::Stdout, &[0x80; 40_000]), MAX_OUTPUT_CHUNK);
    }
}
