//! Draws the result of a reload.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::overlay::room;
use crate::app::server::reload::{BEFORE, Reload, ReloadSign, rows};
use crate::app::{Size, State};
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

pub(crate) fn draw(state: &State, shown: &Reload, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let rows = rows(state, shown);
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let wanted = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX).min(height);
    let inside = overlay_frame::centred("The server's files", width, wanted, area, buffer, theme);
    let page = inside.height.saturating_sub(2);
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    let top = overlay_frame::reading(&mut foot, rows.len(), shown.top, page, theme);
    for (y, line) in (0..page).zip(rows.iter().skip(top)) {
        let mut row = Row::at(buffer, inside, y);
        match line.sign {
            Some(ReloadSign::Done) => row.left("✓ ", theme.good),
            Some(ReloadSign::Wrong) => row.left("✗ ", theme.bad),
            Some(ReloadSign::Waits) => row.left("▲ ", theme.warn),
            Some(ReloadSign::Fact) => row.left("· ", theme.dim),
            Some(ReloadSign::None) | None => row.skip(BEFORE),
        };
        row.left(&line.text, if line.strong { theme.strong } else { theme.plain });
    }
}
