//! Form of a command, made from its declaration: a field for each argument, and the line that does the same.

mod draw;
mod field_state;
mod keyboard;
mod listed_choices;
mod path_completion;
mod row_plan;

use ratatui::layout::Position;
use serde_json::{Map, Value};
use topside_shared::RunId;
use topside_shared::cmdline;
use topside_shared::command::{Arg, ArgType, Command, Effect as Harm};
use topside_shared::values;

pub(super) use draw::draw;
pub(crate) use field_state::FieldState;
pub(super) use listed_choices::requests;
pub(super) use path_completion::take_paths;

use path_completion::Paths;

use super::admin_forms;
use super::console::submit;
use super::save_result;
use super::schedule_form;
use crate::app::console::{Draft, SHUTDOWN};
use crate::app::view::{Outcome, View, act, close, refuse, stay};
use crate::app::{Effect, State};
use crate::input::key::Key;
use crate::widgets::canvas::Canvas;
use crate::widgets::form_field::FormField;
use crate::widgets::form_focus::{FormFocus, FormHit};

/// A form being filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CommandForm {
    pub(crate) command: Command,
    /// What stands in the field of each argument.
    pub(crate) entries: Vec<FormField>,
    pub(crate) focus: FormFocus,
    /// Enter was pressed over a mistake: from now on each is told at its field, and what is missing.
    pub(crate) tried: bool,
    /// What it is opened for, where that is not what the command is for as a rule.
    pub(crate) purpose: Option<String>,
    /// What Enter does.
    pub(crate) submit: Submit,
    /// For completion in the field of a file.
    pub(super) paths: Paths,
}

/// What a form does once it is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Submit {
    /// It runs its command.
    Command,
    /// It sends a broadcast.
    Broadcast,
    /// It saves a result of this run.
    Result(RunId),
    /// It sets the schedule of this name.
    Schedule(String),
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
        let is_first = |arg: &Arg| arg.required && arg.when.is_empty();
        let first = command.args.iter().position(is_first).unwrap_or(0);
        let focus = if entries.is_empty() { FormFocus::Action } else { FormFocus::Field(first) };
        Self {
            command,
            entries,
            focus,
            tried: false,
            purpose: None,
            submit: Submit::Command,
            paths: Paths::default(),
        }
    }

    /// A form as it was left, if it was.
    pub(super) fn of_draft(command: Command, draft: Option<&Draft>) -> Self {
        let mut form = Self::new(command);
        if let Some(Draft { entries, at, .. }) = draft {
            form.entries.clone_from(entries);
            if *at < form.entries.len() {
                form.focus = FormFocus::Field(*at);
            }
        }
        form
    }

    /// The form as it is left.
    pub(super) fn draft(&self) -> Draft {
        let Self { command, entries, focus, .. } = self.clone();
        let entries =
            command.args.iter().zip(entries).map(|(arg, entry)| entry.kept(arg)).collect();
        Draft { command, entries, at: focus.field().unwrap_or(0) }
    }

    /// A form with these values filled in, as a run had them.
    pub(crate) fn filled(command: Command, args: &Map<String, Value>) -> Self {
        let mut form = Self::new(command);
        for (arg, entry) in form.command.args.iter().zip(&mut form.entries) {
            // Of a secret a run keeps only that there was one, of a file only its name.
            if matches!(arg.kind, ArgType::Secret | ArgType::File) {
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

    /// Whether a question follows before it is sent.
    fn asks(&self) -> bool {
        let is_command = self.submit == Submit::Command;
        is_command && (self.command.name == SHUTDOWN || self.command.confirm.is_some())
    }

    /// Whether it puts off a shutdown that is due.
    fn is_postponement(&self) -> bool {
        self.command.name == SHUTDOWN && self.purpose.is_some()
    }

    /// The line that gives what is filled in and right, whether or not more is needed. A secret is not
    /// in it.
    pub(crate) fn line(&self) -> String {
        cmdline::render(&self.command, &self.args())
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
            .all(|(entry, arg)| entry.clone().kept(arg) == FormField::new(arg))
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
        let result = if self.completes(key) { FormResult::Open } else { self.edit(key) };
        match self.list_paths().filter(|_| result == FormResult::Open) {
            Some(effect) => act(move |_| vec![effect]),
            None => self.outcome(result),
        }
    }

    fn click(&mut self, hit: usize, _state: &State) -> Outcome {
        let result = self.clicked(FormHit::of(hit));
        self.outcome(result)
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        pasted(self.insert(text))
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        draw(self, None, &self.title(state), canvas, state)
    }
}

impl CommandForm {
    fn outcome(&self, result: FormResult) -> Outcome {
        match result {
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
}

/// What a form says of pasted text, of which it takes one line.
pub(super) fn pasted(whole: bool) -> Outcome {
    if whole { stay() } else { refuse("Only the first line was taken: a value is one line.") }
}

/// The command of this name, if choosing it runs it at once: it only reads, and needs no argument.
fn plain<'s>(state: &'s State, name: &str) -> Option<&'s Command> {
    let command = state.console()?.menu.find(name)?;
    let needs_arguments = command.args.iter().any(|arg| arg.required);
    (!needs_arguments && command.effect == Harm::Read && command.confirm.is_none())
        .then_some(command)
}

/// What choosing a command of the menu does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnChoice {
    Runs,
    OpensForm,
}

/// What choosing a command of the menu does; none where it is not possible now.
pub(crate) fn on_choice(state: &State, name: &str) -> Option<OnChoice> {
    match plain(state, name) {
        Some(_) => state.session().map(|_| OnChoice::Runs),
        None => Some(OnChoice::OpensForm),
    }
}

/// A row of the menu was chosen: a command that only reads and needs no argument runs at once, any other opens its form.
pub(crate) fn choose(state: &mut State, name: &str) -> Vec<Effect> {
    if let Some(command) = plain(state, name).cloned() {
        return run(state, &CommandForm::new(command));
    }
    open(state, name)
}

/// Opens the form of a command, as it was left.
pub(crate) fn open(state: &mut State, name: &str) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    let Some(command) = console.menu.find(name).cloned() else { return Vec::new() };
    let draft = console.drafts.remove(&command.name).filter(|draft| draft.command == command);
    listed_choices::open(state, CommandForm::of_draft(command, draft.as_ref()))
}

/// Keeps a form that was left, for the next time that it is opened.
fn keep(state: &mut State, mut form: CommandForm) {
    if form.is_blank() || matches!(form.submit, Submit::Result(_)) {
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
    match &form.submit {
        Submit::Command => {}
        Submit::Broadcast => return admin_forms::send_broadcast(state, form),
        Submit::Schedule(name) => return schedule_form::send(state, name, form),
        Submit::Result(run) => return save_result::save(state, *run, form),
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
