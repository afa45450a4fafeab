//! One line of text under edit, with the keys of readline. It serves the input box and every field.

use unicode_segmentation::UnicodeSegmentation;

use crate::input::key::{Code, Key};

/// Most bytes a line takes; a request could not carry more anyway.
pub(crate) const MAX_LINE: usize = 60 * 1024;

/// What a key did to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edited {
    /// It is not a key of the editor.
    No,
    /// The cursor moved, or could not.
    Moved,
    /// The text changed.
    Text,
}

/// A line and its cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Editor {
    text: String,
    /// A byte of `text`, always between two clusters.
    cursor: usize,
    /// What was cut last, for Ctrl-Y.
    killed: String,
}

impl Editor {
    pub(crate) fn with(text: &str) -> Self {
        let mut editor = Self::default();
        editor.set(text);
        editor
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.cursor == self.text.len()
    }

    /// Replaces the line; the cursor goes to its end.
    pub(crate) fn set(&mut self, text: &str) {
        self.text.clear();
        self.cursor = 0;
        self.insert(text);
    }

    /// Empties the line; Ctrl-Y brings it back.
    pub(crate) fn clear(&mut self) {
        if !self.text.is_empty() {
            self.killed = std::mem::take(&mut self.text);
        }
        self.cursor = 0;
    }

    /// Types `text` at the cursor; what steers a terminal is left out, and a tab becomes a space.
    pub(crate) fn insert(&mut self, text: &str) {
        for c in text.chars() {
            let c = if c == '\t' { ' ' } else { c };
            if topside_shared::text::is_control(c) || self.text.len() + c.len_utf8() > MAX_LINE {
                continue;
            }
            self.text.insert(self.cursor, c);
            self.cursor += c.len_utf8();
        }
    }

    /// Puts `with` in the place of these bytes, cursor after it.
    pub(crate) fn replace(&mut self, range: std::ops::Range<usize>, with: &str) {
        let end = range.end.min(self.text.len());
        let start = range.start.min(end);
        if self.text.is_char_boundary(start) && self.text.is_char_boundary(end) {
            self.text.replace_range(start..end, "");
            self.cursor = start;
            self.insert(with);
        }
    }

    /// Carries out a key, if it is one of the editor's.
    pub(crate) fn key(&mut self, key: Key) -> Edited {
        if let Some(c) = key.typed() {
            let mut buffer = [0; 4];
            self.insert(c.encode_utf8(&mut buffer));
            return Edited::Text;
        }
        match (key.ctrl, key.alt, key.code) {
            (true, false, Code::Char('a')) | (false, false, Code::Home) => self.go(0),
            (true, false, Code::Char('e')) | (false, false, Code::End) => self.go(self.text.len()),
            (true, false, Code::Char('b')) | (false, false, Code::Left) => self.go(self.left()),
            (true, false, Code::Char('f')) | (false, false, Code::Right) => self.go(self.right()),
            (false, true, Code::Char('b') | Code::Left) | (true, false, Code::Left) => {
                self.go(self.word_left())
            }
            (false, true, Code::Char('f') | Code::Right) | (true, false, Code::Right) => {
                self.go(self.word_right())
            }
            (false, _, Code::Backspace) | (true, false, Code::Char('h')) => {
                if key.alt {
                    self.kill(self.word_left()..self.cursor)
                } else {
                    self.cut(self.left()..self.cursor)
                }
            }
            (true, false, Code::Backspace) => self.kill(self.word_left()..self.cursor),
            (false, false, Code::Delete) | (true, false, Code::Char('d')) => {
                self.cut(self.cursor..self.right())
            }
            (true, false, Code::Char('k')) => self.kill(self.cursor..self.text.len()),
            (true, false, Code::Char('u')) => self.kill(0..self.cursor),
            (true, false, Code::Char('w')) => self.kill(self.blank_left()..self.cursor),
            (false, true, Code::Char('d')) => self.kill(self.cursor..self.word_right()),
            (true, false, Code::Char('y')) => {
                let killed = self.killed.clone();
                self.insert(&killed);
                Edited::Text
            }
            (true, false, Code::Char('t')) => self.transpose(),
            _ => Edited::No,
        }
    }

    fn go(&mut self, to: usize) -> Edited {
        self.cursor = to;
        Edited::Moved
    }

    fn cut(&mut self, range: std::ops::Range<usize>) -> Edited {
        if range.is_empty() {
            return Edited::Moved;
        }
        self.cursor = range.start;
        self.text.replace_range(range, "");
        Edited::Text
    }

    fn kill(&mut self, range: std::ops::Range<usize>) -> Edited {
        if !range.is_empty() {
            self.killed = self.text[range.clone()].to_owned();
        }
        self.cut(range)
    }

    /// Swaps the two characters around the cursor; at the end, the last two.
    fn transpose(&mut self) -> Edited {
        let right = if self.at_end() { self.cursor } else { self.right() };
        let Some((middle, second)) = self.text[..right].grapheme_indices(true).next_back() else {
            return Edited::Moved;
        };
        let Some((left, first)) = self.text[..middle].grapheme_indices(true).next_back() else {
            return Edited::Moved;
        };
        let swapped = format!("{second}{first}");
        self.text.replace_range(left..right, &swapped);
        self.cursor = right;
        Edited::Text
    }

    fn left(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        let mut clusters = self.text[self.cursor..].graphemes(true);
        self.cursor + clusters.next().map_or(0, str::len)
    }

    fn word_left(&self) -> usize {
        let mut at = self.cursor;
        let mut seen = false;
        for (i, c) in self.text[..self.cursor].char_indices().rev() {
            if seen && !c.is_alphanumeric() {
                break;
            }
            seen |= c.is_alphanumeric();
            at = i;
        }
        at
    }

    fn word_right(&self) -> usize {
        let mut seen = false;
        for (i, c) in self.text[self.cursor..].char_indices() {
            if seen && !c.is_alphanumeric() {
                return self.cursor + i;
            }
            seen |= c.is_alphanumeric();
        }
        self.text.len()
    }

    /// The start of the word before the cursor, where only blanks part words (Ctrl-W).
    fn blank_left(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line after these keys, with `|` where the cursor stands.
    fn after(text: &str, keys: &[&str]) -> String {
        let mut editor = Editor::with(text);
        for key in keys {
            editor.key(key.parse().unwrap());
        }
        let (before, behind) = editor.text.split_at(editor.cursor);
        format!("{before}|{behind}")
    }

    #[test]
    fn keys_of_readline_move_and_cut() {
        let line = "zone-run 3 --minutes 5";
        assert_eq!(after(line, &["ctrl-a"]), "|zone-run 3 --minutes 5");
        assert_eq!(after(line, &["alt-b", "alt-b"]), "zone-run 3 --|minutes 5");
        assert_eq!(after(line, &["ctrl-w", "ctrl-w"]), "zone-run 3 |");
        assert_eq!(after(line, &["ctrl-a", "alt-d"]), "|-run 3 --minutes 5");
        assert_eq!(after(line, &["ctrl-a", "alt-f", "ctrl-k"]), "zone|");
        assert_eq!(after(line, &["ctrl-u"]), "|");
        assert_eq!(after(line, &["ctrl-u", "ctrl-y"]), "zone-run 3 --minutes 5|");
        assert_eq!(after("ab", &["ctrl-t"]), "ba|");
        assert_eq!(after("abc", &["ctrl-b", "ctrl-t"]), "acb|");
        assert_eq!(after("abc", &["home", "delete", "end", "backspace"]), "b|");
    }

    #[test]
    fn a_cluster_is_never_cut_in_two() {
        assert_eq!(after("e\u{301}x", &["left", "backspace"]), "|x");
        assert_eq!(after("👩‍🚀", &["backspace"]), "|");
    }

    #[test]
    fn what_steers_a_terminal_is_not_typed() {
        assert_eq!(after("a\u{1b}[2J\tb\u{202e}c", &[]), "a[2J bc|");
    }
}
