//! One session for one request.

use std::time::Duration;

use serde::Serialize;
use topside_shared::Pin;
use topside_shared::methods::{Call, InitializeResult, Menu};
use topside_shared::text::{MAX_NAME, clean};

use super::SessionArgs;
use crate::connect::{CallError, DisconnectReason, Events, Handle, Hello, Session, connect};
use crate::platform::Signals;
use crate::verbs::errors::VerbError;
use crate::verbs::exit_status;
use crate::verbs::printer::{OutputPart, Printer};

/// How long to wait for the server to close the session.
const GOODBYE: Duration = Duration::from_secs(1);

/// A session, and the printer of its answers.
pub(super) struct OneShot<'p> {
    pub(super) handle: Handle,
    pub(super) events: Events,
    pub(super) welcome: InitializeResult,
    pub(super) printer: &'p Printer,
    /// The key of this device that was accepted; none over the local socket.
    pub(super) key: Option<Pin>,
    /// The server's name for the user.
    name: String,
    json: bool,
}

impl<'p> OneShot<'p> {
    /// Connects; with `notices` the server sends notifications.
    pub(super) async fn connect(
        how: &SessionArgs,
        notices: bool,
        printer: &'p Printer,
    ) -> Result<Self, VerbError> {
        let target = how.on.target().map_err(|error| VerbError::own(&error))?;
        let hello = Hello { notices, name: "topside" };
        let session = connect(&target, &hello).await.map_err(|error| VerbError::own(&error))?;
        how.on.check_audit(&session);
        let Session { welcome, handle, mut events, reached } = session;
        // A script wants every byte, however slow its reader.
        events.hold_output();
        // A saved server has the name that the user gave it, this machine's server its own.
        let name = clean(how.on.saved().unwrap_or(&welcome.server.hostname), MAX_NAME);
        Ok(Self { handle, events, welcome, printer, key: reached.key, name, json: how.json })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn call<C: Call>(&mut self, params: &C) -> Result<C::Answer, VerbError> {
        match self.handle.call(params).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.refused(error).await),
        }
    }

    pub(super) async fn menu(&mut self) -> Result<Menu, VerbError> {
        match self.handle.menu().await {
            Ok(menu) => Ok(menu),
            Err(error) => Err(self.refused(error).await),
        }
    }

    /// The error of a call.
    pub(super) async fn refused(&mut self, error: CallError) -> VerbError {
        match error {
            CallError::Lost => {
                let why = self.events.end().await;
                Self::unanswered(&why)
            }
            error => VerbError::by_call(&error, None),
        }
    }

    /// The error of a session that ended before the answer.
    pub(super) fn unanswered(why: &DisconnectReason) -> VerbError {
        VerbError::new(exit_status::OWN_FAILURE, format!("{why}; no answer came"))
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints an answer, as JSON or as `words`; returns the status of success.
    pub(super) async fn print<A: Serialize>(
        &self,
        answer: &A,
        words: impl FnOnce(&A) -> String,
    ) -> Result<u8, VerbError> {
        let text = if self.json { json_line(answer) } else { words(answer) };
        self.printer.write(OutputPart::Print(text)).await;
        Ok(exit_status::OK)
    }

    /// Reports the end of a session that should have continued; returns the status.
    pub(super) async fn over(&self, why: &DisconnectReason) -> u8 {
        self.printer.say(why).await;
        exit_status::OWN_FAILURE
    }

    /// Closes the session in order.
    pub(super) async fn leave(mut self, signals: &Signals) {
        self.handle.close();
        // A server that reads the end of the requests first ends the session without an error.
        let _ = tokio::time::timeout(signals.patience(GOODBYE), self.events.end()).await;
    }
}

pub(in crate::verbs) fn json_line(value: &impl Serialize) -> String {
    let mut text =
        serde_json::to_string(value).expect("the wire's own types have string keys only");
    text.push('\n');
    text
}
