//! The menu, and calling its commands.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::frame::MAX_LINE_OUT;
use topside_shared::methods::{
    BuiltinAnswer, Choice, Choices, CommandChoices, CommandResult, CommandRun, CommandsList,
    MAX_MENU_PAGE, Menu, RunResult,
};
use topside_shared::text::{MAX_NAME, did_you_mean, nearest, quote};
use topside_shared::values::{self, Limits};
use topside_shared::{ErrorKind, RpcError};

use crate::audit::action::AuditAction;
use crate::audit::argv;
use crate::audit::entry;
use crate::clients::Client;
use crate::files::run_directory::TakenFiles;
use crate::menu::builtin::{Builtin, BuiltinCall, perform};
use crate::menu::{Entry, Execution, Executor, Runnable};
use crate::methods::page_limits::within;
use crate::methods::runs::{Changes, follow, follow_wait};
use crate::methods::{After, Answered, Caller, Streaming};
use crate::output::tail::Text;
use crate::runs::requester::Requester;
use crate::runs::{Run, scheduler};

const LONGEST_PAGE: u64 = 1_000;
/// Bytes that are kept free in a line for what is around an answer, with an `id` of the usual length.
const ENVELOPE: usize = 512;

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

/// The choices of an argument: those of its declaration, or those that a program lists.
pub(super) async fn choices(caller: Caller, params: CommandChoices) -> Result<Choices, RpcError> {
    let CommandChoices { command, argument } = params;
    let now = caller.server.now();
    let entry = now.menu.find(&command, &caller.client.who())?;
    let info = &entry.info;
    let Some(arg) = info.args.iter().find(|arg| arg.name == argument) else {
        let near = nearest(&argument, info.args.iter().map(|arg| arg.name.as_str()));
        let message = format_args!(
            "{} has no argument `{}`{}",
            info.name,
            quote(&argument, MAX_NAME),
            did_you_mean(&near)
        );
        return Err(RpcError::invalid_argument("argument", message));
    };
    if let Execution::Run(command) = &entry.execution
        && let Some(choices) = command.choices.iter().find(|one| one.argument() == argument)
    {
        let instance = caller.server.runs.history.instance().await?;
        return Ok(Choices { choices: choices.list(arg, Some(&instance)).await? });
    }
    let choice = |value: &Value| Choice {
        label: arg.labels.get(&values::to_text(value)).cloned(),
        value: value.clone(),
    };
    Ok(Choices { choices: arg.choices.iter().map(choice).collect() })
}

pub(super) async fn run(
    caller: Caller,
    params: CommandRun,
    streaming: Streaming,
    request: Option<Box<RawValue>>,
) -> Result<Answered<CommandResult>, RpcError> {
    let now = caller.server.now();
    let who = caller.client.who();
    // Before anything else, so that wrong calls count too.
    caller.server.agent_rate.take(&who, now.config.agents.rate)?;
    let entry = now.menu.find(&params.command, &who)?;
    let limits = Limits { max_argument: now.config.limits.max_argument };
    let mut args = values::check(&entry.info.args, &params.args, limits)?;
    let files = caller.server.runs.files.take_for(who.owner, &entry.info, &mut args)?;
    if let Execution::Run(command) = &entry.execution
        && let Executor::Program(program) = &command.executor
    {
        program.followed(&args).await?;
    }
    if who.agent && entry.info.args.iter().any(|arg| is_secret(arg) && args.contains_key(&arg.name))
    {
        let message = format_args!("an agent cannot give the secrets of {}", entry.info.name);
        return Err(RpcError::new(ErrorKind::InvalidParams, message));
    }
    // A user approves what an agent wants to do, so the agent confirms nothing.
    if let Some(question) = entry.info.question(&args)
        && !params.confirm
        && !who.agent
    {
        return Err(RpcError::new(
            ErrorKind::ConfirmRequired,
            format_args!("`{}` asks to be confirmed first: {question}", entry.info.name),
        )
        .with("confirm", question));
    }
    match &entry.execution {
        Execution::Builtin(builtin) => {
            let call = BuiltinCall::new(Arc::clone(&caller.client), who, args);
            answer(&caller, entry, builtin, call).await
        }
        Execution::Run(command) => {
            let stream = params.stream && streaming == Streaming::Allowed;
            // In a box, so that the future of a built-in is small.
            Box::pin(start(&caller, command, (args, files), (params.wait, stream), request)).await
        }
    }
}

fn is_secret(arg: &Arg) -> bool {
    arg.kind == ArgType::Secret
}

async fn answer(
    caller: &Caller,
    entry: &Entry,
    builtin: &Arc<dyn Builtin>,
    mut call: BuiltinCall,
) -> Result<Answered<CommandResult>, RpcError> {
    let (answer, after) = match entry.info.effect {
        Effect::Read => (perform(&**builtin, &entry.info, &call).await, Vec::new()),
        Effect::Write | Effect::Destructive => {
            let (server, builtin) = (Arc::clone(&caller.server), Arc::clone(builtin));
            let (info, is_own) = (Arc::clone(&entry.info), entry.is_own);
            let answered = CancellationToken::new();
            call.answered = Some(answered.clone());
            // Cancelled by its drop, also where the client has left.
            let answered = answered.drop_guard();
            let change = async move {
                let (client, name) = (&call.client, &info.name);
                let argv = argv::argv(name, &info.masked(call.args()));
                let object = format!("command {name}");
                let begins =
                    entry::Entry::new(client.by(), AuditAction::CommandRun, object).argv(argv);
                match is_own {
                    // An admin needs these most where the audit log cannot be written.
                    true => server.audit.note_ahead(begins).await,
                    false => server.audit.ahead(begins).await?,
                }
                let answer = perform(&*builtin, &info, &call).await;
                tracing::info!(
                    target: "topside", command = name, user = call.who().user,
                    client = client.id.0, state = answer.state.words(), "command answered"
                );
                Ok(answer)
            };
            let answer = Box::pin(caller.server.finish(&entry.info.name, change)).await?;
            (answer, vec![After::Answered(answered)])
        }
    };
    check_size(&answer, &entry.info)?;
    Ok(Answered { answer: CommandResult::Answer(answer), after })
}

/// Refuses an answer that does not fit in a line, with advice that the caller can follow.
fn check_size(answer: &BuiltinAnswer, info: &Command) -> Result<(), RpcError> {
    // JSON writes a byte as six at most, so most answers need not be measured.
    if answer.output.len() < MAX_LINE_OUT / 8 {
        return Ok(());
    }
    let size = serde_json::to_vec(answer).map_or(0, |json| json.len());
    if size + ENVELOPE < MAX_LINE_OUT {
        return Ok(());
    }
    let name = &info.name;
    let advice = match info.args.iter().any(|arg| arg.name != "json") {
        true => format!("ask for less with its arguments, which `help {name}` shows"),
        false => "use a method that returns pages, such as commands/list or clients/list".into(),
    };
    let message = format_args!(
        "the answer of `{name}` takes {size} bytes, and a line holds {MAX_LINE_OUT}: {advice}"
    );
    Err(RpcError::new(ErrorKind::TooLarge, message))
}

/// Starts a run, and follows it as far as the request asks.
async fn start(
    caller: &Caller,
    command: &Arc<Runnable>,
    (args, files): (Map<String, Value>, TakenFiles),
    (wait, stream): (bool, bool),
    request: Option<Box<RawValue>>,
) -> Result<Answered<CommandResult>, RpcError> {
    let Caller { server, client } = caller;
    let requester = Requester::Client(Arc::clone(client));
    let run = scheduler::start(&server.runs, &requester, command, args, files, None).await?;
    if !stream {
        if wait {
            run.ended.cancelled().await;
            return Ok(with_output(&run, client).into());
        }
        return Ok(without_output(&run, client).into());
    }
    let row = run.row_for(&client.who());
    let mut changes = Changes::of(request);
    let outbox = Arc::clone(&client.outbox);
    if wait {
        outbox.push(changes.line(&row));
        follow_wait(&run, row, client, &mut changes).await;
        follow(run.id, run.output.reader(0, outbox.read_back()), &outbox).await;
        run.ended.cancelled().await;
        return Ok(without_output(&run, client).into());
    }
    let answer = CommandResult::Run(Box::new(RunResult::without_output(row.clone())));
    let client = Arc::clone(client);
    let following = async move {
        follow_wait(&run, row, &client, &mut changes).await;
        follow(run.id, run.output.reader(0, outbox.read_back()), &outbox).await;
        run.ended.cancelled().await;
        outbox.push(changes.line(&run.row_for(&client.who())));
    };
    Ok(Answered { answer, after: vec![After::Follow(Box::pin(following))] })
}

fn without_output(run: &Run, client: &Client) -> CommandResult {
    CommandResult::Run(Box::new(RunResult::without_output(run.row_for(&client.who()))))
}

fn with_output(run: &Run, client: &Client) -> CommandResult {
    let tail = run.output.tail();
    let (output, output_base64) = match tail.text {
        Text::Plain(text) => (Some(text), None),
        Text::Base64(text) => (None, Some(text)),
    };
    let (row, truncated) = (run.row_for(&client.who()), Some(tail.truncated));
    CommandResult::Run(Box::new(RunResult { row, output, output_base64, truncated }))
}
