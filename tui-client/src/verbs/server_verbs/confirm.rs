//! Confirmation of a dangerous verb. Without a terminal it is refused unless `--yes` is given.

use std::io::{BufRead, IsTerminal};

use tokio::sync::{mpsc, oneshot};

use crate::verb_args::server::ConfirmArgs;
use crate::verbs::errors::VerbError;
use crate::verbs::exit_status;
use crate::verbs::printer::{OutputPart, Printer};
use crate::verbs::stdin_lines::StdinLine;

/// Longest answer in bytes.
const MAX_ANSWER: u64 = 4096;

/// Lines of the line client, which reads standard input itself.
type Lines<'l> = Option<&'l mut mpsc::Receiver<StdinLine>>;

/// Asks a yes-or-no question; any other answer is a no.
pub(in crate::verbs) async fn confirm(
    args: &ConfirmArgs,
    printer: &Printer,
    question: &str,
    lines: Lines<'_>,
) -> Result<(), VerbError> {
    let is_yes = |answer: &str| matches!(answer.to_lowercase().as_str(), "y" | "yes");
    ask(args, printer, &format!("{question} [y/N]"), lines, is_yes).await
}

/// Asks the user to type the name of the server that is to end.
pub(super) async fn confirm_by_name(
    args: &ConfirmArgs,
    printer: &Printer,
    question: &str,
    name: &str,
    lines: Lines<'_>,
) -> Result<(), VerbError> {
    let question = format!("{question} Type {name} to continue:");
    ask(args, printer, &question, lines, |answer| answer == name).await
}

async fn ask(
    args: &ConfirmArgs,
    printer: &Printer,
    question: &str,
    lines: Lines<'_>,
    is_yes: impl Fn(&str) -> bool,
) -> Result<(), VerbError> {
    if args.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let sentence = "not a terminal, so the user cannot be asked: pass --yes to confirm";
        return Err(VerbError::new(exit_status::REFUSED, sentence));
    }
    printer.write(OutputPart::Say(format!("{question} "))).await;
    let answer = match lines {
        None => read_line().await,
        Some(lines) => match lines.recv().await {
            Some(StdinLine::Line(line)) => Some(String::from_utf8_lossy(&line).into_owned()),
            Some(StdinLine::TooLong) => Some(String::new()),
            Some(StdinLine::Failed(_)) | None => None,
        },
    };
    match answer {
        Some(answer) if is_yes(answer.trim()) => Ok(()),
        answer => {
            if answer.is_none() {
                // Ctrl-D leaves the cursor after the question.
                printer.write(OutputPart::Say("\n".to_owned())).await;
            }
            Err(VerbError::new(exit_status::REFUSED, "nothing was done"))
        }
    }
}

/// Reads a line of the terminal on a thread of its own: a read cannot be interrupted.
pub(in crate::verbs) async fn read_line() -> Option<String> {
    let (sender, line) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let mut input = std::io::Read::take(std::io::stdin().lock(), MAX_ANSWER);
        let read = input.read_line(&mut line);
        // After a signal the receiver is gone.
        let _ = sender.send(read.ok().filter(|count| *count > 0).map(|_| line));
    });
    line.await.ok().flatten()
}
