//! Input box of a run that takes input: the text goes only to that run's program.
//!
//! **Invariant:** text that was typed for a run never becomes a command, nor the answer to another run. If the run
//! ends first, the text stays in the box until the user drops it. It is in no history, and hidden text is on the
//! screen as dots only.

pub(crate) mod keyboard;

use std::collections::VecDeque;

use topside_shared::RunId;
use topside_shared::command::{MASK, Stdin};
use topside_shared::methods::{MaskedText, RunInput};

use super::ask::{self, Ask};
use super::console::Console;
use super::runs::{Info, Phase};
use super::{Effect, State};
use crate::text::secret_prompt::{MAX_QUESTION, asks_for_a_secret};
use crate::widgets::editor::Editor;

/// Most lines that wait for earlier ones to be accepted.
const MAX_LINES: usize = 16;
/// Milliseconds after the end of a run in which a key still counts as meant for it.
const GRACE: u64 = 500;

/// The run that owns the box, and the text in it.
#[derive(Debug, Default)]
pub(crate) struct Prompt {
    asker: Option<PromptRun>,
    pub(crate) editor: Editor,
    /// Whether the user has returned to the command box.
    away: bool,
    /// Whether the text is hidden, if the user chose it by key; until the line is sent.
    by_hand: Option<bool>,
    /// Whether the program asked for a secret when this line was begun.
    secret: bool,
    /// Lines that are not accepted yet, the oldest first.
    lines: VecDeque<PromptLine>,
    /// Whether the oldest line was sent.
    under_way: bool,
    /// A run that has just ended with nothing typed for it, and when.
    just_ended: Option<(PromptRun, u64)>,
}

/// A run that takes input.
#[derive(Debug, Clone)]
struct PromptRun {
    block: u64,
    run: Option<RunId>,
    command: String,
    /// The last output of its program, which has no line end.
    question: String,
    /// Whether it has ended.
    over: bool,
    /// Whether its input is closed.
    closed: bool,
}

/// One answer; without text, the end of the input.
#[derive(Debug)]
struct PromptLine {
    text: Option<String>,
    hidden: bool,
}

impl Prompt {
    /// Whether the keys go to the run.
    pub(crate) fn is_up(&self) -> bool {
        let typed = !self.editor.is_empty();
        !self.away && self.asker.as_ref().is_some_and(|asker| !asker.closed || typed)
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.by_hand.unwrap_or(self.secret)
    }

    /// Whether the run accepts no more input, so that the text in the box was not sent.
    pub(crate) fn is_over(&self) -> bool {
        self.asker.as_ref().is_some_and(|asker| asker.over || asker.closed)
    }

    /// The label of the box: `#12 zone-run asks`.
    pub(crate) fn label(&self) -> String {
        let Some(asker) = &self.asker else { return String::new() };
        let verb = match (asker.over, asker.closed) {
            (true, _) => "has ended, not sent:",
            (false, true) => "takes no more, not sent:",
            (false, false) => "asks",
        };
        format!("{} {verb}", asker.name())
    }

    /// The program's question.
    pub(crate) fn question(&self) -> &str {
        self.asker.as_ref().map_or("", |asker| asker.question.trim())
    }

    /// The run, while it accepts input.
    fn live(&self) -> Option<&PromptRun> {
        self.asker.as_ref().filter(|asker| !asker.over && !asker.closed)
    }

    fn take(&mut self, asker: PromptRun) {
        self.drop_line();
        self.lines.clear();
        self.under_way = false;
        self.away = false;
        self.just_ended = None;
        self.asker = Some(asker);
        self.look();
    }

    /// Drops the text, so that no key restores it.
    fn drop_line(&mut self) {
        self.editor = Editor::default();
        self.by_hand = None;
        self.look();
    }

    /// Checks whether a secret is asked for. A line that was begun as a secret stays one.
    fn look(&mut self) {
        let asked = self.asker.as_ref().is_some_and(|asker| asks_for_a_secret(&asker.question));
        self.secret = asked || self.secret && !self.editor.is_empty();
    }

    pub(crate) fn leave(&mut self) {
        self.away = true;
    }

    /// The run has ended. The text stays, and so does a box that asked for a secret, because the next keys are likely
    /// to be one.
    fn end(&mut self, now: u64) {
        let unsent = self.give_back();
        let Some(asker) = &mut self.asker else { return };
        asker.over = true;
        let left = self.away || asker.closed;
        if self.editor.is_empty() && (left || !self.secret) && !unsent {
            let asker = self.asker.take().filter(|_| !left);
            self.just_ended = asker.map(|asker| (asker, now));
            self.away = false;
        }
    }

    /// Returns lines that were not accepted to the box. What was typed after them can be restored by Ctrl-Y.
    fn give_back(&mut self) -> bool {
        self.under_way = false;
        let mut lines = std::mem::take(&mut self.lines).into_iter();
        let Some(PromptLine { text: Some(text), hidden }) = lines.next() else { return false };
        let later: Vec<String> = lines.filter_map(|line| line.text).collect();
        let typed = self.editor.text().to_owned();
        let later = later.into_iter().chain([typed]).filter(|text| !text.is_empty());
        let later = later.collect::<Vec<_>>().join(" ");
        self.editor.set(&later);
        self.editor.clear();
        self.editor.set(&text);
        self.secret |= hidden;
        true
    }
}

impl PromptRun {
    fn of(info: &Info, console: &Console) -> Self {
        Self {
            block: info.id,
            run: info.run,
            command: info.command.clone(),
            question: question(console, info.id),
            over: false,
            closed: false,
        }
    }

    fn name(&self) -> String {
        match self.run {
            Some(run) => format!("{run} {}", self.command),
            None => self.command.clone(),
        }
    }
}

/// The last line of a block, if the program has not ended it.
fn question(console: &Console, block: u64) -> String {
    let Some(block) = console.runs.pane.block(block) else { return String::new() };
    let last = block.lines().next_back().filter(|number| block.open_channel(*number).is_some());
    let text = last.and_then(|number| block.line(number)).map(|line| line.text.to_string());
    let text = text.unwrap_or_default();
    let skip = text.chars().count().saturating_sub(MAX_QUESTION);
    text.chars().skip(skip).collect()
}

/// Whether the command of a block can be answered from here.
fn may_ask(console: &Console, info: &Info) -> bool {
    // The run has ended, and only its output is being read.
    let live = info.phase.is_live() && info.phase != Phase::Reading;
    let command = console.menu.commands.iter().find(|command| command.name == info.command);
    info.own && live && command.is_some_and(|command| command.stdin == Stdin::Prompt)
}

/// Gives the box to the run that asks, after each message; returns the lines to send.
pub(crate) fn follow(state: &mut State) -> Vec<Effect> {
    let (session, now) = (state.session(), state.clock.mono);
    let super::Screen::Console(console) = &mut state.screen else { return Vec::new() };
    let again = console.prompt.asker.as_ref().filter(|asker| asker.over).is_some_and(|asker| {
        console.runs.info(asker.block).is_some_and(|info| may_ask(console, info))
    });
    if let Some(asker) = &mut console.prompt.asker
        && (!asker.over || again)
    {
        // The next session may find the run again.
        asker.over = false;
        let info = console.runs.info(asker.block);
        let live = info.is_some_and(|info| info.phase.is_live());
        asker.run = info.and_then(|info| info.run).or(asker.run);
        if !live {
            console.prompt.end(now);
        }
    } else if console.prompt.asker.is_some()
        && console.prompt.editor.is_empty()
        && console.prompt.away
    {
        console.prompt.asker = None;
    }
    let prompt = &console.prompt;
    let free = prompt.asker.as_ref().is_none_or(|asker| !asker.over)
        && prompt.editor.is_empty()
        && prompt.lines.is_empty();
    if free
        && let Some(info) = console.runs.chosen().filter(|info| may_ask(console, info))
        && prompt.asker.as_ref().is_none_or(|asker| asker.block != info.id)
    {
        let asker = PromptRun::of(info, console);
        console.input.popup = None;
        console.prompt.take(asker);
    }
    send(&mut console.prompt, session).into_iter().collect()
}

/// Sends the oldest line, if the one before it was accepted and its run has started.
fn send(prompt: &mut Prompt, session: Option<u64>) -> Option<Effect> {
    let (session, run) = (session?, prompt.live()?.run?);
    if prompt.under_way {
        return None;
    }
    let line = prompt.lines.front()?;
    let data = line.text.as_ref().map(|text| MaskedText(format!("{text}\n")));
    prompt.under_way = true;
    let (run_id, eof) = (run, data.is_none());
    let input = RunInput { run_id, data, base64: None, eof };
    let ask = Ask::new(&input, move |state, result| {
        taken(state, run, result.map(drop).map_err(|error| ask::why(&error)));
        Vec::new()
    });
    Some(Effect::Ask { session, ask })
}

pub(super) fn printed(console: &mut Console, run: RunId) {
    let asks = console.prompt.live().filter(|asker| asker.run == Some(run));
    let Some(block) = asks.map(|asker| asker.block) else { return };
    let question = question(console, block);
    if let Some(asker) = &mut console.prompt.asker {
        asker.question = question;
    }
    console.prompt.look();
}

/// The server accepted or refused a line.
fn taken(state: &mut State, run: RunId, result: Result<(), String>) {
    let Some(console) = state.console_mut() else { return };
    if !console.prompt.under_way
        || console.prompt.asker.as_ref().is_none_or(|asker| asker.run != Some(run))
    {
        return;
    }
    match result {
        Ok(()) => {
            let Some(line) = console.prompt.lines.pop_front() else { return };
            console.prompt.under_way = false;
            let words = match &line.text {
                None => "end of input",
                Some(_) if line.hidden => MASK,
                Some(text) => text,
            };
            if let Some(asker) = &mut console.prompt.asker {
                asker.closed = line.text.is_none();
                console.runs.pane.push_marker(asker.block, &format!("› {words}"));
            }
        }
        Err(why) => {
            console.prompt.give_back();
            state.refuse(why);
        }
    }
}
