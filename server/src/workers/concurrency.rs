//! Limits on runs at the same time: `max_concurrent`, `queue` and `lock`.

use std::num::NonZeroUsize;

/// What a command says about other runs beside its own: how many at once, which locks, and how many may
/// wait. Without anything said, any number run at once and nobody waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusion {
    /// Runs of this command at once; none: no limit of its own.
    pub max_concurrent: Option<NonZeroUsize>,
    /// How many runs of this command may wait for their turn. At 0 one that cannot start at once is refused.
    pub queue: usize,
    /// Names of what a run has for itself: commands that share one never run at once.
    pub locks: Vec<String>,
}

impl Exclusion {
    /// Whether a run is kept apart from no other.
    pub(crate) fn is_none(&self) -> bool {
        self.max_concurrent.is_none() && self.locks.is_empty()
    }
}
