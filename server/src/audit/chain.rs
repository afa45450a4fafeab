//! Hash chain: ties each line of the audit log to the line before it.

use sha2::{Digest, Sha256};

/// The position of a line in the chain, which the next line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The number of the line, from 1; 0 before the first.
    pub(crate) seq: u64,
    /// SHA-256 of the line without its ending, in 64 lower-case hex digits; zeros before the first line.
    pub(crate) hash: String,
}

impl Default for Link {
    fn default() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

impl Link {
    pub(super) fn of(seq: u64, line: &[u8]) -> Self {
        Self { seq, hash: format!("{:x}", Sha256::digest(line)) }
    }
}
