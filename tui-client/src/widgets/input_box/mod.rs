//! The input box: the line, its history, and the list of completions or of earlier lines.

mod draw;

use super::completion::{self, Complete, CompletionKey, CompletionList};
use super::editor::{Edited, Editor};
use super::line_history::{LineHistory, Recall};
use crate::input::key::{Code, Key};

pub(crate) use draw::draw_list;

/// What is typed at a console.
#[derive(Debug, Default)]
pub(crate) struct InputBox {
    pub(crate) editor: Editor,
    pub(crate) history: LineHistory,
    pub(crate) recall: Option<Recall>,
    pub(crate) popup: Option<CompletionList>,
    /// Enter was pressed before the menu had come: the line is run when it comes.
    pub(crate) held: bool,
    /// The line that was cleared last: Up brings it back until something else is typed.
    cleared: Option<String>,
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
        Some(match (recall.chosen, self.earlier(recall).len()) {
            (None, 0) => &["Esc as it was"],
            (None, _) => &["↑ ↓ choose", "Esc as it was"],
            (Some(_), 1) => &["Enter runs it", "Esc as it was"],
            (Some(_), _) => &["Enter runs it", "↑ ↓ choose", "Esc as it was"],
        })
    }

    /// Clears the line. Up brings it back.
    pub(crate) fn clear(&mut self) {
        self.cleared = Some(self.editor.text().to_owned()).filter(|text| !text.is_empty());
        self.editor.clear();
        self.history.rest();
    }

    /// The lines that a search matches, the newest first.
    fn earlier(&self, recall: &Recall) -> Vec<&str> {
        self.history.matches(&recall.query)
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
                Edited::Text => {
                    self.history.rest();
                    self.cleared = None;
                }
            },
        }
        Typed::Used
    }

    /// Takes a row of the open list into the line.
    pub(crate) fn take_row(&mut self, nth: usize) {
        if let Some(popup) = self.popup.take() {
            popup.take(&mut self.editor, nth);
        } else if self.recall.is_some() {
            self.choose(Some(nth));
            self.recall = None;
        }
    }

    /// Tries another row of the open list.
    pub(crate) fn wheel(&mut self, rows: i32) {
        for _ in 0..rows.unsigned_abs() {
            match &mut self.popup {
                Some(popup) => popup.step(&mut self.editor, rows > 0),
                None if rows > 0 => self.choose_newer(),
                None => self.choose_older(),
            }
        }
    }

    fn older(&mut self) {
        if self.editor.is_empty()
            && let Some(line) = self.cleared.take()
        {
            return self.editor.set(&line);
        }
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
                self.find();
            }
            None => self.editor.insert(line),
        }
    }

    fn recall_key(&mut self, key: Key, complete: Complete<'_>) -> Typed {
        let Some(recall) = &mut self.recall else { return Typed::Passed };
        match key.code {
            Code::Esc => self.give_up(),
            _ if key.is_ctrl('g') || key.is_ctrl('c') => self.give_up(),
            Code::Up => self.choose_older(),
            _ if key.is_ctrl('r') => self.choose_older(),
            Code::Down => self.choose_newer(),
            Code::Backspace => {
                recall.query.pop();
                self.find();
            }
            // What nothing was found for is not to be run.
            Code::Enter if recall.chosen.is_none() => self.give_up(),
            Code::Enter => {
                self.recall = None;
                return Typed::Enter;
            }
            Code::Char(c) if key.typed().is_some() => {
                recall.query.push(c);
                self.find();
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

    /// Chooses the newest match of a changed query. All lines match an empty one, and none is chosen.
    fn find(&mut self) {
        let typed = self.recall.as_ref().is_some_and(|recall| !recall.query.is_empty());
        self.choose(typed.then_some(0));
    }

    fn choose_older(&mut self) {
        let Some(recall) = &self.recall else { return };
        let (chosen, matches) = (recall.chosen, self.earlier(recall).len());
        let last = matches.saturating_sub(1);
        self.choose(chosen.map_or(Some(0), |chosen| Some((chosen + 1).min(last))));
    }

    fn choose_newer(&mut self) {
        let Some(recall) = &self.recall else { return };
        let all = recall.query.is_empty();
        let newer = recall.chosen.and_then(|chosen| match chosen.checked_sub(1) {
            None if all => None,
            newer => Some(newer.unwrap_or(0)),
        });
        self.choose(newer);
    }

    /// Puts a match into the line, or what was there before.
    fn choose(&mut self, nth: Option<usize>) {
        let Some(recall) = &self.recall else { return };
        let found =
            nth.and_then(|nth| self.earlier(recall).get(nth).map(|line| (*line).to_owned()));
        let chosen = nth.filter(|_| found.is_some());
        let line = found.unwrap_or_else(|| recall.before.clone());
        self.editor.set(&line);
        if let Some(recall) = &mut self.recall {
            recall.chosen = chosen;
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

    fn searched() -> InputBox {
        let mut input = InputBox::default();
        for line in ["zones", "zone-run 3", "temp"] {
            input.history.push(line);
        }
        input.editor.set("half");
        input
    }

    #[test]
    fn ctrl_r_finds_older_lines_and_esc_gives_back_what_was_typed() {
        let mut input = searched();
        press(&mut input, &["ctrl-r", "z", "o"]);
        assert_eq!(input.editor.text(), "zone-run 3");
        press(&mut input, &["ctrl-r"]);
        assert_eq!(input.editor.text(), "zones");
        press(&mut input, &["esc"]);
        assert_eq!(input.editor.text(), "half");
        assert_eq!(press(&mut input, &["ctrl-r", "t", "e", "enter"]), Typed::Enter);
        assert_eq!(input.editor.text(), "temp");
    }

    #[test]
    fn arrows_choose_among_the_matches_and_stay_at_the_ends() {
        let mut input = searched();
        press(&mut input, &["ctrl-r", "z"]);
        for (key, shows) in [("down", "zone-run 3"), ("up", "zones"), ("up", "zones")] {
            press(&mut input, &[key]);
            assert_eq!(input.editor.text(), shows);
        }
        press(&mut input, &["down", "backspace"]);
        assert_eq!(input.editor.text(), "half", "nothing is looked for");
        press(&mut input, &["up", "up", "down", "down"]);
        assert_eq!(input.editor.text(), "half", "below the newest is what was typed");
    }

    /// Enter ran the line that an earlier query had found.
    #[test]
    fn enter_runs_nothing_where_nothing_was_found() {
        let mut input = searched();
        press(&mut input, &["ctrl-r", "z", "#"]);
        assert_eq!(input.editor.text(), "half");
        assert_eq!(press(&mut input, &["enter"]), Typed::Used);
        assert!(input.recall.is_none());
        assert_eq!(input.editor.text(), "half");
    }

    #[test]
    fn a_row_of_the_matches_is_taken_into_the_line_and_not_run() {
        let mut input = searched();
        press(&mut input, &["ctrl-r", "e"]);
        input.take_row(2);
        assert_eq!((input.editor.text(), input.is_busy()), ("zones", false));
    }
}
