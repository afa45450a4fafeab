//! The list that Tab opens: what the word under the cursor could become.

use std::ops::Range;

use topside_shared::cmdline::{Candidate, CandidateKind, Completion};

use super::editor::Editor;
use crate::input::key::{Code, Key};

/// Completes a line with the cursor at a byte of it.
pub(crate) type Complete<'c> = &'c dyn Fn(&str, usize) -> Completion;

#[derive(Debug, Clone)]
pub(crate) struct CompletionList {
    pub(crate) candidates: Vec<Candidate>,
    /// The one that is tried in the line now.
    pub(crate) at: Option<usize>,
    /// The line before any was tried.
    base: String,
    /// Where in it the word stands.
    pub(crate) replace: Range<usize>,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompletionKey {
    /// The key was the list's.
    Used,
    /// The list is closed, and the key means what it always means.
    Passed,
}

/// Tab without an open list: completes as far as it is certain, and opens a list of what is left.
pub(crate) fn open(editor: &mut Editor, complete: Complete<'_>) -> Option<CompletionList> {
    let found = complete(editor.text(), editor.cursor());
    if let [only] = &found.candidates[..] {
        accept(editor, found.replace.clone(), only);
        return None;
    }
    let common = common_prefix(found.candidates.iter().map(|one| one.text.as_str()))?.to_owned();
    let typed = editor.text()[found.replace.clone()].len();
    let mut popup = CompletionList {
        candidates: found.candidates,
        at: None,
        base: String::new(),
        replace: found.replace.clone(),
    };
    if common.len() > typed && !common.starts_with(['\'', '"']) {
        editor.replace(found.replace.clone(), &common);
        popup.replace = found.replace.start..found.replace.start + common.len();
    }
    popup.base = editor.text().to_owned();
    Some(popup)
}

/// A key while the list is open.
pub(crate) fn key(
    popup: &mut Option<CompletionList>,
    editor: &mut Editor,
    key: Key,
    complete: Complete<'_>,
) -> CompletionKey {
    let Some(open) = popup else { return CompletionKey::Passed };
    let count = open.candidates.len();
    match key.code {
        Code::Tab | Code::Down => open.try_at(editor, open.at.map_or(0, |at| (at + 1) % count)),
        Code::BackTab | Code::Up => {
            open.try_at(editor, open.at.map_or(count - 1, |at| (at + count - 1) % count));
        }
        Code::Esc => {
            if open.at.is_some() {
                open.restore(editor);
            }
            *popup = None;
        }
        Code::Enter if open.at.is_some() => {
            if let Some(open) = popup.take()
                && let Some(at) = open.at
            {
                open.take(editor, at);
            }
        }
        // More of the word: the list narrows.
        Code::Char(c) if key.typed().is_some() && c != ' ' && open.at.is_none() => {
            editor.key(key);
            narrow(popup, editor, complete);
        }
        Code::Backspace if open.at.is_none() => {
            editor.key(key);
            narrow(popup, editor, complete);
        }
        _ => {
            *popup = None;
            return CompletionKey::Passed;
        }
    }
    CompletionKey::Used
}

fn narrow(popup: &mut Option<CompletionList>, editor: &Editor, complete: Complete<'_>) {
    let found = complete(editor.text(), editor.cursor());
    *popup = (!found.candidates.is_empty()).then(|| CompletionList {
        candidates: found.candidates,
        at: None,
        base: editor.text().to_owned(),
        replace: found.replace,
    });
}

impl CompletionList {
    fn restore(&self, editor: &mut Editor) {
        editor.set(&self.base);
        // The cursor goes back to the end of the word.
        editor.replace(self.replace.clone(), &self.base[self.replace.clone()]);
    }

    /// Takes one of the candidates, as Enter does with the one that is tried.
    pub(crate) fn take(self, editor: &mut Editor, nth: usize) {
        if let Some(chosen) = self.candidates.get(nth) {
            self.restore(editor);
            accept(editor, self.replace.clone(), chosen);
        }
    }

    /// Tries the next candidate in the line, or the one before; at the ends it stays.
    pub(crate) fn step(&mut self, editor: &mut Editor, down: bool) {
        let last = self.candidates.len().saturating_sub(1);
        let at = match self.at {
            Some(at) if down => (at + 1).min(last),
            Some(at) => at.saturating_sub(1),
            None => 0,
        };
        self.try_at(editor, at);
    }

    fn try_at(&mut self, editor: &mut Editor, at: usize) {
        self.restore(editor);
        self.at = Some(at);
        editor.replace(self.replace.clone(), &self.candidates[at].text);
    }
}

fn accept(editor: &mut Editor, replace: Range<usize>, chosen: &Candidate) {
    editor.replace(replace, &chosen.text);
    let ends = editor.at_end() || !editor.text()[editor.cursor()..].starts_with(' ');
    if ends && chosen.kind != CandidateKind::Assignment {
        editor.insert(" ");
    }
}

/// The longest text that all of these begin with; none where there are no texts.
pub(crate) fn common_prefix<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<&'t str> {
    texts.into_iter().reduce(|common, other| {
        let same = common.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
        let end = same.map_or(common.len().min(other.len()), |((at, _), _)| at);
        &common[..end]
    })
}

#[cfg(test)]
mod tests {
    use topside_shared::cmdline;
    use topside_shared::command::Command;

    use super::*;

    fn menu() -> Vec<Command> {
        ["zones", "zone-run", "zone-stop", "temp"]
            .map(|name| Command {
                name: name.into(),
                title: format!("about {name}"),
                ..Command::default()
            })
            .into()
    }

    fn complete(line: &str, cursor: usize) -> Completion {
        cmdline::complete(line, cursor, &menu())
    }

    fn press(popup: &mut Option<CompletionList>, editor: &mut Editor, name: &str) -> CompletionKey {
        key(popup, editor, name.parse().unwrap(), &complete)
    }

    #[test]
    fn one_candidate_is_taken_and_a_space_follows() {
        let mut editor = Editor::with("te");
        assert!(open(&mut editor, &complete).is_none());
        assert_eq!(editor.text(), "temp ");
    }

    #[test]
    fn several_complete_what_they_share_and_tab_tries_one_after_the_other() {
        let mut editor = Editor::with("z");
        let mut popup = open(&mut editor, &complete);
        assert_eq!(editor.text(), "zone");
        let names: Vec<_> = popup.iter().flat_map(|p| &p.candidates).map(|c| &c.text).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        press(&mut popup, &mut editor, "tab");
        assert_eq!(editor.text(), names[0]);
        press(&mut popup, &mut editor, "tab");
        assert_eq!(editor.text(), names[1]);
        press(&mut popup, &mut editor, "enter");
        assert_eq!(editor.text(), format!("{} ", names[1]));
        assert!(popup.is_none());
    }

    #[test]
    fn a_candidate_is_taken_by_its_place_also_while_another_one_is_tried() {
        let mut editor = Editor::with("z");
        let mut popup = open(&mut editor, &complete);
        press(&mut popup, &mut editor, "tab");
        let popup = popup.unwrap();
        let wanted = popup.candidates[2].text.clone();
        popup.take(&mut editor, 2);
        assert_eq!(editor.text(), format!("{wanted} "));
    }

    #[test]
    fn esc_gives_back_what_was_typed_and_typing_narrows_the_list() {
        let mut editor = Editor::with("zone");
        let mut popup = open(&mut editor, &complete);
        press(&mut popup, &mut editor, "tab");
        press(&mut popup, &mut editor, "esc");
        assert_eq!((editor.text(), popup.is_none()), ("zone", true));
        let mut popup = open(&mut editor, &complete);
        press(&mut popup, &mut editor, "-");
        assert_eq!(popup.as_ref().unwrap().candidates.len(), 2);
        assert_eq!(press(&mut popup, &mut editor, "enter"), CompletionKey::Passed);
    }
}
