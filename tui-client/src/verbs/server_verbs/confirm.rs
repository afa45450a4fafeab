//! Confirmation of a dangerous verb. Without a terminal it is refused unless `--yes` is given.

use std::io::IsTerminal;

use crate::verb_args::server::ConfirmArgs;
use crate::verbs::errors::VerbError;
use crate::verbs::printer::Printer;
use crate::verbs::question::{self, DECLINED, Lines, is_yes};

/// Asks a yes-or-no question; any other answer is a no.
pub(in crate::verbs) async fn confirm(
    args: &ConfirmArgs,
    printer: &Printer,
    question: &str,
    lines: Lines<'_>,
) -> Result<(), VerbError> {
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
    ask(args, printer, &question, lines, |answer| answer.trim() == name).await
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
        return Err(VerbError::refused(sentence));
    }
    match question::ask(printer, question, lines).await {
        Some(answer) if is_yes(&answer) => Ok(()),
        _ => Err(VerbError::refused(DECLINED)),
    }
}
