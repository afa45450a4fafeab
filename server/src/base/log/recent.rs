//! The newest entries of the log in memory.

use std::collections::VecDeque;

use topside_shared::notifications::LogEntry;

use crate::base::log::KEPT;

/// Bytes of the buffer at first: enough for [`KEPT`] entries of usual length.
const BUFFER: usize = 256 * 1024;

/// The last [`KEPT`] entries, as JSON in one buffer.
///
/// An entry as a value is some twenty small blocks of the allocator. A thousand of those, made while many clients were
/// connected, lay between the memory of these clients, and the allocator could not return it to the system.
#[derive(Debug)]
pub(super) struct Recent {
    text: VecDeque<u8>,
    /// The bytes of each entry in `text`.
    lengths: VecDeque<usize>,
    clock: u64,
}

impl Default for Recent {
    fn default() -> Self {
        // Memory that was not written to yet costs nothing.
        let (text, lengths) = (VecDeque::with_capacity(BUFFER), VecDeque::with_capacity(KEPT));
        Self { text, lengths, clock: 0 }
    }
}

impl Recent {
    /// The number of the last entry; the first is 1.
    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    pub(super) fn add(&mut self, entry: &LogEntry) {
        if self.lengths.len() == KEPT
            && let Some(oldest) = self.lengths.pop_front()
        {
            self.text.drain(..oldest);
        }
        // Text, numbers and maps with keys of text: each entry is JSON.
        let text = serde_json::to_vec(entry).unwrap_or_default();
        self.lengths.push_back(text.len());
        self.text.extend(text);
        self.clock += 1;
    }

    /// The last `count` entries after leaving out the `newer` newest ones, oldest first.
    pub(super) fn last(&self, count: usize, newer: usize) -> Vec<LogEntry> {
        let end = self.lengths.len().saturating_sub(newer);
        let first = end.saturating_sub(count);
        let mut start: usize = self.lengths.range(..first).sum();
        let mut entry = Vec::new();
        let read = |length: &usize| {
            entry.clear();
            entry.extend(self.text.range(start..start + length));
            start += length;
            serde_json::from_slice(&entry).ok()
        };
        self.lengths.range(first..end).filter_map(read).collect()
    }
}
