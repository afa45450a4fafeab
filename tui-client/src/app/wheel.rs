//! The wheel of the mouse: what lies on top scrolls, else the output under the pointer.

use super::State;
use super::overlay::{self, Overlay};
use super::reloading::Reload;
use crate::ui::{help, notices, reload};

/// Turns it by so many rows, up being negative, with the pointer here.
pub(super) fn turn(state: &mut State, rows: i32, column: u16, row: u16) {
    let steps = rows.unsigned_abs() as usize;
    let down = rows > 0;
    let rows = match state.overlays.last() {
        Some(Overlay::Help { .. }) => help::rows(state).len(),
        Some(Overlay::Notices { .. }) => notices::rows(state).len(),
        Some(Overlay::Reload(shown)) => reload::rows(state, shown).len(),
        _ => 0,
    };
    let last = rows.saturating_sub(overlay::page(state.size));
    if let Some(
        Overlay::Help { top } | Overlay::Notices { top } | Overlay::Reload(Reload { top, .. }),
    ) = state.overlays.last_mut()
    {
        *top = if down { *top + steps } else { top.saturating_sub(steps) }.min(last);
        return;
    }
    if !state.overlays.is_empty() {
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
