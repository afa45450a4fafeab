//! Form of an invite for a person, or of a token for a script.

use ratatui::layout::Position;
use serde_json::{Map, Value};
use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::methods::{KeyInvite, KeyInviteResult};
use topside_shared::text::MAX_NAME;
use topside_shared::values::parse_duration;

use super::command_form::{self, CommandForm, FormResult, pasted};
use super::invite_result::{self, InviteResult};
use crate::app::ask::{self, Ask};
use crate::app::console::Console;
use crate::app::view::{Outcome, View, act, close, replace, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::key::Key;
use crate::widgets::canvas::Canvas;
use crate::widgets::form_focus::FormHit;

/// What the form is called. No command has a name with a blank in it.
const TITLE: &str = "Invite or token";
pub(super) const TOKEN: &str = "token";

#[derive(Debug)]
pub(crate) struct InviteForm {
    pub(crate) form: CommandForm,
    pub(crate) step: InviteStep,
}

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InviteStep {
    Filling,
    /// The server was asked.
    Asking,
    /// The server refused it: why.
    Refused(String),
}

impl InviteForm {
    fn new(console: &Console) -> Self {
        let form = CommandForm::of_draft(declaration(), console.drafts.get(TITLE));
        Self { form, step: InviteStep::Filling }
    }

    /// What is asked for, once nothing is missing.
    fn wanted(&self) -> Option<KeyInvite> {
        let args = self.form.args();
        let text = |name: &str| args.get(name).and_then(Value::as_str);
        let commands = args.get("commands").and_then(Value::as_array);
        let commands = commands.map(|names| {
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        });
        Some(KeyInvite {
            name: text("name")?.trim().to_owned(),
            role: text("role")?.parse().ok()?,
            ttl_ms: parse_duration(text("lifetime").unwrap_or(usual_life(is_token(&args)))),
            commands,
            lasting: is_token(&args),
            agent: false,
        })
    }

    /// What a token needs an invite does not, and it is good for longer.
    fn follow(&mut self) {
        let token = is_token(&self.form.args());
        for arg in &mut self.form.command.args {
            match arg.name.as_str() {
                "commands" => arg.required = token,
                "lifetime" => arg.default = Some(usual_life(token).into()),
                _ => {}
            }
        }
    }
}

fn is_token(args: &Map<String, Value>) -> bool {
    args.get("kind").and_then(Value::as_str) == Some(TOKEN)
}

/// Default lifetime of an invite.
fn usual_life(token: bool) -> &'static str {
    if token { "90d" } else { "10m" }
}

/// The fields, as a command would declare them.
fn declaration() -> Command {
    let arg = |name: &str, kind, description: &str| Arg {
        name: name.to_owned(),
        kind,
        description: description.to_owned(),
        ..Arg::default()
    };
    let kind = Arg {
        default: Some("invite".into()),
        choices: vec!["invite".into(), TOKEN.into()],
        ..arg("kind", ArgType::Enum, "invite: for one device; token: for a script")
    };
    let name = Arg {
        required: true,
        max_length: Some(MAX_NAME as u64),
        ..arg("name", ArgType::String, "name of the device or script")
    };
    let role = Arg {
        required: true,
        choices: Role::ALL.iter().map(|role| role.name().into()).collect(),
        ..arg("role", ArgType::Enum, "viewer reads, operator also runs, admin does all")
    };
    let commands = Arg {
        multiple: true,
        ..arg("commands", ArgType::String, "only these commands, with spaces between")
    };
    let lifetime = Arg {
        default: Some(usual_life(false).into()),
        minimum: Some(1_000.0),
        ..arg("lifetime", ArgType::Duration, "how long it is valid")
    };
    let args = vec![kind, name, role, commands, lifetime];
    Command { name: TITLE.to_owned(), args, ..Command::default() }
}

/// Opens the form, as it was left.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    let Some(console) = state.console() else { return Vec::new() };
    let mut form = InviteForm::new(console);
    form.follow();
    state.open(form);
    Vec::new()
}

impl View for InviteForm {
    fn title(&self, _state: &State) -> String {
        TITLE.to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        // The answer is shown when it comes, whether or not the form is still open.
        if self.step == InviteStep::Asking {
            return if key.leaves() { close() } else { stay() };
        }
        // It stands for no line that could be typed.
        let result = if key.is_ctrl('o') { FormResult::Open } else { self.form.edit(key) };
        self.outcome(&result, state)
    }

    fn click(&mut self, hit: usize, state: &State) -> Outcome {
        let hit = FormHit::of(hit);
        if self.step == InviteStep::Asking {
            return if hit == FormHit::Cancel { close() } else { stay() };
        }
        let result = self.form.clicked(hit);
        self.outcome(&result, state)
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        pasted(self.step == InviteStep::Asking || self.form.insert(text))
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        command_form::draw(&self.form, Some(&self.step), &self.title(state), canvas, state)
    }
}

impl InviteForm {
    fn outcome(&mut self, result: &FormResult, state: &State) -> Outcome {
        match result {
            FormResult::Closed { .. } => {
                let draft = self.form.draft();
                close().then(move |state| {
                    if let Some(console) = state.console_mut() {
                        console.drafts.insert(TITLE.to_owned(), draft);
                    }
                    Vec::new()
                })
            }
            FormResult::Run => match self.wanted() {
                Some(wanted) => {
                    if state.session().is_some() {
                        self.step = InviteStep::Asking;
                    }
                    act(move |state| state.ask(Ask::new(&wanted, take)))
                }
                None => stay(),
            },
            FormResult::Open => {
                self.step = InviteStep::Filling;
                self.follow();
                stay()
            }
        }
    }
}

/// Shows the answer in the place of the form.
fn take(state: &mut State, answer: Result<KeyInviteResult, CallError>) -> Vec<Effect> {
    let made = answer.map_err(|error| ask::why(&error)).and_then(InviteResult::new);
    match made {
        Ok(made) => {
            if let Some(console) = state.console_mut() {
                console.drafts.remove(TITLE);
            }
            let mut made = Some(made);
            state.with_view::<InviteForm>(|view, _| match view.step {
                InviteStep::Asking => made.take().map_or_else(stay, replace),
                InviteStep::Filling | InviteStep::Refused(_) => stay(),
            });
            if let Some(made) = made {
                state.open(made);
            }
            invite_result::follow(state)
        }
        Err(why) => {
            let mut why = Some(why);
            state.with_view::<InviteForm>(|view, _| {
                if view.step == InviteStep::Asking
                    && let Some(why) = why.take()
                {
                    view.step = InviteStep::Refused(why);
                }
                stay()
            });
            why.map_or_else(Vec::new, |why| {
                state.refuse(why);
                Vec::new()
            })
        }
    }
}
