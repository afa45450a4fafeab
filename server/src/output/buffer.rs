//! Output buffer: keeps the place of each byte: in memory, on its way to the disk, on the disk, or removed.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use topside_shared::notifications::{GapReason, Stream};
use topside_shared::text::unfinished_character;

use crate::output::output_block::{Block, OpenBlock};
use crate::output::output_file::Extent;
use crate::output::output_index;
use crate::output::tail::MAX_TAIL;

/// Memory for the newest output, in bytes.
const WINDOW: usize = 512 * 1024;
/// Bytes written to the disk at once; a run that is further ahead of the disk waits for it.
const BATCH: u64 = 128 * 1024;

#[derive(Debug)]
pub(super) enum Step {
    Piece(Stream, Bytes),
    Gap(u64, GapReason),
    /// The next bytes are in this part of the file.
    OnDisk(Extent, Arc<File>),
    Wait,
    End,
}

#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: u64,
    ended: bool,
    max_output: u64,
    /// The length of the file, once `max_output` has ended it.
    cut_at: Option<u64>,
    /// Per stream, the beginning of an incomplete character.
    unfinished: [Vec<u8>; 2],
    open: Option<OpenBlock>,
    /// Complete blocks, oldest first, without gaps.
    window: VecDeque<Block>,
    cost: usize,
    disk: Disk,
    /// How many bytes were handed to the disk.
    given: u64,
    /// Blocks that are being written; the window may have dropped them.
    leaving: VecDeque<Block>,
    kept: Vec<Extent>,
    file: Option<Arc<File>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// There is no file, it is full, or it failed.
    #[default]
    Off,
    Idle,
    Writing,
}

impl Buffer {
    /// An empty output that keeps its first `max_output` bytes on the disk; 0: none.
    fn new(max_output: u64) -> Self {
        let disk = if max_output == 0 { Disk::Off } else { Disk::Idle };
        Self { max_output, disk, ..Self::default() }
    }

    /// The same; with 0 it is cut at its beginning.
    pub(super) fn limited(max_output: u64) -> Self {
        Self { cut_at: (max_output == 0).then_some(0), ..Self::new(max_output) }
    }

    /// An ended output, which `max_output` has cut there; `kept` of it is in `file`.
    pub(super) fn ended(
        bytes: u64,
        cut_at: Option<u64>,
        kept: Vec<Extent>,
        file: Option<File>,
    ) -> Self {
        let kept_to = kept.last().map_or(0, |last| last.end);
        let file = file.map(Arc::new);
        Self { bytes: bytes.max(kept_to), ended: true, cut_at, kept, file, ..Self::new(0) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The length of the file, if `max_output` has cut it.
    pub(super) fn cut_at(&self) -> Option<u64> {
        self.cut_at.filter(|kept| *kept < self.bytes)
    }

    /// Adds bytes; an incomplete character at their end is held back.
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let mut joined = std::mem::take(&mut self.unfinished[stream as usize]);
        if joined.is_empty() {
            let (complete, rest) = bytes.split_at(bytes.len() - unfinished_character(bytes));
            joined.extend_from_slice(rest);
            self.commit(stream, complete);
            self.unfinished[stream as usize] = joined;
        } else {
            joined.extend_from_slice(bytes);
            self.unfinished[stream as usize] =
                joined.split_off(joined.len() - unfinished_character(&joined));
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

    /// Drops the oldest blocks of a window that is too large, once the disk has them.
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

    /// Whether the caller must start to write: there are bytes for the disk, and no thread writes.
    pub(super) fn begin_writing(&mut self) -> bool {
        let begins = self.disk == Disk::Idle && self.given < self.bytes;
        if begins {
            self.disk = Disk::Writing;
        }
        begins
    }

    pub(super) fn is_ahead(&self) -> bool {
        self.disk == Disk::Writing && self.bytes - self.given > BATCH
    }

    /// Whether all is written that will be.
    pub(super) fn is_written(&self) -> bool {
        let nothing_more = match self.disk {
            Disk::Off => true,
            Disk::Idle => self.given == self.bytes,
            Disk::Writing => false,
        };
        nothing_more && self.leaving.is_empty()
    }

    /// The next blocks to write; if there are none, the thread must stop.
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

    /// The file of an ended output, and its parts, if these are enough for an index.
    pub(super) fn file_to_index(&self) -> Option<(Arc<File>, Vec<Extent>)> {
        let has_index = self.ended && self.kept.len() >= output_index::FEWEST;
        let file = self.file.as_ref().filter(|_| has_index)?;
        Some((Arc::clone(file), self.kept.clone()))
    }

    pub(super) fn file_length(&self) -> u64 {
        self.kept.last().map_or(0, Extent::file_end)
    }

    /// Records that the last batch is in the file; `None`: the write failed.
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

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let blocks = self.window.iter().chain(&self.leaving);
        blocks.map(Block::cost).sum::<usize>() + self.open.as_ref().map_or(0, |o| o.data().len())
    }

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
                let is_cut = self.cut_at.is_some_and(|cut| cut <= at);
                Step::Gap(next - at, if is_cut { GapReason::MaxOutput } else { GapReason::Lost })
            }
        }
    }
}

/// The offset of the first block after `at`.
fn first_from(blocks: &VecDeque<Block>, at: u64) -> Option<u64> {
    blocks.get(blocks.partition_point(|block| block.end() <= at)).map(|block| block.offset)
}
