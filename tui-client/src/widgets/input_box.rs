//! The input box: the line, its history, and the list of completions.

use super::completion::{self, Complete, CompletionKey, CompletionList};
use super::editor::{Edited, Editor};
use super::line_history::{LineHistory, Recall};
use crate::input::key::{Code, Key};

/// What is typed at a console.
#[derive(Debug, Default)]
pub(crate) struct InputBox {
    pub(crate) editor: Editor,
    pub(crate) history: LineHistory,
    pub(crate) recall: Option<Recall>,
    pub(crate) popup: Option<CompletionList>,
    /// Enter was pressed before the menu had come: the line is run when it comes.
    pub(crate) held: bool,
}

/// What became of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// It was taken.
    Used,
    /// It is not the input's.
    Passed,
    /// The line is to be run.
    Enter,
}

impl InputBox {
    /// Whether something other than the plain line has the keys: a list, or a search in the history.
    pub(crate) fn is_busy(&self) -> bool {
        self.popup.is_some() || self.recall.is_some()
    }

    /// What keys do while the list of completions or the search in the history is open; none else.
    pub(crate) fn keys(&self) -> Option<&'static [&'static str]> {
        if let Some(popup) = &self.popup {
            return Some(match popup.at {
                Some(_) => &["Tab next", "Enter takes it", "Esc as it was"],
                None => &["Tab next", "Esc closes the list"],
            });
        }
        let recall = self.recall.as_ref()?;
        Some(match recall.at {
            Some(at) if self.history.find(&recall.query, at).is_some() => {
                &["Enter runs it", "Ctrl-R older", "Esc as it was"]
            }
            Some(_) => &["Enter runs it", "Esc as it was"],
            None => &["Esc as it was"],
        })
    }

    /// A key, after everything above the input has passed it on.
    pub(crate) fn key(&mut self, key: Key, complete: Complete<'_>) -> Typed {
        if self.recall.is_some() {
            return self.recall_key(key, complete);
        }
        if completion::key(&mut self.popup, &mut self.editor, key, complete) == CompletionKey::Used
        {
            self.history.rest();
            return Typed::Used;
        }
        match key.code {
            Code::Enter if !key.alt && !key.ctrl => return Typed::Enter,
            Code::Tab => {
                self.popup = completion::open(&mut self.editor, complete);
                self.history.rest();
            }
            Code::Up if !key.alt && !key.ctrl && !key.shift => {
                self.older();
            }
            Code::Down if !key.alt && !key.ctrl && !key.shift => {
                if let Some(line) = self.history.newer(self.editor.text()) {
                    self.editor.set(&line);
                }
            }
            _ if key.is_ctrl('r') => {
                self.recall =
                    Some(Recall { before: self.editor.text().to_owned(), ..Recall::default() });
            }
            _ => match self.editor.key(key) {
                Edited::No => return Typed::Passed,
                Edited::Moved => {}
                Edited::Text => self.history.rest(),
            },
        }
        Typed::Used
    }

    /// Takes one of the completions.
    pub(crate) fn take_candidate(&mut self, nth: usize) {
        if let Some(popup) = self.popup.take() {
            popup.take(&mut self.editor, nth);
        }
    }

    /// Tries another one of the completions.
    pub(crate) fn wheel(&mut self, rows: i32) {
        let Some(popup) = &mut self.popup else { return };
        for _ in 0..rows.unsigned_abs() {
            popup.step(&mut self.editor, rows > 0);
        }
    }

    fn older(&mut self) {
        if let Some(line) = self.history.older(self.editor.text()) {
            self.editor.set(&line);
        }
    }

    /// A line of text was pasted.
    pub(crate) fn paste(&mut self, line: &str) {
        self.popup = None;
        self.history.rest();
        match &mut self.recall {
            Some(recall) => {
                recall.query.push_str(&topside_shared::text::clean(line, 500));
                self.find(usize::MAX);
            }
            None => self.editor.insert(line),
        }
    }

    fn recall_key(&mut self, key: Key, complete: Complete<'_>) -> Typed {
        let Some(recall) = &mut self.recall else { return Typed::Passed };
        match key.code {
            Code::Esc => self.give_up(),
            _ if key.is_ctrl('g') || key.is_ctrl('c') => self.give_up(),
            Code::Up => self.find_older(),
            _ if key.is_ctrl('r') => self.find_older(),
            Code::Backspace => {
                recall.query.pop();
                self.find(usize::MAX);
            }
            Code::Enter => {
                self.recall = None;
                return Typed::Enter;
            }
            Code::Char(c) if key.typed().is_some() => {
                recall.query.push(c);
                self.find(usize::MAX);
            }
            // Any other key takes what was found and goes on from there.
            _ => {
                self.recall = None;
                return self.key(key, complete);
            }
        }
        Typed::Used
    }

    fn give_up(&mut self) {
        if let Some(recall) = self.recall.take() {
            self.editor.set(&recall.before);
        }
    }

    fn find_older(&mut self) {
        let below = self.recall.as_ref().and_then(|recall| recall.at).unwrap_or(usize::MAX);
        self.find(below);
    }

    fn find(&mut self, below: usize) {
        let Some(recall) = &mut self.recall else { return };
        if recall.query.is_empty() {
            recall.at = None;
            self.editor.set(&recall.before);
            return;
        }
        if let Some(at) = self.history.find(&recall.query, below) {
            recall.at = Some(at);
            self.editor.set(self.history.get(at).unwrap_or_default());
        } else if below == usize::MAX {
            recall.at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use topside_shared::cmdline;

    use super::*;

    fn press(input: &mut InputBox, keys: &[&str]) -> Typed {
        let mut last = Typed::Passed;
        for key in keys {
            last = input.key(key.parse().unwrap(), &|line, at| cmdline::complete(line, at, &[]));
        }
        last
    }

    #[test]
    fn ctrl_r_finds_older_lines_and_esc_gives_back_what_was_typed() {
        let mut input = InputBox::default();
        for line in ["zones", "zone-run 3", "temp"] {
            input.history.push(line);
        }
        input.editor.set("half");
        press(&mut input, &["ctrl-r", "z", "o"]);
        assert_eq!(input.editor.text(), "zone-run 3");
        press(&mut input, &["ctrl-r"]);
        assert_eq!(input.editor.text(), "zones");
        press(&mut input, &["esc"]);
        assert_eq!(input.editor.text(), "half");
        assert_eq!(press(&mut input, &["ctrl-r", "t", "e", "enter"]), Typed::Enter);
        assert_eq!(input.editor.text(), "temp");
    }
}
