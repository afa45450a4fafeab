//! Making an invite for a person, or a token for a script: the form, and the string that comes of it. That is a key:
//! it is shown until it is closed, and kept nowhere.

use serde_json::{Map, Value};
use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::invite::Invite;
use topside_shared::methods::{KeyInvite, KeyInviteResult, KeyRow};
use topside_shared::text::MAX_NAME;
use topside_shared::values::parse_duration;

use super::qr::Qr;
use super::{accepted_keys, invite_result};
use crate::app::ask::{self, Ask};
use crate::app::command_form::{CommandForm, FormResult};
use crate::app::console::Console;
use crate::app::overlay::{self, Overlay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::text::sanitize;
use crate::text::secret::Secret;

/// What the form is called. No command has a name with a blank in it.
const TITLE: &str = "Invite or token";
const TOKEN: &str = "token";

/// The form.
#[derive(Debug)]
pub(crate) struct InviteForm {
    pub(crate) form: CommandForm,
    pub(crate) step: InviteStep,
}

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InviteStep {
    Filling,
    /// The server makes it.
    Asking,
    /// The server would not: why.
    Refused(String),
}

/// What the server has made.
#[derive(Debug)]
pub(crate) struct CreatedInvite {
    pub(crate) invite: Secret,
    pub(crate) key: KeyRow,
}

/// The string, while it is shown.
#[derive(Debug)]
pub(crate) struct InviteResult {
    pub(crate) handed: CreatedInvite,
    /// Whether it is a token.
    pub(crate) lasting: bool,
    pub(crate) code: Option<Qr>,
    /// Rows scrolled out at the top.
    pub(crate) top: usize,
    /// The code is shown in place of the words, where both have no room.
    pub(crate) code_alone: bool,
    /// Light and dark are drawn the other way round, where the terminal's background is not known.
    pub(crate) reversed: bool,
}

impl InviteForm {
    fn new(console: &Console) -> Self {
        let form = console.drafts.get(TITLE).cloned();
        let form = form.unwrap_or_else(|| CommandForm::new(declaration()));
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

    /// Pasted text goes into the field; false: more than its first line would have.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        self.step == InviteStep::Asking || self.form.paste(text)
    }
}

fn is_token(args: &Map<String, Value>) -> bool {
    args.get("kind").and_then(Value::as_str) == Some(TOKEN)
}

/// How long one is good unless told.
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
        ..arg("kind", ArgType::Enum, "for a person's device, once, or for a script")
    };
    let name = Arg {
        required: true,
        max_length: Some(MAX_NAME as u64),
        ..arg("name", ArgType::String, "what its holder is called")
    };
    let role = Arg {
        required: true,
        choices: Role::ALL.iter().map(|role| role.name().into()).collect(),
        ..arg("role", ArgType::Enum, "what it may do")
    };
    let commands = Arg {
        multiple: true,
        ..arg("commands", ArgType::String, "the only ones it may run, blanks between")
    };
    let lifetime = Arg {
        default: Some(usual_life(false).into()),
        minimum: Some(1_000.0),
        ..arg("lifetime", ArgType::Duration, "how long it is good")
    };
    let args = vec![kind, name, role, commands, lifetime];
    Command { name: TITLE.to_owned(), args, ..Command::default() }
}

impl InviteResult {
    fn new(handed: CreatedInvite) -> Option<Self> {
        let invite: Invite = handed.invite.0.parse().ok()?;
        let code = Qr::of(&invite);
        let lasting = invite.lasting;
        Some(Self { handed, lasting, code, top: 0, code_alone: false, reversed: false })
    }

    /// What it is.
    pub(crate) fn what(&self) -> &'static str {
        if self.lasting { TOKEN } else { "invite" }
    }
}

/// Opens the form, as it was left.
pub(crate) fn open(state: &mut State) {
    let Some(console) = state.console() else { return };
    let mut form = InviteForm::new(console);
    form.follow();
    state.overlays.push(Overlay::InviteForm(Box::new(form)));
}

/// A key for the form, which was taken off the overlays.
pub(crate) fn form_key(state: &mut State, mut new: Box<InviteForm>, key: Key) -> Vec<Effect> {
    let leaves = key.code == Code::Esc || key.is_ctrl('c');
    // What is being made is shown when it comes, whether or not somebody waited for it.
    if new.step == InviteStep::Asking {
        if !leaves {
            state.overlays.push(Overlay::InviteForm(new));
        }
        return Vec::new();
    }
    // It stands for no line that could be typed.
    let next = if key.is_ctrl('o') { FormResult::Open } else { new.form.key(key) };
    match next {
        FormResult::Closed { .. } => {
            if let Some(console) = state.console_mut() {
                console.drafts.insert(TITLE.to_owned(), new.form);
            }
            return Vec::new();
        }
        FormResult::Run => {
            if let Some(wanted) = new.wanted()
                && state.session_to_ask().is_some()
            {
                new.step = InviteStep::Asking;
                state.overlays.push(Overlay::InviteForm(new));
                return state.ask(Ask::new(&wanted, |state, result| {
                    made(state, result);
                    Vec::new()
                }));
            }
        }
        FormResult::Open => {
            new.step = InviteStep::Filling;
            new.follow();
        }
    }
    state.overlays.push(Overlay::InviteForm(new));
    Vec::new()
}

/// The server's answer.
fn made(state: &mut State, result: Result<KeyInviteResult, CallError>) {
    let waits = |overlay: &Overlay| matches!(overlay, Overlay::InviteForm(new) if new.step == InviteStep::Asking);
    let made =
        result.map_err(|error| ask::why(&error)).and_then(|KeyInviteResult { invite, key }| {
            let handed = CreatedInvite { invite: Secret(invite), key: sanitize::key(key) };
            InviteResult::new(handed)
                .ok_or_else(|| "the server's answer holds no invite".to_owned())
        });
    match made {
        Ok(made) => {
            state.overlays.retain(|overlay| !waits(overlay));
            if let Some(console) = state.console_mut() {
                console.drafts.remove(TITLE);
            }
            state.overlays.push(Overlay::InviteResult(Box::new(made)));
        }
        Err(why) => {
            for overlay in &mut state.overlays {
                if let Overlay::InviteForm(new) = overlay
                    && new.step == InviteStep::Asking
                {
                    new.step = InviteStep::Refused(why);
                    return;
                }
            }
            state.refuse(why);
        }
    }
}

/// A key for the string, which was taken off the overlays. Only what means to close it does.
pub(crate) fn made_key(state: &mut State, mut made: Box<InviteResult>, key: Key) -> Vec<Effect> {
    let mut effects = Vec::new();
    if key.code == Code::Esc || key.is_ctrl('c') {
        let name = &made.handed.key.name;
        state.done(format!(
            "The {} for {name} is shown no more, and kept nowhere here.",
            made.what()
        ));
        return accepted_keys::changed(state);
    } else if key.code == Code::Tab {
        made.code_alone = !made.code_alone && invite_result::fits_alone(state, &made);
    } else if key.code == Code::Char('r') && invite_result::may_be_reversed(state) {
        made.reversed = !made.reversed;
    } else if state.keys.means(Id::Copy, key) {
        let text = made.handed.invite.0.clone();
        effects.push(Effect::Copy { name: made.what().to_owned(), text });
    } else {
        let (rows, page) = invite_result::scrolls(state, &made);
        made.top = overlay::scroll(made.top, rows, page, key).unwrap_or(made.top);
    }
    state.overlays.push(Overlay::InviteResult(made));
    effects
}
