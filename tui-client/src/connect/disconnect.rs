//! Why a session is over, in words.

use topside_shared::RpcError;
use topside_shared::notifications::{EndCode, SessionEnded};
use topside_shared::text::{MAX_NAME, MAX_REASON, clean};

/// Why a server does not let a key in, as it says by its TLS alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// It has never known that key.
    #[error(
        "this server does not know this device: ask for an invite (`topsided invite` on the box)"
    )]
    Unknown,
    /// Somebody took it away, or it was a one-time key that was used.
    #[error(
        "this device's key was revoked, or the invite was used: ask for a new invite (`topsided invite` on \
         the box)"
    )]
    Revoked,
    /// Its time is over.
    #[error(
        "this device's key has expired: ask for a new one (`topsided invite` or `topsided token` on the box)"
    )]
    Expired,
}

/// Why a session is over. Its display is a sentence without a full stop.
#[derive(Debug, Clone, PartialEq)]
pub enum DisconnectReason {
    /// [`Handle::close`](super::Handle::close) was called here.
    Left,
    /// The server said goodbye, and why.
    Ended(SessionEnded),
    /// The server could not read what was sent, said so, and closed.
    Refused(RpcError),
    /// The server went away without a goodbye.
    Gone,
    /// The server does not let this device's key in.
    KeyRefused(KeyRefused),
    /// The connection broke.
    Broken(String),
    /// Nothing came for too long, not even an answer to `ping`.
    Silent {
        /// For how long, in milliseconds.
        ms: u64,
    },
    /// What came is not the protocol.
    NotTopside(String),
    /// Nobody here took what the server told for so long that too much was waiting.
    Overflow,
}

impl DisconnectReason {
    /// The server's goodbye, where there was one.
    pub fn ended(&self) -> Option<&SessionEnded> {
        match self {
            Self::Ended(ended) => Some(ended),
            _ => None,
        }
    }

    /// Whether it was meant to end: by the person here, or by the server in order.
    pub fn in_order(&self) -> bool {
        match self {
            Self::Left => true,
            Self::Ended(ended) => {
                matches!(ended.code, EndCode::Closed | EndCode::Shutdown | EndCode::Restart)
            }
            _ => false,
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
            Self::Gone => f.write_str("the server went away without saying why"),
            Self::KeyRefused(why) => why.fmt(f),
            Self::Broken(error) => write!(f, "the connection to the server broke: {error}"),
            Self::Silent { ms } => {
                write!(f, "the server has not answered for {} s", ms / 1000)
            }
            Self::NotTopside(what) => {
                write!(f, "the other side does not speak Topside's protocol: {what}")
            }
            Self::Overflow => f.write_str(
                "the session was given up: more was told than this terminal took for too long",
            ),
        }
    }
}

fn goodbye(ended: &SessionEnded, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    f.write_str(match ended.code {
        EndCode::Closed => "the session was closed",
        EndCode::Shutdown => "the server was shut down",
        EndCode::Restart => "the server restarts",
        EndCode::Kicked => "the server ended the session: this client was sent away",
        EndCode::Revoked => "the server ended the session: the key of this device was revoked",
        EndCode::SlowReader => "the server ended the session: this client read too slowly",
        EndCode::Protocol => "the server ended the session: a request broke the protocol",
        EndCode::Unknown => "the server ended the session",
    })?;
    let by = clean(&ended.by, MAX_NAME);
    if !by.is_empty() && ended.code != EndCode::Closed {
        write!(f, " by {by}")?;
    }
    let reason = clean(&ended.reason, MAX_REASON);
    if !reason.is_empty() {
        write!(f, ": {reason}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goodbye_says_what_who_and_why_without_control_characters() {
        let ended = SessionEnded {
            code: EndCode::Shutdown,
            reason: "moving \u{1b}[2Jhouse".into(),
            by: "phone (#4)".into(),
        };
        assert_eq!(
            DisconnectReason::Ended(ended).to_string(),
            "the server was shut down by phone (#4): moving [2Jhouse"
        );
        let ended =
            SessionEnded { code: EndCode::SlowReader, reason: String::new(), by: String::new() };
        assert_eq!(
            DisconnectReason::Ended(ended).to_string(),
            "the server ended the session: this client read too slowly"
        );
    }
}
