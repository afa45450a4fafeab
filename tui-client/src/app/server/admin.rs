//! Admin actions that concern all clients: a broadcast, and ordering, postponing or cancelling a shutdown.

use serde_json::{Map, Value};
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::methods::{Broadcast, BroadcastResult, Call, CommandRun, ServerShutdownCancel};
use topside_shared::notifications::Urgency;
use topside_shared::text::MAX_BROADCAST;

use crate::app::ask::{self, Ask};
use crate::app::command_form::{self, CommandForm, Submit};
use crate::app::confirm::{Confirm, ConfirmedAction};
use crate::app::console::shutdown_banner::BannerPhase;
use crate::app::console::{Console, submit};
use crate::app::overlay::Overlay;
use crate::app::{Effect, State};

/// Title of the form for a broadcast. No command has a name with a blank in it.
const BROADCAST: &str = "Broadcast to all clients";
/// The built-in that ends the server.
pub(crate) const SHUTDOWN: &str = "shutdown";

/// By how much a shutdown is put off, unless told, in seconds.
const LATER: u64 = 300;
/// The longest delay of a shutdown, in seconds.
const LONGEST: u64 = 86_400;

/// Milliseconds until a shutdown that is due begins.
pub(crate) fn due_in(console: &Console, now: u64) -> Option<u64> {
    match console.banner.as_ref()?.phase {
        BannerPhase::Due { at } => Some(at.saturating_sub(now)),
        BannerPhase::Now | BannerPhase::Cancelled => None,
    }
}

/// Opens the form for a broadcast, as it was left.
pub(crate) fn broadcast(state: &mut State) {
    let Some(console) = state.console_mut() else { return };
    let form = console.drafts.remove(BROADCAST);
    let form = form.unwrap_or_else(|| CommandForm {
        submit: Submit::Broadcast,
        ..CommandForm::new(broadcast_fields())
    });
    state.overlays.push(Overlay::CommandForm(Box::new(form)));
}

/// The fields of a broadcast, as a command would declare them.
fn broadcast_fields() -> Command {
    let warning = Arg {
        name: "warning".into(),
        kind: ArgType::Bool,
        description: "send it as a warning".into(),
        ..Arg::default()
    };
    let message = Arg {
        name: "message".into(),
        description: "the text that all clients receive".into(),
        required: true,
        max_length: Some(MAX_BROADCAST as u64),
        ..Arg::default()
    };
    Command { name: BROADCAST.into(), args: vec![warning, message], ..Command::default() }
}

/// Sends the broadcast of a form, and closes the form.
pub(crate) fn send_broadcast(state: &mut State, form: &CommandForm) -> Vec<Effect> {
    let args = form.args();
    let message = args.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    let warns = args.get("warning") == Some(&Value::Bool(true));
    let level = if warns { Urgency::Warning } else { Urgency::Info };
    state.overlays.clear();
    act(state, &Broadcast { message, level }, BroadcastResult::sentence)
}

/// Opens the form for the end of the server, or for a restart.
pub(crate) fn shut_down(state: &mut State) {
    command_form::open(state, SHUTDOWN);
}

/// Opens the same form with what was ordered, and a later time.
pub(crate) fn postpone(state: &mut State) {
    let now = state.clock.mono;
    let Some(console) = state.console() else { return };
    let (Some(banner), Some(left)) = (&console.banner, due_in(console, now)) else { return };
    let Some(command) = console.menu.find(SHUTDOWN).cloned() else { return };
    let later = (left.div_ceil(60_000) * 60 + LATER).min(LONGEST);
    let mut args = Map::from_iter([("delay".to_owned(), Value::from(later))]);
    if banner.restart {
        args.insert("restart".to_owned(), true.into());
    }
    if !banner.reason.is_empty() {
        args.insert("reason".to_owned(), banner.reason.clone().into());
    }
    let purpose = Some(format!("Postpone the {}", what(banner.restart)));
    let form = CommandForm { purpose, ..CommandForm::filled(command, &args) };
    state.overlays.push(Overlay::CommandForm(Box::new(form)));
}

/// What is ordered, in a word.
pub(crate) fn what(restart: bool) -> &'static str {
    if restart { "restart" } else { "shutdown" }
}

/// A postponement was confirmed. Where what was due has gone meanwhile, it would be a new shutdown, and that
/// wants the name typed.
pub(crate) fn postponed(state: &mut State, line: &str, mut run: CommandRun) -> Vec<Effect> {
    let command = state.console().and_then(|console| console.menu.find(SHUTDOWN)).cloned();
    let asked = command.and_then(|command| submit::question(state, line, &command, &run));
    match asked {
        Some(Confirm { then: ConfirmedAction::Postpone { .. }, .. }) => {
            run.confirm = true;
            submit::send(state, line, &run)
        }
        Some(other) => {
            state.overlays.push(Overlay::Confirm(other));
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Cancels a scheduled shutdown. It does no harm, so there is no question.
pub(crate) fn call_off(state: &mut State) -> Vec<Effect> {
    act(state, &ServerShutdownCancel {}, |_| "the shutdown is called off".to_owned())
}

/// Sends a request of which only a sentence is shown: what was done, or why not.
pub(crate) fn act<M: Call>(
    state: &mut State,
    params: &M,
    done: impl FnOnce(M::Answer) -> String + Send + 'static,
) -> Vec<Effect>
where
    M::Answer: Send + 'static,
{
    state.ask(Ask::new(params, |state, result| {
        match result {
            Ok(answer) => state.done(done(answer)),
            Err(error) => state.refuse(ask::why(&error)),
        }
        Vec::new()
    }))
}
