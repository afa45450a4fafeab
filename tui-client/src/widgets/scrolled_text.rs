//! Text that is read and scrolled; any other key closes it.

use super::canvas::{self, Canvas};
use super::row::Row;
use crate::input::key::{Code, Key};
use crate::theme::Theme;

/// How far a text is scrolled.
#[derive(Debug, Default)]
pub(crate) struct ScrolledText {
    /// Rows scrolled out at the top.
    pub(crate) top: usize,
}

impl ScrolledText {
    /// Scrolls by a key; false: the key closes the text.
    pub(crate) fn key(&mut self, key: Key, rows: usize, page: usize) -> bool {
        let last = rows.saturating_sub(page);
        // What is on the screen, where that has grown.
        let top = self.top.min(last);
        self.top = match key.as_page().code {
            Code::Up | Code::Char('k') => top.saturating_sub(1),
            Code::Down | Code::Char('j') => (top + 1).min(last),
            Code::PageUp => top.saturating_sub(page),
            Code::PageDown | Code::Char(' ') => (top + page).min(last),
            Code::Home | Code::Char('g') => 0,
            Code::End | Code::Char('G') => last,
            _ => return false,
        };
        true
    }

    /// Scrolls by the wheel.
    pub(crate) fn wheel(&mut self, by: i32, rows: usize, page: usize) {
        let steps = by.unsigned_abs() as usize;
        let top = if by > 0 { self.top + steps } else { self.top.saturating_sub(steps) };
        self.top = top.min(rows.saturating_sub(page));
    }

    /// Draws a popup with these lines, and `gap` blank rows above the row of the keys.
    pub(crate) fn draw<L>(
        &self,
        head: (&str, u16),
        lines: &[L],
        gap: u16,
        canvas: &mut Canvas<'_>,
        line: impl FnMut(&L, &mut Row<'_>, &Theme),
    ) {
        self.draw_with_foot(head, (&["Esc closes"], ""), lines, gap, canvas, line);
    }

    /// The same with other keys, and a note at the right of them.
    pub(crate) fn draw_with_foot<L>(
        &self,
        (title, width): (&str, u16),
        (keys, note): (&[&str], &str),
        lines: &[L],
        gap: u16,
        canvas: &mut Canvas<'_>,
        mut line: impl FnMut(&L, &mut Row<'_>, &Theme),
    ) {
        let rows = u16::try_from(lines.len().max(1)).unwrap_or(u16::MAX);
        let wanted = rows.saturating_add(2);
        let inside = canvas.popup(title, width, wanted.min(canvas.room().height));
        let (buffer, theme) = (&mut *canvas.buffer, canvas.theme);
        let page = inside.height.saturating_sub(1 + gap);
        let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
        if !note.is_empty() {
            foot.right(note, theme.dim).skip_right(1);
        }
        let top = self.top.min(lines.len().saturating_sub(usize::from(page)));
        canvas::position(&mut foot, (top, usize::from(page)), lines.len(), &theme);
        let scroll = (lines.len() > usize::from(page)).then_some("↑ ↓ scroll");
        let keys = scroll.into_iter().chain(keys.iter().copied());
        canvas::keys(&mut foot, keys, &mut canvas.hits, &theme);
        for (y, text) in (0..page).zip(lines.iter().skip(top)) {
            line(text, &mut Row::at(buffer, inside, y), &theme);
        }
    }
}
