//! Draws the last row: the keys of the possible actions, or the result of the last one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::availability::{check, nothing_typed};
use crate::app::connection::ConnectionState;
use crate::app::console::{Console, shows_clients};
use crate::app::{Screen, State, Tone, picker, prompt};
use crate::input::actions::{Action, Id, get};
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::row::Row;

/// The row of hints in an area.
pub(super) fn last_row(area: Rect) -> Rect {
    Rect { y: area.bottom().saturating_sub(1), height: 1, ..area }
}

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    for x in area.left()..area.right() {
        buffer[(x, area.y)].reset();
    }
    let mut row = Row::new(buffer, area);
    row.skip(1).skip_right(1);
    if let Some(saving) = &state.saving {
        row.right(&saving.words(&state.keys.word(Id::StopTrying)), theme.accent).skip_right(2);
    }
    if let Some(remark) = &state.remark {
        let (sign, style) = match remark.tone {
            Tone::Done => ("✓ ", theme.good),
            Tone::Refused => ("✗ ", theme.bad),
        };
        row.left(sign, style).left(&remark.text, theme.plain);
        return;
    }
    if !state.views.is_empty() {
        return;
    }
    let bare = nothing_typed(state);
    for action in key_hints(state) {
        let Some(key) = state.keys.first(action.id, bare) else { continue };
        let key = key.to_string();
        let short = match action.id {
            // One column at a time: what the key leads to.
            Id::OtherColumn if state.picker.on_ways => "servers",
            _ => action.short,
        };
        let wide = fit::width(&key) + 1 + fit::width(short);
        if wide > row.room() {
            break;
        }
        row.left(&key, theme.plain).left(" ", theme.plain).left(short, theme.dim).skip(3);
    }
}

/// The actions of the hint line, the most important first; each is possible now.
fn key_hints(state: &State) -> impl Iterator<Item = &'static Action> {
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
