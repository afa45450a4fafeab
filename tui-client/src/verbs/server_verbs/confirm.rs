//! Confirmation of a dangerous verb. Without a terminal it is refused unless `--yes` is given.

use std::io::{BufRead, IsTerminal};

use tokio::sync::oneshot;

use super::ConfirmArgs;
use crate::verbs::errors::VerbError;
use crate::verbs::exit_status;
use crate::verbs::printer::{OutputPart, Printer};

/// Longest answer in bytes.
const MAX_ANSWER: u64 = 4096;

impl ConfirmArgs {
    /// Asks a yes-or-no question; any other answer is a no.
    pub(in crate::verbs) async fn ask(
        &self,
        printer: &Printer,
        question: &str,
    ) -> Result<(), VerbError> {
        self.ask_for(printer, &format!("{question} [y/N]"), |answer| {
            matches!(answer.to_lowercase().as_str(), "y" | "yes")
        })
        .await
    }

    /// Asks the user to type the name of what is to end.
    pub(super) async fn ask_name(
        &self,
        printer: &Printer,
        question: &str,
        name: &str,
    ) -> Result<(), VerbError> {
        let question = format!("{question} Type {name} to go on:");
        self.ask_for(printer, &question, |answer| answer == name).await
    }

    async fn ask_for(
        &self,
        printer: &Printer,
        question: &str,
        is_yes: impl Fn(&str) -> bool,
    ) -> Result<(), VerbError> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            let sentence = "not a terminal, so the user cannot be asked: pass --yes to confirm";
            return Err(VerbError::new(exit_status::REFUSED, sentence));
        }
        printer.write(OutputPart::Say(format!("{question} "))).await;
        match read_line().await {
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
