//! The server's log: `log/tail`.

use serde::{Deserialize, Serialize};

use super::{Call, Method};
use crate::notifications::LogEntry;

/// `log/tail`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogTail {
    /// How many of the last lines, 1 to 1,000; 50 by default. Fewer if they do not fit one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Only lines that hold this text, in any case.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
}
call!(LogTail -> LogEntries);

/// Answer to `log/tail`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogEntries {
    /// Oldest first.
    pub entries: Vec<LogEntry>,
}
