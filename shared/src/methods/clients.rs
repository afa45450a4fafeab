//! What an admin says to those who are connected, and whom he sends away.

use serde::{Deserialize, Serialize};

use super::{Call, Empty, Method};
use crate::ids::ClientId;
use crate::notifications::Urgency;

/// `broadcast`: tells everybody who takes notices something.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Broadcast {
    /// The text: not empty, at most 2 KiB.
    pub message: String,
    /// How much it matters; `info` unless told.
    #[serde(default)]
    pub level: Urgency,
}
call!(Broadcast => Broadcast -> BroadcastResult);

/// Answer to `broadcast`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastResult {
    /// To how many clients it was sent, the sender among them where it takes notices.
    pub delivered: u64,
}

/// `client/kick`: ends somebody else's session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientKick {
    /// Whose.
    pub client_id: ClientId,
    /// Told to that client; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
call!(ClientKick => ClientKick -> Empty);
