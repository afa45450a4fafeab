//! The menu, and starting its commands.

use std::sync::Arc;

use serde_json::value::RawValue;
use topside_shared::methods::{CommandRun, CommandsList, MAX_MENU_PAGE, Menu, RunResult};
use topside_shared::records::RunRow;
use topside_shared::values::{self, Limits};
use topside_shared::{ErrorKind, RpcError};

use crate::clients::Client;
use crate::menu::Does;
use crate::methods::lists::within;
use crate::methods::runs::{Changes, follow, follow_wait};
use crate::methods::{After, Answered, Caller, Streaming};
use crate::output::tail::Text;
use crate::runs::{Run, start};
use crate::workers::worker::Host;

/// Most commands of one page.
const LONGEST_PAGE: u64 = 1_000;

pub(super) async fn list(caller: Caller, params: CommandsList) -> Result<Menu, RpcError> {
    let limit = within("limit", params.limit, LONGEST_PAGE, LONGEST_PAGE)?;
    let now = caller.server.now();
    let who = caller.client.who();
    let mut rest = now.menu.page(&who, params.after.as_deref())?.peekable();
    let mut commands = Vec::new();
    let mut left = MAX_MENU_PAGE;
    // Only what fits is copied.
    while commands.len() < limit
        && let Some((command, size)) = rest.next_if(|(_, size)| *size <= left)
    {
        left -= size;
        commands.push(command.clone());
    }
    let more = rest.peek().is_some();
    let next = commands.last().filter(|_| more).map(|command| command.name.clone());
    Ok(Menu { revision: now.menu.revision(), commands, next })
}

pub(super) async fn run(
    caller: Caller,
    params: CommandRun,
    streaming: Streaming,
    request: Option<Box<RawValue>>,
) -> Result<Answered<RunResult>, RpcError> {
    let Caller { server, client } = &caller;
    let now = server.now();
    let entry = now.menu.find(&params.command, &client.who())?;
    let limits = Limits { max_argument: now.config.limits.max_argument };
    let args = values::check(&entry.info.args, &params.args, limits)?;
    if let Does::Execute(program) = &entry.does {
        program.followed(&args).await?;
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
    let host: Host = Arc::clone(server) as Host;
    let run = start::start(&server.runs, &host, client, entry, args).await?;
    let stream = params.stream && streaming == Streaming::Allowed;
    let outbox = Arc::clone(&client.outbox);
    let mut changes = Changes::of(request);
    match (params.wait, stream) {
        (true, false) => {
            run.ended.cancelled().await;
            Ok(with_output(&run, client).into())
        }
        (true, true) => {
            let row = run.row_for(&client.who());
            outbox.push(changes.line(&row));
            follow_wait(&run, row, client, &mut changes).await;
            follow(run.id, run.output.reader(0, outbox.read_back()), &outbox).await;
            run.ended.cancelled().await;
            Ok(bare(run.row_for(&client.who())).into())
        }
        (false, false) => Ok(bare(run.row_for(&client.who())).into()),
        (false, true) => {
            let row = run.row_for(&client.who());
            let known = row.clone();
            let client = Arc::clone(client);
            let following = async move {
                follow_wait(&run, known, &client, &mut changes).await;
                follow(run.id, run.output.reader(0, outbox.read_back()), &outbox).await;
                run.ended.cancelled().await;
                outbox.push(changes.line(&run.row_for(&client.who())));
            };
            Ok(Answered { answer: bare(row), after: vec![After::Follow(Box::pin(following))] })
        }
    }
}

fn bare(row: RunRow) -> RunResult {
    RunResult { row, output: None, output_base64: None, truncated: None }
}

fn with_output(run: &Run, client: &Client) -> RunResult {
    let tail = run.output.tail();
    let (output, output_base64) = match tail.text {
        Text::Plain(text) => (Some(text), None),
        Text::Base64(text) => (None, Some(text)),
    };
    RunResult {
        row: run.row_for(&client.who()),
        output,
        output_base64,
        truncated: Some(tail.truncated),
    }
}
