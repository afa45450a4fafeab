//! Searching the response pane: `/`, then `n` and `N`.

use super::editor::{Edited, Editor};
use crate::input::key::{Code, Key};
use crate::scrollback::{Match, Needle, Pane};

/// Matches are counted up to here.
pub(crate) const MAX_COUNT: usize = 10_000;

/// A search under way.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) field: Editor,
    /// Whether the text is still being typed; else `n` and `N` go through the matches.
    pub(crate) typing: bool,
    pub(crate) needle: Option<Needle>,
    pub(crate) current: Option<Match>,
    pub(crate) count: usize,
    /// Whether the pane followed before, and will again.
    followed: bool,
}

impl Search {
    pub(crate) fn begin(pane: &Pane) -> Self {
        Self { typing: true, followed: pane.is_following(), ..Self::default() }
    }

    /// Handles a key; false: the search has ended.
    pub(crate) fn key(&mut self, key: Key, pane: &mut Pane) -> bool {
        match key.code {
            _ if key.leaves() => {
                self.leave(pane);
                return false;
            }
            Code::PageUp => pane.page_up(),
            Code::PageDown => pane.page_down(),
            Code::Enter if self.typing => {
                if self.needle.is_none() {
                    self.leave(pane);
                    return false;
                }
                self.typing = false;
            }
            Code::Enter | Code::Down => self.next(pane),
            Code::Up => self.previous(pane),
            _ if self.typing => self.edit(key, pane),
            Code::Char('n') => self.next(pane),
            Code::Char('N' | 'p') => self.previous(pane),
            Code::Char('/') => self.typing = true,
            Code::End => pane.end(),
            Code::Home => pane.home(),
            _ => {}
        }
        true
    }

    /// Pasted text is looked for; its first line.
    pub(crate) fn paste(&mut self, text: &str, pane: &mut Pane) {
        if self.typing {
            self.field.insert(text.lines().next().unwrap_or_default());
            self.look(pane);
        }
    }

    fn edit(&mut self, key: Key, pane: &mut Pane) {
        if self.field.key(key) == Edited::Text {
            self.look(pane);
        }
    }

    fn look(&mut self, pane: &mut Pane) {
        self.needle = Needle::new(self.field.text());
        self.current = None;
        self.count = 0;
        if let Some(needle) = &self.needle {
            self.count = pane.count_matches(needle, MAX_COUNT);
            self.current = pane.next_match(needle, None);
        }
        self.reveal(pane);
    }

    fn next(&mut self, pane: &mut Pane) {
        if let Some(needle) = &self.needle {
            self.count = pane.count_matches(needle, MAX_COUNT);
            self.current = pane.next_match(needle, self.current.as_ref());
        }
        self.reveal(pane);
    }

    fn previous(&mut self, pane: &mut Pane) {
        if let Some(needle) = &self.needle {
            self.count = pane.count_matches(needle, MAX_COUNT);
            self.current = pane.previous_match(needle, self.current.as_ref());
        }
        self.reveal(pane);
    }

    fn reveal(&self, pane: &mut Pane) {
        if let Some(found) = &self.current {
            pane.reveal(found);
        }
    }

    fn leave(&self, pane: &mut Pane) {
        if self.followed {
            pane.end();
        }
    }
}
