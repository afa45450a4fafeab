//! Lists that can be long: who is connected, and the log.

use serde::{Deserialize, Serialize};

use super::{Call, Method};
use crate::ids::ClientId;
use crate::notifications::LogEntry;
use crate::records::ClientRow;

/// `clients/list`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientsList {
    /// Only clients with a greater number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<ClientId>,
    /// At most so many rows: 1 to 500; 100 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}
call!(ClientsList => ClientsList -> Clients);

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

/// `log/tail`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogTail {
    /// How many of the last lines, 1 to 1,000; 50 unless told. Fewer come where they do not fit one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Only lines that hold this text, in any case.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
}
call!(LogTail => LogTail -> LogEntries);

/// Answer to `log/tail`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogEntries {
    /// Oldest first.
    pub entries: Vec<LogEntry>,
}
