//! Keys of the input box while it belongs to a run.

use topside_shared::RunId;
use topside_shared::text::clean;

use super::super::console::Console;
use super::super::runs::{self, Info};
use super::super::{Effect, State};
use super::{GRACE, MAX_LINES, Prompt, PromptLine, PromptRun, may_ask};
use crate::app::availability;

use crate::input::actions::{self, Action};
use crate::input::key::{Code, Key};
use crate::widgets::editor::Edited;

/// Switches between the run's box and the command box.
pub(crate) fn switch(state: &mut State) {
    let Some(console) = state.console_mut() else { return };
    if console.prompt.is_up() {
        let name = console.prompt.asker.as_ref().map(PromptRun::name).unwrap_or_default();
        console.prompt.leave();
        let key = state.keys.word(actions::Id::OtherBox);
        state.note(format!("The command box; {key} goes back to {name}."));
        return;
    }
    if console.prompt.asker.as_ref().is_some_and(|asker| !asker.closed) {
        console.prompt.away = false;
        return;
    }
    let asks = |info: &&Info| {
        may_ask(console, info)
            && console.prompt.asker.as_ref().is_none_or(|asker| asker.block != info.id)
    };
    let next = console.runs.live().find(asks).map(|info| PromptRun::of(info, console));
    match next {
        Some(asker) => console.prompt.take(asker),
        None => state.refuse("no run of yours takes input now"),
    }
}

/// Whether [`switch`] is possible.
pub(crate) fn can_switch(console: &Console) -> bool {
    console.prompt.asker.is_some() || console.runs.live().any(|info| may_ask(console, info))
}

/// Shows or hides the hidden text.
pub(crate) fn unhide(state: &mut State) {
    if let Some(console) = state.console_mut() {
        console.prompt.by_hand = Some(!console.prompt.is_hidden());
    }
}

/// Result of a key.
pub(crate) enum PromptKey {
    Taken(Vec<Effect>),
    Action(&'static Action),
    /// The run was started elsewhere: the user is asked before it is cancelled.
    AskToCancel(RunId),
    Passed,
}

/// Handles a key while the box may belong to a run.
pub(crate) fn key(state: &mut State, key: Key) -> PromptKey {
    let now = state.clock.mono;
    let Some(console) = state.console_mut() else { return PromptKey::Passed };
    // Otherwise an empty answer would run the half-typed text of the command box.
    let meant = key.code == Code::Enter || key.is_ctrl('c') || key.is_ctrl('d');
    come_back(&mut console.prompt, meant || key.typed().is_some(), now);
    let prompt = &mut console.prompt;
    if !prompt.is_up() {
        return PromptKey::Passed;
    }
    match key.code {
        Code::Enter if !key.alt && !key.ctrl => return PromptKey::Taken(enter(state)),
        Code::Esc if prompt.is_over() => drop_all(prompt),
        _ if key.is_ctrl('c') && prompt.is_over() => drop_all(prompt),
        _ if key.is_ctrl('c') && !prompt.editor.is_empty() => prompt.drop_line(),
        _ if key.is_ctrl('c') => {
            let run = prompt.live().and_then(|asker| asker.run);
            return run.map_or_else(|| PromptKey::Taken(Vec::new()), |run| cancel(state, run));
        }
        _ if key.is_ctrl('d') && prompt.editor.is_empty() => {
            if prompt.is_over() {
                drop_all(prompt);
            } else if prompt.lines.len() < MAX_LINES {
                prompt.lines.push_back(PromptLine { text: None, hidden: false });
            }
        }
        _ => {
            if let Some(action) = availability::action_of(state, key) {
                return PromptKey::Action(action);
            }
            if let Some(Console { prompt, .. }) = state.console_mut()
                && prompt.editor.key(key) == Edited::Text
            {
                prompt.look();
            }
        }
    }
    PromptKey::Taken(Vec::new())
}

/// Handles a paste; returns whether it was for the run.
pub(crate) fn paste(state: &mut State, text: &str) -> bool {
    let now = state.clock.mono;
    let Some(console) = state.console_mut() else { return false };
    if console.search.is_some() {
        return false;
    }
    come_back(&mut console.prompt, true, now);
    let prompt = &mut console.prompt;
    if !prompt.is_up() {
        return false;
    }
    let mut lines = text.split(['\n', '\r']);
    prompt.editor.insert(lines.next().unwrap_or_default());
    prompt.look();
    if lines.any(|line| !line.is_empty()) {
        state.refuse("Only the first line was taken: an answer is one line.");
    }
    true
}

/// A key shortly after the end of a run was meant for it.
fn come_back(prompt: &mut Prompt, meant: bool, now: u64) {
    prompt.just_ended.take_if(|(_, at)| now.saturating_sub(*at) >= GRACE);
    if meant && let Some((asker, _)) = prompt.just_ended.take() {
        prompt.asker = Some(asker);
        prompt.away = false;
    }
}

fn enter(state: &mut State) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    let prompt = &mut console.prompt;
    let Some(asker) = &mut prompt.asker else { return Vec::new() };
    if asker.over || asker.closed {
        if prompt.editor.is_empty() {
            drop_all(prompt);
        } else {
            let name = asker.name();
            state.refuse(format!("{name} takes nothing more: this was not sent, and Esc drops it"));
        }
        return Vec::new();
    }
    if prompt.lines.len() >= MAX_LINES {
        state.refuse("The lines before this one are still on their way: it stays here.");
        return Vec::new();
    }
    asker.question.clear();
    let hidden = prompt.is_hidden();
    let text = Some(prompt.editor.text().to_owned());
    prompt.lines.push_back(PromptLine { text, hidden });
    prompt.drop_line();
    Vec::new()
}

fn drop_all(prompt: &mut Prompt) {
    prompt.drop_line();
    if prompt.asker.as_ref().is_some_and(|asker| asker.over) {
        *prompt = Prompt::default();
    }
}

fn cancel(state: &mut State, run: RunId) -> PromptKey {
    let connected = state.session().is_some();
    let Some(console) = state.console_mut().filter(|_| connected) else {
        return PromptKey::Taken(Vec::new());
    };
    let Some(info) = console.runs.of_run(run).filter(|info| info.phase.is_live()) else {
        return PromptKey::Taken(Vec::new());
    };
    if !info.sent {
        return PromptKey::AskToCancel(run);
    }
    let line = clean(&info.line, 200);
    console.runs.cancelling(run);
    state.note_of_run(run, format!("Cancelling {line}."));
    PromptKey::Taken(state.ask_if_connected(runs::cancel(run)))
}
