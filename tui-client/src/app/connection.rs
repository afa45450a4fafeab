//! State of the connection: idle, dialling, connected, or lost and why.

use topside_shared::Time;
use topside_shared::notifications::{EndCode, SessionEnded};

use super::console::shutdown_banner::expected_back;
use super::{DialFailed, State};
pub(crate) use crate::connect::Via;
use crate::text::times;

/// Longest wait before another try.
const MAX_WAIT: u64 = 30_000;

/// Whom to reach, and by which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The saved server; none: this machine's own.
    pub(crate) server: Option<String>,
    pub(crate) via: Via,
}

impl Target {
    /// The name under which it is known before it has said its own.
    pub(crate) fn title(&self) -> &str {
        self.server.as_deref().unwrap_or("this machine")
    }
}

/// The link, wherever the screen is.
#[derive(Debug)]
pub(crate) enum ConnectionState {
    /// No server was chosen.
    Idle,
    /// A server is being reached.
    Dialling(Dialling),
    Connected {
        session: u64,
    },
    /// The session is over; what it said is still on the screen.
    Lost(Disconnected),
}

/// A dial under way.
#[derive(Debug)]
pub(crate) struct Dialling {
    pub(crate) attempt: u64,
    pub(crate) target: Target,
    /// Whether a server is started here if none answers.
    pub(crate) start: bool,
    /// When it began, by the monotonic clock.
    pub(crate) since: u64,
    /// What the link was, if this is a reconnect.
    pub(crate) lost: Option<Disconnected>,
}

/// How a session ended.
#[derive(Debug, Clone)]
pub(crate) struct Disconnected {
    pub(crate) why: Why,
    pub(crate) at: Time,
    /// What became of the last try to reconnect.
    pub(crate) failed: Option<DialFailed>,
    /// The next try by itself, if there will be one.
    pub(crate) retry: Option<Retry>,
    /// Tries so far.
    pub(crate) tries: u32,
}

/// A try to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    /// When, by the monotonic clock.
    pub(crate) at: u64,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// The server said goodbye.
    Ended(SessionEnded),
    /// It did not: the sentence that says what happened.
    Cut(String),
}

impl Disconnected {
    /// A session that ended now.
    pub(crate) fn new(why: Why, state: &State) -> Self {
        Self { why, at: state.clock.wall, failed: None, retry: None, tries: 0 }
    }

    /// Whether the screen tries again by itself: where the server meant to go, it does not.
    pub(crate) fn retries(&self) -> bool {
        match &self.why {
            Why::Ended(ended) => ended.code == EndCode::Restart,
            Why::Cut(_) => true,
        }
    }

    /// Plans the next try: 1 s, 2 s, 4 s .. 30 s, each shortened by up to a half so that many clients
    /// do not come back together. On one machine there are few, and a server that restarts is back in
    /// no time: there it begins with a quarter of a second.
    pub(crate) fn plan(&mut self, now: u64, local: bool) {
        let first = if local { 250_u64 } else { 1000 };
        let whole = (first << self.tries.min(7)).min(MAX_WAIT);
        let mut seed = now ^ u64::from(self.tries) << 32 ^ self.at.as_millis().unsigned_abs();
        // One round of xorshift: enough to part two screens.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        self.retry = Some(Retry { at: now + whole / 2 + seed % (whole / 2) });
    }

    /// What happened and when: `shut down by phone (#4) at 09:16:08: moving to a new box`.
    pub(crate) fn words(&self, state: &State) -> String {
        let words = self.say(&format!(" at {}", times::clock(self.at, &state.zone)));
        let back = match &self.why {
            Why::Ended(ended) => expected_back(ended.back, state.clock.wall, &state.zone),
            Why::Cut(_) => None,
        };
        back.map_or(words.clone(), |back| format!("{words} · {back}"))
    }

    /// What happened, where its time stands beside it.
    pub(crate) fn what(&self) -> String {
        self.say("")
    }

    /// The same in a word or two, for where all of it stands elsewhere.
    pub(crate) fn brief(&self, state: &State) -> String {
        format!("{} at {}", self.word(), times::clock(self.at, &state.zone))
    }

    /// The next try by itself: `reconnecting in 4 s (try 3)`.
    fn next_try(&self, now: u64) -> Option<String> {
        let left = self.retry?.at.saturating_sub(now).div_ceil(1000);
        Some(format!("reconnecting in {left} s (try {})", self.tries + 1))
    }

    fn word(&self) -> &'static str {
        match &self.why {
            Why::Ended(ended) => match ended.code {
                EndCode::Shutdown => "shut down",
                EndCode::Restart => "restarted",
                EndCode::Closed => "closed",
                EndCode::Kicked | EndCode::Revoked | EndCode::SlowReader => "ended this session",
                EndCode::Protocol => "ended for a breach of the protocol",
                EndCode::Unknown => "ended by the server",
            },
            Why::Cut(_) => "lost",
        }
    }

    fn say(&self, at: &str) -> String {
        match &self.why {
            Why::Ended(ended) => {
                let what = self.word();
                let by =
                    if ended.by.is_empty() { String::new() } else { format!(" by {}", ended.by) };
                let reason = if ended.reason.is_empty() {
                    String::new()
                } else {
                    format!(": {}", ended.reason)
                };
                match (ended.code, ended.by.as_str()) {
                    (EndCode::Kicked, _) => {
                        format!("{what}{at}: you were disconnected{by}{reason}")
                    }
                    (EndCode::Revoked, "") => {
                        format!("{what}{at}: this device's key was revoked{reason}")
                    }
                    (EndCode::Revoked, by) => {
                        format!("{what}{at}: {by} revoked this device's key{reason}")
                    }
                    (EndCode::SlowReader, _) => {
                        format!("{what}{at}: this screen read too slowly{reason}")
                    }
                    _ => format!("{what}{by}{at}{reason}"),
                }
            }
            Why::Cut(why) => format!("lost{at}: {why}"),
        }
    }
}

/// The state of the link in words, for the title bar.
pub(crate) fn words(state: &State) -> String {
    match &state.link {
        ConnectionState::Idle => "not connected".to_owned(),
        ConnectionState::Connected { .. } => "connected".to_owned(),
        ConnectionState::Dialling(dial) => match &dial.lost {
            Some(lost) => format!("reconnecting (try {})", lost.tries.max(1)),
            None => "connecting".to_owned(),
        },
        ConnectionState::Lost(lost) => {
            let words = lost.words(state);
            match lost.next_try(state.clock.mono) {
                Some(next) => format!("{words} · {next}"),
                None => words,
            }
        }
    }
}

/// The same in few words, without why a session ended: for what lies on top of the title.
pub(crate) fn brief(state: &State) -> String {
    match &state.link {
        ConnectionState::Lost(lost) => match lost.next_try(state.clock.mono) {
            Some(next) => format!("no session · {next}"),
            None => "no session".to_owned(),
        },
        _ => words(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_thirty_seconds_and_no_further() {
        let mut lost = Disconnected {
            why: Why::Cut(String::new()),
            at: Time::from_millis(7),
            failed: None,
            retry: None,
            tries: 0,
        };
        for (tries, local, most) in [
            (0, false, 1_000),
            (1, false, 2_000),
            (3, false, 8_000),
            (5, false, 30_000),
            (500, false, 30_000),
            (0, true, 250),
            (2, true, 1_000),
            (500, true, 30_000),
        ] {
            lost.tries = tries;
            lost.plan(1_000_000, local);
            let wait = lost.retry.unwrap().at - 1_000_000;
            assert!(wait >= most / 2 && wait < most, "{tries} tries: {wait} ms");
        }
    }
}
