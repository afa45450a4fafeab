//! Runs of all clients: `run/attach`, `run/cancel`, `run/input`, `runs/list`.

use bytes::Bytes;
use serde_json::value::RawValue;
use topside_shared::methods::{Empty, RunAttach, RunCancel, RunInput, RunsList, RunsPage};
use topside_shared::notifications::{RunChanged, name};
use topside_shared::records::{RunRow, RunState};
use topside_shared::{ErrorKind, RpcError, RunId};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::authorize::{Action, authorize, may_see_run};
use crate::base::outbox::{Outbox, SessionClosed, line, notification};
use crate::base::shortage;
use crate::clients::Client;
use crate::history::{Filter, Unreadable};
use crate::methods::page_limits::{ROWS_BYTES, count_that_fits, within};
use crate::methods::{Caller, Streaming};
use crate::output::output_reader::Reader;
use crate::runs::{FoundRun, Run};

/// Rows of one page: by default, and at most.
const PAGE: u64 = 50;
const LONGEST_PAGE: u64 = 500;

pub(super) fn no_run(id: RunId) -> RpcError {
    let message = format_args!("there is no run {id}: `runs` lists those that you may see");
    RpcError::new(ErrorKind::NotFound, message)
}

pub(super) async fn attach(
    caller: Caller,
    params: RunAttach,
    streaming: Streaming,
) -> Result<RunRow, RpcError> {
    let Caller { server, client } = &caller;
    let RunAttach { run_id: id, from } = params;
    let found = server.runs.find(id, &client.who()).await.map_err(unreadable)?;
    let missing = || no_run(id);
    let found = found.ok_or_else(missing)?;
    let output = match &found {
        FoundRun::Live(run) => &run.output,
        FoundRun::Past(_, output) => output,
    };
    let bytes = output.bytes();
    if from > bytes {
        let message =
            format_args!("`from` is {from}, and the output of run {id} has {bytes} bytes so far");
        return Err(RpcError::invalid_argument("from", message));
    }
    if streaming == Streaming::Allowed {
        if let FoundRun::Live(run) = &found {
            let row = run.row_for(&client.who());
            if row.state == RunState::Queued {
                let mut changes = Changes::of(None);
                client.outbox.push(changes.line(&row));
                follow_wait(run, row, client, &mut changes).await;
            }
        }
        follow(id, output.reader(from, client.outbox.read_back()), &client.outbox).await;
    }
    match found {
        FoundRun::Live(run) => {
            run.ended.cancelled().await;
            Ok(run.row_for(&client.who()))
        }
        FoundRun::Past(row, _) => Ok(*row),
    }
}

/// The `run/changed` lines of one stream. The first has the id of the request that started the run.
pub(super) struct Changes {
    request: Option<Box<RawValue>>,
}

impl Changes {
    pub(super) fn of(request: Option<Box<RawValue>>) -> Self {
        Self { request }
    }

    pub(super) fn line(&mut self, row: &RunRow) -> Bytes {
        let request = self.request.take();
        notification(name::RUN_CHANGED, &RunChanged { row, request_id: request.as_deref() })
    }
}

/// Sends each change of place of a queued run, until it starts or ends.
pub(super) async fn follow_wait(
    run: &Run,
    mut known: RunRow,
    client: &Client,
    changes: &mut Changes,
) {
    while let Some(row) = run.next_wait(&known, || client.who()).await {
        if let Err(SessionClosed) = client.outbox.room().await {
            return;
        }
        client.outbox.push(changes.line(&row));
        known = row;
    }
}

/// Sends a run's output as it comes, until its end or the session's.
pub(super) async fn follow(id: RunId, mut reader: Reader, outbox: &Outbox) {
    loop {
        // Room first: a late read gets larger pieces.
        if let Err(SessionClosed) = outbox.room().await {
            return;
        }
        let Some(piece) = reader.next().await else { return };
        if let Err(SessionClosed) = outbox.output(line(piece.line(id))).await {
            return;
        }
    }
}

pub(super) async fn cancel(caller: Caller, params: RunCancel) -> Result<RunRow, RpcError> {
    let Caller { server, client } = &caller;
    let id = params.run_id;
    let missing = || RpcError::new(ErrorKind::NotFound, format_args!("run {id} is not running"));
    let run = server.runs.get(id).ok_or_else(missing)?;
    let who = client.who();
    if !may_see_run(&who, run.owner, run.role) {
        return Err(missing());
    }
    authorize(&who, Action::Cancel { owner: run.owner, role: run.role })?;
    tracing::info!(
        target: "topside", client = client.id.0, user = who.user, run = id.0,
        "run cancelled"
    );
    let asked = Entry::new(client.by(), AuditAction::RunCancel, format!("run {id}"));
    server.audit.note(asked.result("asked to end"));
    // The first of several is the one that ends it.
    let _ = run.cancelled_by.set(client.called());
    run.cancel.cancel();
    run.ended.cancelled().await;
    Ok(run.row_for(&client.who()))
}

/// Done at once for a live run, so that input keeps its order. The input goes to the program only.
pub(super) async fn input(caller: Caller, params: RunInput) -> Result<Empty, RpcError> {
    let Caller { server, client } = &caller;
    let RunInput { run_id: id, data, base64, eof } = params;
    let who = client.who();
    let missing = || no_run(id);
    let run = match server.runs.get(id) {
        Some(run) if may_see_run(&who, run.owner, run.role) => run,
        Some(_) => return Err(missing()),
        None => {
            let found = server.runs.find(id, &who).await.map_err(unreadable)?;
            found.ok_or_else(missing)?;
            let ended = format_args!("run {id} has ended: nothing reads input any more");
            return Err(RpcError::new(ErrorKind::NotFound, ended));
        }
    };
    authorize(&who, Action::Answer { owner: run.owner })?;
    match (data, base64, eof) {
        (Some(data), None, false) => run.input.push(id, data.0.as_bytes())?,
        (None, Some(base64), false) => {
            // The error says nothing of what was sent: it may be a password.
            let bytes = decode_base64(&base64.0).ok_or_else(|| {
                RpcError::invalid_argument(
                    "base64",
                    "`base64` of run/input is not base64 as in section 4 of RFC 4648",
                )
            })?;
            run.input.push(id, &bytes)?;
        }
        (None, None, true) => run.input.end(id)?,
        _ => {
            let message =
                "run/input takes one of `data`, the text, `base64`, the bytes, and `eof`, true";
            return Err(RpcError::invalid_argument("data", message));
        }
    }
    Ok(Empty {})
}

/// Decodes base64. The library also takes concatenated texts, such as `Zg==Zg==`.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let is_one = !text.trim_end_matches('=').contains('=');
    data_encoding::BASE64.decode(text.as_bytes()).ok().filter(|_| is_one)
}

pub(super) async fn list(caller: Caller, params: RunsList) -> Result<RunsPage, RpcError> {
    let limit = within("limit", params.limit, PAGE, LONGEST_PAGE)?;
    let RunsList { state, command, user, before, .. } = params;
    let filter = Filter { state, command, user, before };
    // One row more shows whether there is another page.
    let who = caller.client.who();
    let mut runs = caller.server.runs.list(filter, &who, limit + 1).await.map_err(unreadable)?;
    let found = runs.len();
    let fit = count_that_fits(runs.iter().take(limit), ROWS_BYTES);
    runs.truncate(fit);
    let next = if found > fit { runs.last().map(|row| row.run_id) } else { None };
    Ok(RunsPage { runs, next })
}

pub(super) fn unreadable(error: Unreadable) -> RpcError {
    let kind = match error {
        Unreadable::Slow(_) => ErrorKind::Busy,
        Unreadable::Unwritable(_) | Unreadable::Failed(..) => ErrorKind::Internal,
    };
    shortage::rpc_error(error, kind)
}
