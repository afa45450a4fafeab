//! Keys and clicks of the side panes: focus, filter, choose, hide; and the zoom of the response pane.

use topside_shared::ClientId;

use super::{client_pane, menu};
use crate::app::console::side_panes::{Focus, MenuKey, choice_with};
use crate::app::{Effect, State, availability};
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::views::client_details::ClientDetails;
use crate::views::update::run;
use crate::views::{clients, command_form, palette};
use crate::widgets::filter_list::FilterList;

/// Gives the focus to the menu; where it does not fit beside the output, it opens as a list. With the focus it is hidden.
pub(crate) fn open_menu(state: &mut State) -> Vec<Effect> {
    open(state, Focus::Menu, palette::open_menu)
}

/// Gives the focus to the client list; where it does not fit beside the output, it opens as a list of its own. With the
/// focus it is hidden.
pub(crate) fn open_clients(state: &mut State) -> Vec<Effect> {
    open(state, Focus::Clients, clients::open_list)
}

fn open(state: &mut State, pane: Focus, popup: fn(&mut State) -> Vec<Effect>) -> Vec<Effect> {
    let Some(console) = state.console() else { return Vec::new() };
    if console.side.focus == pane {
        return show(state, pane, false);
    }
    if is_shown(state, pane) {
        focus(state, pane);
        return Vec::new();
    }
    let Some(choice) = choice_with(state, pane) else { return popup(state) };
    let effects = state.choose_panes(|chosen| *chosen = choice);
    focus(state, pane);
    effects
}

/// Whether a side pane is on the screen.
fn is_shown(state: &State, pane: Focus) -> bool {
    let layout = state.console().map(|console| console.layout(state)).unwrap_or_default();
    match pane {
        Focus::Input => true,
        Focus::Menu => layout.menu.is_some(),
        Focus::Clients => layout.clients.is_some(),
    }
}

/// Gives the keys to a pane.
pub(crate) fn focus(state: &mut State, pane: Focus) {
    let Some(console) = state.console_mut() else { return };
    if console.side.focus == pane {
        return;
    }
    console.side.blur();
    console.input.popup = None;
    console.side.focus = pane;
    match pane {
        Focus::Input => {}
        Focus::Menu => first_command(state),
        Focus::Clients => {
            let keys = client_pane::keys(state);
            let Some(console) = state.console_mut() else { return };
            console.side.clients.first(&keys);
        }
    }
}

fn first_command(state: &mut State) {
    let keys = menu::keys(state);
    if let Some(console) = state.console_mut() {
        console.side.menu.first(&keys);
    }
}

fn show(state: &mut State, pane: Focus, on: bool) -> Vec<Effect> {
    state.choose_panes(|choice| match pane {
        Focus::Input => {}
        Focus::Menu => choice.menu = Some(on),
        Focus::Clients => choice.clients = Some(on),
    })
}

/// Carries out an action of the layout.
pub(crate) fn act(state: &mut State, id: Id) -> Vec<Effect> {
    let (pane, name) = match id {
        Id::Zoom => return state.choose_panes(|choice| choice.zoomed = !choice.zoomed),
        Id::Wrap => {
            let effects = state.choose_panes(|choice| choice.unwrapped = !choice.unwrapped);
            let (left, right) = (state.keys.word(Id::ScrollLeft), state.keys.word(Id::ScrollRight));
            state.done(match state.pane_choice().unwrapped {
                true => format!("Long lines have one row each: {left} and {right} scroll."),
                false => "Long lines are wrapped.".to_owned(),
            });
            return effects;
        }
        Id::ShowMenu => (Focus::Menu, "menu"),
        Id::ShowClients => (Focus::Clients, "client list"),
        _ => return Vec::new(),
    };
    if is_shown(state, pane) {
        return show(state, pane, false);
    }
    if let Some(choice) = choice_with(state, pane) {
        return state.choose_panes(|chosen| *chosen = choice);
    }
    let key = state.keys.word(if pane == Focus::Menu { Id::Menu } else { Id::Clients });
    state.refuse(format!(
        "No room for the {name} beside 80 columns of output: {key} shows it as a list."
    ));
    Vec::new()
}

/// A key while a side pane has the focus.
pub(crate) fn key(state: &mut State, pane: Focus, key: Key) -> Vec<Effect> {
    if key.code == Code::Esc {
        blur(state);
        return Vec::new();
    }
    match pane {
        Focus::Menu if key.code == Code::Enter => return choose(state),
        Focus::Menu if key.is_ctrl('o') => return type_chosen(state),
        Focus::Menu if key.typed() == Some('*') => return star(state),
        Focus::Clients if key.code == Code::Enter => {
            let id = client_pane::chosen(state);
            return id.map_or_else(Vec::new, |id| open_client(state, id));
        }
        Focus::Clients if key.is_ctrl('x') => {
            let Some(id) = client_pane::chosen(state) else { return Vec::new() };
            // The details ask whether to disconnect it.
            let mut effects = open_client(state, id);
            effects.extend(state.with_top(|view, state| view.key(key, state)).unwrap_or_default());
            return effects;
        }
        _ => {}
    }
    // Of the other keys only those of actions pass that mean no text.
    let types = key.typed().is_some() || matches!(key.code, Code::Backspace | Code::Delete);
    let moves = Key { shift: false, ..key } == key && !key.alt && !key.ctrl && is_move(key.code);
    if !types && !moves {
        let bound = availability::action_of(state, key);
        return bound.map_or_else(Vec::new, |action| run(state, action));
    }
    match pane {
        Focus::Input => {}
        Focus::Menu => {
            let (keys, page) = (menu::keys(state), menu::page(state));
            let Some(console) = state.console_mut() else { return Vec::new() };
            if list_key(&mut console.side.menu, key, &keys, page) {
                first_command(state);
            }
        }
        Focus::Clients => {
            let keys = client_pane::keys(state);
            let Some(console) = state.console_mut() else { return Vec::new() };
            if list_key(&mut console.side.clients, key, &keys, keys.len()) {
                let keys = client_pane::keys(state);
                let Some(console) = state.console_mut() else { return Vec::new() };
                console.side.clients.first(&keys);
            }
        }
    }
    Vec::new()
}

fn is_move(code: Code) -> bool {
    matches!(code, Code::Up | Code::Down | Code::PageUp | Code::PageDown | Code::Home | Code::End)
        || matches!(code, Code::Tab | Code::BackTab)
}

/// Moves, or changes the filter: true for that.
fn list_key<K: Clone + PartialEq>(
    list: &mut FilterList<K>,
    key: Key,
    keys: &[K],
    page: usize,
) -> bool {
    match key.code {
        Code::Home => list.first(keys),
        Code::End => list.choose(keys, keys.len().saturating_sub(1)),
        // The sign that begins a search elsewhere.
        Code::Char('/') if list.filter.is_empty() => {}
        _ if list.walk(key, keys, page).is_some() => {}
        _ => return list.edit(key),
    }
    false
}

/// Pasted text is looked for in the pane with the focus; false where that is the input line.
pub(crate) fn paste(state: &mut State, text: &str) -> bool {
    let Some(console) = state.console_mut() else { return false };
    match console.side.focus {
        Focus::Input => return false,
        Focus::Menu => {
            console.side.menu.paste(text);
            first_command(state);
        }
        Focus::Clients => console.side.clients.paste(text),
    }
    true
}

fn blur(state: &mut State) {
    if let Some(console) = state.console_mut() {
        console.side.blur();
    }
}

/// Opens the chosen command, or what is folded.
fn choose(state: &mut State) -> Vec<Effect> {
    match menu::chosen(state) {
        Some(MenuKey::Fold) => fold(state),
        Some(MenuKey::Top(name) | MenuKey::Command(name)) => {
            blur(state);
            return command_form::choose(state, &name);
        }
        None => {}
    }
    Vec::new()
}

fn type_chosen(state: &mut State) -> Vec<Effect> {
    if let Some(name) = menu::chosen(state).as_ref().and_then(MenuKey::command) {
        blur(state);
        command_form::type_line(state, &format!("{name} "));
    }
    Vec::new()
}

/// Makes the chosen command a favourite, or no more.
fn star(state: &mut State) -> Vec<Effect> {
    let chosen = menu::chosen(state);
    let Some(name) = chosen.as_ref().and_then(MenuKey::command) else { return Vec::new() };
    let Some(console) = state.console_mut() else { return Vec::new() };
    let favourites = &mut console.side.favourites;
    match favourites.iter().position(|favourite| favourite == name) {
        Some(at) => drop(favourites.remove(at)),
        None => favourites.push(name.to_owned()),
    }
    let names = favourites.clone();
    let server = console.history_name().to_owned();
    let keys = menu::keys(state);
    if let Some(console) = state.console_mut() {
        // The choice stays with the command, not with its row above the categories.
        let below = MenuKey::Command(name.to_owned());
        match keys.iter().position(|key| *key == below) {
            Some(place) => console.side.menu.choose(&keys, place),
            None => console.side.menu.settle(&keys),
        }
    }
    vec![Effect::KeepFavourites { server, names }]
}

/// Lists Topside's own commands, or folds them.
pub(crate) fn fold(state: &mut State) {
    if let Some(console) = state.console_mut() {
        console.side.unfolded = !console.side.unfolded;
    }
}

/// Opens the details of a client.
pub(crate) fn open_client(state: &mut State, id: ClientId) -> Vec<Effect> {
    state.open(ClientDetails::new(id));
    ClientDetails::ask(state, id)
}
