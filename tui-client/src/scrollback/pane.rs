//! A stack of blocks within one cap of memory, and the place where its reader is.

use super::block::{Block, Channel};
use super::geometry::{Anchor, AnchorPart, View};
use super::store::Caps;

/// How much a pane keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaneCaps {
    /// Of each block.
    pub block: Caps,
    /// Bytes of memory, of all blocks together.
    pub bytes: usize,
}

impl Default for PaneCaps {
    fn default() -> Self {
        Self { block: Caps::default(), bytes: 256 * 1024 * 1024 }
    }
}

/// Blocks, oldest first, and a view of them.
///
/// A block shows as its header (one row, drawn by the caller), its lines, of which a folded one keeps the
/// newest until it is finished, and a blank row before the next block.
#[derive(Debug)]
pub struct Pane {
    caps: PaneCaps,
    pub(crate) blocks: Vec<Block>,
    bytes: usize,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) view: View,
    /// The place of a reader who stands still may be too near to the end: see `settle`.
    pub(crate) unsettled: bool,
}

impl Default for Pane {
    fn default() -> Self {
        Self::new(PaneCaps::default())
    }
}

impl Pane {
    /// An empty pane that follows its end.
    #[must_use]
    pub fn new(caps: PaneCaps) -> Self {
        Self {
            caps,
            blocks: Vec::new(),
            bytes: 0,
            width: 80,
            height: 24,
            view: View::Follow,
            unsettled: false,
        }
    }

    /// The blocks, oldest first.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// A block by its number.
    #[must_use]
    pub fn block(&self, id: u64) -> Option<&Block> {
        self.index(id).map(|index| &self.blocks[index])
    }

    /// Adds an empty block below the others; does nothing if there is one of that number.
    pub fn add_block(&mut self, id: u64) {
        if self.index(id).is_none() {
            self.settle_once();
            self.blocks.push(Block::new(id, self.caps.block));
        }
    }

    /// Adds an empty block above the others; does nothing if there is one of that number.
    pub fn add_first(&mut self, id: u64) {
        if self.index(id).is_none() {
            self.settle_once();
            self.blocks.insert(0, Block::new(id, self.caps.block));
            if let View::Anchor(anchor) = &mut self.view {
                anchor.index += 1;
            }
        }
    }

    /// Takes the next bytes of a block's stream. False: there is no such block.
    pub fn push(&mut self, id: u64, channel: Channel, bytes: &[u8]) -> bool {
        self.change(id, Some(channel), |block| block.push(channel, bytes))
    }

    /// Puts a marker line into a block: see [`Block::push_marker`]. False: no such block.
    pub fn push_marker(&mut self, id: u64, text: &str) -> bool {
        self.change(id, None, |block| block.push_marker(text))
    }

    /// Says in a block that bytes are missing. False: there is no such block.
    pub fn push_gap(&mut self, id: u64, bytes: u64) -> bool {
        self.change(id, None, |block| block.push_gap(bytes))
    }

    /// Says that no more will come of a block. False: there is no such block.
    pub fn finish(&mut self, id: u64) -> bool {
        self.change(id, None, Block::finish)
    }

    /// Folds a block, or unfolds it. False: there is no such block.
    pub fn set_folded(&mut self, id: u64, folded: bool) -> bool {
        let Some(index) = self.index(id) else { return false };
        self.blocks[index].set_folded(folded);
        self.unsettled = true;
        true
    }

    /// Removes a block with all it holds. A reader who was in it is at the one after it.
    pub fn remove(&mut self, id: u64) -> bool {
        let Some(index) = self.index(id) else { return false };
        self.bytes -= self.blocks.remove(index).bytes();
        self.unsettled = true;
        if let View::Anchor(anchor) = &mut self.view {
            if anchor.index == index {
                anchor.part = AnchorPart::Header;
            } else if anchor.index > index {
                anchor.index -= 1;
            }
            if anchor.index >= self.blocks.len() {
                self.view = View::Follow;
            }
        }
        true
    }

    /// Removes the blocks that are finished.
    pub fn remove_finished(&mut self) {
        let finished: Vec<u64> =
            self.blocks.iter().filter(|b| b.is_finished()).map(Block::id).collect();
        for id in finished {
            self.remove(id);
        }
    }

    /// The memory that all finished lines take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where a block is in the stack; the newest are asked for most.
    pub(crate) fn index(&self, id: u64) -> Option<usize> {
        self.blocks.iter().rposition(|block| block.id() == id)
    }

    /// Changes a block so that a reader who stands on an open line stays on it, whatever number it
    /// has afterwards, and keeps the pane within its memory.
    fn change(&mut self, id: u64, stream: Option<Channel>, f: impl FnOnce(&mut Block)) -> bool {
        let Some(index) = self.index(id) else { return false };
        self.settle_once();
        let block = &mut self.blocks[index];
        let stood_on = match &self.view {
            View::Anchor(Anchor { index: i, part: AnchorPart::Line { line, .. } })
                if *i == index =>
            {
                let channel = block.open_channel(*line);
                channel.map(|channel| (channel, line - block.open_lines(channel).start))
            }
            _ => None,
        };
        let (bytes, next) = (block.bytes(), block.store().next());
        f(block);
        if let Some((channel, nth)) = stood_on
            && let View::Anchor(Anchor { part: AnchorPart::Line { line, .. }, .. }) = &mut self.view
        {
            // The lines that a stream ends are the first of those that were open. Without a stream both ended, in the
            // order that they had.
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
        self.make_room();
        true
    }

    fn settle_once(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            self.settle();
        }
    }

    /// Over the cap, the oldest output goes: of finished blocks all of it, then of running ones all
    /// but the newest piece.
    fn make_room(&mut self) {
        if self.bytes <= self.caps.bytes {
            return;
        }
        for finished in [true, false] {
            for block in self.blocks.iter_mut().filter(|b| b.is_finished() == finished) {
                while self.bytes > self.caps.bytes {
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
