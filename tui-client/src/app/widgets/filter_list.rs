//! List with a filter: typing filters, the arrows choose, and the choice stays with its row while the list changes.

use super::editor::{Edited, Editor};
use crate::input::key::{Code, Key};

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
    /// It was asked for.
    #[default]
    Asked,
    Done,
    /// The server would not: why.
    Refused(String),
}

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListMove {
    /// It was carried out, or is none of the list's.
    Here,
    /// A row below the last one is wanted.
    Beyond,
}

impl<K> Default for FilterList<K> {
    fn default() -> Self {
        Self { filter: Editor::default(), at: None }
    }
}

impl<K: Copy + PartialEq> FilterList<K> {
    /// Whether a row with this text passes the filter: it holds each word, in any case.
    pub(crate) fn passes(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.filter.text().to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    /// The place of the chosen row among those shown; without it, of the one that took its place.
    pub(crate) fn place(&self, shown: &[K]) -> usize {
        let Some((at, was)) = self.at else { return 0 };
        let here = shown.iter().position(|key| *key == at);
        here.unwrap_or(was.min(shown.len().saturating_sub(1)))
    }

    /// The chosen row.
    pub(crate) fn chosen(&self, shown: &[K]) -> Option<K> {
        shown.get(self.place(shown)).copied()
    }

    /// Chooses the row at a place.
    pub(crate) fn choose(&mut self, shown: &[K], place: usize) {
        self.at = shown.get(place).map(|key| (*key, place));
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
        Some(if to > last { ListMove::Beyond } else { ListMove::Here })
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
        assert_eq!(walk(&mut list, "down", &[9, 8, 7]), Some(ListMove::Here));
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
        assert_eq!(walk(&mut list, "pgup up", &[1, 2, 3]), Some(ListMove::Here));
        assert_eq!(list.chosen(&[1, 2, 3]), Some(1));
        assert_eq!(walk(&mut list, "x", &[1, 2, 3]), None);
    }

    #[test]
    fn each_word_of_the_filter_must_be_there() {
        let mut list = FilterList::<u8>::default();
        list.paste("Run ANN\nmore");
        assert!(list.passes("zone-run of ann") && !list.passes("zone-run of bob"));
    }
}
