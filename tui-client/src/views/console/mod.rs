//! The console: title, panes and the lines between them, message, input, bar, hints.

pub(crate) mod blocks;
pub(crate) mod client_pane;
mod header;
pub(super) mod input_box;
pub(crate) mod keyboard;
pub(super) mod menu;
mod prompt;
pub(crate) mod side_panes;
pub(crate) mod submit;
mod welcome;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::command_form::{self, OnChoice};
use super::{key_hints, message_line, status_bar, typed_command};
use crate::app::connection::ConnectionState;
use crate::app::console::Console;
use crate::app::console::layout::ConsoleLayout;
use crate::app::console::side_panes::{Focus, MenuKey};
use crate::app::{Clicked, Hits, State};
use crate::input::actions::Id;
use crate::scrollback::grouped;
use crate::text::times;
use crate::theme::Theme;
use crate::widgets::editor::Editor;
use crate::widgets::field::field;
use crate::widgets::row::{self, Row};

pub(super) fn draw(
    state: &State,
    console: &Console,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> Option<Position> {
    let (layout, theme) = (console.layout(state), &state.theme);
    header::draw(state, console, layout.title, buffer, theme);
    lines(&layout, console.side.focus, buffer, theme);
    let menu = layout.menu.and_then(|place| menu::draw(state, console, place, buffer, hits));
    let new = blocks::draw(state, console, layout.pane, buffer, theme);
    welcome::draw(state, console, layout.pane, buffer, theme);
    let clients =
        layout.clients.and_then(|place| client_pane::draw(state, console, place, buffer, hits));
    // What is no row of a pane gives the focus.
    let panes = [(layout.menu, Focus::Menu), (layout.clients, Focus::Clients)];
    let panes = panes.into_iter().filter_map(|(place, pane)| Some((place?, pane)));
    let places = panes.chain([(layout.pane, Focus::Input), (layout.input, Focus::Input)]);
    hits.extend(places.map(|(place, pane)| (place, Clicked::Pane(pane))));
    let above = Rect { y: layout.top_rule.y, height: layout.top_rule.height, ..layout.pane };
    blocks::pinned(state, console, above, buffer, theme);
    follow_mark(console, new, &layout, buffer, theme);
    // Below a popup it is drawn in the last row.
    if state.views.is_empty() {
        message_line::draw(state, layout.message, buffer);
    }
    let (cursor, long_hint) = match layout.input.height {
        0 => (None, None),
        _ => input_box::draw(state, console, layout.input, buffer, hits),
    };
    status_bar::draw(state, layout.bar, buffer, hits);
    let focus = console.side.focus;
    let cursor = if focus == Focus::Input { cursor } else { menu.or(clients) };
    let keys = match &console.search {
        _ if focus != Focus::Input => Some(pane_keys(state, console)),
        Some(search) => Some(input_box::search_keys(search)),
        None if console.prompt.is_up() => Some(prompt::keys(state, &console.prompt)),
        None => None,
    };
    if let Some(keys) = keys {
        let mut row = Row::new(buffer, layout.hints);
        row.skip(1);
        key_hints::draw_keys(keys, &mut row, hits, theme);
    } else if let Some(hint) = long_hint {
        typed_command::draw_long_hint(&hint, layout.hints, buffer, theme);
    } else {
        key_hints::draw(state, layout.hints, buffer, hits);
    }
    cursor
}

/// Draws the first row of a side pane: its name and a fact, or its filter, in which the cursor is then.
fn pane_head(
    name: &str,
    fact: &str,
    (focused, filter): (bool, Option<&Editor>),
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let mut row = Row::new(buffer, place);
    row.skip(1).skip_right(1);
    let Some(filter) = filter else {
        let style = if focused { theme.focused_frame } else { theme.title };
        row.left(name, style).right(fact, theme.dim);
        return None;
    };
    row.left(name, theme.focused_frame).left(" ❯ ", theme.focused_frame);
    let field_place = Rect { x: row.x(), width: place.right() - row.x(), height: 1, ..place };
    field(buffer, field_place, filter, theme.plain)
}

/// What keys do while a side pane has the focus.
fn pane_keys(state: &State, console: &Console) -> Vec<(String, &'static str)> {
    let clients = &console.side.clients;
    let mut keys = Vec::new();
    if console.side.focus == Focus::Menu {
        keys.push(("Esc", "input"));
        match menu::chosen(state) {
            Some(MenuKey::Fold) if console.side.unfolded => keys.push(("Enter", "fold")),
            Some(MenuKey::Fold) => keys.push(("Enter", "unfold")),
            Some(MenuKey::Top(name) | MenuKey::Command(name)) => {
                keys.extend(command_form::on_choice(state, &name).map(|does| match does {
                    OnChoice::Runs => ("Enter", "run"),
                    OnChoice::OpensForm => ("Enter", "form"),
                }));
                keys.extend([("*", "favourite"), ("Ctrl-O", "type")]);
            }
            None => {}
        }
    } else {
        let plain = clients.filter.is_empty() && !clients.is_filtering();
        keys.push(("Esc", if plain { "input" } else { "no filter" }));
        if clients.is_filtering() {
            keys.push(("Enter", "keep filter"));
        } else {
            let row = client_pane::chosen(state).map(|_| ("Enter", "details"));
            keys.extend(row.into_iter().chain([("/", "filter")]));
        }
    }
    let id = if console.side.focus == Focus::Menu { Id::Menu } else { Id::Clients };
    let keys = keys.into_iter().map(|(key, what)| (key.to_owned(), what));
    keys.chain([(state.keys.word(id), "hide")]).collect()
}

/// The lines between the panes.
fn lines(layout: &ConsoleLayout, focus: Focus, buffer: &mut Buffer, theme: &Theme) {
    row::rule(buffer, layout.top_rule, theme.rule);
    row::rule(buffer, layout.bottom_rule, theme.rule);
    let seams = [
        (layout.menu, layout.menu.map(Rect::right), Focus::Menu),
        (layout.clients, layout.clients.map(|side| side.x.saturating_sub(1)), Focus::Clients),
    ];
    for (side, x, pane) in seams {
        let (Some(side), Some(x)) = (side, x) else { continue };
        let style = if focus == pane { theme.focused_frame } else { theme.rule };
        for rule in [layout.top_rule, layout.bottom_rule].into_iter().filter(|_| focus == pane) {
            row::rule(buffer, Rect { x: side.x, width: side.width, ..rule }, style);
        }
        row::sign(buffer, x, layout.top_rule.y, "┬", style);
        row::seam(buffer, x, layout.pane.y, layout.pane.bottom(), style);
        row::sign(buffer, x, layout.bottom_rule.y, "┴", style);
    }
}

/// What has come below while the reader stands still, on the line under the pane.
fn follow_mark(
    console: &Console,
    new: u64,
    layout: &ConsoleLayout,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    if console.runs.pane.is_following() {
        return;
    }
    let text = match new {
        0 => " scrolled up · End follows ".to_owned(),
        n => format!(" ↓ {} new · End follows ", grouped(n)),
    };
    let place = Rect { y: layout.bottom_rule.y, height: 1, ..layout.pane };
    let style = if new > 0 { theme.accent } else { theme.dim };
    Row::new(buffer, place).skip_right(2).right(&text, style);
}

/// Milliseconds until something drawn changes by itself: a countdown, a wait, a duration on the
/// screen that goes on, and the time in the header once a minute.
pub(super) fn changes_in(state: &State) -> Option<u64> {
    let now = state.clock.mono;
    let link = link_changes_in(state);
    let Some(console) = state.console() else { return link };
    let banner = match state.link {
        ConnectionState::Connected { .. } => {
            console.banner.as_ref().and_then(|banner| banner.changes_in(now))
        }
        _ => None,
    };
    let time = header::changes_in(state, console);
    // Only what is on the screen is counted.
    let running = console.runs.live().next().and_then(|_| {
        let frame = console.runs.pane.frame();
        let mut shown: Vec<u64> = frame.rows.iter().map(|row| row.position.block).collect();
        shown.dedup();
        let live = shown.into_iter().filter_map(|block| console.runs.info(block));
        live.filter(|info| info.phase.is_live())
            .map(|info| match info.approval_ends {
                Some(end) => times::countdown_changes_in(end.saturating_sub(now)),
                None => times::next_second(info.began, now),
            })
            .min()
    });
    [link, banner, time, running].into_iter().flatten().min()
}

/// The same of the link alone.
pub(super) fn link_changes_in(state: &State) -> Option<u64> {
    let now = state.clock.mono;
    match &state.link {
        ConnectionState::Dialling(dial) => Some(times::next_second(dial.since, now)),
        ConnectionState::Lost(lost) => lost.retry.map(|at| {
            let left = at.saturating_sub(now);
            if left == 0 { 0 } else { times::countdown_changes_in(left) }
        }),
        ConnectionState::Connected { .. } | ConnectionState::Idle => None,
    }
}
