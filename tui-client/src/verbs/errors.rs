//! Error of a verb: its exit status, and the message.

use serde_json::json;
use topside_shared::{ErrorKind, RpcError};

use super::printer::{OutputPart, Printer};
use super::{exit_status, messages};
use crate::connect::CallError;
pub(super) use topside_shared::text::with_sources;

/// Why a verb failed.
#[derive(Debug)]
pub(super) struct VerbError {
    pub(super) status: u8,
    pub(super) sentence: String,
    /// The server's error, where the server refused.
    error: Option<RpcError>,
}

impl VerbError {
    pub(super) fn new(status: u8, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into(), error: None }
    }

    /// This program does not do what was asked.
    pub(super) fn refused(sentence: impl Into<String>) -> Self {
        Self::new(exit_status::REFUSED, sentence)
    }

    /// A failure of topside, or of the machine.
    pub(super) fn own(error: &dyn std::error::Error) -> Self {
        Self::new(exit_status::OWN_FAILURE, with_sources(error))
    }

    /// Something does not exist, as this program saw before it asked the server.
    pub(super) fn not_found(sentence: impl Into<String>) -> Self {
        let refused = Self::new(exit_status::UNKNOWN, sentence);
        Self { error: Some(RpcError::new(ErrorKind::NotFound, &refused.sentence)), ..refused }
    }

    /// The error of a call; `lost` is why the session ended, where it did.
    pub(super) fn by_call(error: &CallError, lost: Option<String>) -> Self {
        let refused = match error {
            CallError::Refused(error) => Some(error.clone()),
            _ => None,
        };
        let sentence = messages::failure(error, lost);
        Self { error: refused, ..Self::new(exit_status::of_error(error), sentence) }
    }

    /// Prints it, with `json` also as an object; returns the exit status.
    pub(super) async fn tell(&self, printer: &Printer, json: bool) -> u8 {
        if json {
            printer.write(OutputPart::Print(self.json())).await;
        }
        printer.say(&self.sentence).await;
        self.status
    }

    /// The object of `--json`: the server's error as it was sent, or the message of this program.
    fn json(&self) -> String {
        format!("{}\n", json!({ "error": self.error_object() }))
    }

    /// What the server said, or this program's own message.
    pub(super) fn error_object(&self) -> serde_json::Value {
        match &self.error {
            Some(error) => serde_json::to_value(error).unwrap_or_default(),
            None => json!({ "message": self.sentence }),
        }
    }
}
