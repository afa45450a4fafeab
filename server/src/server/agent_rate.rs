//! Rate of the commands that agents call: one bucket for each agent.

use std::collections::HashMap;

use tokio::time::Instant;
use topside_shared::time::millis;
use topside_shared::{ErrorKind, RpcError, text};

use crate::admission::token_bucket::TokenBucket;
use crate::base::identity::{Identity, Owner};
use crate::base::mutex::Mutex;

/// Number of buckets from which full ones are removed.
const MANY: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct AgentRate(Mutex<HashMap<Owner, Bucket>>);

#[derive(Debug)]
struct Bucket {
    /// The limit that it was made for.
    a_minute: usize,
    tokens: TokenBucket,
}

impl AgentRate {
    /// Takes one call of an agent that may make so many a minute; users are not limited here.
    ///
    /// # Errors
    /// `rateLimited`, with the time after which the call may be repeated.
    pub(crate) fn take(&self, who: &Identity, a_minute: usize) -> Result<(), RpcError> {
        if !who.agent || a_minute == usize::MAX {
            return Ok(());
        }
        let now = Instant::now();
        let mut buckets = self.0.lock();
        if buckets.len() >= MANY {
            buckets.retain(|_, bucket| !bucket.tokens.is_full(now));
        }
        let new = || Bucket { a_minute, tokens: TokenBucket::a_minute(a_minute, now) };
        let bucket = buckets.entry(who.owner).or_insert_with(new);
        if bucket.a_minute != a_minute {
            *bucket = new();
        }
        if bucket.tokens.take(now) {
            return Ok(());
        }
        // Rounded up, so that a call after this time is not refused again.
        let wait = bucket.tokens.wait(now).map_or(0, millis) + 1;
        let message = format_args!(
            "this agent has called {a_minute} commands within a minute, as many as `rate` of [mcp] allows: try again in {}",
            text::duration(wait.max(1_000))
        );
        Err(RpcError::new(ErrorKind::RateLimited, message).with("retryAfterMs", wait))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use topside_shared::Role;

    use super::*;
    use crate::base::identity::Scope;

    fn agent(uid: u32) -> Identity {
        let person = Identity {
            owner: Owner::User(uid),
            user: "u".into(),
            role: Role::Viewer,
            scope: Scope::Whole,
            agent: false,
        };
        person.as_agent()
    }

    #[tokio::test(start_paused = true)]
    async fn each_agent_has_its_own_rate_and_is_told_when_to_try_again() {
        let rate = AgentRate::default();
        let (one, other) = (agent(1), agent(2));
        for _ in 0..3 {
            rate.take(&one, 3).unwrap();
        }
        let error = rate.take(&one, 3).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        let after = error.data.more["retryAfterMs"].as_u64().unwrap();
        assert!((19_000..=20_001).contains(&after), "{after}");
        assert!(error.message.contains("3 commands within a minute"), "{error}");
        rate.take(&other, 3).unwrap();
        tokio::time::advance(Duration::from_millis(after)).await;
        rate.take(&one, 3).unwrap();
        rate.take(&one, 3).unwrap_err();
        // A reload sets another limit.
        rate.take(&one, 5).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn users_are_not_limited() {
        let rate = AgentRate::default();
        let person = Identity { agent: false, ..agent(1) };
        for _ in 0..100 {
            rate.take(&person, 1).unwrap();
            rate.take(&agent(1), usize::MAX).unwrap();
        }
    }
}
