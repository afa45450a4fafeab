//! The wheel of the mouse: what lies on top scrolls, else the output under the pointer.

use super::State;
use super::overlay::Overlay;

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
