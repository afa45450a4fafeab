//! Line client: one command a line on standard input, answers on standard output, notifications on standard error. If no
//! server runs on this machine, it starts one inside itself and stops it at the end.
//!
//! A line that begins with `:` is a verb. At a terminal it has a prompt with a line editor, asks before a command that has to be
//! confirmed, and reconnects.

mod command_lines;
mod line_completion;
mod line_editor;
mod line_messages;
mod line_prompt;
mod line_row;
mod reconnect;
mod run_outcome;
mod verb_lines;

use std::io::IsTerminal;
use std::time::Duration;

use topside_shared::cmdline;
use topside_shared::frame::MAX_LINE_IN;
use topside_shared::methods::{Menu, SessionClose};
use topside_shared::text::{MAX_NAME, clean};

use line_editor::{LineEditor, Typed};
use line_prompt::{HOW_TO_BEGIN, Prompt, greeting};

use super::errors::with_sources;
use super::printer::{LAST_WORDS, Printer};
use super::runner::{Runner, sentence, stop_asked};
use super::server_verbs::Peer;
use super::stdin_lines::{StdinLine, StdinLines};
use super::{block_on, exit_status, messages, no_echo};
use crate::connect::{Event, Hello, Session, Via};
use crate::embedded::{Embedded, connect_or_start};
use crate::platform::{Signal, SignalKey, Signals};
use crate::verb_args::target::TargetArgs;

/// The client's name in the list of clients.
const HELLO: Hello = Hello { notices: true, agent: false, name: "topside" };
/// How long the server may take to close a session.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long a server may take to shut down; it ends its runs first.
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
            let name = clean(on.saved().unwrap_or(&session.welcome.server.hostname), MAX_NAME);
            let prompt = std::io::stdin().is_terminal().then(|| Prompt::new(name.clone()));
            let (handle, welcome) = (session.handle.clone(), session.welcome.clone());
            let via = session.reached.via;
            let peer = Peer { handle, welcome, key: session.reached.key, name: name.clone() };
            if prompt.is_some() {
                printer.say(greeting(&peer, via, embedded.is_some())).await;
                printer.say(HOW_TO_BEGIN).await;
            }
            let mut console = Runner::new(session, printer, signals);
            console.tells_waiting = prompt.is_some();
            let mut client = Client {
                console,
                peer,
                menu,
                yes,
                prompt,
                status: exit_status::OK,
                line: 0,
                via,
                embedded: embedded.is_some(),
                on,
                ordered_shutdown: false,
                lost_command: None,
                is_leaving: false,
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

/// Why it ended before the first line.
enum End {
    Signal(Signal),
    Failed(String),
}

async fn fail(printer: Printer, sentence: String) -> u8 {
    printer.say(sentence).await;
    printer.finish(exit_status::OWN_FAILURE).await
}

/// Connects, and asks for the menu. Starts a server inside this program if none runs on this machine.
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
    peer: Peer,
    menu: Menu,
    yes: bool,
    /// None if standard input is not a terminal.
    prompt: Option<Prompt>,
    /// The exit status of the last failure.
    status: u8,
    /// The line of the input that was read last, from 1.
    line: u64,
    /// The server that was asked for.
    on: TargetArgs,
    /// The route to it.
    via: Via,
    /// Whether it runs inside this program.
    embedded: bool,
    /// Whether a line of this input has shut the server down.
    ordered_shutdown: bool,
    /// The command that was running when the session ended.
    lost_command: Option<String>,
    /// Whether the last key at the prompt was Ctrl-C: a second one ends the session.
    is_leaving: bool,
}

#[derive(PartialEq, Eq)]
enum NextStep {
    On,
    /// The session is to be closed.
    End,
}

impl Client {
    /// Runs one line after the other, then closes the session; returns the exit status.
    async fn run(&mut self) -> u8 {
        let mut input = Some(StdinLines::start());
        loop {
            if self.console.lost.is_some() {
                let is_half_typed = self.has_begun_line();
                self.prompt_taken();
                self.say_loss().await;
                if !self.may_reconnect() {
                    self.take_rest(is_half_typed, &mut input).await;
                    return self.status;
                }
                match self.reconnect().await {
                    Ok(()) => {
                        // The line that is half typed at the prompt stays there.
                        if input.as_mut().is_some_and(StdinLines::discard) {
                            let sentence = "what was typed while reconnecting was dropped";
                            self.console.printer.say(sentence).await;
                        }
                    }
                    Err(signal) => {
                        if signal.is_none() {
                            self.take_rest(is_half_typed, &mut input).await;
                        }
                        self.status = signal.map_or(exit_status::OWN_FAILURE, Signal::status);
                        return self.status;
                    }
                }
            }
            // One prompt after all that has come.
            if let Some(event) = self.console.events.try_next() {
                self.handle_event(event).await;
                continue;
            }
            if let Some(prompt) = &mut self.prompt {
                prompt.show(&self.console.printer).await;
            }
            let go = tokio::select! {
                biased;
                signal = self.console.signals.next() => self.interrupt_prompt(signal).await,
                event = self.console.events.next() => {
                    self.handle_event(event).await;
                    NextStep::On
                }
                () = stop_asked(&mut self.console.jobs) => self.stop().await,
                typed = typed(&mut self.prompt, &mut input, &self.console.printer) => match typed {
                    Some(Typed::Line(StdinLine::End)) | None => {
                        // Ctrl-D leaves the cursor behind the prompt.
                        self.leave_prompt().await;
                        NextStep::End
                    }
                    Some(Typed::Line(line)) => {
                        self.prompt_taken();
                        self.take(line, &mut input).await
                    }
                    Some(Typed::Tab) => {
                        self.complete().await;
                        NextStep::On
                    }
                    Some(Typed::Key(SignalKey::Stop)) => self.stop().await,
                    Some(Typed::Key(SignalKey::Interrupt)) => {
                        self.is_leaving &= !self.has_typed();
                        self.interrupt_prompt(Signal::Interrupt).await
                    }
                    Some(Typed::Key(SignalKey::Quit)) => self.interrupt_prompt(Signal::Quit).await,
                },
            };
            match go {
                NextStep::On => {}
                NextStep::End => {
                    self.prompt_taken();
                    self.close().await;
                    // A screen reader does not say that the prompt of a shell follows.
                    if self.prompt.is_some() && self.console.lost.is_some() {
                        self.console.printer.say("session ended").await;
                    }
                    return self.status;
                }
            }
        }
    }

    /// Stops this program as Ctrl-Z does.
    async fn stop(&mut self) -> NextStep {
        self.leave_prompt().await;
        self.prompt_taken();
        self.console.printer.flush().await;
        no_echo::stop();
        NextStep::On
    }

    fn prompt_taken(&mut self) {
        if let Some(prompt) = &mut self.prompt {
            prompt.taken();
        }
    }

    /// Whether a key was typed since the last call.
    fn has_typed(&mut self) -> bool {
        let editor = self.prompt.as_mut().and_then(Prompt::editor);
        editor.is_some_and(LineEditor::take_typed)
    }

    /// Whether a line was begun at the prompt.
    fn has_begun_line(&mut self) -> bool {
        let editor = self.prompt.as_mut().and_then(Prompt::editor);
        editor.is_some_and(|editor| !editor.line().0.is_empty())
    }

    async fn leave_prompt(&mut self) {
        if let Some(prompt) = &mut self.prompt {
            prompt.leave(&self.console.printer).await;
        }
    }

    /// Handles an event between two lines. What it prints takes the place of the prompt, which comes back below it.
    async fn handle_event(&mut self, event: Event) {
        let prints = match &event {
            Event::Notice(notice) => sentence(notice).is_some(),
            Event::Lost(_) => true,
            Event::Answer { .. } => false,
        };
        if prints && let Some(prompt) = &mut self.prompt {
            prompt.erase(&self.console.printer).await;
        }
        self.console.handle_event(event).await;
    }

    async fn close(&mut self) {
        let handle = self.console.handle.clone();
        let patience = self.console.signals.patience(GOODBYE);
        let goodbye = handle.call(&SessionClose {});
        let signal = tokio::select! {
            biased;
            signal = self.console.signals.next() => Some(signal),
            // The answer does not matter: the session ends in any case.
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

    async fn take(&mut self, line: StdinLine, input: &mut Option<StdinLines>) -> NextStep {
        self.line += 1;
        self.is_leaving = false;
        let line = match line {
            StdinLine::Line(line) => line,
            StdinLine::TooLong => {
                self.wrong(exit_status::REFUSED, format!("longer than {MAX_LINE_IN} bytes")).await;
                return NextStep::On;
            }
            StdinLine::End => return NextStep::End,
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
        // As on the screen, a line that may hold a secret is not kept.
        if let Some(prompt) = &mut self.prompt
            && !cmdline::is_private(&line, &self.menu.commands)
        {
            prompt.remember(&line);
        }
        // A remark, for readers of a file of commands.
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            return NextStep::On;
        }
        if let Some(verbs) = Prompt::verbs(&line) {
            return self.run_verb(verbs, input).await;
        }
        if let Some(word) = self.own_word(&line) {
            return self.run_own_word(word).await;
        }
        let request = match self.read_request(&line, input).await {
            Ok(request) => self.confirmed(request, input).await,
            Err(next) => Err(next),
        };
        match request {
            Ok(request) => self.run_one(&request, input).await,
            Err(next) => next,
        }
    }
}

/// What is typed next. The lines are here unless a run has them.
async fn typed(
    prompt: &mut Option<Prompt>,
    input: &mut Option<StdinLines>,
    printer: &Printer,
) -> Option<Typed> {
    let lines = input.as_mut()?;
    match prompt.as_mut().and_then(Prompt::editor) {
        Some(editor) => editor.next(lines, printer).await,
        None => lines.recv().await.map(Typed::Line),
    }
}
