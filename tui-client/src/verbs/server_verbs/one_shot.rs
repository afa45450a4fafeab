//! A session, for the requests of one verb.

use std::time::Duration;

use serde::Serialize;
use topside_shared::Pin;
use topside_shared::methods::{Call, InitializeResult, Menu};
use topside_shared::text::{MAX_NAME, clean};

use super::confirm::{confirm, confirm_by_name};
use crate::connect::{CallError, DisconnectReason, Events, Handle, Hello, Session, connect};
use crate::platform::Signals;
use crate::verb_args::server::{ConfirmArgs, SessionArgs};
use crate::verbs::errors::VerbError;
use crate::verbs::exit_status;
use crate::verbs::printer::{OutputPart, Printer};
use crate::verbs::stdin_lines::StdinLines;

/// How long to wait for the server to close the session.
const GOODBYE: Duration = Duration::from_secs(1);

/// The server that a verb sends its requests to.
pub(in crate::verbs) struct Peer {
    pub(in crate::verbs) handle: Handle,
    pub(in crate::verbs) welcome: InitializeResult,
    /// The key of this device that was accepted; none over the local socket.
    pub(in crate::verbs) key: Option<Pin>,
    /// The server's name for the user.
    pub(in crate::verbs) name: String,
}

/// A session, and the printer of its answers.
pub(in crate::verbs) struct OneShot<'s> {
    pub(super) handle: Handle,
    pub(super) events: &'s mut Events,
    pub(super) welcome: &'s InitializeResult,
    pub(super) printer: &'s Printer,
    pub(super) key: Option<Pin>,
    name: &'s str,
    /// Where the line client reads answers to questions; none: from standard input.
    lines: Option<&'s mut StdinLines>,
    json: bool,
}

impl Peer {
    /// Connects; with `notices` the server sends notifications.
    pub(super) async fn connect(
        how: &SessionArgs,
        notices: bool,
    ) -> Result<(Self, Events), VerbError> {
        let target = how.on.target().map_err(|error| VerbError::own(&error))?;
        let hello = Hello { notices, agent: false, name: "topside" };
        let session = connect(&target, &hello).await.map_err(|error| VerbError::own(&error))?;
        how.on.check_audit(&session);
        let Session { welcome, handle, mut events, reached } = session;
        // A script needs every byte, even if its reader is slow.
        events.hold_output();
        // A saved server has the name that the user gave it, this machine's server its own.
        let name = clean(how.on.saved().unwrap_or(&welcome.server.hostname), MAX_NAME);
        Ok((Self { handle, welcome, key: reached.key, name }, events))
    }

    /// Closes the session in order.
    pub(super) async fn leave(self, mut events: Events, signals: &Signals) {
        self.handle.close();
        // A server that reads the end of the requests first ends the session without an error.
        let _ = tokio::time::timeout(signals.patience(GOODBYE), events.end()).await;
    }
}

impl<'s> OneShot<'s> {
    pub(in crate::verbs) fn new(
        peer: &'s Peer,
        events: &'s mut Events,
        printer: &'s Printer,
        json: bool,
    ) -> Self {
        let Peer { handle, welcome, key, name } = peer;
        Self {
            handle: handle.clone(),
            events,
            welcome,
            printer,
            key: *key,
            name,
            lines: None,
            json,
        }
    }

    /// Reads the answers to questions from the lines of the line client, which reads standard input already.
    pub(in crate::verbs) fn with_lines(self, lines: &'s mut StdinLines) -> Self {
        Self { lines: Some(lines), ..self }
    }

    /// Whether standard input is read by the line client.
    pub(super) fn has_lines(&self) -> bool {
        self.lines.is_some()
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    /// Asks a yes-or-no question before a dangerous verb.
    pub(super) async fn confirm(
        &mut self,
        args: &ConfirmArgs,
        question: &str,
    ) -> Result<(), VerbError> {
        confirm(args, self.printer, question, self.lines.as_deref_mut()).await
    }

    /// Asks the user to type the server's name.
    pub(super) async fn confirm_by_name(
        &mut self,
        args: &ConfirmArgs,
        question: &str,
    ) -> Result<(), VerbError> {
        confirm_by_name(args, self.printer, question, self.name, self.lines.as_deref_mut()).await
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
}

pub(in crate::verbs) fn json_line(value: &impl Serialize) -> String {
    let mut text =
        serde_json::to_string(value).expect("the wire's own types have string keys only");
    text.push('\n');
    text
}
