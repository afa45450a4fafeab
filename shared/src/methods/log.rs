//! The server's log: `log/tail` and `log/rotate`.

use serde::{Deserialize, Serialize};

use super::{Call, Empty, Method};
use crate::notifications::{Level, LogEntry};
use crate::time::Time;

/// Most lines above each matching one.
pub const MAX_BEFORE: u64 = 100;

/// `log/tail`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogTail {
    /// Number of last lines, 1 to 1,000; 50 by default. Fewer are returned if they do not fit one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Only lines that hold one of these texts, in any case.
    #[serde(rename = "match", skip_serializing_if = "Texts::is_empty")]
    pub matching: Texts,
    /// Only lines from this time on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Only lines of this level or above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Number of lines above each of them that are returned too, at most [`MAX_BEFORE`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Whether each entry has the number of its line, for which the files are read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub numbers: bool,
}
call!(LogTail -> LogEntries);

/// One text or several; on the wire a text, or an array of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct Texts(pub Vec<String>);

impl Texts {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Texts {
    fn from(texts: OneOrMany) -> Self {
        match texts {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

impl From<Texts> for OneOrMany {
    fn from(Texts(mut texts): Texts) -> Self {
        match texts.len() {
            1 => Self::One(texts.remove(0)),
            _ => Self::Many(texts),
        }
    }
}

/// Answer to `log/tail`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogEntries {
    /// Oldest first.
    pub entries: Vec<LogEntry>,
}

/// `log/rotate`: begins a new file of the log.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct LogRotate {}
call!(LogRotate -> Empty);
