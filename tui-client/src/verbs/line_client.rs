//! The line client: one command a line on standard input, answers on standard output, notices on
//! standard error. Where no server runs on this machine, it starts one inside itself and stops it at the end.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use topside_shared::cmdline::{self, LineErrorKind};
use topside_shared::command::Stdin;
use topside_shared::frame::MAX_LINE_IN;
use topside_shared::methods::{CommandResult, CommandRun, Menu, SessionClose};
use topside_shared::notifications::EndCode;
use topside_shared::records::{RunRow, RunState};
use topside_shared::{text, values};

use super::errors::with_sources;
use super::printer::{LAST_WORDS, Printer};
use super::run::print_answer;
use super::runner::{Interruption, Output, RunOutcome, Runner, stop_asked};
use super::stdin::{Lines, Source};
use super::stdin_lines::{StdinLine, read_input};
use super::target::TargetArgs;
use super::{block_on, exit_status, messages, no_echo};
use crate::connect::{CallError, Hello, Session};
use crate::embedded::{Embedded, connect_or_start};
use crate::input::admin_actions;
use crate::input::keymap::Keymap;
use crate::platform::{Signal, Signals};

/// What other people see in the list.
const HELLO: Hello = Hello { notices: true, name: "topside" };
/// How long the server may take to end a session that is over.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long a server that was told to shut down may take; it ends what runs first.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// Runs the commands of standard input; the exit status of the last failure.
pub(super) fn main(yes: bool, on: TargetArgs) -> u8 {
    block_on(run(yes, on))
}

async fn run(yes: bool, on: TargetArgs) -> u8 {
    let printer = Printer::start();
    let mut signals = match Signals::listen(true) {
        Ok(signals) => signals,
        Err(error) => return fail(printer, error.to_string()).await,
    };
    let mut embedded = None;
    let begun = tokio::select! {
        biased;
        signal = signals.next() => Err(End::Signal(signal)),
        begun = begin(&on, &mut embedded) => begun.map_err(End::Failed),
    };
    let (status, printer, mut signals) = match begun {
        Err(end) => {
            let status = match end {
                End::Signal(signal) => signal.status(),
                End::Failed(sentence) => {
                    printer.say(sentence).await;
                    exit_status::OWN_FAILURE
                }
            };
            (status, printer, signals)
        }
        Ok((session, menu)) => {
            let mut client = Client {
                console: Runner::new(session, printer, signals),
                menu,
                yes,
                status: exit_status::OK,
                line: 0,
                ordered_shutdown: false,
            };
            let status = client.run().await;
            (status, client.console.printer, client.console.signals)
        }
    };
    if let Some(embedded) = embedded {
        let stop = embedded.stop_handle();
        let mut stopping = tokio::task::spawn_blocking(move || embedded.stop());
        tokio::select! {
            _ = &mut stopping => {}
            _ = signals.next() => {
                stop.at_once();
                let _ = stopping.await;
            }
        }
    }
    printer.finish_within(signals.patience(LAST_WORDS), status).await
}

/// Why it ended before it began.
enum End {
    Signal(Signal),
    Failed(String),
}

async fn fail(printer: Printer, sentence: String) -> u8 {
    printer.say(sentence).await;
    printer.finish(exit_status::OWN_FAILURE).await
}

/// Connects, on this machine to a server of its own where there is none, and asks for the menu.
async fn begin(
    on: &TargetArgs,
    embedded: &mut Option<Embedded>,
) -> Result<(Session, Menu), String> {
    let target = on.target().map_err(|error| with_sources(&error))?;
    let session = connect_or_start(&target, &HELLO, embedded).await;
    let session = session.map_err(|error| with_sources(&error))?;
    let menu = session.handle.menu().await;
    let menu = menu.map_err(|error| messages::failure(&error, None))?;
    on.keep(&menu);
    Ok((session, menu))
}

struct Client {
    console: Runner,
    menu: Menu,
    yes: bool,
    /// That of the last failure.
    status: u8,
    /// The line of the input that was read last, from 1.
    line: u64,
    /// Whether a command of this input told the server to shut down.
    ordered_shutdown: bool,
}

/// Whether to go on with the next line.
#[derive(PartialEq, Eq)]
enum NextStep {
    On,
    /// The session is to be closed.
    End,
}

impl Client {
    /// Runs one line after the other, then closes the session.
    async fn run(&mut self) -> u8 {
        let mut input = Some(read_input());
        loop {
            if self.console.lost.is_some() {
                self.say_loss().await;
                return self.status;
            }
            let go = tokio::select! {
                biased;
                signal = self.console.signals.next() => {
                    self.status = signal.status();
                    NextStep::End
                }
                event = self.console.events.next() => {
                    self.console.told(event).await;
                    NextStep::On
                }
                () = stop_asked(&mut self.console.jobs) => {
                    no_echo::stop();
                    NextStep::On
                }
                line = recv(&mut input) => match line {
                    Some(line) => self.take(line, &mut input).await,
                    None => NextStep::End,
                },
            };
            match go {
                NextStep::On => {}
                NextStep::End => {
                    self.close().await;
                    return self.status;
                }
            }
        }
    }

    /// Says why the session ended. Where nobody here ordered it, what was still to be run cannot be.
    async fn say_loss(&mut self) {
        let Some(reason) = &self.console.lost else { return };
        self.console.printer.say(reason).await;
        let ordered = match reason.ended().map(|ended| ended.code) {
            Some(EndCode::Closed) => true,
            Some(EndCode::Shutdown | EndCode::Restart) => self.ordered_shutdown,
            _ => false,
        };
        if !ordered {
            self.status = exit_status::OWN_FAILURE;
        }
    }

    /// Ends the session in order.
    async fn close(&mut self) {
        let handle = self.console.handle.clone();
        let patience = self.console.signals.patience(GOODBYE);
        let goodbye = handle.call(&SessionClose {});
        let signal = tokio::select! {
            biased;
            signal = self.console.signals.next() => Some(signal),
            // Whatever it answers: the end is what is waited for.
            goodbye = tokio::time::timeout(patience, goodbye) => match goodbye {
                Ok(_) => self.console.wait_for_end(GOODBYE).await,
                Err(_) => None,
            },
        };
        if let Some(signal) = signal {
            self.status = signal.status();
        }
        handle.close();
    }

    async fn take(
        &mut self,
        line: StdinLine,
        input: &mut Option<mpsc::Receiver<StdinLine>>,
    ) -> NextStep {
        self.line += 1;
        let line = match line {
            StdinLine::Line(line) => line,
            StdinLine::TooLong => {
                self.wrong(exit_status::REFUSED, format!("longer than {MAX_LINE_IN} bytes")).await;
                return NextStep::On;
            }
            StdinLine::Failed(error) => {
                let sentence = format!("standard input cannot be read: {error}");
                self.console.printer.say(sentence).await;
                self.status = exit_status::OWN_FAILURE;
                return NextStep::End;
            }
        };
        let Ok(line) = String::from_utf8(line) else {
            self.wrong(exit_status::REFUSED, "this is not UTF-8").await;
            return NextStep::On;
        };
        // A file of commands may say what it is for.
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            return NextStep::On;
        }
        let request = match self.request(&line) {
            Ok(request) => request,
            Err(error) => {
                self.wrong(error.kind.exit_status(), error.message).await;
                return NextStep::On;
            }
        };
        self.run_one(&request, input).await
    }

    /// The request for one line. A command that is not in the caller's menu is left to the server,
    /// which knows whether there is none or it is forbidden.
    fn request(&self, line: &str) -> Result<CommandRun, cmdline::LineError> {
        let (command, args) = match cmdline::parse(line, &self.menu.commands) {
            Ok(parsed) => (parsed.command.name.clone(), parsed.args),
            Err(error) if error.kind == LineErrorKind::UnknownCommand => {
                let name = cmdline::split(line)?.into_iter().next();
                let name = name.map(|token| token.text).unwrap_or_default();
                if let Some(message) = admin_actions::hint(&name, &Keymap::default()) {
                    return Err(cmdline::LineError { message, ..error });
                }
                (name, serde_json::Map::new())
            }
            Err(error) => return Err(error),
        };
        Ok(CommandRun { command, args, stream: true, wait: true, confirm: self.yes })
    }

    async fn run_one(
        &mut self,
        request: &CommandRun,
        input: &mut Option<mpsc::Receiver<StdinLine>>,
    ) -> NextStep {
        let command = self.menu.commands.iter().find(|command| command.name == request.command);
        let asks = command.is_some_and(|command| command.stdin == Stdin::Prompt);
        let mut source = match input.take_if(|_| asks) {
            Some(lines) => {
                let command = request.command.clone();
                Source::Lines(Lines { lines, line: self.line, command, untaken: false })
            }
            None => Source::Nothing,
        };
        let ran = self.console.run(request, None, &mut source, Output::Stream).await;
        let mut read_to = self.line;
        if let Source::Lines(lines) = source {
            read_to = lines.line;
            if lines.untaken {
                self.status = exit_status::REFUSED;
                // The run may have ended first.
                if !ran.untaken && ran.cut.is_none() {
                    self.console.printer.say(lines.words()).await;
                }
            }
            *input = Some(lines.lines);
        }
        // What is said about the run names the line that it stands on.
        let go = self.ended(ran, request).await;
        self.line = read_to;
        go
    }

    /// Says how a run went, where it has to be said.
    async fn ended(&mut self, ran: RunOutcome, request: &CommandRun) -> NextStep {
        match ran.cut {
            Some(Interruption::Signal(signal)) => {
                self.status = signal.status();
                return NextStep::End;
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
                match print_answer(&self.console.printer, answer, false).await {
                    exit_status::OK => self.after(&request.command, &request.args).await,
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
                if let Some(cut) = result.row.cut() {
                    let sentence = format!("line {}: {}: {cut}", self.line, result.row.command);
                    self.console.printer.say(sentence).await;
                }
                if let Some(left) = result.row.left() {
                    let sentence =
                        format!("line {}: {left} after {}", self.line, result.row.command);
                    self.console.printer.say(sentence).await;
                }
                if status != exit_status::OK {
                    self.status = status;
                    self.say_end(&result.row).await;
                }
                match result.row.state {
                    RunState::Succeeded => self.after(&result.row.command, &result.row.args).await,
                    _ => NextStep::On,
                }
            }
            // The session was lost with it: the loop says how.
            Some(Err(CallError::Lost)) => NextStep::On,
            Some(Err(error)) => {
                self.wrong(exit_status::of_error(&error), messages::failure(&error, None)).await;
                NextStep::On
            }
        }
    }

    /// How a run ended that did not succeed, where its own output need not have said it.
    async fn say_end(&self, row: &RunRow) {
        let how = match (row.state, row.exit_code, row.signal) {
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
        let sentence = format!("line {}: {} {how}", self.line, row.command);
        self.console.printer.say(sentence).await;
    }

    /// Two commands end the session that ran them, and then what follows on the input is not run, as
    /// after `exit` in a shell.
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
                let waited =
                    text::duration(u64::try_from(SHUTDOWN.as_millis()).unwrap_or(u64::MAX));
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

    async fn wrong(&mut self, status: u8, what: impl std::fmt::Display) {
        self.status = status;
        self.console.printer.say(format!("line {}: {what}", self.line)).await;
    }
}

/// The next of it; it is always there while no run has it.
async fn recv(input: &mut Option<mpsc::Receiver<StdinLine>>) -> Option<StdinLine> {
    input.as_mut()?.recv().await
}
