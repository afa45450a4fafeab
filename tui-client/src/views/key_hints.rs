//! Draws the last row: the keys of the actions that are possible now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::status_bar::{self, AFTER_THE_END};
use crate::app::availability::{check, nothing_typed};
use crate::app::connection::ConnectionState;
use crate::app::console::Console;
use crate::app::prompt::keyboard::can_switch;
use crate::app::{Clicked, Hits, Screen, State, picker, tab_actions};
use crate::input::actions::{Action, Id, get};
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::canvas::{self, ViewHits};
use crate::widgets::list::FILTER_KEYS;
use crate::widgets::row::{self, Row};

/// The row of hints in an area.
pub(super) fn last_row(area: Rect) -> Rect {
    Rect { y: area.bottom().saturating_sub(1), height: 1, ..area }
}

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer, hits: &mut Hits) {
    let theme = &state.theme;
    row::clear(buffer, area);
    let mut row = Row::new(buffer, area);
    row.skip(1).skip_right(1);
    if let Some(saving) = &state.saving {
        row.right(&saving.words(&state.keys.word(Id::StopTrying)), theme.accent).skip_right(2);
    }
    if let Some(sending) = &state.sending {
        row.right(&sending.words(&state.keys.word(Id::StopTrying)), theme.accent).skip_right(2);
    }
    if !state.views.is_empty() {
        return;
    }
    let own = match &state.screen {
        Screen::Picker if state.picker.is_filtering => Some(&FILTER_KEYS[..]),
        Screen::Picker => None,
        Screen::Console(console) => console.input.keys(),
    };
    if let Some(keys) = own {
        let mut places = ViewHits::new();
        canvas::keys(&mut row, keys.iter().copied(), &mut places, theme);
        hits.extend(places.into_iter().map(|(place, hit)| (place, Clicked::InView(hit))));
        return;
    }
    let bare = nothing_typed(state);
    let idle = matches!(state.link, ConnectionState::Idle);
    let hint_of = |action: &Action| {
        let key = state.keys.first(action.id, bare)?.to_string();
        let short = match action.id {
            // One column at a time: what the key leads to.
            Id::OtherColumn if state.picker.on_ways => "servers",
            Id::StopTrying if tab_actions::is_new(state) && idle => "back",
            _ => action.short,
        };
        Some(Hint { key, short, kept: KEPT.contains(&action.id) })
    };
    draw_fitting(key_hints(state).filter_map(hint_of).collect(), &mut row, hits, theme);
}

/// Writes what keys do, as far as there is room, and lets each be clicked. Esc stays longest.
pub(super) fn draw_keys(
    keys: Vec<(String, &'static str)>,
    row: &mut Row<'_>,
    hits: &mut Hits,
    theme: &Theme,
) {
    let hint = |(key, short): (String, _)| Hint { kept: key == "Esc", key, short };
    draw_fitting(keys.into_iter().map(hint).collect(), row, hits, theme);
}

fn draw_fitting(hints: Vec<Hint>, row: &mut Row<'_>, hits: &mut Hits, theme: &Theme) {
    let (hints, gap) = fitting(hints, row.room());
    for Hint { key, short, .. } in &hints {
        let x = row.x();
        row.left(key, theme.plain).left(" ", theme.plain).left(short, theme.dim);
        hits.extend(canvas::named(key).map(|key| (row.since(x), Clicked::Key(key))));
        row.skip(gap);
    }
}

/// The hints that disappear last where there is little room: help, and Esc.
const KEPT: [Id; 2] = [Id::Help, Id::StopTrying];

struct Hint {
    key: String,
    short: &'static str,
    kept: bool,
}

/// The hints that have room, and the columns between them. With little room these become fewer; then the last hints
/// go, and those that are to be kept after all others.
fn fitting(mut hints: Vec<Hint>, room: usize) -> (Vec<Hint>, u16) {
    let fits = |hints: &[Hint], gap: u16| {
        let words = hints.iter().map(|hint| fit::width(&hint.key) + 1 + fit::width(hint.short));
        words.sum::<usize>() + usize::from(gap) * hints.len().saturating_sub(1) <= room
    };
    loop {
        if let Some(gap) = [3, 2].into_iter().find(|gap| fits(&hints, *gap)) {
            return (hints, gap);
        }
        let last = hints.iter().rposition(|hint| !hint.kept);
        hints.remove(last.unwrap_or(hints.len() - 1));
    }
}

/// The actions of the hint line, the most important first; each is possible now.
fn key_hints(state: &State) -> impl Iterator<Item = &'static Action> {
    let wanted: &[Id] = match (&state.screen, &state.link) {
        (Screen::Picker, _) if picker::marked(state).next().is_some() => {
            &[Id::RunOnMarked, Id::Mark, Id::MarkAll, Id::Filter, Id::Help, Id::Quit]
        }
        (Screen::Picker, ConnectionState::Dialling(_)) => &[Id::StopTrying, Id::Help, Id::Quit],
        // One column is shown at a time: the key for the other one is a hint.
        (Screen::Picker, _) if !picker::is_wide(state.size) => {
            &[Id::Connect, Id::StopTrying, Id::OtherColumn, Id::Invite, Id::Help, Id::Quit]
        }
        (Screen::Picker, _) => &[
            Id::Connect,
            Id::StopTrying,
            Id::Mark,
            Id::Invite,
            Id::Add,
            Id::Edit,
            Id::Filter,
            Id::Help,
            Id::Quit,
            Id::Test,
            Id::Delete,
            Id::Duplicate,
            Id::Palette,
            Id::CommandLine,
        ],
        (Screen::Console(_), ConnectionState::Lost(_) | ConnectionState::Idle) => &[
            Id::Reconnect,
            Id::Back,
            Id::QuitEnded,
            Id::StartHere,
            Id::StopTrying,
            Id::Help,
            Id::PageUp,
            Id::Copy,
            Id::Search,
        ],
        (Screen::Console(_), ConnectionState::Dialling(_)) => {
            &[Id::StopTrying, Id::Back, Id::QuitEnded, Id::PageUp, Id::Help]
        }
        (Screen::Console(console), ConnectionState::Connected { .. }) => when_connected(console),
    };
    // The bar has them already.
    let in_bar = state.console().is_some_and(|console| {
        state.session().is_none() && status_bar::shows_keys(state, console, console.laid.bar)
    });
    // The way back, as nothing else tells of it.
    let zoomed = state.console().is_some() && state.pane_choice().zoomed;
    let wanted = zoomed.then_some(&Id::Zoom).into_iter().chain(wanted);
    let actions = wanted.filter(move |id| !in_bar || !AFTER_THE_END.contains(id));
    actions
        .map(|id| get(*id))
        .filter(|action| check(state, action).is_ok() && does_something(state, action.id))
}

/// Whether a key would change anything now: where all output is on the screen there is nothing to scroll.
fn does_something(state: &State, id: Id) -> bool {
    state.console().is_none_or(|console| match id {
        Id::PageUp => !console.runs.pane.is_at_top(),
        Id::End => !console.runs.pane.is_following() || console.runs.selected().is_some(),
        _ => true,
    })
}

fn when_connected(console: &Console) -> &'static [Id] {
    let runs = console.runs.to_interrupt().is_some();
    if console.runs.selected().is_some() {
        &[Id::Copy, Id::Save, Id::Fold, Id::Search, Id::End, Id::Palette, Id::Help]
    } else if !console.runs.pane.is_following() {
        &[Id::End, Id::PageUp, Id::Search, Id::Copy, Id::Palette, Id::Help]
    } else if can_switch(console) {
        &[Id::OtherBox, Id::Complete, Id::Palette, Id::Menu, Id::Clients, Id::Help, Id::PageUp]
    } else if runs && console.input.editor.is_empty() {
        &[
            Id::Interrupt,
            Id::Palette,
            Id::Menu,
            Id::Clients,
            Id::Help,
            Id::Runs,
            Id::PageUp,
            Id::Search,
            Id::NewTab,
        ]
    } else if console.laid.clients.is_some() {
        &[
            Id::Complete,
            Id::Palette,
            Id::Menu,
            Id::Clients,
            Id::Help,
            Id::Runs,
            Id::NewTab,
            Id::PageUp,
            Id::Search,
        ]
    } else {
        &[
            Id::Complete,
            Id::Palette,
            Id::Menu,
            Id::Clients,
            Id::Help,
            Id::Runs,
            Id::PageUp,
            Id::NewTab,
        ]
    }
}
