//! Deadlines of time limits, however long these are.

use std::time::Duration;

use tokio::time::Instant;

/// Stands for no limit; small enough to be added to a time.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);
/// Longer limits are cut, so that the sum stays within the range of the clock.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// The time at which this limit ends, if it begins now.
pub(crate) fn after(limit: Duration) -> Instant {
    Instant::now() + limit.min(LONGEST)
}
