//! Reader: the position of one client in an output.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use topside_shared::notifications::{GapReason, Stream};

use crate::base::blocking::blocking;
use crate::output::buffer::Step;
use crate::output::output_block::Block;
use crate::output::output_file::Extent;
use crate::output::{OutputState, output_file};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes of one stream: at most 32 KiB, and cut between characters.
    Output {
        offset: u64,
        stream: Stream,
        data: Bytes,
    },
    Gap {
        offset: u64,
        bytes: u64,
        reason: GapReason,
    },
}

#[derive(Debug)]
pub(crate) struct Reader {
    output: Arc<OutputState>,
    at: u64,
    turns: Arc<Semaphore>,
    /// Blocks from the disk that were not returned yet, and the permit for them.
    batch: Option<(VecDeque<Block>, OwnedSemaphorePermit)>,
}

impl Reader {
    pub(super) fn new(output: Arc<OutputState>, at: u64, turns: Arc<Semaphore>) -> Self {
        Self { output, at, turns, batch: None }
    }

    /// The next piece; none after the last. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        loop {
            let output = Arc::clone(&self.output);
            // Created before the check, so that no later change is missed.
            let changed = output.changed.notified();
            let step = match self.read_back() {
                Some((stream, data)) => Step::Piece(stream, data),
                None => output.buffer.lock().step(self.at),
            };
            match step {
                Step::Piece(stream, data) => {
                    let offset = self.advance(data.len() as u64);
                    return Some(Piece::Output { offset, stream, data });
                }
                Step::Gap(bytes, reason) => return Some(self.gap(bytes, reason)),
                Step::OnDisk(extent, file) => {
                    // The semaphore is never closed.
                    let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
                    let Some(blocks) = fetch(extent, file).await else {
                        return Some(self.gap(extent.end - self.at, GapReason::Lost));
                    };
                    self.batch = Some((blocks, turn));
                }
                Step::Wait => changed.await,
                Step::End => return None,
            }
        }
    }

    fn read_back(&mut self) -> Option<(Stream, Bytes)> {
        let at = self.at;
        let (blocks, _) = self.batch.as_mut()?;
        while blocks.front().is_some_and(|block| block.end() <= at) {
            blocks.pop_front();
        }
        let piece = blocks.front().map(|block| block.piece(at));
        if piece.is_none() {
            self.batch = None;
        }
        piece
    }

    fn gap(&mut self, bytes: u64, reason: GapReason) -> Piece {
        Piece::Gap { offset: self.advance(bytes), bytes, reason }
    }

    /// Advances by `bytes`, and returns the offset before.
    fn advance(&mut self, bytes: u64) -> u64 {
        let before = self.at;
        self.at += bytes;
        before
    }
}

/// Reads a part of the file; none if that fails.
async fn fetch(extent: Extent, file: Arc<File>) -> Option<VecDeque<Block>> {
    match blocking(move || output_file::read(&file, extent)).await {
        Ok(Ok(blocks)) => Some(blocks.into()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "output cannot be read back");
            None
        }
        // The panic was reported, or the runtime ends.
        Err(_) => None,
    }
}
