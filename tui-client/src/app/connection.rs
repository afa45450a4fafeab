//! State of the connection: idle, dialling, connected, or lost with the reason.

use topside_shared::Time;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::notifications::{EndCode, SessionEnded};

use super::console::shutdown_banner::{expected_back, usually_back};
use super::{DialFailed, State};
pub(crate) use crate::connect::Via;
use crate::text::times;

/// The server to dial, and the route to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The saved server; none: the server of this machine.
    pub(crate) server: Option<String>,
    pub(crate) via: Via,
}

impl Target {
    /// The name until the server has sent its own.
    pub(crate) fn title(&self) -> &str {
        self.server.as_deref().unwrap_or("this machine")
    }
}

#[derive(Debug)]
pub(crate) enum ConnectionState {
    /// No server is selected.
    Idle,
    Dialling(Dialling),
    Connected {
        session: u64,
    },
    /// The session has ended; its output is still on the screen.
    Lost(Disconnected),
}

#[derive(Debug)]
pub(crate) struct Dialling {
    pub(crate) attempt: u64,
    pub(crate) target: Target,
    /// Whether a server is started in this program if none answers.
    pub(crate) start: bool,
    /// When it began, by the monotonic clock.
    pub(crate) since: u64,
    /// The session that was lost, if this is a reconnection.
    pub(crate) lost: Option<Disconnected>,
}

#[derive(Debug, Clone)]
pub(crate) struct Disconnected {
    pub(crate) why: Why,
    pub(crate) at: Time,
    /// Why the last reconnection failed.
    pub(crate) failed: Option<DialFailed>,
    /// When the next automatic dial is planned, by the monotonic clock.
    pub(crate) retry: Option<u64>,
    /// Number of dials so far.
    pub(crate) tries: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// The server sent `session/ended`.
    Ended(SessionEnded),
    /// The connection broke; the sentence says how.
    Cut(String),
}

/// Whether a server is expected back after the end of a session: not after a shutdown, or after a session that the server
/// ended on purpose. None: the connection broke.
pub(crate) fn comes_back(ended: Option<&SessionEnded>) -> bool {
    ended.is_none_or(|ended| ended.code == EndCode::Restart)
}

impl Disconnected {
    pub(crate) fn new(why: Why, state: &State) -> Self {
        Self { why, at: state.clock.wall, failed: None, retry: None, tries: 0 }
    }

    /// Whether the client dials again by itself.
    pub(crate) fn retries(&self) -> bool {
        match &self.why {
            Why::Ended(ended) => comes_back(Some(ended)),
            Why::Cut(_) => comes_back(None),
        }
    }

    /// The reboot or power off of the box that ended the session; none: it was something else.
    pub(crate) fn of_box(&self) -> Option<AfterShutdown> {
        match &self.why {
            Why::Ended(ended) => ended.then.filter(|then| then.is_of_box()),
            Why::Cut(_) => None,
        }
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

    /// What happened, without the time.
    pub(crate) fn what(&self) -> String {
        self.say("")
    }

    /// What happened, in a word or two, and when.
    pub(crate) fn brief(&self, state: &State) -> String {
        format!("{} at {}", self.word(), times::clock(self.at, &state.zone))
    }

    fn word(&self) -> &'static str {
        match &self.why {
            Why::Ended(ended) => match ended.code {
                EndCode::Restart if ended.then == Some(AfterShutdown::Reboot) => "rebooting",
                EndCode::Shutdown if ended.then == Some(AfterShutdown::Poweroff) => "powered off",
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
                if self.of_box() == Some(AfterShutdown::Reboot) {
                    let usual = usually_back(ended.usual_ms).map(|usual| format!(", {usual}"));
                    let usual = usual.unwrap_or_default();
                    let by = if by.is_empty() { by } else { format!(" · ordered{by}") };
                    return format!("{what}{usual}{by}{at}{reason}");
                }
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

/// The state of the connection, for the title bar.
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

/// The same in a few words, without the reason.
pub(crate) fn brief(state: &State) -> String {
    match &state.link {
        ConnectionState::Lost(lost) => match lost.next_try(state.clock.mono) {
            Some(next) => format!("no session · {next}"),
            None => "no session".to_owned(),
        },
        _ => words(state),
    }
}
