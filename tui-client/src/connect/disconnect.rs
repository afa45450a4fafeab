//! Why a session ended, as a sentence.

use jiff::tz::TimeZone;
use topside_shared::advice::INVITE_ON_THE_BOX;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::notifications::{EndCode, SessionEnded, return_note};
use topside_shared::text::{MAX_NAME, MAX_REASON, clean};
use topside_shared::{RpcError, Time};

/// Why a server does not accept a key, from its TLS alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyRefused {
    #[error("this server does not know this device: ask for an invite ({INVITE_ON_THE_BOX})")]
    Unknown,
    /// The key was revoked, or it is the key of an invite that was used.
    #[error(
        "this device's key was revoked, or the invite was used: ask for a new invite ({INVITE_ON_THE_BOX})"
    )]
    Revoked,
    #[error("this device's key has expired: ask for a new invite ({INVITE_ON_THE_BOX}) or token")]
    Expired,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DisconnectReason {
    /// [`Handle::close`](super::Handle::close) was called here.
    Left,
    /// The server ended the session with `session/ended`.
    Ended(SessionEnded),
    /// The server could not read a request and closed the session.
    Refused(RpcError),
    /// The server closed the connection without a message.
    Gone,
    KeyRefused(KeyRefused),
    Broken(String),
    /// The server sent nothing for this time, not even an answer to `ping`.
    Silent {
        ms: u64,
    },
    /// The other side does not speak the protocol.
    NotTopside(String),
    /// The consumer read events so slowly that the queue became too long.
    Overflow,
}

impl DisconnectReason {
    pub(crate) fn ended(&self) -> Option<&SessionEnded> {
        match self {
            Self::Ended(ended) => Some(ended),
            _ => None,
        }
    }
}

impl std::fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Left => f.write_str("the session was closed here"),
            Self::Ended(ended) => goodbye(ended, f),
            Self::Refused(error) => {
                write!(f, "the server closed the session: {}", clean(&error.message, MAX_REASON))
            }
            Self::Gone => f.write_str("connection closed without a reason"),
            Self::KeyRefused(why) => why.fmt(f),
            Self::Broken(error) => write!(f, "the connection to the server broke: {error}"),
            Self::Silent { ms } => {
                write!(f, "the server has not answered for {} s", ms / 1000)
            }
            Self::NotTopside(what) => {
                write!(f, "the other side does not speak Topside's protocol: {what}")
            }
            Self::Overflow => f.write_str(
                "the session was closed: this terminal took events too slowly, and too many waited",
            ),
        }
    }
}

fn goodbye(ended: &SessionEnded, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    f.write_str(match ended.code {
        EndCode::Closed => "the session was closed",
        EndCode::Shutdown if ended.then == Some(AfterShutdown::Poweroff) => {
            "the box was powered off"
        }
        EndCode::Shutdown => "the server was shut down",
        EndCode::Restart if ended.then == Some(AfterShutdown::Reboot) => "the box is rebooted",
        EndCode::Restart => "the server restarts",
        EndCode::Kicked => "the server ended the session: this client was disconnected",
        EndCode::Revoked => "the server ended the session: the key of this device was revoked",
        EndCode::SlowReader => "the server ended the session: this client read too slowly",
        EndCode::Protocol => "the server ended the session: a request broke the protocol",
        EndCode::Unknown => "the server ended the session",
    })?;
    let by = clean(&ended.by, MAX_NAME);
    if !by.is_empty() && ended.code != EndCode::Closed {
        let ordered = if ended.code == EndCode::Restart { ", ordered" } else { "" };
        write!(f, "{ordered} by {by}")?;
    }
    let reason = clean(&ended.reason, MAX_REASON);
    if !reason.is_empty() {
        write!(f, ": {reason}")?;
    }
    // With the date in any case: the text may be read on another day.
    f.write_str(&return_note(ended.back, Time::from_millis(0), &TimeZone::system()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goodbye_says_what_who_and_why_without_control_characters() {
        let ended = SessionEnded::new(EndCode::Shutdown, "moving \u{1b}[2Jhouse", "phone (#4)");
        assert_eq!(
            DisconnectReason::Ended(ended).to_string(),
            "the server was shut down by phone (#4): moving [2Jhouse"
        );
        let ended = SessionEnded::new(EndCode::SlowReader, "", "");
        assert_eq!(
            DisconnectReason::Ended(ended).to_string(),
            "the server ended the session: this client read too slowly"
        );
    }
}
