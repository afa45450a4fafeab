//! Rate limit of reading, so that a flood of output leaves processor time for typing.
//!
//! The server keeps what is not read yet. The pauses are a few milliseconds, so that notifications, which share the
//! socket, come in time.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Bytes a second.
const RATE: u32 = 64 * 1024 * 1024;
/// Bytes up to this time's worth may come at once: an answer or a page of output is never held up.
const AHEAD: Duration = Duration::from_millis(8);

pub(super) struct ReadRateLimit {
    /// When the bytes read so far are within the rate.
    allowed_at: Instant,
}

impl ReadRateLimit {
    pub(super) fn new() -> Self {
        Self { allowed_at: Instant::now() }
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.allowed_at =
            self.allowed_at.max(Instant::now()) + Duration::from_secs(1) * bytes / RATE;
    }

    pub(super) async fn wait(&self) {
        if self.allowed_at > Instant::now() + AHEAD {
            sleep_until(self.allowed_at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 64 * 1024;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_read_at_the_rate_in_short_pauses() {
        let (begun, mut pace) = (Instant::now(), ReadRateLimit::new());
        let mut longest = Duration::ZERO;
        for _ in 0..2 * RATE as usize / PIECE {
            let before = Instant::now();
            pace.wait().await;
            longest = longest.max(before.elapsed());
            pace.spend(PIECE);
        }
        let took = begun.elapsed();
        assert!((1_900..=2_300).contains(&took.as_millis()), "{took:?}");
        assert!(longest <= 2 * AHEAD, "{longest:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_after_a_while_is_read_at_once() {
        let (begun, mut pace) = (Instant::now(), ReadRateLimit::new());
        for _ in 0..3 {
            for _ in 0..7 {
                pace.wait().await;
                pace.spend(PIECE);
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }
}
