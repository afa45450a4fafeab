//! Connected clients: the list, broadcasts and disconnecting a client.

use serde::{Deserialize, Serialize};

use super::{Call, Empty, Method};
use crate::ids::ClientId;
use crate::notifications::Urgency;
use crate::records::ClientRow;

/// `clients/list`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientsList {
    /// Only clients with a greater number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<ClientId>,
    /// Maximum number of rows: 1 to 500; 100 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}
call!(ClientsList -> Clients);

/// Answer to `clients/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clients {
    /// Rows by number.
    pub clients: Vec<ClientRow>,
    /// What to give as `after` for more; absent: these were all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ClientId>,
}

/// `broadcast`: sends a message to all clients that take notifications.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broadcast {
    /// The text: not empty, at most 2 KiB.
    pub message: String,
    /// How much it matters; `info` by default.
    #[serde(default)]
    pub level: Urgency,
}
call!(Broadcast -> BroadcastResult);

/// Answer to `broadcast`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastResult {
    /// To how many clients it was sent, the sender among them where it takes notices.
    pub delivered: u64,
}

impl BroadcastResult {
    /// For people: `told 2 clients`.
    pub fn sentence(self) -> String {
        match self.delivered {
            1 => "told 1 client".to_owned(),
            n => format!("told {n} clients"),
        }
    }
}

/// `client/kick`: disconnects another client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientKick {
    /// The client to disconnect.
    pub client_id: ClientId,
    /// Told to that client; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
call!(ClientKick -> Empty);
