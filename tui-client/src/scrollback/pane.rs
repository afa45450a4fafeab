//! Pane: a stack of blocks within a memory cap, and the position of the screen in it.

use super::block::{Block, Channel};
use super::geometry::{Anchor, AnchorPart, ScrollPosition};
use super::store::Caps;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PaneCaps {
    pub(crate) block: Caps,
    /// Bytes of memory of all blocks together.
    pub(crate) bytes: usize,
}

impl Default for PaneCaps {
    fn default() -> Self {
        Self { block: Caps::default(), bytes: 256 * 1024 * 1024 }
    }
}

/// Blocks, oldest first, and a view of them.
///
/// The rows of a block are its header (one row, drawn by the caller), its lines, of which a folded block shows the newest
/// until it is finished, and a blank row before the next block.
#[derive(Debug)]
pub struct Pane {
    caps: PaneCaps,
    pub(crate) blocks: Vec<Block>,
    pub(super) bytes: usize,
    /// Blocks that were cleared from the screen and can come back. They are in `bytes`, and are dropped first.
    cleared: Vec<Block>,
    changes: u64,
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Whether a long line has one row.
    pub(super) unwrapped: bool,
    /// Columns hidden on the left of lines that are not wrapped.
    pub(super) left: usize,
    pub(crate) view: ScrollPosition,
    /// The anchor may be too near to the end: see `settle`.
    pub(crate) unsettled: bool,
}

impl Default for Pane {
    fn default() -> Self {
        Self::new(PaneCaps::default())
    }
}

impl Pane {
    pub(crate) fn new(caps: PaneCaps) -> Self {
        Self {
            caps,
            blocks: Vec::new(),
            bytes: 0,
            cleared: Vec::new(),
            changes: 0,
            width: 80,
            height: 24,
            unwrapped: false,
            left: 0,
            view: ScrollPosition::Follow,
            unsettled: false,
        }
    }

    /// The blocks, oldest first.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Bytes of memory of all blocks.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Grows with everything that is added to a block.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn block(&self, id: u64) -> Option<&Block> {
        self.index(id).map(|index| &self.blocks[index])
    }

    /// Adds an empty block below the others, unless there is one of that id.
    pub fn add_block(&mut self, id: u64) {
        if self.index(id).is_none() {
            self.settle_once();
            self.blocks.push(Block::new(id, self.caps.block));
        }
    }

    /// Adds a block of marker lines without a header at the end, unless there is one of that id.
    pub(crate) fn add_note<'l>(&mut self, id: u64, lines: impl Iterator<Item = &'l str>) {
        if self.index(id).is_none() {
            self.settle_once();
            let block = Block::note(id, self.caps.block, lines);
            self.bytes += block.bytes();
            self.changes += 1;
            self.blocks.push(block);
            self.shrink(self.caps.bytes);
        }
    }

    /// Adds an empty block above the others, unless there is one of that id.
    pub(crate) fn add_first(&mut self, id: u64) {
        if self.index(id).is_none() {
            self.settle_once();
            self.blocks.insert(0, Block::new(id, self.caps.block));
            if let ScrollPosition::Anchor(anchor) = &mut self.view {
                anchor.index += 1;
            }
        }
    }

    /// Adds the next bytes of a block's stream. Returns false if there is no such block, as all such methods here.
    pub fn push(&mut self, id: u64, channel: Channel, bytes: &[u8]) -> bool {
        self.change(id, Some(channel), |block| block.push(channel, bytes))
    }

    /// Adds a marker line to a block: see [`Block::push_marker`].
    pub(crate) fn push_marker(&mut self, id: u64, text: &str) -> bool {
        self.change(id, None, |block| block.push_marker(text))
    }

    pub(crate) fn push_gap(&mut self, id: u64, bytes: u64) -> bool {
        self.change(id, None, |block| block.push_gap(bytes))
    }

    /// Ends the output of a block.
    pub fn finish(&mut self, id: u64) -> bool {
        self.change(id, None, Block::finish)
    }

    pub(crate) fn set_folded(&mut self, id: u64, folded: bool) -> bool {
        let Some(index) = self.index(id) else { return false };
        self.blocks[index].set_folded(folded);
        self.unsettled = true;
        true
    }

    /// Removes a block. A screen that was in it moves to the one after it.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let Some(block) = self.take_out(id) else { return false };
        self.bytes -= block.bytes();
        true
    }

    fn take_out(&mut self, id: u64) -> Option<Block> {
        let index = self.index(id)?;
        let block = self.blocks.remove(index);
        self.unsettled = true;
        if let ScrollPosition::Anchor(anchor) = &mut self.view {
            if anchor.index == index {
                anchor.part = AnchorPart::Header;
            } else if anchor.index > index {
                anchor.index -= 1;
            }
            if anchor.index >= self.blocks.len() {
                self.view = ScrollPosition::Follow;
            }
        }
        Some(block)
    }

    /// Takes the finished blocks off the screen. What was cleared before is dropped.
    pub(crate) fn clear_finished(&mut self) {
        self.drop_cleared();
        let finished: Vec<u64> =
            self.blocks.iter().filter(|b| b.is_finished()).map(Block::id).collect();
        self.cleared = finished.into_iter().filter_map(|id| self.take_out(id)).collect();
    }

    /// Puts the cleared blocks back, in the order of `rank`.
    pub(crate) fn undo_clear(&mut self, rank: impl Fn(u64) -> (bool, u64)) {
        self.settle_once();
        let cleared = std::mem::take(&mut self.cleared);
        for block in cleared {
            if self.index(block.id()).is_some() {
                self.bytes -= block.bytes();
                continue;
            }
            self.blocks.push(block);
        }
        self.blocks.sort_by_key(|block| rank(block.id()));
        self.view = ScrollPosition::Follow;
        self.unsettled = true;
    }

    /// The ids of the cleared blocks that are still there.
    pub(crate) fn cleared(&self) -> impl Iterator<Item = u64> {
        self.cleared.iter().map(Block::id)
    }

    fn drop_cleared(&mut self) {
        self.bytes -= self.cleared.drain(..).map(|block| block.bytes()).sum::<usize>();
    }

    /// Index of a block; the newest are looked up most.
    pub(crate) fn index(&self, id: u64) -> Option<usize> {
        self.blocks.iter().rposition(|block| block.id() == id)
    }

    /// Changes a block and stays within the memory cap. An anchor on an open line stays on that line, even if its number
    /// changes.
    fn change(&mut self, id: u64, stream: Option<Channel>, f: impl FnOnce(&mut Block)) -> bool {
        let Some(index) = self.index(id) else { return false };
        self.settle_once();
        let block = &mut self.blocks[index];
        let anchored = match &self.view {
            ScrollPosition::Anchor(Anchor { index: i, part: AnchorPart::Line { line, .. } })
                if *i == index =>
            {
                let channel = block.open_channel(*line);
                channel.map(|channel| (channel, line - block.open_lines(channel).start))
            }
            _ => None,
        };
        let (bytes, next) = (block.bytes(), block.store().next());
        f(block);
        if let Some((channel, nth)) = anchored
            && let ScrollPosition::Anchor(Anchor { part: AnchorPart::Line { line, .. }, .. }) =
                &mut self.view
        {
            // The lines that a stream ends are the first of those that were open. Without a stream both ended, in their
            // order.
            let open = block.open_lines(channel);
            if stream == Some(channel) {
                let ended = block.store().next();
                *line =
                    if next + nth < ended { next + nth } else { open.start + (next + nth - ended) };
            } else if stream.is_some() {
                *line = open.start + nth;
            }
        }
        self.bytes = self.bytes - bytes + block.bytes();
        self.changes += 1;
        self.shrink(self.caps.bytes);
        true
    }

    fn settle_once(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            self.settle();
        }
    }

    /// Drops what was cleared, then the oldest output beyond so many bytes: all of finished blocks first, then all but the
    /// newest chunk of running ones.
    pub(crate) fn shrink(&mut self, most: usize) {
        if self.bytes <= most {
            return;
        }
        self.drop_cleared();
        for finished in [true, false] {
            for block in self.blocks.iter_mut().filter(|b| b.is_finished() == finished) {
                while self.bytes > most {
                    let before = block.bytes();
                    if !block.evict(finished) {
                        break;
                    }
                    self.bytes -= before - block.bytes();
                }
            }
        }
    }
}
