//! Keys of clients over TCP: `key/invite`, `key/enrol`, `keys/list` and `key/revoke`.

use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::{Call, Empty, Method};
use crate::pin::Pin;
pub use crate::records::{KeyRow, KeyState};
use crate::role::Role;

/// Bytes that travel as base64 (RFC 4648, section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl fmt::Display for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BASE64.encode_display(&self.0).fmt(f)
    }
}

from_str!(Base64, &'static str, |text: &str| {
    BASE64.decode(text.as_bytes()).map(Base64).map_err(|_| "it is not base64")
});
wire_text!(Base64);

/// `key/invite`: creates an invite, which enrols one key once, or a lasting token for a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyInvite {
    /// What people call the client; at most 64 characters.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// How long it is valid, in milliseconds: by default 10 minutes, or 90 days for a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// The only commands it may run; absent: all that its role may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// Whether it is a script's token: the key itself lasts and enrols no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
    /// Whether the key is for an agent: it runs only commands that their declaration exposes to agents, and a user must approve
    /// those that ask to be confirmed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
}
call!(KeyInvite -> KeyInviteResult);

/// Answer to `key/invite`. The invite is sent once: the server keeps only the public half of its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyInviteResult {
    /// What the other side pastes.
    pub invite: String,
    /// The key in it.
    pub key: KeyRow,
}

/// `key/enrol`: replaces the one-time key of an invite by the client's own key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyEnrol {
    /// The client's own public key (SubjectPublicKeyInfo, Ed25519).
    pub key: Base64,
    /// What people call the client; absent or empty: as the invite says.
    #[serde(default)]
    pub name: String,
    /// Over what [`enrol_message`](crate::tls::enrol_message) says, by the client's own key.
    pub signature: Base64,
}
call!(KeyEnrol -> KeyEnrolResult);

/// Answer to `key/enrol`; the session ends with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyEnrolResult {
    /// The key that is accepted from now on.
    pub key_id: Pin,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// `keys/list`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct KeysList {}
call!(KeysList -> Keys);

/// Answer to `keys/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Keys {
    /// Oldest first.
    pub keys: Vec<KeyRow>,
}

/// `key/revoke`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRevoke {
    /// The key that is no longer accepted; its sessions end.
    pub key_id: Pin,
}
call!(KeyRevoke -> Empty);
