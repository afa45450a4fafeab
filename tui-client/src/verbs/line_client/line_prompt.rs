//! Prompt of the line client at a terminal: the server's name, own words such as `quit`, and yes-or-no questions.

use std::io::IsTerminal;

use topside_shared::methods::CommandRun;
use topside_shared::text::{MAX_NAME, MAX_REASON, clean};

use super::super::exit_status;
use super::super::printer::{OutputPart, Printer};
use super::super::question::{self, DECLINED};
use super::super::runner::Runner;
use super::super::server_verbs::Peer;
use super::super::stdin_lines::StdinLines;
use super::line_editor::LineEditor;
use super::{Client, NextStep};
use crate::connect::Via;
use crate::platform::Signal;
use crate::text::fit;

/// What `help` prints at a terminal.
const HELP: &str = "\
Type a command of this server, one a line. `m` shows the menu.
`help NAME` explains a command. `#` begins a remark.
`:VERB` does what `topside VERB` does in a shell. `:help` lists the verbs.
Tab completes a word, Up brings earlier lines back.
Ctrl-C cancels what runs, answers a question with no, and discards a typed line.
`quit`, `exit` or Ctrl-D ends the session. So does Ctrl-C twice at the prompt.
";
/// What the greeting is followed by.
pub(super) const HOW_TO_BEGIN: &str = "this terminal (TERM=dumb) draws no screen: type one command a line; `help` says more, `quit` ends";
/// What the first Ctrl-C at the prompt prints.
const HOW_TO_LEAVE: &str = "Ctrl-C again, `quit` or Ctrl-D ends the session";

/// A word that the line client handles itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnWord {
    Help,
    Quit,
}

impl OwnWord {
    /// The own word on this line.
    pub(super) fn of(line: &str) -> Option<Self> {
        match line.trim() {
            "help" => Some(Self::Help),
            "quit" | "exit" => Some(Self::Quit),
            _ => None,
        }
    }
}

/// The first line at a terminal: which server this is, and as whom one is there.
pub(super) fn greeting(peer: &Peer, via: Via, embedded: bool) -> String {
    let route = match (embedded, via) {
        (true, _) => "this machine; the server runs inside this program and ends with it",
        (false, Via::Same) => "this machine",
        (false, via) => via.title(),
    };
    let (name, you) = (&peer.name, &peer.welcome.you);
    let (user, number) = (clean(&you.user, MAX_NAME), you.client_id);
    format!("connected to {name} ({route}) as {user}, {}, client {number}", you.role)
}

/// The prompt, and the editor of the line behind it. It is printed to standard error, so that a redirected standard output has answers only.
pub(super) struct Prompt {
    name: String,
    is_shown: bool,
    /// None where standard error is no terminal.
    editor: Option<LineEditor>,
    /// Whether the line is edited now.
    is_editing: bool,
}

impl Prompt {
    pub(super) fn new(name: String) -> Self {
        let name = if name.is_empty() { "topside".to_owned() } else { name };
        let editor = std::io::stderr().is_terminal().then(LineEditor::default);
        Self { name, is_shown: false, editor, is_editing: false }
    }

    /// Prints it and what is typed behind it, unless it is the last text on the screen.
    pub(super) async fn show(&mut self, printer: &Printer) {
        if !std::mem::replace(&mut self.is_shown, true) {
            let prompt = format!("{}> ", self.name);
            let wide = fit::width(&prompt);
            // Before the prompt is seen: a key that is typed at once is a key already, and no end of the input.
            self.is_editing = self.editor.as_mut().is_some_and(|editor| editor.begin(wide));
            printer.write(OutputPart::Say(prompt)).await;
        }
    }

    /// The editor of the line, where the line is edited here.
    pub(super) fn editor(&mut self) -> Option<&mut LineEditor> {
        self.editor.as_mut().filter(|_| self.is_editing)
    }

    /// The line is not edited any more: the user has ended it, or something is printed that reads lines itself.
    pub(super) fn taken(&mut self) {
        self.is_shown = false;
        self.is_editing = false;
        if let Some(editor) = &mut self.editor {
            editor.end();
        }
    }

    /// Forgets the typed line.
    fn discard(&mut self) {
        if let Some(editor) = &mut self.editor {
            editor.discard();
        }
    }

    /// Remembers a line for Up.
    pub(super) fn remember(&mut self, line: &str) {
        if let Some(editor) = &mut self.editor {
            editor.remember(line);
        }
    }

    /// Takes the prompt and what is typed behind it off the terminal, for text that is printed in between.
    pub(super) async fn erase(&mut self, printer: &Printer) {
        match self.editor.as_mut().filter(|_| self.is_editing && self.is_shown) {
            Some(editor) => {
                self.is_shown = false;
                printer.write(OutputPart::Echo(editor.erase())).await;
            }
            None => self.leave(printer).await,
        }
    }

    /// Leaves the line of the prompt, for text that is printed in between.
    pub(super) async fn leave(&mut self, printer: &Printer) {
        if std::mem::take(&mut self.is_shown) {
            printer.write(OutputPart::Say("\n".to_owned())).await;
        }
    }

    /// The line of verbs that follows `:`.
    pub(super) fn verbs(line: &str) -> Option<&str> {
        line.trim_start().strip_prefix(':')
    }

    pub(super) async fn help(&self, printer: &Printer) {
        printer.write(OutputPart::Print(HELP.to_owned())).await;
    }
}

impl Client {
    /// The own word on this line; a command of the menu goes before. `help` is both: at a terminal the own one.
    pub(super) fn own_word(&self, line: &str) -> Option<OwnWord> {
        let word = OwnWord::of(line)?;
        let is_command = self.menu.find(line.trim()).is_some();
        let is_own = word == OwnWord::Help && self.prompt.is_some();
        (is_own || !is_command).then_some(word)
    }

    pub(super) async fn run_own_word(&mut self, word: OwnWord) -> NextStep {
        match (word, &self.prompt) {
            (OwnWord::Help, Some(prompt)) => {
                prompt.help(&self.console.printer).await;
                NextStep::On
            }
            (OwnWord::Help, None) => NextStep::On,
            (OwnWord::Quit, _) => NextStep::End,
        }
    }

    /// Asks before a command that has to be confirmed, at a terminal; the next step if the answer is not a yes.
    pub(super) async fn confirmed(
        &mut self,
        request: CommandRun,
        input: &mut Option<StdinLines>,
    ) -> Result<CommandRun, NextStep> {
        let question = self.menu.find(&request.command);
        let question = question.and_then(|command| command.question(&request.args));
        let (Some(question), true, false) = (question, self.prompt.is_some(), request.confirm)
        else {
            return Ok(request);
        };
        let question = clean(&question, MAX_REASON);
        let Peer { handle, welcome, name, .. } = &self.peer;
        let question = question::naming_runs(&request.command, question, handle, welcome).await;
        let Runner { signals, printer, .. } = &mut self.console;
        let is_confirmed = tokio::select! {
            biased;
            signal = signals.next() => return Err(self.interrupt_question(signal).await),
            answer = question::confirm_command(&request.command, &question, name, printer, input.as_mut()) => answer,
        };
        match is_confirmed {
            true => Ok(CommandRun { confirm: true, ..request }),
            false => Err(self.decline().await),
        }
    }

    /// The user has answered a question with no.
    pub(super) async fn decline(&mut self) -> NextStep {
        self.wrong(exit_status::REFUSED, DECLINED).await;
        NextStep::On
    }

    /// A signal at a question: Ctrl-C is a no, the others end the session.
    pub(super) async fn interrupt_question(&mut self, signal: Signal) -> NextStep {
        self.console.printer.interrupted();
        if signal == Signal::Interrupt {
            return self.decline().await;
        }
        self.status = signal.status();
        NextStep::End
    }

    /// A signal at the prompt. The terminal discards a line that is being typed at Ctrl-C, so the first one does no more.
    pub(super) async fn interrupt_prompt(&mut self, signal: Signal) -> NextStep {
        if self.prompt.is_some() {
            self.console.printer.interrupted();
            if let Some(prompt) = &mut self.prompt {
                prompt.discard();
                prompt.taken();
            }
            if signal == Signal::Interrupt && !std::mem::replace(&mut self.is_leaving, true) {
                self.console.printer.say(HOW_TO_LEAVE).await;
                return NextStep::On;
            }
        }
        self.status = signal.status();
        NextStep::End
    }
}
