//! List with a filter: typing filters, the arrows choose, and the choice stays with its row while the list changes.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::canvas::{self, ViewHits};
use super::editor::{Edited, Editor};
use super::field::field;
use super::row::Row;
use crate::input::key::{Code, Key};
use crate::theme::Theme;

/// The filter and the choice; `K` tells rows apart.
#[derive(Debug, Clone)]
pub(crate) struct FilterList<K> {
    pub(crate) filter: Editor,
    /// The chosen row, and its place when it was last seen.
    at: Option<(K, usize)>,
}

/// Whether the list is as the server has it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Load {
    #[default]
    Asked,
    /// It was asked for, and the server's list has changed since.
    Stale,
    Done,
    /// The server refused it: why.
    Refused(String),
}

impl Load {
    /// The server's list has changed; whether to ask for it now. While an answer is pending, that comes first.
    pub(crate) fn changed(&mut self) -> bool {
        if *self == Self::Asked {
            *self = Self::Stale;
        }
        *self == Self::Done
    }

    /// The answer has come; whether to ask once more.
    pub(crate) fn answered(&mut self, refused: Option<String>) -> bool {
        let was = std::mem::replace(self, refused.map_or(Self::Done, Self::Refused));
        was == Self::Stale && *self == Self::Done
    }
}

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListMove {
    Moved,
    /// A row below the last one is wanted.
    Beyond,
}

/// What a key means to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKey {
    Close,
    Refresh,
    /// A row below the last one is wanted.
    Beyond,
    /// The filter has changed, so that [`FilterList::first`] is due.
    Filtered,
    Done,
}

impl<K> Default for FilterList<K> {
    fn default() -> Self {
        Self { filter: Editor::default(), at: None }
    }
}

impl<K: Clone + PartialEq> FilterList<K> {
    /// Whether a row with this text passes the filter: it holds each word, in any case. Without a filter the text is not
    /// made.
    pub(crate) fn passes(&self, text: impl FnOnce() -> String) -> bool {
        if self.filter.is_empty() {
            return true;
        }
        let text = text().to_lowercase();
        self.filter.text().to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    /// The place of the chosen row among those shown; without it, of the one that took its place.
    pub(crate) fn place(&self, shown: &[K]) -> usize {
        let Some((at, was)) = &self.at else { return 0 };
        let here = shown.iter().position(|key| key == at);
        here.unwrap_or((*was).min(shown.len().saturating_sub(1)))
    }

    pub(crate) fn chosen(&self, shown: &[K]) -> Option<K> {
        shown.get(self.place(shown)).cloned()
    }

    pub(crate) fn choose(&mut self, shown: &[K], place: usize) {
        self.at = shown.get(place).map(|key| (key.clone(), place));
    }

    /// Chooses the first of those shown.
    pub(crate) fn first(&mut self, shown: &[K]) {
        self.choose(shown, 0);
    }

    /// The list has changed: keeps the choice, or makes one.
    pub(crate) fn settle(&mut self, shown: &[K]) {
        self.choose(shown, self.place(shown));
    }

    /// An arrow or a page. `None`: the key is another one.
    pub(crate) fn walk(&mut self, key: Key, shown: &[K], page: usize) -> Option<ListMove> {
        let (at, last) = (self.place(shown), shown.len().saturating_sub(1));
        let to = match key.code {
            Code::Up | Code::BackTab => at.saturating_sub(1),
            Code::Down | Code::Tab => at + 1,
            Code::PageUp => at.saturating_sub(page),
            Code::PageDown => at + page,
            _ => return None,
        };
        self.choose(shown, to.min(last));
        Some(if to > last { ListMove::Beyond } else { ListMove::Moved })
    }

    /// A key that every list understands.
    pub(crate) fn key(&mut self, key: Key, shown: &[K], page: usize) -> ListKey {
        match key.code {
            Code::Esc => return ListKey::Close,
            _ if key.is_ctrl('c') => return ListKey::Close,
            Code::F(5) => return ListKey::Refresh,
            _ => {}
        }
        match self.walk(key, shown, page) {
            Some(ListMove::Beyond) => ListKey::Beyond,
            None if self.edit(key) => ListKey::Filtered,
            Some(ListMove::Moved) | None => ListKey::Done,
        }
    }

    /// The wheel goes through the rows as the arrows do.
    pub(crate) fn wheel(&mut self, rows: i32, shown: &[K]) {
        let code = if rows > 0 { Code::Down } else { Code::Up };
        for _ in 0..rows.unsigned_abs() {
            self.walk(Key::plain(code), shown, 1);
        }
    }

    /// A key of the filter; whether its text changed, so that [`Self::first`] is due.
    pub(crate) fn edit(&mut self, key: Key) -> bool {
        self.filter.key(key) == Edited::Text
    }

    /// Pasted text is looked for; its first line.
    pub(crate) fn paste(&mut self, text: &str) {
        self.filter.insert(text.lines().next().unwrap_or_default());
    }
}

/// Where the parts of a list are drawn.
pub(crate) struct ListArea {
    /// All of the popup.
    pub(crate) inside: Rect,
    pub(crate) rows: Rect,
    pub(crate) cursor: Option<Position>,
}

impl ListArea {
    /// Writes the filter at the top of a popup. Below the rows `below` others are kept free, the keys being one.
    pub(crate) fn new(
        filter: &Editor,
        inside: Rect,
        below: u16,
        buffer: &mut Buffer,
        theme: &Theme,
    ) -> Self {
        let mut first = Row::new(buffer, inside);
        first.left("❯ ", theme.accent);
        let place = Rect { x: first.x(), width: inside.right() - first.x(), height: 1, ..inside };
        let cursor = field(buffer, place, filter, theme.plain);
        let height = inside.height.saturating_sub(2 + below);
        Self { inside, rows: Rect { y: inside.y + 2, height, ..inside }, cursor }
    }

    /// Draws the rows around the chosen one, each behind its mark.
    pub(crate) fn draw<T>(
        &self,
        (shown, at): (&[T], usize),
        buffer: &mut Buffer,
        theme: &Theme,
        mut draw: impl FnMut(&mut Row<'_>, &T, bool),
    ) {
        let top = (at + 1).saturating_sub(usize::from(self.rows.height).max(1));
        for (y, (nth, one)) in (0..self.rows.height).zip(shown.iter().enumerate().skip(top)) {
            let mut row = Row::at(buffer, self.rows, y);
            row.left(if nth == at { "▌ " } else { "  " }, theme.accent);
            draw(&mut row, one, nth == at);
        }
    }

    /// Says why there are no rows, or no new ones: the server's refusal, or that it was asked, or `empty`.
    pub(crate) fn standing(
        &self,
        load: &Load,
        empty: Option<&str>,
        buffer: &mut Buffer,
        theme: &Theme,
    ) {
        let text = match (load, empty) {
            (Load::Refused(why), _) => why,
            (Load::Asked | Load::Stale, Some(_)) => "Asking …",
            (Load::Done, Some(empty)) => empty,
            (_, None) => return,
        };
        // A list that could not be read again still has its rows.
        let blank = " ".repeat(usize::from(self.rows.width));
        Row::new(buffer, self.rows).left(&blank, theme.plain);
        Row::new(buffer, self.rows).skip(2).left(text, theme.dim);
    }

    /// What keys do, and which of how many is chosen; `more`: the server has others.
    pub(crate) fn foot<'k>(
        &self,
        (at, count, more): (usize, usize, bool),
        keys: impl IntoIterator<Item = &'k str>,
        (buffer, hits): (&mut Buffer, &mut ViewHits),
        theme: &Theme,
    ) {
        let mut foot = Row::at(buffer, self.inside, self.inside.height.saturating_sub(1));
        if count > 0 {
            let more = if more { "+" } else { "" };
            foot.right(&format!("{} of {count}{more}", at + 1), theme.dim).skip_right(1);
        }
        canvas::keys(&mut foot, keys, hits, theme);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(list: &mut FilterList<u8>, keys: &str, shown: &[u8]) -> Option<ListMove> {
        keys.split(' ').map(|key| list.walk(key.parse().unwrap(), shown, 2)).last().flatten()
    }

    #[test]
    fn the_choice_stays_with_its_row_and_goes_to_the_next_where_that_is_gone() {
        let mut list = FilterList::default();
        list.settle(&[9, 8, 7]);
        assert_eq!(walk(&mut list, "down", &[9, 8, 7]), Some(ListMove::Moved));
        list.settle(&[10, 9, 8, 7]);
        assert_eq!(list.chosen(&[10, 9, 8, 7]), Some(8));
        assert_eq!(list.chosen(&[10, 9, 7]), Some(7));
        assert_eq!(list.chosen(&[10, 9]), Some(9));
        assert_eq!(list.chosen(&[]), None);
    }

    #[test]
    fn steps_end_at_both_ends_and_one_below_the_last_is_told() {
        let mut list = FilterList::default();
        assert_eq!(walk(&mut list, "up down pgdn", &[1, 2, 3]), Some(ListMove::Beyond));
        assert_eq!(list.chosen(&[1, 2, 3]), Some(3));
        assert_eq!(walk(&mut list, "pgup up", &[1, 2, 3]), Some(ListMove::Moved));
        assert_eq!(list.chosen(&[1, 2, 3]), Some(1));
        assert_eq!(walk(&mut list, "x", &[1, 2, 3]), None);
    }

    #[test]
    fn each_word_of_the_filter_must_be_there() {
        let mut list = FilterList::<u8>::default();
        list.paste("Run ANN\nmore");
        let passes = |text: &str| list.passes(|| text.to_owned());
        assert!(passes("zone-run of ann") && !passes("zone-run of bob"));
    }
}
