//! Draws the notices of a session, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::overlay::room;
use crate::app::server::notices::{BEFORE, rows};
use crate::app::{Size, State};
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

pub(crate) fn draw(state: &State, top: usize, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let rows = rows(state);
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let wanted = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX).min(height);
    let inside =
        overlay_frame::centred("Notices of this session", width, wanted, area, buffer, theme);
    let page = inside.height.saturating_sub(2);
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    let top = overlay_frame::reading(&mut foot, rows.len(), top, page, theme);
    for (y, line) in (0..page).zip(rows.iter().skip(top)) {
        let mut row = Row::at(buffer, inside, y);
        match &line.begins {
            Some((at, warns)) => {
                let (sign, style) = if *warns { ("▲ ", theme.warn) } else { ("· ", theme.dim) };
                row.left(sign, style).column(at, usize::from(BEFORE) - 3, theme.dim).skip(1);
            }
            None => {
                row.skip(BEFORE);
            }
        }
        row.left(&line.text, theme.plain);
    }
}
