//! The time window of a run of a schedule.
//!
//! It is measured by the clock of the boot, which goes on while the box is suspended; timers stand still then.

use std::time::Duration;

use topside_shared::time::millis;

use crate::base::platform;

/// Longest time between two looks at the clock: the box may have been suspended.
const CLOCK_CHECK: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Its end, in milliseconds since the boot.
    until_ms: u64,
}

impl Window {
    /// A window that begins now.
    pub(crate) fn lasting(length: Duration) -> Self {
        Self { until_ms: platform::uptime_ms().saturating_add(millis(length)) }
    }

    fn left(self, uptime_ms: u64) -> Duration {
        Duration::from_millis(self.until_ms.saturating_sub(uptime_ms))
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) {
        loop {
            let left = self.left(platform::uptime_ms());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(CLOCK_CHECK)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspended_box_does_not_prolong_a_window() {
        let window = Window { until_ms: 100_000 };
        assert_eq!(window.left(40_000), Duration::from_secs(60));
        // Suspended for an hour.
        assert_eq!(window.left(3_640_000), Duration::ZERO);
    }
}
