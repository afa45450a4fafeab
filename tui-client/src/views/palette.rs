//! The lists with a filter.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::row::Row;
use super::{filter_list, overlay_frame};
use crate::app::overlay::room;
use crate::app::palette::{Palette, Pick};
use crate::app::{Size, State};
use crate::text::fit;
use crate::theme::Theme;

pub(super) fn draw(
    state: &State,
    palette: &Palette,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let rows = palette.rows(state);
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let all = Palette::new(palette.commands_only).rows(state).len();
    let wanted = u16::try_from(all + 4).unwrap_or(u16::MAX).clamp(5, height);
    let title = if palette.commands_only { "Menu" } else { "Actions and commands" };
    let inside = overlay_frame::centred(title, width.min(76), wanted, area, buffer, theme);
    let list = filter_list::begin(&palette.filter, inside, 2, buffer, theme);
    let at = palette.place(&rows);
    let name_width = rows.iter().map(|row| fit::width(&row.title)).max().unwrap_or(0);
    let name_width = name_width.min(usize::from(list.rows.width) * 6 / 10);
    let seen = rows.iter().enumerate().skip(list.top(at));
    for (y, (nth, entry)) in (0..list.rows.height).zip(seen) {
        let chosen = nth == at;
        let mut row = Row::at(buffer, list.rows, y);
        row.left(if chosen { "▌ " } else { "  " }, theme.accent);
        let style = match (chosen, &entry.why_not) {
            (true, _) => theme.chosen(),
            (false, Some(_)) => theme.dim,
            (false, None) => theme.plain,
        };
        row.column(&entry.title, name_width, style).skip(2);
        match (&entry.why_not, &entry.pick) {
            (Some(why), _) => row.left(&format!("– {why}"), theme.dim),
            (None, Pick::Act(_)) => row.right(&entry.detail, theme.dim),
            (None, Pick::Command(_)) => row.left(&entry.detail, theme.dim),
        };
    }
    if rows.is_empty() {
        list.nothing("Nothing matches; Esc closes.", buffer, theme);
    }
    let types = rows.get(at).is_some_and(|row| matches!(row.pick, Pick::Command(_)));
    let keys: &[&str] = if types {
        &["Enter opens it", "Ctrl-O types it", "Esc closes"]
    } else {
        &["Enter does it", "Esc closes"]
    };
    list.foot((at, rows.len(), false), keys.iter().copied(), buffer, theme);
    list.cursor
}
