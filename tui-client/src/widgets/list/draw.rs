//! Drawing of a list inside a popup: the row of the filter, the heads, the rows, and the row of the hints.

use std::ops::Range;

use ratatui::layout::{Position, Rect};

use super::columns::{Column, ColumnPlaces, Line};
use super::{FilterMode, List, ListLayout, Load};
use crate::input::key::Key;
use crate::theme::Theme;
use crate::widgets::canvas::{self, Canvas, Hit};
use crate::widgets::field::field;
use crate::widgets::row::Row;

/// Fewest rows of a popup in which the columns have heads.
const HEADS_FROM: u16 = 5;

/// What keys do while a filter is typed that `/` begins.
pub(crate) const FILTER_KEYS: [&str; 3] = ["Enter keep filter", "Esc no filter", "↑ ↓ choose"];

/// What a view gives to draw its list.
pub(crate) struct Table<'t> {
    pub(crate) columns: &'t [Column],
    /// Whether the rows are as the server has them.
    pub(crate) load: &'t Load,
    /// Why there are no rows although no filter is typed.
    pub(crate) empty: &'t str,
    /// Rows between the list and the hints that the view uses.
    pub(crate) below: u16,
    /// Columns at the right of the filter's row that the view uses.
    pub(crate) beside: u16,
    pub(crate) hints: ListHints<'t>,
}

/// What keys do.
pub(crate) struct ListHints<'t> {
    /// Hints of the chosen row, such as `Enter details`; none while there is no row.
    pub(crate) row: &'t [&'t str],
    /// Hints of the list.
    pub(crate) list: &'t [&'t str],
    /// Whether the server has more rows.
    pub(crate) more: bool,
}

/// How many lines a row has.
type LineCount<'c, T> = &'c dyn Fn(&T) -> usize;

impl<K: Clone + PartialEq> List<K> {
    /// Draws the list inside a popup; returns where the cursor is while the filter is typed. `lines` makes the lines of a
    /// row; the second number is how many lines each has.
    pub(crate) fn draw<T>(
        &self,
        table: &Table<'_>,
        (rows, at): (&[T], usize),
        inside: Rect,
        canvas: &mut Canvas<'_>,
        lines: impl Fn(&T, bool, &Theme) -> Vec<Line>,
    ) -> Option<Position> {
        self.draw_rows(table, (rows, at, &|_| 1), inside, canvas, lines)
    }

    /// The same for rows of several lines: how many each has.
    pub(crate) fn draw_rows<T>(
        &self,
        table: &Table<'_>,
        (rows, at, height): (&[T], usize, LineCount<'_, T>),
        inside: Rect,
        canvas: &mut Canvas<'_>,
        lines: impl Fn(&T, bool, &Theme) -> Vec<Line>,
    ) -> Option<Position> {
        let theme = canvas.theme;
        let width = inside.width.saturating_sub(table.beside);
        let cursor = self.draw_filter(Rect { width, height: 1, ..inside }, canvas);
        let heads = u16::from(inside.height >= HEADS_FROM + table.below);
        let body = Rect {
            y: inside.y + 1 + heads,
            height: inside.height.saturating_sub(2 + heads + table.below),
            ..inside
        };
        // Beside the bar of the chosen row.
        let text = Rect { x: body.x + 2, width: body.width.saturating_sub(2), ..body };
        let columns = ColumnPlaces::new(table.columns, text.width);
        if heads > 0 {
            let place = Rect { y: inside.y + 1, height: 1, ..text };
            columns.draw_heads(place, canvas.buffer, theme.dim);
        }
        let height_of = |nth: usize| height(&rows[nth]);
        let shown = window(rows.len(), (self.top, at), usize::from(body.height), height_of);
        let mut y = body.y;
        // Of the row behind the last whole one, what has room.
        for (nth, one) in rows.iter().enumerate().skip(shown.start) {
            if y >= body.bottom() {
                break;
            }
            let chosen = nth == at;
            let top = y;
            for line in lines(one, chosen, &theme) {
                if y < body.bottom() {
                    let bar = Rect { y, height: 1, ..body };
                    Row::new(canvas.buffer, bar).left(if chosen { "▌" } else { " " }, theme.accent);
                    columns.draw(&line, Rect { y, height: 1, ..text }, canvas.buffer);
                    y += 1;
                }
            }
            canvas.hits.push((Rect { y: top, height: y - top, ..body }, Hit::Row(nth)));
        }
        let layout = ListLayout { top: shown.start, page: shown.len().max(1) };
        canvas.hits.push((body, Hit::List(layout)));
        let empty = rows.is_empty().then(|| self.why_empty(table));
        if let Some(words) = table.load.words(empty) {
            // A list that could not be read again still has its rows.
            let blank = " ".repeat(usize::from(body.width));
            Row::new(canvas.buffer, body).left(&blank, theme.plain);
            Row::new(canvas.buffer, text).left(words, theme.dim);
        }
        self.draw_hints(&table.hints, (at, rows.len()), inside, canvas);
        cursor
    }

    /// Why there are no rows, and which key shows some.
    fn why_empty<'t>(&self, table: &Table<'t>) -> &'t str {
        match table.hints.more {
            _ if self.filter.is_empty() || self.mode == FilterMode::Typed => table.empty,
            true => "None of the newest matches the filter: ↓ looks further back, Esc clears it.",
            false => "Nothing matches the filter: Esc clears it.",
        }
    }

    /// The filter, or how to begin one.
    fn draw_filter(&self, place: Rect, canvas: &mut Canvas<'_>) -> Option<Position> {
        let theme = canvas.theme;
        let mut row = Row::new(canvas.buffer, place);
        if !self.is_filtering() && self.filter.is_empty() {
            canvas::keys(&mut row, ["/ filter"], &mut canvas.hits, &theme);
            return None;
        }
        let sign = if self.mode == FilterMode::Typed { "❯ " } else { "/ " };
        row.left(sign, theme.accent);
        let field_place = row.free();
        let style = if self.is_filtering() { theme.plain } else { theme.strong };
        let cursor = field(canvas.buffer, field_place, &self.filter, style);
        cursor.filter(|_| self.is_filtering())
    }

    fn draw_hints(
        &self,
        hints: &ListHints<'_>,
        (at, count): (usize, usize),
        inside: Rect,
        canvas: &mut Canvas<'_>,
    ) {
        let mut foot = Row::at(canvas.buffer, inside, inside.height.saturating_sub(1));
        if count > 0 {
            let more = if hints.more { "+" } else { "" };
            foot.right(&format!("{} of {count}{more}", at + 1), canvas.theme.dim).skip_right(1);
        }
        let row = if count > 0 { hints.row } else { &[] };
        let keys: Vec<&str> = match self.mode {
            FilterMode::AfterSlash(true) => FILTER_KEYS.to_vec(),
            FilterMode::AfterSlash(false) if !self.filter.is_empty() => {
                row.iter().chain(hints.list).copied().chain(["Esc no filter"]).collect()
            }
            _ => row.iter().chain(hints.list).copied().chain(["Esc closes"]).collect(),
        };
        canvas::keys(&mut foot, keys, &mut canvas.hits, &canvas.theme);
    }
}

/// Draws a note in the row that [`Table::below`] keeps free above the hints. A click on it presses the key that it names.
pub(crate) fn draw_note(note: &str, key: Option<Key>, inside: Rect, canvas: &mut Canvas<'_>) {
    let y = inside.height.saturating_sub(2);
    Row::at(canvas.buffer, inside, y).skip(2).left(note, canvas.theme.dim);
    let place = Rect { y: inside.y + y, height: 1, ..inside };
    canvas.hits.extend(key.map(|key| (place, Hit::Key(key))));
}

/// The rows that fit this many lines: from `top` on, or so that the chosen one is in sight, and without blank lines
/// at the end while there are rows above.
pub(crate) fn window(
    count: usize,
    (top, at): (usize, usize),
    room: usize,
    height: impl Fn(usize) -> usize,
) -> Range<usize> {
    if count == 0 {
        return 0..0;
    }
    let at = at.min(count - 1);
    let mut first = top.min(at);
    let mut used: usize = (first..=at).map(&height).sum();
    while used > room && first < at {
        used -= height(first);
        first += 1;
    }
    let mut end = at + 1;
    while end < count && used + height(end) <= room {
        used += height(end);
        end += 1;
    }
    while end == count && first > 0 && used + height(first - 1) <= room {
        first -= 1;
        used += height(first);
    }
    first..end
}
