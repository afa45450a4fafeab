//! What an admin orders for everybody: a word, the end of the server, another time for that, none.

use serde_json::{Map, Value};
use topside_shared::methods::CommandRun;

use crate::app::command_form::{self, CommandForm};
use crate::app::confirm::{Confirm, Then};
use crate::app::console::shutdown_banner::BannerPhase;
use crate::app::console::{Console, submit};
use crate::app::overlay::Overlay;
use crate::app::{Effect, State};

/// The built-in that tells everybody something.
pub(crate) const BROADCAST: &str = "broadcast";
/// The built-in that ends the server.
pub(crate) const SHUTDOWN: &str = "shutdown";
/// The built-in that calls that off.
pub(crate) const CALL_OFF: &str = "shutdown-cancel";

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

/// Opens the form for what everybody is told.
pub(crate) fn broadcast(state: &mut State) {
    command_form::open(state, BROADCAST);
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
        Some(Confirm { then: Then::Postpone { .. }, .. }) => {
            run.confirm = true;
            submit::send(state, line, run)
        }
        Some(other) => {
            state.overlays.push(Overlay::Confirm(other));
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Calls a shutdown off, which does no harm and asks nothing.
pub(crate) fn call_off(state: &mut State) -> Vec<Effect> {
    let command = CALL_OFF.to_owned();
    let run = CommandRun { command, args: Map::new(), stream: true, wait: true, confirm: false };
    submit::send(state, CALL_OFF, run)
}
