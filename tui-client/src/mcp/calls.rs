//! Calls of commands: a call starts a run and waits for its end, for a limited time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock, ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};
use serde_json::{Map, Value, json};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;
use topside_shared::command::{Command, Stdin};
use topside_shared::methods::{BuiltinAnswer, Call, CommandRun, RunCancel, RunInput};
use topside_shared::records::{RunRow, RunState};
use topside_shared::text::{MAX_MESSAGE, clean};
use topside_shared::{ErrorKind, RunId};

use super::connection::{Connection, RunProgress, Started};
use super::elicitation::{self, Question};
use super::output_text::plain;
use super::server_link::ServerLink;
use crate::connect::CallError;

/// How long calls go on when the assistant has closed its side; the library waits for them a little longer.
const AFTER_END: Duration = Duration::from_secs(4);
/// How often a waiting call reports its progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// What ends the wait of a call, and where it reports its progress.
pub(super) struct Waiting {
    /// How long to wait for the end of a run.
    pub(super) limit: Duration,
    /// Cancelled when the assistant gives the call up.
    pub(super) cancelled: CancellationToken,
    /// Whether the assistant has closed its side.
    pub(super) closed: watch::Receiver<bool>,
    pub(super) progress: Option<Progress>,
    /// The assistant, if it shows questions to its user.
    pub(super) asks: Option<Peer<RoleServer>>,
}

/// Waits until the assistant has closed its side.
pub(super) async fn until_closed(closed: &mut watch::Receiver<bool>) {
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Waits until a call need not be answered any more: a while after the assistant has closed its side, so that a script which
/// sends requests and no more gets its answers.
pub(super) async fn until_too_late(closed: &mut watch::Receiver<bool>) {
    until_closed(closed).await;
    tokio::time::sleep(AFTER_END).await;
}

/// Reports the progress of a call, if the assistant has asked for it.
pub(super) struct Progress {
    pub(super) peer: Peer<RoleServer>,
    pub(super) token: ProgressToken,
}

impl Progress {
    async fn report(&self, since: Instant, row: &RunRow) {
        let seconds = since.elapsed().as_secs_f64().round();
        let report =
            ProgressNotificationParam::new(self.token.clone(), seconds).with_message(standing(row));
        // The assistant may have gone.
        let _ = self.peer.notify_progress(report).await;
    }
}

/// Calls a command. Its run continues if the wait ends first.
pub(super) async fn call(
    link: &ServerLink,
    command: &Command,
    args: Map<String, Value>,
    waiting: Waiting,
) -> Result<CallToolResult, CallError> {
    let request = CommandRun {
        command: command.name.clone(),
        args,
        stream: true,
        wait: false,
        // A person confirms on a screen of Topside.
        confirm: false,
    };
    let (connection, mut started) = match begin(link, &request).await {
        Ok(begun) => begun,
        Err(result) => return *result,
    };
    let mut closed = waiting.closed.clone();
    let started = tokio::select! {
        biased;
        started = &mut started => started,
        // The library cancels every call at the end too, and then a run goes on.
        () = until_too_late(&mut closed) => return Ok(gave_up(&command.name)),
        () = waiting.cancelled.cancelled() => {
            tokio::spawn(cancel_once_started(connection, started));
            return Ok(gave_up(&command.name));
        }
    };
    match started {
        Ok(Ok(Started::Answer(answer))) => Ok(answered(&answer)),
        Ok(Ok(Started::Run(progress))) => {
            if command.stdin == Stdin::Prompt {
                let run_id = progress.borrow().row.run_id;
                let end = RunInput { run_id, data: None, base64: None, eof: true };
                // A program that has ended reads nothing.
                let _ = connection.handle.ask(RunInput::METHOD, &end);
            }
            Ok(wait(link, &connection, progress, waiting).await)
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(failed(format!(
            "{}; whether {} was started is not known: a command is never sent again by itself",
            link.why_lost(),
            command.name
        ))),
    }
}

type Begun = (Arc<Connection>, oneshot::Receiver<Result<Started, CallError>>);

/// Sends the request. If the session has ended meanwhile nothing was sent, and the next session is used.
async fn begin(
    link: &ServerLink,
    request: &CommandRun,
) -> Result<Begun, Box<Result<CallToolResult, CallError>>> {
    for is_last in [false, true] {
        let connection = link.connection().await.map_err(|error| Box::new(Ok(failed(error))))?;
        match connection.start(request) {
            Ok(started) => return Ok((connection, started)),
            Err(CallError::Lost) if !is_last => link.lost(&connection).await,
            Err(error) => return Err(Box::new(Err(error))),
        }
    }
    Err(Box::new(Err(CallError::Lost)))
}

/// Cancels a run of which the call was given up before the server had answered.
async fn cancel_once_started(
    connection: Arc<Connection>,
    started: oneshot::Receiver<Result<Started, CallError>>,
) {
    if let Ok(Ok(Started::Run(progress))) = started.await {
        let run_id = progress.borrow().row.run_id;
        let _ = connection.handle.ask(RunCancel::METHOD, &RunCancel { run_id });
    }
}

/// Waits for the end of a run. A call that is given up cancels it; an assistant that ends leaves it running.
async fn wait(
    link: &ServerLink,
    connection: &Connection,
    mut run: watch::Receiver<RunProgress>,
    mut waiting: Waiting,
) -> CallToolResult {
    let mut too_late = pin!(until_too_late(&mut waiting.closed));
    let begun = Instant::now();
    let deadline = begun + waiting.limit;
    let mut ticks = interval_at(begun + PROGRESS, PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut question = None;
    loop {
        {
            let progress = run.borrow_and_update();
            let row = &progress.row;
            if row.state.ended() {
                return result(row, &progress.tail.text(), None);
            }
            match (row.awaits_approval(), waiting.asks.take()) {
                (true, Some(peer)) => question = Some(Question::ask(peer, row, &standing(row))),
                (true, None) => {}
                (false, asks) => (question, waiting.asks) = (None, asks),
            }
        }
        tokio::select! {
            biased;
            changed = run.changed() => {
                if changed.is_err() && !run.borrow().row.state.ended() {
                    let id = run.borrow().row.run_id;
                    return failed(format!(
                        "{}; run {id} may still go on: ask for it with run_status",
                        link.why_lost()
                    ));
                }
            }
            () = sleep_until(deadline) => break,
            () = &mut too_late => break,
            () = waiting.cancelled.cancelled() => {
                let run_id = run.borrow().row.run_id;
                let _ = connection.handle.ask(RunCancel::METHOD, &RunCancel { run_id });
                return gave_up(&run_id.to_string());
            }
            () = elicitation::declined(question.as_ref()) => {
                let run_id = run.borrow().row.run_id;
                let _ = connection.handle.ask(RunCancel::METHOD, &RunCancel { run_id });
                return failed(format!("the user of the assistant has withdrawn the call; run {run_id} is cancelled"));
            }
            _ = ticks.tick(), if waiting.progress.is_some() => {
                let row = run.borrow().row.clone();
                if let Some(progress) = &waiting.progress {
                    progress.report(begun, &row).await;
                }
            }
        }
    }
    let progress = run.borrow();
    let note = still_going(&progress.row, begun.elapsed());
    result(&progress.row, &progress.tail.text(), Some(note))
}

/// What a run does, in words.
pub(super) fn standing(row: &RunRow) -> String {
    let run = row.run_id;
    match row.approved().filter(|_| row.awaits_approval()).or_else(|| row.wait()) {
        Some(wait) => format!("run {run} {wait}"),
        None => format!("run {run} is {}", row.outcome()),
    }
}

fn still_going(row: &RunRow, waited: Duration) -> String {
    let (run, standing) = (row.run_id.0, standing(row));
    let waited = waited.as_secs();
    format!(
        "{standing}. This call has waited {waited} s; the run goes on. Call run_status with runId {run} for its state, \
         run_cancel to end it"
    )
}

/// The result of a run that has ended, or with `note` of one that has not.
pub(super) fn result(
    row: &RunRow,
    output: &(String, bool),
    note: Option<String>,
) -> CallToolResult {
    let (text, is_cut) = output;
    let mut structured = json!({
        "runId": row.run_id.0,
        "state": row.state.name(),
        "output": text,
        "truncated": *is_cut || row.cut_at.is_some(),
    });
    if let Some(code) = row.exit_code {
        structured["exitCode"] = code.into();
    }
    let remarks = || {
        let ended = (row.state.ended() && row.state != RunState::Succeeded).then(|| row.outcome());
        let parts: Vec<String> = ended.into_iter().chain(row.remarks()).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    };
    if let Some(note) = note.or_else(remarks) {
        structured["note"] = clean(&note, MAX_MESSAGE).into();
    }
    let has_failed = row.state.ended() && row.state != RunState::Succeeded;
    of(structured, has_failed)
}

/// The answer of a built-in, which is no run.
fn answered(answer: &BuiltinAnswer) -> CallToolResult {
    let (text, truncated) = plain(answer.output.as_bytes(), false);
    let structured = json!({
        "state": answer.state.name(),
        "exitCode": answer.exit_code,
        "output": text,
        "truncated": truncated,
    });
    of(structured, answer.state != RunState::Succeeded)
}

/// A result with this content, which is also its text.
pub(super) fn of(structured: Value, is_error: bool) -> CallToolResult {
    match is_error {
        true => CallToolResult::structured_error(structured),
        false => CallToolResult::structured(structured),
    }
}

/// A call that failed, with the reason for the assistant.
pub(super) fn failed(why: impl std::fmt::Display) -> CallToolResult {
    let sentence = clean(&why.to_string(), MAX_MESSAGE);
    CallToolResult::error(vec![ContentBlock::text(sentence)])
}

/// The answer to a call that the assistant has cancelled, or of one that has ended: it is sent to no one.
fn gave_up(what: &str) -> CallToolResult {
    failed(format!("the call of {what} was given up"))
}

/// What the server refused, in a sentence that says what to do.
pub(super) fn refused(link: &ServerLink, error: &CallError) -> CallToolResult {
    match error {
        CallError::Refused(error) => {
            let retry = error.data.more.get("retryAfterMs").and_then(Value::as_u64);
            let advice = match (retry, error.kind()) {
                // The sentence of the server says when.
                (Some(_), _) => "",
                (None, ErrorKind::Busy | ErrorKind::Closing | ErrorKind::RateLimited) => {
                    ". Try again later"
                }
                _ => "",
            };
            failed(format!("{}{advice}", error.message))
        }
        CallError::Lost => failed(format!("{}; try again later", link.why_lost())),
        error => failed(error),
    }
}

/// The number of a run in the arguments of a tool.
pub(super) fn run_id(args: &Map<String, Value>) -> Option<RunId> {
    args.get("runId").and_then(Value::as_u64).filter(|id| *id > 0).map(RunId)
}
