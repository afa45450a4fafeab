//! Lines of the line client that begin with `:`: verbs of the shell, for the server that is connected.

use topside_shared::text::clean;

use super::super::errors::VerbError;
use super::super::printer::OutputPart;
use super::super::server_verbs::{self, OneShot};
use super::super::stdin_lines::StdinLines;
use super::super::{exit_status, saved_servers};
use super::{Client, NextStep};
use crate::platform::{Signal, discard_typed};
use crate::verb_args::Verb;
use crate::verb_args::saved::SavedServerVerb;
use crate::verb_args::server::ServerVerb;
use crate::verb_args::verb_line::{self, LineVerb, Parsed};

/// The exit status of a line that is not a verb with its arguments.
const USAGE: u8 = 2;

impl Client {
    /// Runs a verb; the line is without its `:`.
    pub(super) async fn run_verb(
        &mut self,
        line: &str,
        input: &mut Option<StdinLines>,
    ) -> NextStep {
        if line.trim().is_empty() {
            self.wrong(USAGE, "type a verb after `:`; `:help` lists them").await;
            return NextStep::On;
        }
        if let Some(sentence) = verb_line::shell_only(line) {
            self.wrong(USAGE, sentence).await;
            return NextStep::On;
        }
        if let verb @ ("cancel" | "attach") = line.trim() {
            let sentence = self.needs_run(verb).await;
            self.wrong(USAGE, sentence).await;
            return NextStep::On;
        }
        let verb = match verb_line::parse(line) {
            Ok(Parsed::Verb(verb)) => *verb,
            Ok(Parsed::Help(text)) => {
                self.console.printer.write(OutputPart::Print(text)).await;
                return NextStep::On;
            }
            Err(why) => {
                self.wrong(USAGE, why).await;
                return NextStep::On;
            }
        };
        match verb {
            LineVerb::Quit => NextStep::End,
            LineVerb::Theme { .. } => {
                self.wrong(USAGE, "a theme is for the screen: this client prints lines").await;
                NextStep::On
            }
            LineVerb::Shell(Verb::Ask(ask)) => self.ask(&ask, input).await,
            LineVerb::Shell(Verb::Saved(saved)) => self.saved(&saved, input).await,
            LineVerb::Shell(verb) => {
                self.wrong(USAGE, format_args!("not here: {verb:?}")).await;
                NextStep::On
            }
        }
    }

    /// Sends the requests of a verb. Ctrl-C gives up waiting for the answer, and ends a verb that follows something.
    async fn ask(&mut self, ask: &ServerVerb, input: &mut Option<StdinLines>) -> NextStep {
        if ask.how().on.is_given() {
            let server = clean(&self.peer.name, topside_shared::text::MAX_NAME);
            let sentence = format!("--on and --via are for a shell: this line goes to {server}");
            self.wrong(USAGE, sentence).await;
            return NextStep::On;
        }
        self.peer.welcome.closing = self.console.closing.clone();
        let console = &mut self.console;
        let session =
            OneShot::new(&self.peer, &mut console.events, &console.printer, ask.how().json);
        let mut session = match input {
            Some(lines) => session.with_lines(lines),
            None => session,
        };
        let answered = tokio::select! {
            biased;
            signal = console.signals.next() => Err(signal),
            answered = server_verbs::answer(ask, &mut session) => Ok(answered),
        };
        let status = match answered {
            Ok(Ok(status)) => status,
            Ok(Err(refused)) => self.tell_refused(refused, ask.how().json).await,
            Err(signal) => {
                let next = self.interrupt_verb(signal).await;
                self.say_dropped("Ctrl-C", input).await;
                if let (NextStep::On, ServerVerb::Attach(args)) = (&next, ask) {
                    let run = args.run;
                    self.say(format_args!("run #{run} goes on: `:cancel {run}` cancels it")).await;
                }
                return next;
            }
        };
        self.console.printer.write(OutputPart::EndOfRun).await;
        if status != exit_status::OK {
            self.status = status;
        } else if let ServerVerb::Shutdown(_) = ask {
            self.ordered_shutdown = true;
        }
        if let Some(reason) = self.console.events.reason() {
            self.console.lost = Some(reason.clone());
        }
        NextStep::On
    }

    /// Prints why a verb was not carried out, with the place of its line; JSON has none. The status of the verb.
    async fn tell_refused(&self, mut refused: VerbError, json: bool) -> u8 {
        if !json {
            refused.sentence.insert_str(0, &self.place());
        }
        refused.tell(&self.console.printer, json).await
    }

    /// A signal during a verb: Ctrl-C ends the verb, the others end the session.
    async fn interrupt_verb(&mut self, signal: Signal) -> NextStep {
        let was_asking = self.console.printer.interrupted();
        discard_typed();
        self.status = signal.status();
        match signal {
            _ if self.prompt.is_none() => NextStep::End,
            Signal::Interrupt if was_asking => self.decline().await,
            Signal::Interrupt => NextStep::On,
            _ => NextStep::End,
        }
    }

    /// Shows the saved servers, or changes one.
    async fn saved(&mut self, verb: &SavedServerVerb, input: &mut Option<StdinLines>) -> NextStep {
        let console = &mut self.console;
        let answered = tokio::select! {
            biased;
            signal = console.signals.next() => Err(signal),
            answered = saved_servers::run(verb, &console.printer, input.as_mut()) => Ok(answered),
        };
        match answered {
            Ok(Ok((text, _))) => self.console.printer.write(OutputPart::Print(text)).await,
            Ok(Err(refused)) => self.status = self.tell_refused(refused, verb.json()).await,
            Err(signal) => return self.interrupt_verb(signal).await,
        }
        NextStep::On
    }
}
