//! Why a verb did not do what it was to do.

use serde_json::json;
use topside_shared::{ErrorKind, RpcError};

use super::printer::{OutputPart, Printer};
use super::{exit_status, messages};
use crate::connect::CallError;
pub(super) use crate::text::error_chain::with_sources;

/// The status to end with, and the sentence to end with.
#[derive(Debug)]
pub(super) struct VerbError {
    pub(super) status: u8,
    pub(super) sentence: String,
    /// What the server said, where it was the server.
    error: Option<RpcError>,
}

impl VerbError {
    pub(super) fn new(status: u8, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into(), error: None }
    }

    /// Topside's own failure, or that of the machine.
    pub(super) fn own(error: &dyn std::error::Error) -> Self {
        Self::new(exit_status::OWN_FAILURE, with_sources(error))
    }

    /// There is nothing of what was named, which was seen here before the server was asked.
    pub(super) fn not_found(sentence: impl Into<String>) -> Self {
        let refused = Self::new(exit_status::UNKNOWN, sentence);
        Self { error: Some(RpcError::new(ErrorKind::NotFound, &refused.sentence)), ..refused }
    }

    /// `lost` says why the session ended, where it did.
    pub(super) fn by_call(error: &CallError, lost: Option<String>) -> Self {
        let sentence = messages::failure(error, lost);
        let said = match error {
            CallError::Refused(error) => Some(error.clone()),
            _ => None,
        };
        Self { error: said, ..Self::new(exit_status::of_error(error), sentence) }
    }

    /// Says it, with `json` as an object too; the status to end with.
    pub(super) async fn tell(&self, printer: &Printer, json: bool) -> u8 {
        if json {
            printer.write(OutputPart::Print(self.json())).await;
        }
        printer.say(&self.sentence).await;
        self.status
    }

    /// The JSON object of `--json`: `error` as the server sent it; of this program's own, a message.
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
