//! How a run of the line client ended: what is printed, and whether the session goes on.

use serde_json::{Map, Value};
use topside_shared::methods::{CommandResult, CommandRun};
use topside_shared::records::{RunRow, RunState};
use topside_shared::time::millis;
use topside_shared::{text, values};

use super::super::run::print_answer;
use super::super::runner::{Interruption, RunOutcome};
use super::super::{exit_status, messages};
use super::{Client, NextStep, SHUTDOWN};
use crate::connect::CallError;
use crate::platform::Signal;

impl Client {
    /// Prints how a run ended, unless it succeeded.
    pub(super) async fn ended(&mut self, ran: RunOutcome, request: &CommandRun) -> NextStep {
        match ran.cut {
            Some(Interruption::Signal(signal)) => {
                self.status = signal.status();
                // At a terminal Ctrl-C cancels the run alone; a second one does not wait for its end.
                if self.prompt.is_none() || signal != Signal::Interrupt {
                    return NextStep::End;
                }
                if ran.result.is_none() {
                    let command = &request.command;
                    if ran.is_cancel_confirmed {
                        let sentence = "was cancelled; its end is not waited for";
                        self.say(format_args!("{command} {sentence}")).await;
                    } else {
                        let server = &self.peer.name;
                        let unknown = format!("whether {command} was cancelled is not known");
                        self.say(format_args!("no answer from {server}: {unknown}")).await;
                    }
                    return NextStep::On;
                }
            }
            Some(Interruption::Input) => {
                self.status = exit_status::REFUSED;
                return NextStep::End;
            }
            Some(Interruption::BrokenPipe | Interruption::Timeout) => {
                self.status = self.console.printer.broken_status();
                return NextStep::End;
            }
            None => {}
        }
        match ran.result {
            None => NextStep::End,
            Some(Ok(CommandResult::Answer(answer))) => {
                let has_said_why = !answer.output.trim().is_empty();
                match print_answer(&self.console.printer, answer, false).await {
                    exit_status::OK => self.after(&request.command, &request.args).await,
                    // Its text says what is wrong. A script needs the number of the line as well.
                    status if has_said_why && self.prompt.is_some() => {
                        self.status = status;
                        NextStep::On
                    }
                    status => {
                        let sentence =
                            format!("{} ended with exit status {status}", request.command);
                        self.wrong(status, sentence).await;
                        NextStep::On
                    }
                }
            }
            Some(Ok(CommandResult::Run(result))) => {
                let status = exit_status::of_row(&result.row);
                let command = &result.row.command;
                if let Some(cut) = result.row.cut() {
                    self.say(format_args!("{command}: {cut}")).await;
                }
                if let Some(left) = result.row.left() {
                    self.say(format_args!("{left} after {command}")).await;
                }
                if status != exit_status::OK {
                    if ran.cut.is_none() {
                        self.status = status;
                    }
                    // The output of a run that was not approved says who cancelled it. A script needs the number of the line.
                    let is_said = result.row.was_not_approved() && result.row.ended_by.is_some();
                    if self.prompt.is_none() || !is_said {
                        self.say_end(&result.row).await;
                    }
                }
                // A user who cannot see that the prompt is back hears that the command has ended.
                let is_silent = result.row.bytes == 0 && status == exit_status::OK;
                if is_silent && self.prompt.is_some() {
                    self.say(format_args!("{command} succeeded, without output")).await;
                }
                match result.row.state {
                    RunState::Succeeded => self.after(&result.row.command, &result.row.args).await,
                    _ => NextStep::On,
                }
            }
            // The loop prints why the session ended.
            Some(Err(CallError::Lost)) => {
                self.lost_command = Some(request.command.clone());
                NextStep::On
            }
            Some(Err(error)) => {
                self.wrong(exit_status::of_error(&error), messages::failure(&error, None)).await;
                NextStep::On
            }
        }
    }

    /// Prints how a run ended that did not succeed: its own output may not say it.
    async fn say_end(&self, row: &RunRow) {
        let how = match (row.state, row.exit_code, row.signal) {
            (RunState::Cancelled, ..) if row.was_not_approved() && row.ended_by.is_none() => {
                format!("was {}", row.outcome())
            }
            (RunState::Cancelled, ..) => {
                let canceller = || self.console.canceller();
                format!("was {}", row.cancelled().unwrap_or_else(canceller))
            }
            (RunState::TimedOut, ..) => row.outcome(),
            (RunState::Lost, ..) => format!("is {}", row.outcome()),
            (_, Some(code), _) => format!("ended with exit status {code}"),
            (_, None, Some(_)) => format!("was {}", row.outcome()),
            (_, None, None) => row.outcome(),
        };
        self.say(format_args!("{} {how}", row.command)).await;
    }

    /// Waits for the end of the session after `close` and `shutdown`: the lines that follow are not run, as after `exit` in a
    /// shell.
    async fn after(&mut self, command: &str, args: &Map<String, Value>) -> NextStep {
        match command {
            "close" => {}
            "shutdown" => {
                self.ordered_shutdown = true;
                let delay = args.get("delay").map(values::to_text);
                let delay = delay.and_then(|text| values::parse_duration_argument(&text));
                if delay.is_some_and(|ms| ms > 0) {
                    return NextStep::On;
                }
            }
            _ => return NextStep::On,
        }
        match self.console.wait_for_end(SHUTDOWN).await {
            None if self.console.lost.is_none() => {
                let waited = text::duration(millis(SHUTDOWN));
                let sentence = format!("the server has not ended the session for {waited}");
                self.wrong(exit_status::OWN_FAILURE, sentence).await;
                NextStep::End
            }
            None => NextStep::On,
            Some(signal) => {
                self.status = signal.status();
                NextStep::End
            }
        }
    }
}
