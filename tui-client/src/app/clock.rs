//! Time of the screen: the loop reads it, and nothing else does.

use topside_shared::Time;

/// The time when the loop last read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Milliseconds since the program started, by the monotonic clock.
    pub(crate) mono: u64,
    pub(crate) wall: Time,
}
