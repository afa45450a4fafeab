//! Keys at the console: typing, scrolling, cancelling.

use topside_shared::RunId;
use topside_shared::cmdline;
use topside_shared::records::ClientRow;
use topside_shared::text::duration;

use super::side_panes;
use super::submit::enter;
use crate::app::availability;
use crate::app::connection::ConnectionState;
use crate::app::console::Console;
use crate::app::console::side_panes::Focus;
use crate::app::prompt::keyboard::PromptKey;
use crate::app::runs::export;
use crate::app::tabs::Tab;
use crate::app::{Effect, State, Via, picker, prompt, reconnect, runs, tab_actions};
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::text::fit;
use crate::views::admin_forms;
use crate::views::confirm::Confirm;
use crate::widgets::input_box::Typed;
use crate::widgets::text_search::Search;

/// Most lines of a pasted text that are shown.
const PREVIEW: usize = 6;

/// A key on the console, nothing lying on top of it.
pub(crate) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let (is_help, is_sign) = (state.keys.means(Id::Help, key), key.typed().is_some());
    let Some(console) = state.console_mut() else { return Vec::new() };
    console.input.held = false;
    if console.search.as_ref().is_some_and(|search| is_help && !(is_sign && search.typing)) {
        return state.act(Id::Help);
    }
    if console.side.focus != Focus::Input {
        let pane = console.side.focus;
        return side_panes::key(state, pane, key);
    }
    if let Some(search) = &mut console.search {
        if !search.key(key, &mut console.runs.pane) {
            console.search = None;
        }
        return Vec::new();
    }
    if state.session().is_none() {
        return key_without_session(state, key);
    }
    match prompt::keyboard::key(state, key) {
        PromptKey::Taken(effects) => return effects,
        PromptKey::Action(action) => return state.act(action.id),
        PromptKey::AskToCancel(run) => {
            if let Some(question) = question_to_cancel(state, run) {
                state.open(question);
            }
            return Vec::new();
        }
        PromptKey::Passed => {}
    }
    let Some(console) = state.console_mut() else { return Vec::new() };
    if !console.input.is_busy() {
        // End means the end of the line first, and the end of the output once the cursor is there.
        let follows = console.runs.pane.is_following();
        if key == Key::plain(Code::End) && console.input.editor.at_end() && !follows {
            return state.act(Id::End);
        }
        if key == Key::plain(Code::Esc) && console.runs.selected().is_some() {
            console.runs.unselect();
            return Vec::new();
        }
        if key == Key::plain(Code::Esc)
            && !console.input.editor.is_empty()
            && !availability::is_possible(state, Id::StopTrying)
        {
            clear_line(state);
            return Vec::new();
        }
        if let Some(action) = availability::action_of(state, key) {
            return state.act(action.id);
        }
    }
    let Some(console) = state.console_mut() else { return Vec::new() };
    let menu = &console.menu.commands;
    match console.input.key(key, &|line, cursor| cmdline::complete(line, cursor, menu)) {
        Typed::Enter => enter(state),
        Typed::Used => Vec::new(),
        Typed::Passed => match availability::action_of(state, key) {
            Some(action) => state.act(action.id),
            None => Vec::new(),
        },
    }
}

/// Time after the end of a session in which a letter is not a key: it may belong to the line that was being typed.
const STILL_TYPING_MS: u64 = 1_000;

/// A key while there is no session: the input is disabled, and letters are keys.
fn key_without_session(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    if key == Key::plain(Code::Esc) && console.runs.selected().is_some() {
        console.runs.unselect();
        return Vec::new();
    }
    let was_typing = !console.input.editor.is_empty();
    if let ConnectionState::Lost(lost) = &state.link
        && was_typing
        && key.typed().is_some()
        && state.clock.wall.millis_since(lost.at) < STILL_TYPING_MS
    {
        return Vec::new();
    }
    availability::action_of(state, key).map_or_else(Vec::new, |action| state.act(action.id))
}

/// Pasted text: one line is typed, several are shown and joined only when a person says so.
pub(crate) fn paste(state: &mut State, text: &str) {
    if side_panes::paste(state, text) {
        return;
    }
    let connected = state.session().is_some();
    let Some(console) = state.console_mut() else { return };
    console.input.held = false;
    if let Some(search) = &mut console.search {
        search.paste(text, &mut console.runs.pane);
        return;
    }
    if !connected {
        let key = state.keys.word(Id::Reconnect);
        state.refuse(format!("Not connected, so nothing was pasted: {key} connects again."));
        return;
    }
    // Terminals send a pasted line end as the Enter key does.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let [line] = lines[..] {
        console.input.paste(line);
        return;
    }
    if lines.is_empty() {
        return;
    }
    let joined = lines.join(" ");
    let mut shown: Vec<String> = lines
        .iter()
        .take(PREVIEW)
        .map(|line| cmdline::masked(line, &console.menu.commands))
        .map(|line| fit::cut(&topside_shared::text::clean(&line, 400), 60))
        .collect();
    if lines.len() > PREVIEW {
        shown.push(format!("… {} more", lines.len() - PREVIEW));
    }
    shown.push(String::new());
    shown.push("A command is one line, so nothing of this has run.".to_owned());
    let title = format!("{} lines were pasted", lines.len());
    let confirm = Confirm::choice(title, shown, "Join into one line", move |state| {
        if let Some(console) = state.console_mut() {
            console.input.paste(&joined);
        }
        Vec::new()
    });
    state.open(confirm.harmless());
}

/// Carries out an action of the console.
pub(crate) fn act(state: &mut State, id: Id) -> Vec<Effect> {
    match id {
        Id::Interrupt => return interrupt(state),
        Id::ToPicker | Id::Back => {
            let Some(console) = state.console() else { return Vec::new() };
            // Without output there is nothing to lose; and a session that has ended is left without a question.
            let loss = console.runs.loss().filter(|_| state.session().is_some());
            let Some(text) = loss else { return picker::open(state) };
            state.open(Confirm::choice("Go to the picker?", vec![text], "Go", picker::open));
        }
        Id::QuitEnded => return ask_to_leave(state),
        Id::Clear => {
            if state.console_mut().is_some_and(|console| console.runs.clear()) {
                let key = state.keys.word(Id::UndoClear);
                state.done(format!("Cleared; {key} brings it back."));
            }
        }
        Id::UndoClear => {
            if let Some(console) = state.console_mut() {
                console.runs.undo_clear();
            }
        }
        Id::Reconnect => return reconnect::dial_again(state, false),
        Id::StartHere => return reconnect::dial_again(state, true),
        Id::CancelShutdown => return admin_forms::cancel_shutdown(state),
        Id::Copy => return export::copy(state),
        Id::Save => return export::save(state),
        Id::Zoom | Id::Wrap | Id::ShowMenu | Id::ShowClients => return side_panes::act(state, id),
        id => {
            if let Some(console) = state.console_mut() {
                scroll(console, id);
            }
        }
    }
    Vec::new()
}

fn scroll(console: &mut Console, id: Id) {
    let runs = &mut console.runs;
    match id {
        Id::PageUp => runs.pane.page_up(),
        Id::PageDown => runs.pane.page_down(),
        Id::LineUp => runs.pane.scroll_up(1),
        Id::LineDown => runs.pane.scroll_down(1),
        Id::ScrollLeft | Id::ScrollRight => runs.pane.scroll_sideways(id == Id::ScrollRight),
        Id::Top => runs.pane.home(),
        Id::End => {
            runs.unselect();
            runs.pane.end();
        }
        Id::SelectOlder | Id::SelectNewer => runs.select(id == Id::SelectOlder),
        Id::Fold => {
            if let Some(block) = runs.chosen().map(|info| info.id) {
                let folded =
                    runs.pane.block(block).is_some_and(crate::scrollback::Block::is_folded);
                runs.pane.set_folded(block, !folded);
            }
        }
        Id::FoldAll => runs.fold_all(),
        Id::Search => console.search = Some(Search::begin(&console.runs.pane)),
        _ => {}
    }
}

/// Ctrl-C: clears the line, else cancels what runs, else offers to cancel what is looked at, else leaves.
fn interrupt(state: &mut State) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    if !console.input.editor.is_empty() {
        clear_line(state);
        return Vec::new();
    }
    if state.session().is_some()
        && let Some(console) = state.console_mut()
        && let Some(run) = console.runs.cancel_newest()
    {
        let info = console.runs.of_run(run).map(|info| info.line.clone()).unwrap_or_default();
        let next = match (console.runs.next_to_cancel(), console.runs.attached_to_cancel()) {
            (Some(next), _) => format!("cancels {}", next.line),
            (None, Some(next)) => format!("offers to cancel {}", next.line),
            (None, None) => "offers to leave".to_owned(),
        };
        let key = state.keys.word(Id::Interrupt);
        state.note_of_run(run, format!("Cancelling {info}; {key} again {next}."));
        return state.ask_if_connected(runs::cancel(run));
    }
    let attached = state.session().and(state.console());
    let attached = attached.and_then(|console| console.runs.attached_to_cancel()?.run);
    if let Some(question) = attached.and_then(|run| question_to_cancel(state, run)) {
        state.open(question);
        return Vec::new();
    }
    leave_if_pressed_again(state)
}

/// Clears the line that is typed, and says how it comes back.
fn clear_line(state: &mut State) {
    if let Some(console) = state.console_mut() {
        console.input.clear();
    }
    state.note_next_key("Line cleared; ↑ brings it back.");
}

/// The question whether to cancel a run that was not started from here.
fn question_to_cancel(state: &State, run: RunId) -> Option<Confirm> {
    let info = state.console()?.runs.of_run(run)?;
    let text = if info.own { "You started it elsewhere." } else { "Another user started it." };
    let title = format!("Cancel run {run}, {}?", info.line);
    let question = Confirm::choice(title, vec![text.to_owned()], "Cancel run", move |state| {
        if let Some(console) = state.console_mut() {
            console.runs.cancelling(run);
        }
        state.ask_if_connected(runs::cancel(run))
    });
    Some(question.of_session().keeping("Keep running"))
}

/// Closes the tab; asks first where something is lost with it.
pub(crate) fn ask_to_close_tab(state: &mut State) -> Vec<Effect> {
    let text = tab_actions::loss(state);
    if text.is_empty() {
        return tab_actions::close(state);
    }
    let title = format!("Close the tab of {}?", state.title_of(state));
    state.open(Confirm::choice(title, text, "Close", tab_actions::close));
    Vec::new()
}

/// Leaves, and asks first where something would be lost.
pub(crate) fn ask_to_leave(state: &mut State) -> Vec<Effect> {
    let text = loss(state);
    if text.is_empty() {
        return vec![state.quit()];
    }
    let title =
        if state.embedded_server { "Leave Topside and end its server?" } else { "Leave Topside?" };
    state.open(Confirm::choice(title, text, "Leave", |state| vec![state.quit()]));
    Vec::new()
}

/// Ctrl-C where there is nothing to cancel. In a session the first one only says what the second one does: it may have been
/// meant for a run that has just ended.
fn leave_if_pressed_again(state: &mut State) -> Vec<Effect> {
    if state.session().is_none() || !loss(state).is_empty() {
        return ask_to_leave(state);
    }
    let end = if state.embedded_server { " and ends its server" } else { "" };
    let again = format!("{} again leaves Topside{end}.", state.keys.word(Id::Interrupt));
    if state.remark.as_ref().is_some_and(|shown| shown.text == again) {
        return vec![state.quit()];
    }
    state.note_next_key(again);
    Vec::new()
}

/// What is lost by leaving: the session of others, an own run, a file on its way.
fn loss(state: &State) -> Vec<String> {
    let mut text = Vec::new();
    if state.embedded_server {
        // This program may have two: an output is saved over a connection of its own.
        let own = |console: &Console, row: &ClientRow| row.address == console.welcome.you.address;
        let mut consoles = state.tabs.iter().filter_map(Tab::console);
        let others = consoles
            .find(|console| console.via() == Via::Same)
            .map(|console| console.clients.values().filter(|row| !own(console, row)).count());
        let whom = match others {
            Some(0) => None,
            Some(1) => Some("1 other client".to_owned()),
            Some(n) => Some(format!("{n} other clients")),
            None => Some("all connected clients".to_owned()),
        };
        text.extend(whom.map(|whom| {
            format!("The server runs inside this program and ends with it, for {whom} too.")
        }));
    }
    let several = state.tabs.len() > 1;
    let open: Vec<&str> =
        state.tabs.iter().filter(|tab| tab.session().is_some()).map(Tab::name).collect();
    if several && !open.is_empty() {
        text.push(format!("The sessions with {} end.", open.join(", ")));
    }
    for tab in state.tabs.iter().filter(|tab| tab.session().is_some()) {
        let Some(info) =
            tab.console().and_then(|console| console.runs.live().find(|info| info.own))
        else {
            continue;
        };
        let at = if several { format!(" on {}", state.title_of(tab)) } else { String::new() };
        let ms = state.clock.mono.saturating_sub(info.began);
        text.push(format!("{} is still running{at} ({}).", info.line, duration(ms)));
    }
    if state.tabs.iter().any(|tab| tab.saving.is_some()) {
        text.push("An output is still being saved; nothing of it is kept.".to_owned());
    }
    if state.tabs.iter().any(|tab| tab.sending.is_some()) {
        text.push("A file is still being sent; its command does not run.".to_owned());
    }
    text
}
