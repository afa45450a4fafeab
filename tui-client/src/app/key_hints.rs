//! Which actions the hint line shows.

use super::availability::{check, nothing_typed};
use super::connection::ConnectionState;
use super::console::{Console, shows_clients};
use super::{Screen, State, picker, prompt};
use crate::input::actions::{Action, Id, get};

/// The actions of the hint line, the most important first; each is possible now.
pub(crate) fn key_hints(state: &State) -> impl Iterator<Item = &'static Action> {
    let wanted: &[Id] = match (&state.screen, &state.link) {
        (Screen::Picker, ConnectionState::Dialling(_)) => &[Id::StopTrying, Id::Help, Id::Quit],
        // One column is shown at a time: the key for the other one is a hint.
        (Screen::Picker, _) if !picker::is_wide(state.size) => {
            &[Id::Connect, Id::OtherColumn, Id::Invite, Id::Help, Id::Quit]
        }
        (Screen::Picker, _) => &[
            Id::Connect,
            Id::Invite,
            Id::Add,
            Id::Edit,
            Id::Help,
            Id::Quit,
            Id::Test,
            Id::Delete,
            Id::Duplicate,
            Id::Palette,
        ],
        (Screen::Console(_), ConnectionState::Lost(_) | ConnectionState::Idle)
            if nothing_typed(state) =>
        {
            &[
                Id::Reconnect,
                Id::Back,
                Id::StartHere,
                Id::StopTrying,
                Id::PageUp,
                Id::Copy,
                Id::Search,
                Id::Help,
            ]
        }
        (Screen::Console(_), ConnectionState::Lost(_) | ConnectionState::Idle) => {
            &[Id::Reconnect, Id::ToPicker, Id::StopTrying, Id::PageUp, Id::Help]
        }
        (Screen::Console(_), ConnectionState::Dialling(_)) => {
            &[Id::StopTrying, Id::ToPicker, Id::PageUp, Id::Help]
        }
        (Screen::Console(console), ConnectionState::Connected { .. }) => {
            when_connected(state, console)
        }
    };
    wanted.iter().map(|id| get(*id)).filter(|action| check(state, action).is_ok())
}

fn when_connected(state: &State, console: &Console) -> &'static [Id] {
    let runs = console.runs.live().next().is_some();
    if console.runs.selected().is_some() {
        &[Id::Copy, Id::Save, Id::Fold, Id::Search, Id::End, Id::Palette, Id::Help]
    } else if !console.runs.pane.is_following() {
        &[Id::End, Id::PageUp, Id::Search, Id::Copy, Id::Palette, Id::Help]
    } else if prompt::can_switch(console) {
        &[Id::OtherBox, Id::Complete, Id::Palette, Id::Clients, Id::Menu, Id::Help, Id::PageUp]
    } else if runs && console.input.editor.is_empty() {
        &[Id::Interrupt, Id::Palette, Id::Clients, Id::Help, Id::PageUp, Id::Search]
    } else if shows_clients(state.size) {
        &[
            Id::Complete,
            Id::Palette,
            Id::Menu,
            Id::Clients,
            Id::Help,
            Id::Runs,
            Id::PageUp,
            Id::Search,
        ]
    } else {
        &[Id::Complete, Id::Palette, Id::Clients, Id::Menu, Id::Help, Id::PageUp]
    }
}
