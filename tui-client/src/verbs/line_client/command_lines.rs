//! Lines of the line client that are commands: the request, the files that it needs, and the run.

use topside_shared::cmdline::{self, LineErrorKind};
use topside_shared::command::{Command, Stdin};
use topside_shared::methods::CommandRun;

use super::super::errors::VerbError;
use super::super::question;
use super::super::runner::{Output, Runner};
use super::super::stdin::{Lines, Source};
use super::super::stdin_lines::StdinLines;
use super::super::{exit_status, transfers};
use super::{Client, NextStep};
use crate::file_transfer;
use crate::input::admin_actions;
use crate::input::keymap::Keymap;

impl Client {
    /// The request for one line. At a terminal the user is asked for a secret that it lacks.
    pub(super) async fn read_request(
        &mut self,
        line: &str,
        input: &mut Option<StdinLines>,
    ) -> Result<CommandRun, NextStep> {
        let request = match cmdline::split(line) {
            Ok(tokens) => {
                let mut words: Vec<String> = tokens.into_iter().map(|token| token.text).collect();
                if self.prompt.is_some() {
                    self.ask_secrets(&mut words, input).await?;
                }
                self.request(&words)
            }
            Err(error) => Err(error),
        };
        match request {
            Ok(request) => Ok(request),
            Err(error) => {
                self.wrong(error.kind.exit_status(), error.message).await;
                Err(NextStep::On)
            }
        }
    }

    /// Asks for the secrets that the words of a line lack, and adds them.
    async fn ask_secrets(
        &mut self,
        words: &mut Vec<String>,
        input: &mut Option<StdinLines>,
    ) -> Result<(), NextStep> {
        let Some((name, rest)) = words.split_first() else { return Ok(()) };
        let Ok(command) = cmdline::find(name, &self.menu.commands) else { return Ok(()) };
        let (name, mut rest) = (name.clone(), rest.to_vec());
        let Runner { signals, printer, jobs, .. } = &mut self.console;
        let given = tokio::select! {
            biased;
            signal = signals.next() => Err(signal),
            given = question::add_secrets(command, &mut rest, printer, jobs, input.as_mut()) => Ok(given),
        };
        match given {
            Ok(true) => {
                *words = std::iter::once(name).chain(rest).collect();
                Ok(())
            }
            Ok(false) => Err(self.decline().await),
            Err(signal) => Err(self.interrupt_question(signal).await),
        }
    }

    /// The request for the words of one line. The server judges a command that is not in this menu: it knows whether there is
    /// none or the role may not run it.
    fn request(&self, words: &[String]) -> Result<CommandRun, cmdline::LineError> {
        let (name, rest) = words.split_first().map_or(("", words), |(name, rest)| (name, rest));
        let (command, args) = match cmdline::find(name, &self.menu.commands) {
            Ok(command) => match cmdline::parse_args(command, rest) {
                Ok(parsed) => (command.name.clone(), parsed.args),
                Err(error) if error.kind == LineErrorKind::MissingSecret => {
                    let message = format!("{}; {}", error.message, question::SECRET_IN_LINE);
                    return Err(cmdline::LineError { message, ..error });
                }
                Err(error) => return Err(error),
            },
            Err(error) if error.kind == LineErrorKind::UnknownCommand => {
                let role = Some(self.peer.welcome.you.role);
                if let Some(message) = admin_actions::hint(name, &Keymap::default(), role) {
                    return Err(cmdline::LineError { message, ..error });
                }
                (name.to_owned(), serde_json::Map::new())
            }
            Err(error) => return Err(error),
        };
        if let Some(sentence) = admin_actions::power_off_by_verb(&command, &args) {
            let (kind, message) = (LineErrorKind::BadValue, sentence.to_owned());
            return Err(cmdline::LineError { span: 0..0, kind, message });
        }
        Ok(CommandRun { command, args, stream: true, wait: true, confirm: self.yes })
    }

    /// Sends the files that the arguments of a request name.
    async fn send_files(
        &self,
        command: &Command,
        request: &mut CommandRun,
    ) -> Result<(), VerbError> {
        let files =
            file_transfer::local_files(command, &request.args).map_err(VerbError::refused)?;
        transfers::send(&self.console.handle, &mut request.args, files, &self.console.printer).await
    }

    /// Sends the files of a request, then runs it.
    pub(super) async fn run_one(
        &mut self,
        request: &CommandRun,
        input: &mut Option<StdinLines>,
    ) -> NextStep {
        let command = self.menu.commands.iter().find(|command| command.name == request.command);
        let mut request = request.clone();
        if let Some(command) = command
            && let Err(error) = self.send_files(command, &mut request).await
        {
            self.wrong(error.status, error.sentence).await;
            return NextStep::On;
        }
        let request = &request;
        let asks = command.is_some_and(|command| command.stdin == Stdin::Prompt);
        let mut source = match input.take_if(|_| asks) {
            Some(lines) => {
                let command = request.command.clone();
                let is_numbered = self.prompt.is_none();
                Source::Lines(Lines {
                    lines,
                    line: self.line,
                    is_numbered,
                    command,
                    untaken: false,
                })
            }
            None => Source::Nothing,
        };
        let ran = self.console.run(request, None, &mut source, Output::Stream).await;
        let mut read_to = self.line;
        if let Source::Lines(lines) = source {
            read_to = lines.line;
            if lines.untaken {
                self.status = exit_status::REFUSED;
                // The run has ended before it took the line.
                if !ran.untaken && ran.cut.is_none() {
                    self.console.printer.say(lines.words()).await;
                }
            }
            *input = Some(lines.lines);
        }
        self.say_dropped("Ctrl-C", input).await;
        // Messages about the run name its own line.
        let go = self.ended(ran, request).await;
        self.line = read_to;
        go
    }
}
