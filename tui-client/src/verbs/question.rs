//! Questions to the user at a terminal: yes or no, a text to type, a secret.

use std::io::BufRead;

use tokio::sync::oneshot;
use topside_shared::cmdline;
use topside_shared::command::{Arg, Command};
use topside_shared::methods::{InitializeResult, RunsList};
use topside_shared::values;

use super::no_echo;
use super::printer::{OutputPart, Printer};
use super::runner::stop_asked;
use super::stdin_lines::{StdinLine, StdinLines};
use crate::app::console::SHUTDOWN;
use crate::connect::Handle;
use crate::platform::{self, Echo, Jobs};

/// Longest answer in bytes.
const MAX_ANSWER: u64 = 64 * 1024;
/// What a user reads after the answer no.
pub(super) const DECLINED: &str = "nothing was done";

/// What to do where a line of a script lacks a secret.
pub(super) const SECRET_IN_LINE: &str = "at a terminal it is asked for; here, give it in the line";

/// Lines of the line client, which reads standard input itself; none: standard input is read here.
pub(super) type Lines<'l> = Option<&'l mut StdinLines>;

/// Asks a question; the answer, or none where the input has ended (Ctrl-D). Dropping the future is safe.
pub(super) async fn ask(printer: &Printer, question: &str, mut lines: Lines<'_>) -> Option<String> {
    discard_typed(printer, &mut lines).await;
    printer.ask(question).await;
    answer(printer, lines).await
}

/// Whether an answer is a yes; all others are a no.
pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// The question of a command; that of a shutdown with the runs that it ends. Where the server does not list them, it is left
/// as it is.
pub(super) async fn naming_runs(
    command: &str,
    question: String,
    handle: &Handle,
    welcome: &InitializeResult,
) -> String {
    if command != SHUTDOWN {
        return question;
    }
    let running = handle.call(&RunsList::running()).await;
    match running.ok().and_then(|page| page.ending(welcome.you.client_id)) {
        Some(runs) => format!("{question} {runs}"),
        None => question,
    }
}

/// Asks the question of a command; whether the user wants it. The end of a server is confirmed with the server's name.
pub(super) async fn confirm_command(
    command: &str,
    question: &str,
    server: &str,
    printer: &Printer,
    lines: Lines<'_>,
) -> bool {
    if command == SHUTDOWN {
        let question = format!("{question} Type {server} to continue:");
        return ask(printer, &question, lines).await.is_some_and(|answer| answer.trim() == server);
    }
    ask(printer, &format!("{question} [y/N]"), lines).await.is_some_and(|answer| is_yes(&answer))
}

/// Asks for each secret that a command needs and its words lack, and adds them to the words. Returns false where the user gives
/// none. Dropping the future turns the echo on again.
pub(super) async fn add_secrets(
    command: &Command,
    words: &mut Vec<String>,
    printer: &Printer,
    jobs: &mut Option<Jobs>,
    mut lines: Lines<'_>,
) -> bool {
    while let Some(arg) = cmdline::missing_secrets(command, words).first() {
        match ask_secret(arg, printer, jobs, lines.as_deref_mut()).await {
            // Before the words, because all that follows `--` is a value.
            Some(secret) if !secret.is_empty() => {
                words.insert(0, format!("--{}={secret}", arg.name));
            }
            _ => return false,
        }
    }
    true
}

/// Asks for a secret, which the terminal does not show.
async fn ask_secret(
    arg: &Arg,
    printer: &Printer,
    jobs: &mut Option<Jobs>,
    lines: Lines<'_>,
) -> Option<String> {
    let question = match values::expected(arg).as_str() {
        "text" => format!("{} (not shown):", arg.name),
        rule => format!("{} ({rule}; not shown):", arg.name),
    };
    ask_hidden(&question, printer, jobs, lines).await
}

/// Asks a question of which the terminal does not show the answer; none where the input has ended (Ctrl-D). Dropping the
/// future turns the echo on again.
pub(super) async fn ask_hidden(
    question: &str,
    printer: &Printer,
    jobs: &mut Option<Jobs>,
    mut lines: Lines<'_>,
) -> Option<String> {
    let mut echo = Echo::default();
    echo.off();
    discard_typed(printer, &mut lines).await;
    printer.ask(question).await;
    let answered = answer(printer, lines);
    tokio::pin!(answered);
    loop {
        tokio::select! {
            biased;
            () = stop_asked(jobs) => {
                echo.on();
                no_echo::stop();
                echo.off();
                printer.ask(question).await;
            }
            answer = &mut answered => return answer,
        }
    }
}

/// Discards what the user typed before a question: it is no answer.
pub(super) async fn discard_typed(printer: &Printer, lines: &mut Lines<'_>) {
    let has_dropped = match lines {
        Some(lines) => lines.discard(),
        None => platform::discard_typed(),
    };
    if has_dropped {
        printer.say("what was typed before this question was dropped").await;
    }
}

async fn answer(printer: &Printer, lines: Lines<'_>) -> Option<String> {
    let answer = match lines {
        None => read_line().await,
        Some(lines) => match lines.recv().await {
            Some(StdinLine::Line(line)) => Some(String::from_utf8_lossy(&line).into_owned()),
            Some(StdinLine::TooLong) => Some(String::new()),
            Some(StdinLine::Failed(_) | StdinLine::End) | None => None,
        },
    };
    printer.answered();
    if answer.is_none() {
        // Ctrl-D leaves the cursor behind the question.
        printer.write(OutputPart::Say("\n".to_owned())).await;
    }
    answer
}

/// Reads a line of the terminal, without its end, on a thread of its own: a read cannot be interrupted.
pub(super) async fn read_line() -> Option<String> {
    let (sender, line) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let mut input = std::io::Read::take(std::io::stdin().lock(), MAX_ANSWER);
        let read = input.read_line(&mut line);
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        // After a signal the receiver is gone.
        let _ = sender.send(read.ok().filter(|count| *count > 0).map(|_| line));
    });
    line.await.ok().flatten()
}
