//! List: rows of which one is chosen, with a filter, a scroll position, column heads and places for clicks. One type owns
//! all of it; a view gives the columns, the rows, and what Enter does.
//!
//! The first row that is drawn, and how many there are, are kept with the places for clicks ([`ListLayout`]) and come back
//! with the next key, click or turn of the wheel: drawing changes no state.

mod columns;
mod draw;
mod load;

use crate::input::key::{Code, Key};
pub(crate) use crate::widgets::canvas::ListLayout;
use crate::widgets::editor::{Edited, Editor};
pub(crate) use columns::{Cell, Column, Line, cell};
pub(crate) use draw::{FILTER_KEYS, ListHints, Table, draw_note, window};
pub(crate) use load::Load;

/// The choice, the filter and the scroll position; `K` tells rows apart.
#[derive(Debug, Clone)]
pub(crate) struct List<K> {
    pub(crate) filter: Editor,
    mode: FilterMode,
    /// Whether the newest row, the last one, is the chosen one as long as no other was chosen.
    follows_end: bool,
    /// The chosen row, and its place when it was last seen.
    at: Option<(K, usize)>,
    /// The first row that is drawn, unless the chosen one would be out of sight.
    top: usize,
}

/// When letters go to the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FilterMode {
    /// After `/`, until Enter or Esc; whether it is so now.
    AfterSlash(bool),
    /// Always.
    Typed,
}

/// What a key means to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKey {
    Close,
    /// Enter, for the chosen row.
    Open,
    Refresh,
    /// A row below the last one is wanted.
    Beyond,
    /// The text of the filter has changed.
    Filtered,
    /// Another row is chosen, or the filter got or lost the keys.
    Moved,
    /// It is not a key of the list.
    Passed,
}

impl<K> Default for List<K> {
    /// A list that filters after `/`.
    fn default() -> Self {
        let mode = FilterMode::AfterSlash(false);
        Self { filter: Editor::default(), mode, follows_end: false, at: None, top: 0 }
    }
}

impl<K: Clone + PartialEq> List<K> {
    /// A list in which every letter goes to the filter.
    pub(crate) fn typed() -> Self {
        Self { mode: FilterMode::Typed, ..Self::default() }
    }

    /// A list in which the last row is chosen, also when others come behind it, until another row is chosen.
    pub(crate) fn following() -> Self {
        Self { follows_end: true, ..Self::default() }
    }

    /// Whether every letter goes to the filter.
    pub(crate) fn is_typed(&self) -> bool {
        self.mode == FilterMode::Typed
    }

    /// Whether letters go to the filter now.
    pub(crate) fn is_filtering(&self) -> bool {
        matches!(self.mode, FilterMode::Typed | FilterMode::AfterSlash(true))
    }

    /// Whether the last row is chosen because no other one was.
    pub(crate) fn follows(&self) -> bool {
        self.follows_end && self.at.is_none()
    }

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
        let last = shown.len().saturating_sub(1);
        match &self.at {
            Some((at, was)) => shown.iter().position(|key| key == at).unwrap_or((*was).min(last)),
            None if self.follows_end => last,
            None => 0,
        }
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
        self.top = 0;
    }

    /// Chooses the last row, and those that come behind it.
    fn end(&mut self, shown: &[K]) {
        match self.follows_end {
            true => self.at = None,
            false => self.choose(shown, shown.len().saturating_sub(1)),
        }
    }

    /// The list has changed: keeps the choice, or makes one.
    pub(crate) fn settle(&mut self, shown: &[K]) {
        if !self.follows() {
            self.choose(shown, self.place(shown));
        }
    }

    /// A key that the list may understand. What it leaves is [`ListKey::Passed`].
    pub(crate) fn key(&mut self, key: Key, shown: &[K], layout: ListLayout) -> ListKey {
        self.top = layout.top;
        if key.leaves() {
            return self.escape();
        }
        let key = if self.is_filtering() { key } else { key.as_page() };
        let plain = Key::plain(key.code) == key;
        match (key.code, self.mode) {
            (Code::Enter, FilterMode::AfterSlash(true)) => {
                self.mode = FilterMode::AfterSlash(false);
                return ListKey::Moved;
            }
            (Code::Enter, _) if plain => return ListKey::Open,
            (Code::F(5), _) if plain => return ListKey::Refresh,
            (Code::Char(letter), FilterMode::AfterSlash(false)) if plain => {
                return self.letter(letter, shown, layout.page);
            }
            _ => {}
        }
        if let Some(moved) = self.walk(key, shown, layout.page) {
            return moved;
        }
        if !self.is_filtering() {
            return ListKey::Passed;
        }
        match self.filter.key(key) {
            Edited::Text => ListKey::Filtered,
            Edited::Moved => ListKey::Moved,
            Edited::No => ListKey::Passed,
        }
    }

    /// Leaves the filter first, then the list. Where every letter filters, there is nothing to leave.
    fn escape(&mut self) -> ListKey {
        if self.mode == FilterMode::Typed {
            return ListKey::Close;
        }
        let was_filtering = self.is_filtering();
        self.mode = FilterMode::AfterSlash(false);
        match self.filter.is_empty() {
            false => {
                self.filter.clear();
                ListKey::Filtered
            }
            true if was_filtering => ListKey::Moved,
            true => ListKey::Close,
        }
    }

    /// A letter that goes to no filter.
    fn letter(&mut self, letter: char, shown: &[K], page: usize) -> ListKey {
        let code = match letter {
            '/' => {
                self.mode = FilterMode::AfterSlash(true);
                return ListKey::Moved;
            }
            'q' => return ListKey::Close,
            'r' => return ListKey::Refresh,
            'j' => Code::Down,
            'k' => Code::Up,
            'g' => Code::Home,
            'G' => Code::End,
            _ => return ListKey::Passed,
        };
        self.walk(Key::plain(code), shown, page).unwrap_or(ListKey::Passed)
    }

    /// An arrow, a page, or an end; a list in which every letter filters takes Tab for an arrow. None: another key.
    fn walk(&mut self, key: Key, shown: &[K], page: usize) -> Option<ListKey> {
        if Key::plain(key.code) != key {
            return None;
        }
        let (at, last) = (self.place(shown), shown.len().saturating_sub(1));
        let typed = self.mode == FilterMode::Typed;
        let to = match key.code {
            Code::Up => at.saturating_sub(1),
            Code::BackTab if typed => at.saturating_sub(1),
            Code::Down => at + 1,
            Code::Tab if typed => at + 1,
            Code::PageUp => at.saturating_sub(page),
            Code::PageDown => at + page,
            Code::Home => 0,
            Code::End => {
                self.end(shown);
                return Some(ListKey::Moved);
            }
            _ => return None,
        };
        if to > last {
            self.end(shown);
            return Some(ListKey::Beyond);
        }
        self.choose(shown, to);
        Some(ListKey::Moved)
    }

    /// The wheel scrolls; the choice stays as long as it is in sight.
    pub(crate) fn wheel(&mut self, rows: i32, shown: &[K], layout: ListLayout) {
        let ListLayout { top, page } = layout;
        let (steps, last_top) = (rows.unsigned_abs() as usize, shown.len().saturating_sub(page));
        let scrolled =
            if rows > 0 { (top + steps).min(last_top) } else { top.saturating_sub(steps) };
        self.top = scrolled;
        if self.follows_end && scrolled == last_top && rows > 0 {
            return self.end(shown);
        }
        let at = self.place(shown);
        let seen = at.clamp(scrolled, scrolled + page.max(1) - 1);
        if seen != at {
            self.choose(shown, seen);
        }
    }

    /// A click on a row; whether it was the chosen one, so that it is to be opened.
    pub(crate) fn click(&mut self, row: usize, shown: &[K], layout: ListLayout) -> bool {
        self.top = layout.top;
        if row < shown.len() && row == self.place(shown) {
            return true;
        }
        self.choose(shown, row);
        false
    }

    /// Pasted text is looked for; its first line.
    pub(crate) fn paste(&mut self, text: &str) {
        if self.mode != FilterMode::Typed {
            self.mode = FilterMode::AfterSlash(true);
        }
        self.filter.insert(text.lines().next().unwrap_or_default());
    }

    /// The first row that is drawn, unless the chosen one would be out of sight.
    pub(crate) fn top(&self) -> usize {
        self.top
    }

    pub(crate) fn scroll_to(&mut self, top: usize) {
        self.top = top;
    }

    /// How the list was drawn last; before that, as far as it is known.
    pub(crate) fn layout(&self, drawn: Option<ListLayout>, page: usize) -> ListLayout {
        drawn.unwrap_or(ListLayout { top: self.top, page })
    }

    /// Drops the filter.
    pub(crate) fn unfilter(&mut self) {
        self.filter.clear();
        if self.mode != FilterMode::Typed {
            self.mode = FilterMode::AfterSlash(false);
        }
    }
}

/// Scrolls rows of which only some can be chosen, as headings cannot: the first row to draw, and the row to choose instead of
/// `chosen`, if that is out of sight.
pub(crate) fn scrolled<K: Clone + PartialEq>(
    rows: &[Option<K>],
    chosen: Option<&K>,
    by: i32,
    layout: ListLayout,
) -> (usize, Option<K>) {
    let ListLayout { top, page } = layout;
    let (steps, last) = (by.unsigned_abs() as usize, rows.len().saturating_sub(page));
    let top = if by > 0 { top + steps } else { top.saturating_sub(steps) }.min(last);
    let mut seen = rows.iter().skip(top).take(page).flatten();
    let stays = chosen.is_none_or(|chosen| seen.clone().any(|key| key == chosen));
    let nearest = if by > 0 { seen.next() } else { seen.last() };
    (top, nearest.filter(|_| !stays).cloned())
}

#[cfg(test)]
mod tests;
