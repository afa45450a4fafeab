//! Errors on the wire: JSON-RPC codes, and the `data.kind` that programs switch on.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::text;

wire_enum! {
    /// What went wrong, for programs. Each kind has one JSON-RPC code.
    pub enum ErrorKind {
        /// The line is not JSON, or nests too deeply.
        Parse = "parse",
        /// JSON, but not a request of JSON-RPC 2.0.
        InvalidRequest = "invalidRequest",
        /// No method of this name.
        UnknownMethod = "unknownMethod",
        /// The method's parameters, or a command's arguments, break a rule.
        InvalidParams = "invalidParams",
        /// A fault of the server.
        Internal = "internal",
        /// The caller's role may not do this.
        Forbidden = "forbidden",
        /// No such command, run, client or subscription.
        NotFound = "notFound",
        /// The two sides share no version of the protocol.
        UnsupportedVersion = "unsupportedVersion",
        /// Too many attempts; later is better.
        RateLimited = "rateLimited",
        /// A line, value or answer over its limit.
        TooLarge = "tooLarge",
        /// A lock or limit is taken, or the system is short of descriptors, processes, memory or disk space.
        Busy = "busy",
        /// The server is shutting down.
        Closing = "closing",
        /// The program could not be started.
        SpawnFailed = "spawnFailed",
        /// The command asks to be confirmed first.
        ConfirmRequired = "confirmRequired",
        /// A kind that a newer server sent.
        #[serde(other)]
        Unknown = "unknown",
    }
}

impl ErrorKind {
    /// The JSON-RPC error code.
    pub fn code(self) -> i64 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::UnknownMethod => -32601,
            Self::InvalidParams => -32602,
            Self::Internal | Self::Unknown => -32603,
            Self::Forbidden => -32003,
            Self::NotFound => -32004,
            Self::UnsupportedVersion => -32005,
            Self::RateLimited => -32006,
            Self::TooLarge => -32007,
            Self::Busy => -32008,
            Self::Closing => -32009,
            Self::SpawnFailed => -32010,
            Self::ConfirmRequired => -32011,
        }
    }

    /// The kind in words, behind the number of requests that were refused: `3 not allowed`.
    fn words(self) -> &'static str {
        match self {
            Self::Parse => "no JSON",
            Self::InvalidRequest => "no request",
            Self::UnknownMethod => "unknown method",
            Self::InvalidParams => "wrong arguments",
            Self::Internal => "fault of the server",
            Self::Forbidden => "not allowed",
            Self::NotFound => "not found",
            Self::UnsupportedVersion => "other version",
            Self::RateLimited => "too many attempts",
            Self::TooLarge => "too large",
            Self::Busy => "busy",
            Self::Closing => "during a shutdown",
            Self::SpawnFailed => "not started",
            Self::ConfirmRequired => "not confirmed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the same request may succeed later.
    pub fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Busy | Self::Closing)
    }
}

/// What a count of refusals in `server/status` is of, in words: a kind of error, or the limit that turned a request or a
/// connection away.
pub fn refusal_words(name: &str) -> String {
    match ErrorKind::from_name(name) {
        Some(kind) => kind.words().to_owned(),
        None => format!("by the limit {}", text::clean(name, text::MAX_NAME)),
    }
}

/// The `error` member of a response: one sentence for a person, a kind for a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// The JSON-RPC code that belongs to the kind.
    pub code: i64,
    /// One sentence a person can act on.
    pub message: String,
    /// What programs read.
    #[serde(default)]
    pub data: ErrorData,
}

/// The `data` member: `{kind, retryable, ..}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorData {
    /// What to switch on.
    pub kind: ErrorKind,
    /// Whether the same request may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// More, by kind: `argument`, `nearest`, ...
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Default for ErrorData {
    fn default() -> Self {
        Self { kind: ErrorKind::Unknown, retryable: false, more: Map::new() }
    }
}

impl RpcError {
    /// An error of this kind with this sentence, as one line of bounded length without control characters.
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self {
            code: kind.code(),
            message: text::clean(&message.to_string(), text::MAX_MESSAGE),
            data: ErrorData { kind, retryable: kind.retryable(), more: Map::new() },
        }
    }

    /// `invalidParams` about one argument.
    pub fn invalid_argument(name: &str, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidParams, message).with("argument", name)
    }

    /// The same error with one more member in its `data`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.more.insert(name.to_owned(), value.into());
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.data.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_carries_kind_and_retryable_beside_what_else_is_known() {
        let error = RpcError::new(ErrorKind::Busy, "zone 3 is running").with("lock", "relays");
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "code": -32008, "message": "zone 3 is running",
                "data": {"kind": "busy", "retryable": true, "lock": "relays"}
            })
        );
    }

    #[test]
    fn a_kind_from_a_newer_server_is_read_as_unknown() {
        let error: RpcError =
            serde_json::from_str(r#"{"code":-32050,"message":"m","data":{"kind":"lunar"}}"#)
                .unwrap();
        assert_eq!(error.kind(), ErrorKind::Unknown);
    }
}
