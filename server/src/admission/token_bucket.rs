//! Token bucket: a rate per second, with a burst after a pause.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    rate: Option<f64>,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// A full bucket; a rate of `usize::MAX` means no limit.
    pub(crate) fn new(rate: usize, burst: usize, now: Instant) -> Self {
        let rate = (rate != usize::MAX).then_some(rate as f64);
        let burst = burst as f64;
        Self { rate, burst, tokens: burst, at: now }
    }

    /// A full bucket of so many a minute.
    pub(crate) fn a_minute(count: usize, now: Instant) -> Self {
        let burst = count as f64;
        Self { rate: Some(burst / 60.0), burst, tokens: burst, at: now }
    }

    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let has = self.rate.is_none() || self.tokens >= 1.0;
        if has {
            self.spend(1);
        }
        has
    }

    /// Takes `count` tokens; the balance may become negative.
    pub(crate) fn spend(&mut self, count: usize) {
        self.tokens -= count as f64;
    }

    pub(crate) fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.burst);
    }

    /// The time until one token is available; none: one is available now.
    pub(crate) fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.refill(now);
        let rate = self.rate?;
        (self.tokens < 1.0).then(|| Duration::from_secs_f64((1.0 - self.tokens) / rate))
    }

    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.rate.is_none_or(|rate| self.tokens + self.gain(now, rate) >= self.burst)
    }

    pub(crate) fn last_taken(&self) -> Instant {
        self.at
    }

    fn refill(&mut self, now: Instant) {
        if let Some(rate) = self.rate {
            self.tokens = (self.tokens + self.gain(now, rate)).min(self.burst);
        }
        self.at = now;
    }

    fn gain(&self, now: Instant, rate: f64) -> f64 {
        now.saturating_duration_since(self.at).as_secs_f64() * rate
    }
}
