//! Where each byte of an output is now: in memory, on its way to the disk, on the disk, or gone.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use topside_shared::notices::Stream;

use super::block::{Block, OpenBlock, unfinished};
use super::spill::Extent;
use super::tail::MAX_TAIL;

/// Most bytes of memory for the newest output.
const WINDOW: usize = 512 * 1024;
/// How much leaves memory at once.
const BATCH: usize = 128 * 1024;

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
pub(super) struct Store {
    /// All bytes that have an offset.
    bytes: u64,
    ended: bool,
    max_output: u64,
    /// Per stream, the beginning of a character that is not whole yet.
    unfinished: [Vec<u8>; 2],
    open: Option<OpenBlock>,
    /// Closed blocks, oldest first, without gaps.
    window: VecDeque<Block>,
    cost: usize,
    /// Blocks that are being written, older than those of the window.
    leaving: VecDeque<Block>,
    /// What the file holds, by offset.
    kept: Vec<Extent>,
    file: Option<Arc<File>>,
    /// The disk failed once: nothing more is given to it.
    failed: bool,
    /// The place of each reader.
    readers: BTreeMap<u64, u64>,
    next_reader: u64,
}

impl Store {
    pub(super) fn new(max_output: u64) -> Self {
        Self {
            bytes: 0,
            ended: false,
            max_output,
            unfinished: [Vec::new(), Vec::new()],
            open: None,
            window: VecDeque::new(),
            cost: 0,
            leaving: VecDeque::new(),
            kept: Vec::new(),
            file: None,
            failed: false,
            readers: BTreeMap::new(),
            next_reader: 0,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
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

    /// Takes the oldest blocks out of a window that has grown too large, and gives back those that
    /// must be written because a reader has not had them.
    pub(super) fn evict(&mut self) -> Vec<Block> {
        let mut leaving = Vec::new();
        if self.cost <= WINDOW {
            return leaving;
        }
        let behind = self.readers.values().min().copied().unwrap_or(u64::MAX);
        let mut freed = 0;
        while freed < BATCH
            && let Some(block) = self.window.front()
            && self.bytes - block.end() >= MAX_TAIL as u64
            && let Some(block) = self.window.pop_front()
        {
            freed += block.cost();
            if block.end() > behind && block.end() <= self.max_output && !self.failed {
                leaving.push(block);
            }
        }
        self.cost -= freed;
        self.leaving.extend(leaving.iter().cloned());
        leaving
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

    /// Records that `blocks` are in the file, or never will be.
    pub(super) fn written(&mut self, blocks: &[Block], extent: Option<Extent>) {
        self.leaving.retain(|block| blocks.iter().all(|written| written.offset != block.offset));
        self.failed |= extent.is_none();
        self.kept.extend(extent);
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

    pub(super) fn add_reader(&mut self) -> u64 {
        let id = self.next_reader;
        self.next_reader += 1;
        self.readers.insert(id, 0);
        id
    }

    pub(super) fn remove_reader(&mut self, id: u64) {
        self.readers.remove(&id);
    }

    /// Records how far a reader has come.
    pub(super) fn advance(&mut self, id: u64, at: u64) {
        self.readers.insert(id, at);
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
