//! Rate limit of requests: while a client exceeds it, the session does not read, so no request is lost.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

use crate::admission::token_bucket::TokenBucket;

/// Burst of requests, for each that may come per second.
const BURST: usize = 2;

pub(super) struct RateLimit {
    requests: TokenBucket,
    wait: Option<Pin<Box<Sleep>>>,
}

impl RateLimit {
    pub(super) fn new(rate: usize) -> Self {
        let requests = TokenBucket::new(rate, rate.saturating_mul(BURST), Instant::now());
        Self { requests, wait: None }
    }

    pub(super) fn waits(&mut self) -> bool {
        self.requests.wait(Instant::now()).is_some()
    }

    pub(super) fn spend(&mut self, count: usize) {
        self.requests.spend(count);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(wait) = &mut self.wait {
                if wait.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.wait = None;
            }
            match self.requests.wait(Instant::now()) {
                None => return Poll::Ready(()),
                Some(wait) => self.wait = Some(Box::pin(tokio::time::sleep(wait))),
            }
        }
    }
}
