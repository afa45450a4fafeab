//! Keys and clicks of the side panes: focus, filter, choose, hide; and the zoom of the response pane.

use topside_shared::ClientId;

use super::{client_pane, menu};
use crate::app::console::side_panes::{Focus, MenuKey, choice_with};
use crate::app::{Clicked, Effect, State, availability};
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::views::client_details::ClientDetails;
use crate::views::{clients, command_form, palette};
use crate::widgets::list::{ListKey, ListLayout};

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
    first(state, pane);
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

/// How the list of a pane was drawn last.
fn layout(state: &State, pane: Focus) -> Option<ListLayout> {
    state.hits.iter().find_map(|(_, clicked)| match clicked {
        Clicked::PaneList(of, layout) if *of == pane => Some(*layout),
        _ => None,
    })
}

/// A key while a side pane has the focus.
pub(crate) fn key(state: &mut State, pane: Focus, key: Key) -> Vec<Effect> {
    if pane == Focus::Menu && key.typed() == Some('*') {
        return star(state);
    }
    // Of the other keys those of the list come first, where they mean no action of the console.
    let is_plain = Key { shift: false, ..key } == key && !key.alt && !key.ctrl;
    let is_list_key = is_plain && !matches!(key.code, Code::F(_)) || key.is_ctrl('c');
    let drawn = layout(state, pane);
    let pressed = match pane {
        _ if !is_list_key => ListKey::Passed,
        Focus::Input => return Vec::new(),
        Focus::Menu => {
            let keys = menu::keys(state);
            let Some(console) = state.console_mut() else { return Vec::new() };
            let list = &mut console.side.menu;
            let layout = list.layout(drawn, 1);
            list.key(key, &keys, layout)
        }
        Focus::Clients => {
            let keys = client_pane::keys(state);
            let Some(console) = state.console_mut() else { return Vec::new() };
            let list = &mut console.side.clients;
            let layout = list.layout(drawn, 1);
            list.key(key, &keys, layout)
        }
    };
    match pressed {
        ListKey::Close => blur(state),
        ListKey::Open => return open_chosen(state, pane),
        ListKey::Filtered => first(state, pane),
        // The server tells of each change.
        ListKey::Refresh | ListKey::Beyond | ListKey::Moved => {}
        ListKey::Passed => return other_key(state, pane, key),
    }
    Vec::new()
}

/// A key that is not one of every list.
fn other_key(state: &mut State, pane: Focus, key: Key) -> Vec<Effect> {
    match pane {
        Focus::Menu if key.is_ctrl('o') => return type_chosen(state),
        Focus::Clients if key.is_ctrl('x') => {
            let Some(id) = client_pane::chosen(state) else { return Vec::new() };
            // The details ask whether to disconnect it.
            let mut effects = open_client(state, id);
            effects.extend(state.with_top(|view, state| view.key(key, state)).unwrap_or_default());
            return effects;
        }
        _ => {}
    }
    // A letter means text, which goes nowhere here; but for the help and the command line, as above every list.
    let bound = availability::action_of(state, key)
        .filter(|action| key.typed().is_none() || [Id::Help, Id::CommandLine].contains(&action.id));
    bound.map_or_else(Vec::new, |action| state.act(action.id))
}

/// Enter, or a click on the chosen row.
fn open_chosen(state: &mut State, pane: Focus) -> Vec<Effect> {
    match pane {
        Focus::Input => Vec::new(),
        Focus::Menu => choose(state),
        Focus::Clients => {
            let id = client_pane::chosen(state);
            id.map_or_else(Vec::new, |id| open_client(state, id))
        }
    }
}

/// Chooses the first row of a side pane.
fn first(state: &mut State, pane: Focus) {
    match pane {
        Focus::Input => {}
        Focus::Menu => {
            let keys = menu::keys(state);
            let Some(console) = state.console_mut() else { return };
            console.side.menu.first(&keys);
        }
        Focus::Clients => {
            let keys = client_pane::keys(state);
            let Some(console) = state.console_mut() else { return };
            console.side.clients.first(&keys);
        }
    }
}

/// A click on a row of the menu gives the menu the keys and chooses the row; on the chosen one it opens the form.
pub(crate) fn click_menu(state: &mut State, row: &MenuKey) -> Vec<Effect> {
    let had_focus = has_focus(state, Focus::Menu);
    focus(state, Focus::Menu);
    let (keys, drawn) = (menu::keys(state), layout(state, Focus::Menu));
    let Some(console) = state.console_mut() else { return Vec::new() };
    let Some(place) = keys.iter().position(|key| key == row) else { return Vec::new() };
    let layout = console.side.menu.layout(drawn, 1);
    let opens = console.side.menu.click(place, &keys, layout) && had_focus;
    match row.command() {
        // A click runs no command: it opens the form.
        Some(name) if opens => {
            blur(state);
            return command_form::open(state, name);
        }
        Some(_) => {}
        None => fold(state),
    }
    Vec::new()
}

/// The same for a row of the client list.
pub(crate) fn click_client(state: &mut State, id: ClientId) -> Vec<Effect> {
    let had_focus = has_focus(state, Focus::Clients);
    focus(state, Focus::Clients);
    let (keys, drawn) = (client_pane::keys(state), layout(state, Focus::Clients));
    let Some(console) = state.console_mut() else { return Vec::new() };
    let Some(place) = keys.iter().position(|key| *key == id) else { return Vec::new() };
    let layout = console.side.clients.layout(drawn, 1);
    let opens = console.side.clients.click(place, &keys, layout) && had_focus;
    if opens { open_chosen(state, Focus::Clients) } else { Vec::new() }
}

fn has_focus(state: &State, pane: Focus) -> bool {
    state.console().is_some_and(|console| console.side.focus == pane)
}

/// The wheel over a side pane scrolls it.
pub(crate) fn wheel(state: &mut State, pane: Focus, rows: i32, layout: ListLayout) {
    if pane == Focus::Menu {
        return menu::scroll(state, rows, layout);
    }
    let keys = client_pane::keys(state);
    if let Some(console) = state.console_mut() {
        console.side.clients.wheel(rows, &keys, layout);
    }
}

/// Pasted text is looked for in the pane with the focus; false where that is the input line.
pub(crate) fn paste(state: &mut State, text: &str) -> bool {
    let Some(console) = state.console_mut() else { return false };
    match console.side.focus {
        Focus::Input => return false,
        Focus::Menu => {
            console.side.menu.paste(text);
            first(state, Focus::Menu);
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
