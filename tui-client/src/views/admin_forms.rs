//! Admin actions that concern all clients: a broadcast, and ordering, postponing or cancelling a shutdown.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use topside_shared::Time;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::methods::{Broadcast, BroadcastResult, CommandRun, ServerShutdownCancel};
use topside_shared::notifications::Urgency;
use topside_shared::text::MAX_BROADCAST;
use topside_shared::values::parse_expected_return;

use super::command_form::{self, CommandForm, Submit};
use super::console::submit::{self, ShutdownOrder};
use crate::app::ask::{self, Ask};
use crate::app::console::SHUTDOWN;
use crate::app::{Effect, State};

/// Title of the form for a broadcast. No command has a name with a blank in it.
const BROADCAST: &str = "Broadcast to all clients";
/// Default time by which a shutdown is postponed, in seconds.
const LATER: u64 = 300;
/// The longest delay of a shutdown, in seconds.
const LONGEST: u64 = 86_400;

/// Opens the form for a broadcast, as it was left.
pub(crate) fn broadcast(state: &mut State) -> Vec<Effect> {
    let Some(console) = state.console_mut() else { return Vec::new() };
    let draft = console.drafts.remove(BROADCAST);
    let form = CommandForm::of_draft(broadcast_fields(), draft.as_ref());
    let form = CommandForm { submit: Submit::Broadcast, ..form };
    state.open(form);
    Vec::new()
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
    state.views.clear();
    state.ask(Ask::new(&Broadcast { message, level }, |state, told| {
        match told {
            // The message itself is shown too, with the same sign.
            Ok(told) => state.note(BroadcastResult::sentence(told)),
            Err(error) => state.refuse(ask::why(&error)),
        }
        Vec::new()
    }))
}

/// Opens the form for the end of the server, a restart, or a reboot or power off of the box.
pub(crate) fn shut_down(state: &mut State) -> Vec<Effect> {
    command_form::open(state, SHUTDOWN)
}

/// Opens the same form with what was ordered, and a later time.
pub(crate) fn postpone(state: &mut State) -> Vec<Effect> {
    let now = state.clock.mono;
    let Some(console) = state.console() else { return Vec::new() };
    let (Some(banner), Some(left)) = (&console.banner, console.due_in(now)) else {
        return Vec::new();
    };
    let Some(command) = console.menu.find(SHUTDOWN).cloned() else { return Vec::new() };
    let later = (left.div_ceil(60_000) * 60 + LATER).min(LONGEST);
    let mut args = Map::from_iter([("delay".to_owned(), format!("{}m", later / 60).into())]);
    match banner.then {
        AfterShutdown::Exit => None,
        AfterShutdown::Restart => args.insert("restart".to_owned(), true.into()),
        then => args.insert("then".to_owned(), then.name().into()),
    };
    if !banner.reason.is_empty() {
        args.insert("reason".to_owned(), banner.reason.clone().into());
    }
    if let Some(back) = banner.back {
        let begin = state.clock.wall.plus_millis(later * 1_000);
        args.insert("back".to_owned(), as_typed(back, begin, &state.zone).into());
    }
    let purpose = Some(format!("Postpone the {}", banner.then.noun()));
    let form = CommandForm { purpose, ..CommandForm::filled(command, &args) };
    state.open(form);
    Vec::new()
}

/// An expected return as a user types it: `20:00`, with the date where the time alone would be another day.
fn as_typed(back: Time, begin: Time, zone: &TimeZone) -> String {
    let local = back.timestamp().to_zoned(zone.clone());
    let forms = ["%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"];
    let mut texts = forms.map(|form| local.strftime(form).to_string()).into_iter();
    let found = texts.find(|text| parse_expected_return(text, begin, zone) == Ok(back));
    found.unwrap_or_else(|| back.to_string())
}

/// A postponement was confirmed. Where the shutdown that was due was cancelled meanwhile, this would be a new one, which
/// wants the name typed.
pub(crate) fn postponed(state: &mut State, line: &str, mut run: CommandRun) -> Vec<Effect> {
    if submit::is_postponement(state, &ShutdownOrder::of_run(&run)) {
        run.confirm = true;
        return submit::send(state, line, &run);
    }
    let command = state.console().and_then(|console| console.menu.find(SHUTDOWN)).cloned();
    match command.and_then(|of| submit::question(state, line, &of, &run)) {
        Some(question) => submit::open(state, question),
        None => Vec::new(),
    }
}

/// Cancels a shutdown that is due. It does no harm, so there is no question.
pub(crate) fn cancel_shutdown(state: &mut State) -> Vec<Effect> {
    state.ask(Ask::new(&ServerShutdownCancel {}, |state, result| {
        // The server tells every client, this one too, who cancelled it.
        if let Err(error) = result {
            state.refuse(ask::why(&error));
        }
        Vec::new()
    }))
}
