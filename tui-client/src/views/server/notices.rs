//! What was said unasked, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::overlay::room;
use crate::app::{Size, State};
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

/// Columns before the words: a sign, and the time or `11-24 09:14`.
const BEFORE: u16 = 14;

/// One row of the list.
pub(crate) struct Line {
    /// Where a notice begins: when, and whether it warns.
    begins: Option<(String, bool)>,
    text: String,
}

/// All rows; what is too long for one goes on in the next.
pub(crate) fn rows(state: &State) -> Vec<Line> {
    let Some(console) = state.console() else { return Vec::new() };
    let width = room(state.size).width.min(state.size.width.saturating_sub(4));
    let room = usize::from(width.saturating_sub(BEFORE));
    let mut rows = Vec::new();
    for past in console.notices.newest() {
        let at = times::stamp(past.at, state.clock.wall, &state.zone);
        let mut begins = Some((at, past.warns));
        for text in fit::wrap(&past.text, room) {
            rows.push(Line { begins: begins.take(), text });
        }
    }
    let dropped = console.notices.dropped();
    if dropped > 0 {
        let text = format!("{dropped} older ones are not kept any more");
        rows.push(Line { begins: None, text });
    }
    rows
}

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
