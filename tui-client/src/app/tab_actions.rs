//! Actions on tabs: open, select, close.

use super::connection::{ConnectionState, Target};
use super::picker::{self, probe};
use super::tabs::{MOST, Tab};
use super::{Effect, Screen, State};
use crate::input::actions::Id;

/// Whether this tab was opened beside others and has no server yet.
pub(crate) fn is_new(state: &State) -> bool {
    matches!(state.screen, Screen::Picker) && state.tabs.len() > 1
}

/// Opens a tab with the picker.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    if let Some(place) = state.tabs.picker() {
        if place == state.tabs.current {
            state.refuse("This tab has no server yet: choose one here.");
        }
        return select(state, place);
    }
    if state.tabs.len() == MOST {
        let key = state.keys.word(Id::CloseTab);
        state.refuse(format!("{MOST} tabs are open, and that is the most: {key} closes one."));
        return Vec::new();
    }
    let tab = Tab { opened_from: Some(state.id), ..Tab::new(state.next_serial()) };
    state.tabs.list.push(tab);
    state.tabs.show(state.tabs.len() - 1);
    picker::shown(state)
}

pub(crate) fn select(state: &mut State, place: usize) -> Vec<Effect> {
    if place >= state.tabs.len() {
        let (number, count) = (place + 1, state.tabs.len());
        state.refuse(format!("There is no tab {number}: {count} are open."));
        return Vec::new();
    }
    state.tabs.show(place);
    // The LAN is listened to only while the picker is on the screen.
    match (&state.screen, state.tabs.picker()) {
        (Screen::Picker, _) => {
            probe::again(state);
            vec![Effect::Browse(true)]
        }
        (Screen::Console(_), Some(_)) => vec![Effect::Browse(false)],
        (Screen::Console(_), None) => Vec::new(),
    }
}

/// Shows the next or previous tab, in a circle.
pub(crate) fn step(state: &mut State, forward: bool) -> Vec<Effect> {
    let (at, count) = (state.tabs.current, state.tabs.len());
    select(state, if forward { at + 1 } else { at + count - 1 } % count)
}

/// What is lost when the current tab closes.
pub(crate) fn loss(state: &State) -> Vec<String> {
    let Some(console) = state.console() else { return Vec::new() };
    let typed = !console.input.editor.is_empty() || !console.prompt.editor.is_empty();
    let typed = typed.then(|| "What is typed is dropped.".to_owned());
    let saving = state
        .saving
        .as_ref()
        .map(|_| "An output is still being saved; nothing of it is kept.".to_owned());
    let sending = state
        .sending
        .as_ref()
        .map(|_| "A file is still being sent; its command does not run.".to_owned());
    console.runs.loss().into_iter().chain(typed).chain(saving).chain(sending).collect()
}

/// Closes the current tab, if another one is open. Its session is closed.
pub(crate) fn close(state: &mut State) -> Vec<Effect> {
    if state.tabs.len() < 2 {
        return Vec::new();
    }
    let hidden = state.tabs.current_is_hidden();
    let tab = state.tabs.list.remove(state.tabs.current);
    let mut effects = end(state, &tab);
    let next = tab.opened_from.filter(|_| tab.console().is_none());
    let next = state.tabs.find(|other| Some(other.id) == next);
    let next = next.unwrap_or(state.tabs.current.min(state.tabs.len() - 1));
    state.tabs.current = next;
    if !hidden {
        effects.extend(select(state, next));
    }
    effects
}

/// Ends the work of a tab that closes.
fn end(state: &mut State, tab: &Tab) -> Vec<Effect> {
    let mut effects = Vec::new();
    match &tab.link {
        ConnectionState::Dialling(dial) => {
            effects.push(Effect::CancelDial { attempt: dial.attempt });
        }
        ConnectionState::Connected { session } => {
            effects.push(Effect::HangUp { session: *session });
        }
        ConnectionState::Idle | ConnectionState::Lost(_) => {}
    }
    effects.extend(tab.saving.as_ref().map(|saving| Effect::StopFetch { id: saving.id }));
    effects.extend(tab.sending.as_ref().map(|sending| Effect::StopFetch { id: sending.id }));
    if tab.console().is_none() {
        effects.extend(picker::left(state));
    }
    effects
}

/// Shows the tab that has the console of this server, if there is one, and dials again if it is not connected.
pub(crate) fn go_to_server(state: &mut State, target: &Target, start: bool) -> Option<Vec<Effect>> {
    let id = state.tabs.list[state.tabs.of_server(target)?].id;
    let mut effects = close(state);
    let place = state.tabs.find(|tab| tab.id == id)?;
    effects.extend(select(state, place));
    if let ConnectionState::Lost(_) = state.link {
        if let Some(console) = state.console_mut() {
            console.target = target.clone();
        }
        effects.extend(picker::dial(state, target.clone(), start));
    } else {
        state.note(format!("{} is open in this tab already.", state.name().to_owned()));
    }
    Some(effects)
}
