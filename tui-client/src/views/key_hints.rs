//! Draws the last row: the keys of the possible actions, or the result of the last one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::Row;
use crate::app::availability::nothing_typed;
use crate::app::key_hints::key_hints;
use crate::app::{State, Tone};
use crate::input::actions::Id;
use crate::text::fit;
use crate::theme::Theme;

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
    if !state.overlays.is_empty() {
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
