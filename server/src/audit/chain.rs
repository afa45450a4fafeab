//! Hash chain: ties each line of the audit log to the line before it.

use sha2::{Digest, Sha256};

/// A line's place in the chain, which the next line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// Its number; 0 is before the first.
    pub(crate) seq: u64,
    /// SHA-256 of its bytes without the line ending, in 64 lower-case hex digits; before the first, zeros.
    pub(crate) hash: String,
}

impl Default for Link {
    fn default() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

impl Link {
    /// That of this line.
    pub(super) fn of(seq: u64, line: &[u8]) -> Self {
        Self { seq, hash: format!("{:x}", Sha256::digest(line)) }
    }
}
