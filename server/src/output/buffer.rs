//! Output buffer: where each byte is now, in memory, on its way to the disk, on the disk, or removed.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use topside_shared::notifications::Stream;

use crate::output::block::{Block, OpenBlock, unfinished};
use crate::output::output_file::Extent;
use crate::output::tail::MAX_TAIL;

/// Most bytes of memory for the newest output.
const WINDOW: usize = 512 * 1024;
/// How much goes to the disk at once; a run that is further ahead of the disk waits for it.
const BATCH: u64 = 128 * 1024;

/// What a reader is told at its place.
#[derive(Debug)]
pub(super) enum Step {
    /// Bytes of one stream.
    Piece(Stream, Bytes),
    /// So many bytes are gone.
    Gap(u64),
    /// What comes next is in this part of the file.
    OnDisk(Extent, Arc<File>),
    /// More will come.
    Wait,
    /// Nothing more will come.
    End,
}

#[derive(Debug)]
pub(super) struct Buffer {
    /// All bytes that have an offset.
    bytes: u64,
    ended: bool,
    max_output: u64,
    /// Where `max_output` ended the file, once it has.
    cut_at: Option<u64>,
    /// Per stream, the beginning of a character that is not whole yet.
    unfinished: [Vec<u8>; 2],
    open: Option<OpenBlock>,
    /// Closed blocks, oldest first, without gaps.
    window: VecDeque<Block>,
    cost: usize,
    disk: Disk,
    /// What was given to the disk, in bytes from the first.
    given: u64,
    /// Blocks that are being written; the window may have dropped them.
    leaving: VecDeque<Block>,
    /// What the file holds, by offset.
    kept: Vec<Extent>,
    file: Option<Arc<File>>,
}

/// What the disk does for this output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// Nothing more goes there: there is no file, it is full, or it failed.
    Off,
    /// It has everything up to what was given.
    Idle,
    /// Somebody writes, and goes on until everything is there.
    Writing,
}

impl Buffer {
    /// An empty output, whose first `max_output` bytes go to the disk; 0: none does.
    pub(super) fn new(max_output: u64) -> Self {
        Self {
            bytes: 0,
            ended: false,
            max_output,
            cut_at: None,
            unfinished: [Vec::new(), Vec::new()],
            open: None,
            window: VecDeque::new(),
            cost: 0,
            disk: if max_output == 0 { Disk::Off } else { Disk::Idle },
            given: 0,
            leaving: VecDeque::new(),
            kept: Vec::new(),
            file: None,
        }
    }

    /// The same, which says where it is cut; with 0 it is cut at its beginning.
    pub(super) fn limited(max_output: u64) -> Self {
        Self { cut_at: (max_output == 0).then_some(0), ..Self::new(max_output) }
    }

    /// An output of `bytes` that has ended; `kept` of it is in `file`.
    pub(super) fn ended(bytes: u64, kept: Vec<Extent>, file: Option<File>) -> Self {
        let kept_to = kept.last().map_or(0, |last| last.end);
        let file = file.map(Arc::new);
        Self { bytes: bytes.max(kept_to), ended: true, kept, file, ..Self::new(0) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where `max_output` cut the file, if there is more output than that.
    pub(super) fn cut_at(&self) -> Option<u64> {
        self.cut_at.filter(|kept| *kept < self.bytes)
    }

    /// Takes bytes in, but for the beginning of a character at their end.
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let held = &mut self.unfinished[stream as usize];
        if held.is_empty() {
            let (whole, rest) = bytes.split_at(bytes.len() - unfinished(bytes));
            held.extend_from_slice(rest);
            self.commit(stream, whole);
        } else {
            let mut joined = std::mem::take(held);
            joined.extend_from_slice(bytes);
            let rest = joined.split_off(joined.len() - unfinished(&joined));
            self.unfinished[stream as usize] = rest;
            self.commit(stream, &joined);
        }
    }

    pub(super) fn end(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut self.unfinished[stream as usize]);
            self.commit(stream, &rest);
        }
        self.ended = true;
    }

    fn commit(&mut self, stream: Stream, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let offset = self.bytes;
            let open = self.open.get_or_insert_with(|| OpenBlock::new(offset, stream));
            let taken = open.push(stream, bytes);
            self.bytes += taken as u64;
            bytes = &bytes[taken..];
            if !bytes.is_empty()
                && let Some(full) = self.open.take()
            {
                let block = full.close();
                self.cost += block.cost();
                self.window.push_back(block);
            }
        }
    }

    /// Drops the oldest blocks of a window that has grown too large, once the disk has been given them.
    pub(super) fn evict(&mut self) {
        while self.cost > WINDOW
            && let Some(block) = self.window.front()
            && self.bytes - block.end() >= MAX_TAIL as u64
            && (self.disk == Disk::Off || block.end() <= self.given)
            && let Some(block) = self.window.pop_front()
        {
            self.cost -= block.cost();
        }
    }

    /// Whether there is something for the disk and nobody writes: then the caller must.
    pub(super) fn begin_writing(&mut self) -> bool {
        let begins = self.disk == Disk::Idle && self.given < self.bytes;
        if begins {
            self.disk = Disk::Writing;
        }
        begins
    }

    /// Whether the run is so far ahead of the disk that it must wait.
    pub(super) fn is_ahead(&self) -> bool {
        self.disk == Disk::Writing && self.bytes - self.given > BATCH
    }

    /// Whether the disk has all that it will have.
    pub(super) fn is_written(&self) -> bool {
        let nothing_more = match self.disk {
            Disk::Off => true,
            Disk::Idle => self.given == self.bytes,
            Disk::Writing => false,
        };
        nothing_more && self.leaving.is_empty()
    }

    /// The next blocks to write; none: there is no more for now, and nobody writes from here on.
    pub(super) fn next_batch(&mut self) -> Vec<Block> {
        if self.disk != Disk::Writing {
            return Vec::new();
        }
        let end = (self.given + BATCH).min(self.bytes);
        let mut batch = Vec::new();
        let first = self.window.partition_point(|block| block.end() <= self.given);
        let closed = self.window.iter().skip(first).take_while(|block| block.offset < end);
        batch.extend(closed.map(|block| block.from(self.given.max(block.offset))));
        if let Some(open) = self.open.as_ref().filter(|open| open.offset < end) {
            let from = self.given.max(open.offset);
            if from < self.bytes {
                batch.push(open.from(from));
            }
        }
        if let Some(full) = batch.iter().position(|block| block.end() > self.max_output) {
            // The file is full: the block that crosses its end is cut between two characters.
            let room = self.max_output.saturating_sub(batch[full].offset);
            let beginning = batch[full].beginning(room);
            batch.truncate(full);
            batch.extend(Some(beginning).filter(|block| !block.data.is_empty()));
            self.disk = Disk::Off;
        }
        match batch.last() {
            Some(last) => self.given = last.end(),
            None if self.disk == Disk::Writing => self.disk = Disk::Idle,
            None => {}
        }
        if self.disk == Disk::Off {
            self.cut_at = Some(self.given);
        }
        self.leaving = batch.iter().cloned().collect();
        batch
    }

    pub(super) fn file(&self) -> Option<Arc<File>> {
        self.file.clone()
    }

    pub(super) fn set_file(&mut self, file: File) -> Arc<File> {
        Arc::clone(self.file.insert(Arc::new(file)))
    }

    pub(super) fn file_length(&self) -> u64 {
        self.kept.last().map_or(0, Extent::file_end)
    }

    /// Records that the blocks given last are in the file, or never will be.
    pub(super) fn written(&mut self, extent: Option<Extent>) {
        self.leaving.clear();
        let Some(extent) = extent else {
            self.disk = Disk::Off;
            return;
        };
        if !self.kept.last_mut().is_some_and(|last| last.join(&extent)) {
            self.kept.push(extent);
        }
    }

    /// The newest bytes, at most `max`, and whether there are older ones.
    pub(super) fn newest(&self, max: usize) -> (Vec<u8>, bool) {
        let from = self.bytes.saturating_sub(max as u64);
        let mut bytes = Vec::with_capacity((self.bytes - from) as usize);
        let closed = self.window.iter().map(|block| (block.offset, &block.data[..]));
        let open = self.open.iter().map(|open| (open.offset, open.data()));
        for (offset, data) in closed.chain(open) {
            let skip = from.saturating_sub(offset).min(data.len() as u64);
            bytes.extend_from_slice(&data[skip as usize..]);
        }
        (bytes, from > 0)
    }

    /// Bytes of memory that it takes, more or less.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let blocks = self.window.iter().chain(&self.leaving);
        blocks.map(Block::cost).sum::<usize>() + self.open.as_ref().map_or(0, |o| o.data().len())
    }

    /// What a reader at offset `at` gets next.
    pub(super) fn step(&self, at: u64) -> Step {
        if at >= self.bytes {
            return if self.ended { Step::End } else { Step::Wait };
        }
        if let Some(open) = self.open.as_ref().filter(|open| open.offset <= at) {
            let (stream, data) = open.piece(at);
            return Step::Piece(stream, data);
        }
        for blocks in [&self.window, &self.leaving] {
            let index = blocks.partition_point(|block| block.end() <= at);
            if let Some(block) = blocks.get(index).filter(|block| block.offset <= at) {
                let (stream, data) = block.piece(at);
                return Step::Piece(stream, data);
            }
        }
        let index = self.kept.partition_point(|extent| extent.end <= at);
        match (self.kept.get(index), &self.file) {
            (Some(extent), Some(file)) if extent.start <= at => {
                Step::OnDisk(*extent, Arc::clone(file))
            }
            (extent, _) => {
                let next = [
                    extent.map(|extent| extent.start),
                    first_from(&self.leaving, at),
                    first_from(&self.window, at),
                    self.open.as_ref().map(|open| open.offset),
                ];
                let next = next.into_iter().flatten().min().unwrap_or(self.bytes);
                Step::Gap(next - at)
            }
        }
    }
}

/// Where the first block after `at` begins.
fn first_from(blocks: &VecDeque<Block>, at: u64) -> Option<u64> {
    blocks.get(blocks.partition_point(|block| block.end() <= at)).map(|block| block.offset)
}
