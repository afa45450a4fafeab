//! Draws the help.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::overlay_frame;
use super::row::Row;
use crate::app::help::{HelpLine, keys_width, rows};
use crate::app::overlay::room;
use crate::app::{Size, State};
use crate::theme::Theme;

pub(super) fn draw(state: &State, top: usize, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let rows = rows(state);
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let wanted = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX).min(height);
    let inside = overlay_frame::centred("Help", width, wanted, area, buffer, theme);
    let page = inside.height.saturating_sub(2);
    let keys_width = keys_width(inside.width);
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    let top = overlay_frame::reading(&mut foot, rows.len(), top, page, theme);
    for (y, line) in (0..page).zip(rows.iter().skip(top)) {
        let mut row = Row::at(buffer, inside, y);
        match line {
            HelpLine::Blank => {}
            HelpLine::Heading(text) => {
                row.left(&text.to_uppercase(), theme.dim);
            }
            HelpLine::Text(text) => {
                row.left(text, theme.plain);
            }
            HelpLine::Action { keys, title, note } => {
                row.column(keys, keys_width, theme.accent).skip(1);
                row.left(title, theme.plain);
                row.skip(if title.is_empty() { 0 } else { 2 }).left(note, theme.dim);
            }
        }
    }
}
