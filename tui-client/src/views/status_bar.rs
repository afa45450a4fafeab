//! Draws the bar above the key hints: a shutdown that is due, or how the session ended. It is seen on every view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::availability::is_possible;
use crate::app::console::Console;
use crate::app::console::side_panes::Focus;
use crate::app::remark::MESSAGE_MARGIN;
use crate::app::{Clicked, Hits, State};
use crate::input::actions::{Id, get};
use crate::input::key::Key;
use crate::text::fit;
use crate::widgets::row::{self, Row};

/// The keys after the end of a session.
pub(super) const AFTER_THE_END: [Id; 3] = [Id::Reconnect, Id::Back, Id::QuitEnded];

/// Draws the bar into the rows of `place`.
pub(super) fn draw(state: &State, place: Rect, buffer: &mut Buffer, hits: &mut Hits) {
    let Some(console) = state.console() else { return };
    let Some(text) = console.bar_text(state) else { return };
    let theme = &state.theme;
    let due = state.session().and(console.banner.as_ref());
    let (style, key_style) = match due {
        Some(banner) if banner.is_soon(state.clock.mono) => {
            (theme.shutdown_soon, theme.shutdown_soon)
        }
        Some(_) => (theme.shutdown, theme.shutdown),
        None => (theme.warn, theme.plain),
    };
    for y in place.rows() {
        row::clear(buffer, y);
        if due.is_some() {
            buffer.set_style(y, style);
        }
    }
    let room = usize::from(place.width.saturating_sub(MESSAGE_MARGIN));
    let lines = fit::wrap_rows(&text, room, usize::from(place.height));
    for (y, line) in (0..place.height).zip(&lines) {
        let mut row = Row::at(buffer, place, y);
        row.skip(1).left(if y == 0 { "▲ " } else { "  " }, style).left(line, style);
    }
    let keys = keys(state, due.is_some());
    if keys_fit(&lines, &keys, room) {
        let last = u16::try_from(lines.len()).unwrap_or(1).saturating_sub(1);
        let mut row = Row::at(buffer, place, last);
        row.skip(place.width.saturating_sub(1 + columns(&keys)));
        for (key, what) in keys {
            let x = row.x();
            row.left(&key.to_string(), key_style).left(" ", key_style).left(what, key_style);
            hits.insert(0, (row.since(x), Clicked::Key(key)));
            row.skip(GAP);
        }
    }
}

/// Whether the bar shows the keys that follow the end of a session; else the key hints do.
pub(super) fn shows_keys(state: &State, console: &Console, place: Rect) -> bool {
    let Some(text) = console.bar_text(state) else { return false };
    let room = usize::from(place.width.saturating_sub(MESSAGE_MARGIN));
    let lines = fit::wrap_rows(&text, room, usize::from(place.height));
    keys_fit(&lines, &keys(state, false), room)
}

fn keys_fit(lines: &[String], keys: &[KeyHint], room: usize) -> bool {
    let last = lines.last().map_or(0, |line| fit::width(line));
    !keys.is_empty() && last + 3 + usize::from(columns(keys)) <= room
}

/// A key, and what it does.
type KeyHint = (Key, &'static str);

/// Columns between two hints.
const GAP: u16 = 2;

/// Columns that the hints take.
fn columns(keys: &[KeyHint]) -> u16 {
    let gaps = GAP * u16::try_from(keys.len().saturating_sub(1)).unwrap_or(0);
    let wide = |(key, what): &KeyHint| fit::columns(&key.to_string()) + 1 + fit::columns(what);
    keys.iter().map(wide).sum::<u16>() + gaps
}

/// The keys in the bar: `F9 postpone`, or `R reconnect  P picker  q quit`. While a view, a side pane or a search has the
/// keys, they mean something else.
fn keys(state: &State, is_due: bool) -> Vec<KeyHint> {
    let has_keys = state.console().is_some_and(|console| {
        state.views.is_empty() && console.side.focus == Focus::Input && console.search.is_none()
    });
    if !has_keys {
        return Vec::new();
    }
    let ids = if is_due { &[Id::Postpone][..] } else { &AFTER_THE_END };
    let possible = ids.iter().copied().filter(|id| is_possible(state, *id));
    possible.filter_map(|id| Some((state.keys.first(id, !is_due)?, get(id).short))).collect()
}
