//! Completion in the field of a file: the paths of this device that begin as the field does.

use topside_shared::command::{Arg, ArgType};

use super::CommandForm;
use crate::app::view::stay;
use crate::app::{Effect, State};
use crate::input::key::{Code, Key};
use crate::widgets::completion::common_prefix;
use crate::widgets::form_field::FormField;

/// The paths that begin with a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::views) struct Paths {
    typed: String,
    paths: Vec<String>,
}

/// Takes the paths for the open form.
pub(in crate::views) fn take_paths(state: &mut State, typed: String, paths: Vec<String>) {
    let take = |form: &mut CommandForm, _: &State| {
        form.paths = Paths { typed, paths };
        stay()
    };
    // A form that was closed needs none.
    let _ = state.with_view(take);
}

impl CommandForm {
    /// The argument and the text of the field with the focus, if it takes one file.
    fn file_field(&self) -> Option<(&Arg, &str)> {
        let nth = self.focus.field()?;
        let arg = self.command.args.get(nth)?;
        match self.entries.get(nth)? {
            FormField::Text(field) if arg.kind == ArgType::File && !arg.multiple => {
                Some((arg, field.text()))
            }
            _ => None,
        }
    }

    /// The request for the paths that begin as the field with the focus does, unless they are known.
    pub(super) fn list_paths(&self) -> Option<Effect> {
        let (arg, typed) = self.file_field().filter(|(_, typed)| *typed != self.paths.typed)?;
        Some(Effect::ListPaths { arg: Box::new(arg.clone()), typed: typed.to_owned() })
    }

    /// The known paths for a field.
    pub(super) fn candidates(&self, nth: usize) -> &[String] {
        match self.file_field().filter(|_| self.focus.field() == Some(nth)) {
            Some((_, typed)) if typed == self.paths.typed && !typed.is_empty() => &self.paths.paths,
            _ => &[],
        }
    }

    /// Tab in the field of a file adds what all known paths have in common; false where that is nothing.
    pub(super) fn completes(&mut self, key: Key) -> bool {
        if key.code != Code::Tab {
            return false;
        }
        let Some(nth) = self.focus.field() else { return false };
        let paths = self.candidates(nth).iter().map(String::as_str);
        let Some(text) = common_prefix(paths).map(str::to_owned) else { return false };
        match &mut self.entries[nth] {
            FormField::Text(field) if text.len() > field.text().len() => {
                field.set(&text);
                true
            }
            _ => false,
        }
    }
}
