//! The server itself: its figures, and its end.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Call, Empty, Method};
use crate::notices::Closing;
use crate::time::Time;

/// `server/status`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ServerStatus {}
call!(ServerStatus => ServerStatus -> Status);

/// Answer to `server/status`. Counts are since the server's start unless they say *now*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Milliseconds since the start.
    pub uptime_ms: u64,
    /// Clients now.
    pub clients: u64,
    /// Runs.
    pub runs: RunCounts,
    /// Bytes over all connections.
    pub bytes: ByteCounts,
    /// Requests answered.
    pub requests: u64,
    /// Errors answered, by `data.kind`, and who was turned away or made to wait, by the key of `[limits]`
    /// or by what was wrong at the door (`key`, `handshake`); what never happened is absent.
    pub refusals: Map<String, Value>,
    /// Resident memory of the server now, in bytes; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Load of the box over 1, 5 and 15 minutes; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<[f64; 3]>,
    /// Where the server listens.
    pub listeners: Vec<Listening>,
    /// The menu's revision.
    pub revision: u64,
    /// A shutdown that is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
}

/// Runs of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Now.
    pub running: u64,
    /// Those that wait for their turn now.
    #[serde(default)]
    pub queued: u64,
    /// Since the start.
    pub started: u64,
}

/// Bytes moved, seen from the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByteCounts {
    /// Read from clients.
    pub received: u64,
    /// Written to clients.
    pub sent: u64,
}

/// One address that leads to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// `unix` for the local socket, `tls` for TCP, `router` for a port that the router forwards.
    pub transport: String,
    /// A path, or `ip:port`.
    pub address: String,
}

/// `server/shutdown`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerShutdown {
    /// Milliseconds until it begins.
    pub delay_ms: u64,
    /// Told to every client; at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the server starts again at once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}
call!(ServerShutdown => ServerShutdown -> ShutdownDue);

/// Answer to `server/shutdown`: when it will begin. It never claims that the server has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownDue {
    /// By the server's wall clock.
    pub deadline: Time,
    /// Milliseconds from now; what to count.
    pub in_ms: u64,
}

/// `server/shutdown/cancel`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ServerShutdownCancel {}
call!(ServerShutdownCancel => ServerShutdownCancel -> Empty);
