//! Reconnection: when a lost session is dialled again, and how the waits grow.

use topside_shared::Time;

use super::connection::{ConnectionState, Disconnected, Via};
use super::picker::{self, probe};
use super::{Effect, State};

/// Longest wait before a dial.
const MAX_WAIT_MS: u64 = 30_000;
/// The same while the box reboots: it is expected back soon. Also through a hub, with which all boxes are lost and come back.
const SHORT_WAIT_MS: u64 = 4_000;

impl Disconnected {
    /// Plans the next dial of a session that had this route.
    pub(crate) fn plan(&mut self, now: u64, via: Via) {
        let wait = wait_ms(self.tries, via, self.of_box().is_some(), now ^ seed(self.at));
        self.retry = Some(now + wait);
    }

    /// The next dial in words: `reconnecting in 4 s (try 3)`.
    pub(super) fn next_try(&self, now: u64) -> Option<String> {
        let left = self.retry?.saturating_sub(now).div_ceil(1000);
        Some(format!("reconnecting in {left} s (try {})", self.tries + 1))
    }
}

/// A seed for [`wait_ms`].
pub(crate) fn seed(at: Time) -> u64 {
    at.as_millis().unsigned_abs()
}

/// The wait before a dial, in milliseconds: 1, 2, 4 .. 30 s, each shortened by up to a half so that many clients do not return
/// together. On the same machine the clients are few and a restart is quick, so the first wait is 250 ms. Through a
/// hub no wait is longer than 4 s, nor where the box reboots (`of_box`).
pub(crate) fn wait_ms(tries: u32, via: Via, of_box: bool, seed: u64) -> u64 {
    let first = if via == Via::Same { 250_u64 } else { 1000 };
    let longest = if of_box || via == Via::Hub { SHORT_WAIT_MS } else { MAX_WAIT_MS };
    let whole = (first << tries.min(7)).min(longest);
    let mut seed = seed ^ u64::from(tries) << 32;
    // One round of xorshift is enough to separate two clients.
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    whole / 2 + seed % (whole / 2)
}

/// Dials the server of this console again.
pub(crate) fn dial_again(state: &mut State, start: bool) -> Vec<Effect> {
    let Some(target) = state.console().map(|console| console.target.clone()) else {
        return Vec::new();
    };
    if let ConnectionState::Lost(lost) = &mut state.link {
        lost.retry = None;
        lost.tries = lost.tries.saturating_add(1);
    }
    picker::dial(state, target, start)
}

/// Cancels a dial, or the wait for the next one.
pub(crate) fn stop(state: &mut State) -> Vec<Effect> {
    match std::mem::replace(&mut state.link, ConnectionState::Idle) {
        ConnectionState::Dialling(dial) => {
            if let Some(lost) = dial.lost {
                state.link = ConnectionState::Lost(Disconnected { retry: None, ..lost });
            }
            probe::again(state);
            state.note("Given up.");
            vec![Effect::CancelDial { attempt: dial.attempt }]
        }
        ConnectionState::Lost(lost) => {
            state.link = ConnectionState::Lost(Disconnected { retry: None, ..lost });
            Vec::new()
        }
        other => {
            state.link = other;
            Vec::new()
        }
    }
}

/// Dials again when the wait has ended.
pub(crate) fn tick(state: &mut State) -> Vec<Effect> {
    match &state.link {
        ConnectionState::Lost(Disconnected { retry: Some(at), .. }) if *at <= state.clock.mono => {
            dial_again(state, false)
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::connection::Why;

    #[test]
    fn waits_grow_to_thirty_seconds_and_no_further() {
        let mut lost = Disconnected {
            why: Why::Cut(String::new()),
            at: Time::from_millis(7),
            failed: None,
            retry: None,
            tries: 0,
        };
        for (tries, via, most) in [
            (0, Via::Lan, 1_000),
            (1, Via::Lan, 2_000),
            (3, Via::Internet, 8_000),
            (5, Via::Lan, 30_000),
            (500, Via::Auto, 30_000),
            (0, Via::Same, 250),
            (2, Via::Same, 1_000),
            (500, Via::Same, 30_000),
            (0, Via::Hub, 1_000),
            (2, Via::Hub, 4_000),
            (500, Via::Hub, 4_000),
        ] {
            lost.tries = tries;
            lost.plan(1_000_000, via);
            let wait = lost.retry.unwrap() - 1_000_000;
            assert!(wait >= most / 2 && wait < most, "{tries} tries: {wait} ms");
        }
    }
}
