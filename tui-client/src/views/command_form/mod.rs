//! Form of a command, made from its declaration: a field for each argument, and the line that does the same.

mod draw;

use ratatui::layout::Position;
use serde_json::{Map, Value};
use topside_shared::cmdline;
use topside_shared::command::{Arg, ArgType, Command, Effect as Harm};
use topside_shared::values::{self, ArgError};

pub(super) use draw::draw;

use super::admin_forms;
use super::console::submit;
use crate::app::console::Draft;
use crate::app::view::{Outcome, View, act, close, refuse, stay};
use crate::app::{Effect, State};
use crate::input::key::{Code, Key};
use crate::widgets::canvas::Canvas;
use crate::widgets::editor::Edited;
use crate::widgets::form_field::FormField;

/// A form being filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CommandForm {
    pub(crate) command: Command,
    /// What stands in the field of each argument.
    pub(crate) entries: Vec<FormField>,
    /// The field with the focus.
    pub(crate) at: usize,
    /// Enter was pressed over a mistake: from now on each is told at its field, and what is missing.
    pub(crate) tried: bool,
    /// What it is opened for, where that is not what the command is for as a rule.
    pub(crate) purpose: Option<String>,
    /// What Enter does.
    pub(crate) submit: Submit,
}

/// What a form does once it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Submit {
    /// It runs its command.
    Command,
    /// It sends a broadcast.
    Broadcast,
}

/// How a field stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FieldState {
    /// Nothing is given, and nothing needs to be.
    Absent,
    /// Nothing is given, and a run needs it.
    Missing,
    Given(Value),
    /// It is no value yet, but more of it could be one.
    Begun,
    Wrong(ArgError),
}

/// What becomes of the form after a key.
#[derive(Debug, PartialEq)]
pub(crate) enum FormResult {
    /// It stays.
    Open,
    /// Its command is to be run with what is filled in.
    Run,
    /// It is left, perhaps to go on in the input box from this line.
    Closed { typed: Option<String> },
}

impl CommandForm {
    pub(crate) fn new(command: Command) -> Self {
        let entries: Vec<FormField> = command.args.iter().map(FormField::new).collect();
        let first = command.args.iter().position(|arg| arg.required).unwrap_or(0);
        Self { command, entries, at: first, tried: false, purpose: None, submit: Submit::Command }
    }

    /// A form as it was left, if it was.
    pub(super) fn of_draft(command: Command, draft: Option<&Draft>) -> Self {
        let mut form = Self::new(command);
        if let Some(Draft { entries, at, .. }) = draft {
            form.entries.clone_from(entries);
            form.at = *at;
        }
        form
    }

    /// The form as it is left.
    pub(super) fn draft(&self) -> Draft {
        let Self { command, entries, at, .. } = self.clone();
        Draft { command, entries, at }
    }

    /// A form with these values filled in, as a run had them.
    pub(crate) fn filled(command: Command, args: &Map<String, Value>) -> Self {
        let mut form = Self::new(command);
        for (arg, entry) in form.command.args.iter().zip(&mut form.entries) {
            // Of a secret a run keeps only that there was one.
            if arg.kind == ArgType::Secret {
                continue;
            }
            if let Some(value) =
                args.get(&arg.name).filter(|value| Some(*value) != arg.default.as_ref())
            {
                entry.fill(value);
            }
        }
        form
    }

    /// The arguments with what stands in their fields.
    pub(crate) fn fields(&self) -> impl ExactSizeIterator<Item = (&Arg, &FormField)> {
        self.command.args.iter().zip(&self.entries)
    }

    pub(crate) fn standing(&self, nth: usize) -> FieldState {
        let (Some(arg), Some(entry)) = (self.command.args.get(nth), self.entries.get(nth)) else {
            return FieldState::Absent;
        };
        match entry.value(arg) {
            Ok(Some(value)) => FieldState::Given(value),
            Ok(None) if arg.required => FieldState::Missing,
            Ok(None) => FieldState::Absent,
            Err(error) if nth == self.at && !self.tried && entry.may_grow(arg, error.rule) => {
                FieldState::Begun
            }
            Err(error) => FieldState::Wrong(error),
        }
    }

    /// What is filled in and right.
    pub(crate) fn args(&self) -> Map<String, Value> {
        let given = self.command.args.iter().enumerate().filter_map(|(nth, arg)| {
            match self.standing(nth) {
                FieldState::Given(value) => Some((arg.name.clone(), value)),
                _ => None,
            }
        });
        given.collect()
    }

    /// The line that gives what is filled in and right, whether or not more is needed. A secret is not
    /// in it.
    pub(crate) fn line(&self) -> String {
        cmdline::render(&self.command, &self.args())
    }

    /// The first field that keeps the line from running.
    pub(crate) fn mistake(&self) -> Option<usize> {
        (0..self.entries.len())
            .find(|nth| !matches!(self.standing(*nth), FieldState::Absent | FieldState::Given(_)))
    }

    pub(crate) fn edit(&mut self, key: Key) -> FormResult {
        let count = self.entries.len().max(1);
        match key.code {
            Code::Esc => return FormResult::Closed { typed: None },
            _ if key.is_ctrl('c') => return FormResult::Closed { typed: None },
            _ if key.is_ctrl('o') => {
                if self.submit == Submit::Command {
                    return FormResult::Closed { typed: Some(self.line()) };
                }
            }
            Code::Enter => match self.mistake() {
                None => return FormResult::Run,
                Some(nth) => {
                    self.at = nth;
                    self.tried = true;
                }
            },
            Code::Tab | Code::Down => self.at = (self.at + 1) % count,
            Code::BackTab | Code::Up => self.at = (self.at + count - 1) % count,
            _ => {
                if let Some(entry) = self.entries.get_mut(self.at)
                    && entry.key(key) == Edited::Text
                {
                    self.tried = false;
                }
            }
        }
        FormResult::Open
    }

    /// Pasted text goes into the field; false: it has more than one line.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        let mut lines = text.split(['\r', '\n']).filter(|line| !line.trim().is_empty());
        let (first, more) = (lines.next().unwrap_or_default(), lines.next());
        if let Some(FormField::Text(field)) = self.entries.get_mut(self.at) {
            field.insert(first);
            self.tried = false;
            return more.is_none();
        }
        true
    }

    fn forget_secrets(&mut self) {
        for (arg, entry) in self.command.args.iter().zip(&mut self.entries) {
            if arg.kind == ArgType::Secret {
                *entry = FormField::new(arg);
            }
        }
    }

    /// Whether nothing in it differs from a form that was just opened.
    fn is_blank(&self) -> bool {
        self.entries
            .iter()
            .zip(&self.command.args)
            .all(|(entry, arg)| *entry == FormField::new(arg))
    }
}

impl View for CommandForm {
    fn title(&self, _state: &State) -> String {
        let (name, about) = (&self.command.name, self.purpose.as_ref());
        match about.unwrap_or(&self.command.title) {
            about if about.is_empty() || about == name => name.clone(),
            about => format!("{name} · {about}"),
        }
    }

    fn key(&mut self, key: Key, _state: &State) -> Outcome {
        match self.edit(key) {
            FormResult::Open => stay(),
            FormResult::Run => {
                let form = self.clone();
                act(move |state| run(state, &form))
            }
            FormResult::Closed { typed } => {
                let form = self.clone();
                close().then(move |state| {
                    keep(state, form);
                    if let Some(line) = typed {
                        type_line(state, &line);
                    }
                    Vec::new()
                })
            }
        }
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        pasted(self.insert(text))
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        draw(self, None, &self.title(state), canvas)
    }
}

/// What a form says of pasted text, of which it takes one line.
pub(super) fn pasted(whole: bool) -> Outcome {
    if whole { stay() } else { refuse("Only the first line was taken: a value is one line.") }
}

/// A row of the menu was chosen: a command that only reads and needs no argument runs at once, any other opens its form.
pub(crate) fn choose(state: &mut State, name: &str) -> Vec<Effect> {
    let command = state.console().and_then(|console| console.menu.find(name));
    let plain = command.is_some_and(|command| {
        let needs_arguments = command.args.iter().any(|arg| arg.required);
        !needs_arguments && command.effect == Harm::Read && command.confirm.is_none()
    });
    if plain && let Some(command) = command.cloned() {
        return run(state, &CommandForm::new(command));
    }
    open(state, name);
    Vec::new()
}

/// Opens the form of a command, as it was left.
pub(crate) fn open(state: &mut State, name: &str) {
    let Some(console) = state.console_mut() else { return };
    let Some(command) = console.menu.find(name).cloned() else { return };
    let draft = console.drafts.remove(&command.name).filter(|draft| draft.command == command);
    state.open(CommandForm::of_draft(command, draft.as_ref()));
}

/// Keeps a form that was left, for the next time that it is opened.
fn keep(state: &mut State, mut form: CommandForm) {
    if form.is_blank() {
        return;
    }
    form.forget_secrets();
    if let Some(console) = state.console_mut() {
        console.drafts.insert(form.command.name.clone(), form.draft());
    }
}

/// Runs what a form says, as if its line had been typed.
fn run(state: &mut State, form: &CommandForm) -> Vec<Effect> {
    if state.session_to_ask().is_none() {
        return Vec::new();
    }
    if form.submit == Submit::Broadcast {
        return admin_forms::send_broadcast(state, form);
    }
    let name = &form.command.name;
    if state.console().and_then(|console| console.menu.find(name)) != Some(&form.command) {
        state.refuse(format!("{name} has changed in the menu, or has gone: open it there again."));
        return Vec::new();
    }
    submit::submit(state, &form.line(), &form.command, form.args())
}

/// Puts a line into the input box; what stood there comes back by Ctrl-Y.
pub(crate) fn type_line(state: &mut State, line: &str) {
    let Some(console) = state.console_mut() else { return };
    console.prompt.leave();
    console.input.popup = None;
    console.input.history.rest();
    console.input.editor.clear();
    console.input.editor.set(line);
}

/// What may stand in a field, in few words: `int 1–8, required`.
pub(crate) fn rules(arg: &Arg) -> String {
    let mut text = values::describe(arg);
    if arg.required {
        text.push_str(", required");
    }
    text
}

#[cfg(test)]
mod tests;
