//! Keys of clients over TCP: `key/invite`, `key/enrol`, `keys/list` and `key/revoke`.

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Call, Empty, Method};
use crate::pin::Pin;
use crate::role::Role;
use crate::time::Time;

/// Bytes that travel as base64 (RFC 4648, section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.as_bytes());
        bytes.map(Self).map_err(|_| serde::de::Error::custom("it is not base64"))
    }
}

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
}
call!(KeyInvite => KeyInvite -> KeyInviteResult);

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
call!(KeyEnrol => KeyEnrol -> KeyEnrolResult);

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
call!(KeysList => KeysList -> Keys);

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
call!(KeyRevoke => KeyRevoke -> Empty);

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
    /// Its pin.
    pub key_id: Pin,
    /// The name of its device or user.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The only commands it may run; absent: all that its role may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// When it was made or enrolled.
    pub created_at: Time,
    /// When it last connected; up to a few minutes old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Time>,
    /// When it stops being good; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// How it stands.
    pub state: KeyState,
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyState {
    /// It is accepted.
    Active,
    /// An invite that is not used yet.
    Invited,
    /// An invite that was used.
    Used,
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
    /// A state that a newer server sent.
    #[serde(other)]
    Unknown,
}

impl KeyState {
    /// What a person reads.
    pub fn words(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invited => "invited",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }
}
