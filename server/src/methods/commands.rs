//! The menu, and runs of its commands.

use std::sync::Arc;

use topside_shared::methods::{CommandRun, CommandsList, Menu, RunCancel, RunResult};
use topside_shared::notices::name;
use topside_shared::rows::RunRow;
use topside_shared::values::{self, Limits};
use topside_shared::{ErrorKind, RpcError};

use super::{After, Answered, Caller, Streaming};
use crate::authorize::{Action, authorize, may_see_run};
use crate::commands::Does;
use crate::outbox::{Closed, Outbox, line, notification};
use crate::runs::output::Text;
use crate::runs::{self, Run};

pub(super) async fn list(caller: Caller, CommandsList {}: CommandsList) -> Result<Menu, RpcError> {
    let menu = &caller.server.menu;
    let commands = menu.of(&caller.client.who()).cloned().collect();
    Ok(Menu { revision: menu.revision(), commands })
}

pub(super) async fn run(
    caller: Caller,
    params: CommandRun,
    streaming: Streaming,
) -> Result<Answered<RunResult>, RpcError> {
    let Caller { server, client } = &caller;
    let entry = server.menu.find(&params.command, &client.who())?;
    let limits = Limits { max_argument: server.config.limits.max_argument };
    let args = values::check(&entry.info.args, &params.args, limits)?;
    if let Does::Execute(program) = &entry.does {
        program.check_paths(&args).await?;
    }
    if let Some(question) = entry.info.question(&args)
        && !params.confirm
    {
        return Err(RpcError::new(
            ErrorKind::ConfirmRequired,
            format_args!("`{}` asks to be confirmed first: {question}", entry.info.name),
        )
        .with("confirm", question));
    }
    let run = runs::start(server, client, entry, args)?;
    let stream = params.stream && streaming == Streaming::Allowed;
    let outbox = Arc::clone(&client.outbox);
    match (params.wait, stream) {
        (true, false) => {
            run.ended.cancelled().await;
            Ok(with_output(&run).into())
        }
        (true, true) => {
            outbox.push(notification(name::RUN_CHANGED, &run.row()));
            follow(&run, &outbox).await;
            run.ended.cancelled().await;
            Ok(bare(run.row()).into())
        }
        (false, false) => Ok(bare(run.row()).into()),
        (false, true) => {
            let row = run.row();
            let following = async move {
                follow(&run, &outbox).await;
                run.ended.cancelled().await;
                outbox.push(notification(name::RUN_CHANGED, &run.row()));
            };
            Ok(Answered { answer: bare(row), after: vec![After::Follow(Box::pin(following))] })
        }
    }
}

/// Sends a run's output as it comes, until its end or the session's.
async fn follow(run: &Run, outbox: &Outbox) {
    let mut reader = run.output.reader();
    loop {
        // Room first: what is read late is read in larger pieces.
        if let Err(Closed) = outbox.room().await {
            return;
        }
        let Some(piece) = reader.next().await else { return };
        if let Err(Closed) = outbox.output(line(piece.line(run.id))).await {
            return;
        }
    }
}

fn bare(row: RunRow) -> RunResult {
    RunResult { row, output: None, output_base64: None, truncated: None }
}

fn with_output(run: &Run) -> RunResult {
    let tail = run.output.tail();
    let (output, output_base64) = match tail.text {
        Text::Plain(text) => (Some(text), None),
        Text::Base64(text) => (None, Some(text)),
    };
    RunResult { row: run.row(), output, output_base64, truncated: Some(tail.truncated) }
}

pub(super) async fn cancel(caller: Caller, params: RunCancel) -> Result<RunRow, RpcError> {
    let Caller { server, client } = &caller;
    let id = params.run_id;
    let missing = || RpcError::new(ErrorKind::NotFound, format_args!("no run {id} goes on"));
    let run = server.runs.get(id).ok_or_else(missing)?;
    let who = client.who();
    if !may_see_run(&who, run.owner, run.role) {
        return Err(missing());
    }
    authorize(&who, Action::Cancel { owner: run.owner })?;
    tracing::info!(
        target: "topside", client = client.id.0, user = who.user, run = id.0,
        "run cancelled"
    );
    run.cancel.cancel();
    run.ended.cancelled().await;
    Ok(run.row())
}
