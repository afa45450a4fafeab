//! Limits on runs at the same time: `max_concurrent`, `queue` and `lock`.

use std::num::NonZeroUsize;

/// A command's limits on runs at the same time. By default any number runs at once and none is queued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusion {
    /// Runs of this command at once; none: no limit.
    pub max_concurrent: Option<NonZeroUsize>,
    /// How many runs of this command may be queued. At 0 a run that cannot start at once is rejected.
    pub queue: usize,
    /// Names of locks: commands with a common lock never run at once.
    pub locks: Vec<String>,
}
