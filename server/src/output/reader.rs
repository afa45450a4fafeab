//! Reader: the position of one client in an output.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use topside_shared::notifications::Stream;

use crate::base::blocking::blocking;
use crate::output::block::Block;
use crate::output::buffer::Step;
use crate::output::output_file::Extent;
use crate::output::{Shared, output_file};

/// What comes next of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes of one stream: at most 32 KiB, and cut between characters.
    Output {
        /// Where they begin.
        offset: u64,
        /// Which stream they came from.
        stream: Stream,
        /// The bytes.
        data: Bytes,
    },
    /// Bytes that are not kept any more.
    Gap {
        /// Where they begin.
        offset: u64,
        /// How many.
        bytes: u64,
    },
}

/// Reads an output to its end, at its own pace.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    at: u64,
    turns: Arc<Semaphore>,
    /// What was read back from the disk and has not been given out, and the turn for that.
    batch: Option<(VecDeque<Block>, OwnedSemaphorePermit)>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, at: u64, turns: Arc<Semaphore>) -> Self {
        Self { shared, at, turns, batch: None }
    }

    /// The next piece, as soon as there is one; none after the last. Nothing is lost where the
    /// future is dropped before it is done.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        loop {
            let shared = Arc::clone(&self.shared);
            // Made before the look, so that no change after it is missed.
            let changed = shared.changed.notified();
            let step = match self.read_back() {
                Some((stream, data)) => Step::Piece(stream, data),
                None => shared.store().step(self.at),
            };
            match step {
                Step::Piece(stream, data) => {
                    let offset = self.advance(data.len() as u64);
                    return Some(Piece::Output { offset, stream, data });
                }
                Step::Gap(bytes) => {
                    let offset = self.advance(bytes);
                    return Some(Piece::Gap { offset, bytes });
                }
                Step::OnDisk(extent, file) => {
                    // Nobody closes it.
                    let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
                    let Some(blocks) = fetch(extent, file).await else {
                        let bytes = extent.end - self.at;
                        let offset = self.advance(bytes);
                        return Some(Piece::Gap { offset, bytes });
                    };
                    self.batch = Some((blocks, turn));
                }
                Step::Wait => changed.await,
                Step::End => return None,
            }
        }
    }

    /// What the batch from the disk holds at this place.
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

    /// Goes on by `bytes`, and says from where.
    fn advance(&mut self, bytes: u64) -> u64 {
        let before = self.at;
        self.at += bytes;
        before
    }
}

/// Reads a part of the file; none where the disk does not give it back.
async fn fetch(extent: Extent, file: Arc<File>) -> Option<VecDeque<Block>> {
    match blocking(move || output_file::read(&file, extent)).await {
        Ok(Ok(blocks)) => Some(blocks.into()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "output cannot be read back");
            None
        }
        // The thread's panic has been told, or the runtime ends.
        Err(_) => None,
    }
}
