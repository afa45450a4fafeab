//! Record of one source: its connection rate, its penalties, its last success and its refused keys.

use std::time::Duration;

use tokio::time::Instant;

use crate::admission::token_bucket::TokenBucket;
use crate::settings::limits::Limits;

/// How long a source is known after it was admitted.
const KNOWN: Duration = Duration::from_secs(86_400);
/// Penalties are enforced from this number on, and add up to this time at most.
const ENFORCED_FROM: u32 = 3;
const LONGEST: Duration = Duration::from_secs(600);
/// Burst of connections of a source, for each that it may make a second.
const BURST: usize = 10;
/// Shortest time between two log lines about one source.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct SourceRecord {
    pub(super) connects: TokenBucket,
    penalty: Option<Penalty>,
    pub(super) admitted: Option<Instant>,
    /// Refused keys that were not logged yet, and when one was logged last.
    unlogged: u64,
    logged: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Penalty {
    until: Instant,
    enforced: bool,
}

pub(super) fn source_bucket(limits: &Limits, now: Instant) -> TokenBucket {
    let rate = limits.connects_per_source;
    TokenBucket::new(rate, rate.saturating_mul(BURST), now)
}

impl SourceRecord {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let connects = source_bucket(limits, now);
        Self { connects, penalty: None, admitted: None, unlogged: 0, logged: None }
    }

    pub(super) fn is_known(&self, now: Instant) -> bool {
        self.admitted.is_some_and(|admitted| now < admitted + KNOWN)
    }

    pub(super) fn is_penalized(&self, now: Instant) -> bool {
        self.penalty.is_some_and(|penalty| penalty.enforced && now < penalty.until)
    }

    pub(super) fn penalize(&mut self, each: Duration, now: Instant) {
        let before = self.penalty.filter(|penalty| now < penalty.until);
        let until = before.map_or(now, |penalty| penalty.until) + each;
        let until = until.min(now + LONGEST);
        // Time has passed since the first penalty, so the sum is a little less than the full number of them.
        let due = each * (ENFORCED_FROM - 1) + each / 2;
        let enforced = before.is_some_and(|penalty| penalty.enforced) || until - now > due;
        self.penalty = Some(Penalty { until, enforced });
    }

    /// Counts a refused key. The number since the last log line, if another is due.
    pub(super) fn count_refused_key(&mut self, now: Instant) -> Option<u64> {
        self.unlogged += 1;
        if self.logged.is_some_and(|logged| now < logged + LOG_INTERVAL) {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.unlogged))
    }

    /// Whether it differs from a new record.
    pub(super) fn is_needed(&self, now: Instant) -> bool {
        self.is_known(now)
            || self.penalty.is_some_and(|penalty| now < penalty.until)
            || !self.connects.is_full(now)
    }
}
