//! What keys and clicks do in a form.

use super::{CommandForm, FormResult, Submit};
use crate::input::key::{Code, Key};
use crate::widgets::editor::Edited;
use crate::widgets::form_field::FormField;
use crate::widgets::form_focus::{FormFocus, FormHit};

impl CommandForm {
    pub(crate) fn edit(&mut self, key: Key) -> FormResult {
        match (key.code, self.focus) {
            _ if key.leaves() => return self.closed(),
            (Code::Enter, FormFocus::Cancel) => return self.closed(),
            (Code::Enter, FormFocus::Action) => return self.complete(),
            _ if key.is_ctrl('s') => return self.complete(),
            _ if key.is_ctrl('o') => {
                if self.submit == Submit::Command {
                    return FormResult::Closed { typed: Some(self.line()) };
                }
            }
            _ => {
                if let Some(focus) = self.focus.after(key, self.entries.len()) {
                    self.focus = focus;
                    self.pass_over(key);
                } else if let Some(entry) = self.entry_mut()
                    && entry.key(key) == Edited::Text
                {
                    self.tried = false;
                }
            }
        }
        FormResult::Open
    }

    /// Moves the focus on from fields that do not apply.
    fn pass_over(&mut self, key: Key) {
        for _ in 0..self.entries.len() {
            match (self.focus, self.focus.after(key, self.entries.len())) {
                (FormFocus::Field(nth), Some(next)) if !self.applies(nth) => self.focus = next,
                _ => return,
            }
        }
    }

    /// The field with the focus.
    fn entry_mut(&mut self) -> Option<&mut FormField> {
        self.entries.get_mut(self.focus.field()?)
    }

    fn closed(&self) -> FormResult {
        FormResult::Closed { typed: None }
    }

    /// Runs it, or goes to the first mistake.
    fn complete(&mut self) -> FormResult {
        match self.mistake() {
            None => FormResult::Run,
            Some(nth) => {
                self.focus = FormFocus::Field(nth);
                self.tried = true;
                FormResult::Open
            }
        }
    }

    /// A click on a place of it.
    pub(in crate::views) fn clicked(&mut self, hit: FormHit) -> FormResult {
        let nth = match hit {
            FormHit::Action => return self.complete(),
            FormHit::Cancel => return self.closed(),
            FormHit::Field(nth) | FormHit::Choice(nth, _) => nth,
        };
        if nth >= self.entries.len() || !self.applies(nth) {
            return FormResult::Open;
        }
        self.focus = FormFocus::Field(nth);
        match (self.entries.get_mut(nth), hit) {
            (Some(FormField::Switch(switch)), _) => switch.toggle(),
            (Some(FormField::Choice(choice)), FormHit::Choice(_, at))
                if at < choice.options.len() =>
            {
                choice.at = Some(at);
            }
            _ => return FormResult::Open,
        }
        self.tried = false;
        FormResult::Open
    }

    /// Pasted text goes into the field; false: it has more than one line.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        let mut lines = text.split(['\r', '\n']).filter(|line| !line.trim().is_empty());
        let (first, more) = (lines.next().unwrap_or_default(), lines.next());
        if let Some(FormField::Text(field)) = self.entry_mut() {
            field.insert(first);
            self.tried = false;
            return more.is_none();
        }
        true
    }
}
