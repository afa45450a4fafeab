//! Filter and marks of the picker: which servers are shown, and which are marked for a command.

use super::{count, markable, name, profile};
use crate::app::State;
use crate::app::connection::ConnectionState;
use crate::input::key::{Code, Key};
use crate::widgets::editor::Edited;

/// First character of a word that filters by tag.
const TAG: char = '#';

/// The indexes of the servers that pass the filter.
pub(crate) fn visible(state: &State) -> Vec<usize> {
    let filter = state.picker.filter.text().to_lowercase();
    let words: Vec<&str> = filter.split_whitespace().collect();
    (0..count(state)).filter(|at| words.is_empty() || passes(state, *at, &words)).collect()
}

/// Whether each word of the filter is in the name of the server, or is the beginning of one of its tags.
fn passes(state: &State, at: usize, words: &[&str]) -> bool {
    let tags = profile(state, at).map_or(&[][..], |profile| &profile.tags);
    let name = name(state, at).to_lowercase();
    words.iter().all(|word| match word.strip_prefix(TAG) {
        Some(tag) => tags.iter().any(|own| own.to_lowercase().starts_with(tag)),
        None => name.contains(*word),
    })
}

/// Selects the next or previous server that is shown.
pub(crate) fn step(state: &mut State, down: bool) {
    go(state, if down { 1 } else { -1 });
}

/// Moves the choice by this many of the shown servers, negative: back; at most to the ends.
pub(crate) fn go(state: &mut State, by: isize) {
    let shown = visible(state);
    let at = shown.partition_point(|place| *place < state.picker.at);
    if let Some(to) = shown.get(at.saturating_add_signed(by).min(shown.len().saturating_sub(1))) {
        super::choose(state, *to);
    }
}

/// Handles a key of the filter, or the Esc that clears the filter and the marks; returns whether it was one.
pub(crate) fn key(state: &mut State, key: Key) -> bool {
    if key == Key::plain(Code::Esc) && !matches!(state.link, ConnectionState::Dialling(_)) {
        let picker = &mut state.picker;
        // The first Esc clears the filter, the next one the marks.
        if picker.is_filtering || !picker.filter.is_empty() {
            picker.is_filtering = false;
            picker.filter.clear();
            return true;
        }
        return !std::mem::take(&mut picker.marked).is_empty();
    }
    let picker = &mut state.picker;
    if !picker.is_filtering {
        return false;
    }
    match key.code {
        // No text: an action, such as the help.
        Code::F(_) => return false,
        Code::Enter => picker.is_filtering = false,
        Code::Up | Code::Down => step(state, key.code == Code::Down),
        Code::PageUp | Code::PageDown => page(state, key.code == Code::PageDown),
        _ if key.is_ctrl('c') => picker.is_filtering = false,
        _ => {
            if picker.filter.key(key) == Edited::Text {
                settle(state);
            }
        }
    }
    true
}

/// Goes a page on or back.
pub(crate) fn page(state: &mut State, down: bool) {
    let page = state.server_list().map_or(1, |layout| layout.page as isize);
    go(state, if down { page } else { -page });
}

/// Chooses a server that is shown, where the chosen one is not.
fn settle(state: &mut State) {
    let shown = visible(state);
    if !shown.contains(&state.picker.at)
        && let Some(first) = shown.first()
    {
        super::choose(state, *first);
    }
}

/// Marks or unmarks the selected server, and selects the next one.
pub(crate) fn mark(state: &mut State) {
    if markable(state, state.picker.at).is_some() {
        toggle_mark(state, state.picker.at);
        step(state, true);
    }
}

/// Marks a saved server, this machine or a box, or takes its mark away.
pub(crate) fn toggle_mark(state: &mut State, at: usize) {
    let Some(name) = markable(state, at).map(str::to_owned) else { return };
    if !state.picker.marked.remove(&name) {
        state.picker.marked.insert(name);
    }
}

/// Marks all saved servers and boxes that are shown, or unmarks them if all are marked.
pub(crate) fn mark_all(state: &mut State) {
    let shown = visible(state).into_iter();
    let names: Vec<String> =
        shown.filter_map(|at| profile(state, at)).map(|profile| profile.name.clone()).collect();
    let marked = &mut state.picker.marked;
    if names.iter().all(|name| marked.contains(name)) {
        marked.retain(|name| !names.contains(name));
    } else {
        marked.extend(names);
    }
}
