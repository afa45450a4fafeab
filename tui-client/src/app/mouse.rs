//! The mouse: the wheel scrolls the uppermost overlay, else the output under the pointer; a click chooses.

use super::overlay::Overlay;
use super::{State, command_form, picker};

/// What a click chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clicked {
    /// A row of the picker's servers.
    Server(usize),
    /// A row of the routes to the chosen server.
    Route(usize),
    /// A command of the menu.
    Command(String),
}

/// Chooses what was clicked on. A click is never enough to run something: a command opens its form.
pub(super) fn click(state: &mut State, clicked: Clicked) {
    match clicked {
        Clicked::Server(at) => {
            picker::choose(state, at);
            state.picker.on_ways = false;
        }
        Clicked::Route(at) => {
            state.picker.way = at;
            state.picker.on_ways = true;
        }
        Clicked::Command(name) => command_form::open(state, &name),
    }
}

/// Turns it by so many rows, up being negative, with the pointer here.
pub(super) fn turn(state: &mut State, rows: i32, column: u16, row: u16) {
    let steps = rows.unsigned_abs() as usize;
    let down = rows > 0;
    if let Some(mut lies) = state.overlays.pop() {
        let (rows, page) = lies.rows(state);
        let last = rows.saturating_sub(page);
        if let Some(top) = lies.top_mut() {
            *top = if down { *top + steps } else { top.saturating_sub(steps) }.min(last);
        } else if let Overlay::Log(view) = &mut lies {
            view.wheel(steps, down);
        }
        state.overlays.push(lies);
        return;
    }
    let Some(console) = state.console() else { return };
    let pane = console.layout(state).pane;
    if !pane.contains(ratatui::layout::Position::new(column, row)) {
        return;
    }
    if let Some(console) = state.console_mut() {
        if down {
            console.runs.pane.scroll_down(steps);
        } else {
            console.runs.pane.scroll_up(steps);
        }
    }
}
