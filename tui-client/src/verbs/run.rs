//! `topside run`: one command, its output and its exit status. One file: the steps of one verb, in order.

use std::io::IsTerminal;
use std::time::Duration;

use topside_shared::cmdline;
use topside_shared::command::Stdin;
use topside_shared::methods::{BuiltinAnswer, CommandResult, CommandRun, Menu, RunResult};
use topside_shared::notifications::{EndCode, Stream};
use topside_shared::records::{RunRow, RunState};
use topside_shared::text::{MAX_NAME, MAX_REASON, clean};

use super::errors::VerbError;
use super::messages;
use super::printer::{LAST_WORDS, OutputPart, Printer};
use super::question::{self, DECLINED};
use super::runner::{Interruption, Output, RunOutcome, Runner};
use super::stdin::Source;
use super::transfers::{self, send_files};
use super::{Run, block_on, exit_status};
use crate::connect::{CallError, DisconnectReason, Hello, Session, connect};
use crate::fan_out::{self, PlanError};
use crate::file_transfer::LocalFile;
use crate::platform::{Jobs, Signal, Signals};
use crate::text::base64;
use crate::verb_args::RUN_FLAGS_WITH_VALUE;

/// What other people see in the list.
pub(super) const HELLO: Hello = Hello { notices: true, agent: false, name: "topside run" };
/// How long the server may take to take note of the end.
const GOODBYE: Duration = Duration::from_secs(1);
/// Most bytes of output in the JSON object: its last ones.
const MAX_JSON_OUTPUT: usize = 64 * 1024 * 1024;

/// Runs what the arguments say; the exit status.
pub(super) fn main(args: Run) -> u8 {
    block_on(run(args))
}

async fn run(args: Run) -> u8 {
    let printer = Printer::start();
    let mut signals = match Signals::listen(false) {
        Ok(signals) => signals,
        Err(error) => return fail(printer, exit_status::OWN_FAILURE, error).await,
    };
    // A signal before the run has begun has nothing to cancel.
    let begun = tokio::select! {
        biased;
        signal = signals.next() => {
            if printer.interrupted() {
                printer.say(DECLINED).await;
            }
            return printer.finish_within(signals.patience(LAST_WORDS), signal.status()).await;
        }
        begun = begin(&args, &printer) => begun,
    };
    let (session, request, mut source) = match begun {
        Ok(begun) => begun,
        Err(refused) => {
            let status = refused.tell(&printer, args.json).await;
            return printer.finish(status).await;
        }
    };
    if args.detach {
        return detach(&args, session, request, printer, signals).await;
    }
    let mut console = Runner::new(session, printer, signals);
    let mut collected = Vec::new();
    let output = if args.json { Output::Collect(&mut collected) } else { Output::Stream };
    let ran = console.run(&request, args.timeout, &mut source, output).await;
    let over = ran.result.is_some();
    let status = report(&mut console, &args, ran, collected).await;
    console.handle.close();
    if over {
        // If the server sees the end of the requests before the hang-up, it logs an orderly end.
        console.wait_for_end(GOODBYE).await;
    }
    let patience = console.signals.patience(LAST_WORDS);
    console.printer.finish_within(patience, status).await
}

/// Starts the run and prints its number, or its row; the exit status. A built-in has answered by then.
async fn detach(
    args: &Run,
    session: Session,
    request: CommandRun,
    printer: Printer,
    mut signals: Signals,
) -> u8 {
    let request = CommandRun { stream: false, wait: false, ..request };
    let begun = tokio::select! {
        biased;
        begun = session.handle.call(&request) => begun,
        signal = signals.next() => {
            let patience = signals.patience(LAST_WORDS);
            return printer.finish_within(patience, signal.status()).await;
        }
    };
    let (text, status) = match begun {
        Ok(CommandResult::Answer(answer)) => {
            let status = print_answer(&printer, answer, args.json).await;
            return printer.finish(status).await;
        }
        Ok(CommandResult::Run(begun)) if args.json => (line_json(&begun), exit_status::OK),
        Ok(CommandResult::Run(begun)) => {
            if let Some(wait) = messages::wait(&begun.row) {
                printer.say(wait).await;
            }
            (format!("{}\n", begun.row.run_id.0), exit_status::OK)
        }
        Err(error) => {
            let refused = VerbError::by_call(&error, None);
            let status = refused.tell(&printer, args.json).await;
            return printer.finish(status).await;
        }
    };
    printer.write(OutputPart::Print(text)).await;
    printer.finish(status).await
}

async fn fail(printer: Printer, status: u8, sentence: impl std::fmt::Display) -> u8 {
    printer.say(sentence).await;
    printer.finish(status).await
}

/// Connects and makes the request, or says with which status and sentence it ends here.
async fn begin(args: &Run, printer: &Printer) -> Result<(Session, CommandRun, Source), VerbError> {
    let target = args.on.target().map_err(|error| VerbError::own(&error))?;
    let forgotten = forgotten_on(args);
    let mut session = connect(&target, &HELLO).await.map_err(|error| match &forgotten {
        Some(hint) => VerbError::new(exit_status::OWN_FAILURE, format!("{error}; {hint}")),
        None => VerbError::own(&error),
    })?;
    args.on.check_audit(&session);
    let menu = session.handle.menu().await.map_err(|error| VerbError::by_call(&error, None))?;
    args.on.keep(&menu);
    if let (Some(hint), Some(name)) = (forgotten, args.words.first())
        && cmdline::find(name, &menu.commands).is_err()
    {
        return Err(VerbError::new(exit_status::UNKNOWN, hint));
    }
    let server = clean(args.on.saved().unwrap_or(&session.welcome.server.hostname), MAX_NAME);
    let words = with_secrets(&args.words, &menu, printer).await?;
    let (mut request, files) =
        request(&words, &menu, args.yes.is_some(), (&session, &server), printer).await?;
    let source = source(args, &request, &menu)?;
    send_files(&mut session, &target, &mut request.args, files, printer).await?;
    Ok((session, request, source))
}

/// The words of the command, with each secret that they lack: at a terminal the user is asked for it.
async fn with_secrets(
    words: &[String],
    menu: &Menu,
    printer: &Printer,
) -> Result<Vec<String>, VerbError> {
    let Some((name, rest)) = words.split_first() else { return Ok(Vec::new()) };
    let Ok(command) = cmdline::find(name, &menu.commands) else { return Ok(words.to_vec()) };
    let missing = cmdline::missing_secrets(command, rest);
    let Some(arg) = missing.first() else { return Ok(words.to_vec()) };
    if !std::io::stdin().is_terminal() {
        let sentence = format!(
            "{} needs {}, a secret, and without a terminal it cannot be asked for: give the whole line to `topside` on its standard input",
            command.name, arg.name
        );
        return Err(VerbError::refused(sentence));
    }
    let (mut rest, mut jobs) = (rest.to_vec(), Jobs::listen().ok());
    match question::add_secrets(command, &mut rest, printer, &mut jobs, None).await {
        true => Ok(std::iter::once(name.clone()).chain(rest).collect()),
        false => Err(VerbError::refused(DECLINED)),
    }
}

/// The line that was meant, where the first word is a saved server and `--on` is missing.
fn forgotten_on(args: &Run) -> Option<String> {
    let name = args.words.first().filter(|name| args.on.is_forgotten(name))?;
    let line: Vec<_> = args.words.iter().map(|word| cmdline::quote(word)).collect();
    let line = clean(&line.join(" "), MAX_REASON);
    Some(format!("{} is a saved server: topside run --on {line}", clean(name, MAX_NAME)))
}

/// What the run reads.
fn source(args: &Run, request: &CommandRun, menu: &Menu) -> Result<Source, VerbError> {
    let command = menu.commands.iter().find(|command| command.name == request.command);
    match command.map(|command| command.stdin) {
        // One that is left running may be answered later.
        Some(Stdin::Prompt) if args.detach => Ok(Source::Nothing),
        Some(Stdin::Prompt) if args.input || std::io::stdin().is_terminal() => {
            Ok(Source::bytes(std::io::stdin()))
        }
        Some(Stdin::Prompt) => Ok(Source::End),
        Some(Stdin::None) if args.input => {
            let sentence = format!("{} takes no input: leave --input out", request.command);
            Err(VerbError::refused(sentence))
        }
        Some(Stdin::None) | None => Ok(Source::Nothing),
    }
}

/// The request for these words. A command that is not in the caller's menu is left to the server, which knows whether there is
/// none or it is forbidden. At a terminal the user is asked what the command asks.
async fn request(
    words: &[String],
    menu: &Menu,
    is_confirmed: bool,
    (session, server): (&Session, &str),
    printer: &Printer,
) -> Result<(CommandRun, Vec<LocalFile>), VerbError> {
    let plan = match fan_out::plan(words, menu, misplaced) {
        Ok(plan) => plan,
        Err(PlanError::NotInMenu { command }) => {
            let (args, confirm) = (serde_json::Map::new(), is_confirmed);
            return Ok((
                CommandRun { command, args, stream: true, wait: true, confirm },
                Vec::new(),
            ));
        }
        Err(PlanError::Rejected(rejection)) => {
            return Err(VerbError::new(rejection.status, rejection.sentence));
        }
    };
    let refused = |sentence: String| Err(VerbError::refused(sentence));
    let confirm = match &plan.question {
        Some(question) if !is_confirmed && std::io::stdin().is_terminal() => {
            let command = &plan.request.command;
            let (question, welcome) = (question.clone(), &session.welcome);
            let question = question::naming_runs(command, question, &session.handle, welcome).await;
            if !question::confirm_command(command, &question, server, printer, None).await {
                return refused(DECLINED.to_owned());
            }
            true
        }
        Some(question) if !is_confirmed && !plan.files.is_empty() => {
            // Before the files are sent.
            return refused(format!("not confirmed: {question} (give --yes to confirm it)"));
        }
        _ => is_confirmed,
    };
    Ok((CommandRun { confirm, ..plan.request }, plan.files))
}

/// The line that was meant, where a flag of `topside run` stands behind the command.
pub(super) fn misplaced(name: &str, words: &[String]) -> Option<String> {
    let is_flag =
        |word: &String| super::RUN_FLAGS.contains(&word.split('=').next().unwrap_or(word));
    let at = words.iter().position(is_flag)?;
    let takes = |flag: &str| RUN_FLAGS_WITH_VALUE.contains(&flag);
    let end = (at + 1 + usize::from(takes(&words[at]))).min(words.len());
    let (flag, _) = words[at].split_once('=').unwrap_or((&words[at], ""));
    let order = words[at..end].iter().map(String::as_str).chain([name]);
    let rest = words[..at].iter().chain(&words[end..]).map(String::as_str);
    let line: Vec<_> = order.chain(rest).map(cmdline::quote).collect();
    let line = clean(&line.join(" "), MAX_REASON);
    Some(format!("{flag} goes before the command: topside run {line}"))
}

/// Says what has to be said; the exit status.
async fn report(console: &mut Runner, args: &Run, ran: RunOutcome, output: Vec<u8>) -> u8 {
    let cut = ran.cut;
    if cut == Some(Interruption::BrokenPipe) {
        return console.printer.broken_status();
    }
    let own = match ran.result {
        None => {
            let sentence = "stopped waiting for the end of the run; it may still be running";
            console.printer.say(sentence).await;
            exit_status::OWN_FAILURE
        }
        Some(Err(error)) => failed(console, &error, args.json).await,
        Some(Ok(CommandResult::Answer(answer))) => {
            let status = print_answer(&console.printer, answer, args.json).await;
            if cut == Some(Interruption::Timeout) {
                // It was quicker than the cancelling.
                return status;
            }
            status
        }
        Some(Ok(CommandResult::Run(result))) => {
            let status = exit_status::of_row(&result.row);
            let (state, run) = (result.row.state, result.row.run_id);
            let (cut_at_limit, left) = (result.row.cut(), result.row.left());
            let results = transfers::results(&result.row);
            let ended = ending(&result.row, || console.canceller());
            let (command, cancelled) = (result.row.command.clone(), result.row.cancelled());
            // The output of a run that was not approved says who cancelled it.
            let is_said = result.row.was_not_approved() && cancelled.is_some();
            if args.json {
                let text = result_json(*result, output);
                console.printer.write(OutputPart::Print(text)).await;
            }
            if let Some(cut) = cut_at_limit {
                console.printer.say(format!("run {run}: {cut}")).await;
            }
            if let Some(results) = results {
                console.printer.say(results).await;
            }
            if let Some(left) = left {
                console.printer.say(format!("{left} after run {run}")).await;
            }
            match (cut, state) {
                // It was quicker than the cancelling.
                (Some(Interruption::Timeout), RunState::Succeeded | RunState::Failed) => {
                    return status;
                }
                (Some(Interruption::Timeout), _) => {
                    let limit = args.timeout.unwrap_or_default();
                    let sentence =
                        format!("run {run} took longer than {limit:?} and was cancelled");
                    console.printer.say(sentence).await;
                }
                // A user at a terminal sees only `^C` otherwise.
                (Some(Interruption::Signal(_)), RunState::Cancelled)
                    if !is_said && std::io::stderr().is_terminal() =>
                {
                    let command = clean(&command, MAX_NAME);
                    let how = cancelled.unwrap_or_else(|| console.canceller());
                    console.printer.say(format_args!("{command} was {how}")).await;
                }
                (Some(_), RunState::Failed | RunState::Cancelled) => {}
                _ => {
                    if let Some(ended) = ended {
                        console.printer.say(ended).await;
                    }
                }
            }
            status
        }
    };
    match cut {
        Some(Interruption::Signal(signal)) => Signal::status(signal),
        Some(Interruption::Timeout) => exit_status::TIMED_OUT,
        Some(Interruption::Input) => exit_status::REFUSED,
        _ => own,
    }
}

/// What is said of how a run ended, where its exit status alone does not say it.
pub(super) fn ending(row: &RunRow, canceller: impl FnOnce() -> String) -> Option<String> {
    let (run, outcome) = (row.run_id, row.outcome());
    match row.state {
        RunState::TimedOut => Some(format!("run {run} {outcome} on the server")),
        RunState::Lost => Some(format!("run {run} is {outcome}")),
        // As a shell says it: the status alone could be the program's own.
        RunState::Failed if row.signal.is_some() => Some(format!("run {run} was {outcome}")),
        RunState::Cancelled if row.was_not_approved() && row.ended_by.is_none() => {
            Some(format!("run {run} was {outcome}"))
        }
        RunState::Cancelled => {
            let cancelled = row.cancelled().unwrap_or_else(canceller);
            Some(format!("run {run} was {cancelled}"))
        }
        _ => None,
    }
}

/// Says why a command did not run, or why its end is not known; the exit status.
async fn failed(console: &Runner, error: &CallError, json: bool) -> u8 {
    let ended = console.lost.as_ref().and_then(DisconnectReason::ended);
    if ended.is_some_and(|ended| ended.code == EndCode::Closed) {
        // It was `close`, which ends the session.
        return exit_status::OK;
    }
    let lost = console.lost.as_ref().map(ToString::to_string);
    let refused = VerbError::by_call(error, lost);
    refused.tell(&console.printer, json).await
}

/// The JSON object of `--json`: the row, and the output as `command/run` answers it.
pub(super) fn result_json(mut result: RunResult, output: Vec<u8>) -> String {
    let received = output.len() as u64;
    let mut output = output;
    if output.len() > MAX_JSON_OUTPUT {
        output.drain(..output.len() - MAX_JSON_OUTPUT);
    }
    let missing = result.row.bytes > received || received > output.len() as u64;
    result.truncated = Some(missing);
    match String::from_utf8(output) {
        Ok(text) => result.output = Some(text),
        Err(error) => result.output_base64 = Some(base64::encode(error.as_bytes())),
    }
    line_json(&result)
}

/// Prints what a built-in answered, a failure to standard error; the exit status.
pub(super) async fn print_answer(printer: &Printer, answer: BuiltinAnswer, json: bool) -> u8 {
    let status = exit_status::of_answer(&answer);
    if json {
        printer.write(OutputPart::Print(line_json(&answer))).await;
        return status;
    }
    let stream = if status == exit_status::OK { Stream::Stdout } else { Stream::Stderr };
    printer.write(OutputPart::Output(stream, answer.output.into_bytes())).await;
    printer.write(OutputPart::EndOfRun).await;
    status
}

/// A result on a line of its own.
fn line_json(result: &impl serde::Serialize) -> String {
    let mut text =
        serde_json::to_string(result).expect("the wire's own types have string keys only");
    text.push('\n');
    text
}
