//! Requests of the server's status: each second for the open view; for the load in the header only together with what
//! wakes the screen anyway.
//!
//! **Decision:** the header has no timer of its own. The start of a session, a key, a notification and the minute of the
//! header's clock bring its request along, at most one in [`HEADER`], and only for the tab on the screen. An answer holds
//! the load of the last two minutes, so nothing is missed between two requests, and an idle screen still wakes up once a
//! minute only. A subscription would wake it every two seconds.

use topside_shared::methods::{ServerStatus, Status};

use super::figures::Figures;
use crate::app::ask::{self, Ask};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::text::sanitize;

/// The time between two requests of the open view.
const VIEW: u64 = 1_000;
/// The same after a refusal.
const REFUSED: u64 = 5_000;
/// The least time between two requests for the header.
const HEADER: u64 = 5_000;
/// The same after a refusal: an older server refuses each time.
const HEADER_REFUSED: u64 = 300_000;

/// Milliseconds until the open view asks again; none while an answer is pending, or where nothing can be seen.
pub(crate) fn view_due(state: &State) -> Option<u64> {
    let figures = &state.console()?.figures;
    let wait = if figures.failed.is_some() { REFUSED } else { VIEW };
    let may_ask = state.session().is_some() && state.size.enough() && !figures.asked;
    may_ask.then(|| left(figures, wait, state.clock.mono))
}

fn left(figures: &Figures, wait: u64, now: u64) -> u64 {
    figures.answered.map_or(0, |answered| (answered + wait).saturating_sub(now))
}

/// Asks for the header, if its figures are old by now and it can be seen.
pub(crate) fn follow(state: &mut State) -> Vec<Effect> {
    if state.tabs.current_is_hidden() || !state.size.enough() {
        return Vec::new();
    }
    let Some(console) = state.console() else { return Vec::new() };
    let wait = if console.figures.failed.is_some() { HEADER_REFUSED } else { HEADER };
    if left(&console.figures, wait, state.clock.mono) > 0 {
        return Vec::new();
    }
    ask(state, false)
}

/// Asks, unless an answer is pending. `for_view`: the figures are shown, so that those of an older server are kept.
pub(crate) fn ask(state: &mut State, for_view: bool) -> Vec<Effect> {
    let Some(session) = state.session() else { return Vec::new() };
    let Some(console) = state.console_mut() else { return Vec::new() };
    if std::mem::replace(&mut console.figures.asked, true) {
        return Vec::new();
    }
    let ask = Ask::new(&ServerStatus { history: true }, move |state, result| {
        take(state, result, for_view);
        Vec::new()
    });
    vec![Effect::Ask { session, ask }]
}

fn take(state: &mut State, result: Result<Status, CallError>, for_view: bool) {
    let clock = state.clock;
    let Some(console) = state.console_mut() else { return };
    let figures = &mut console.figures;
    figures.asked = false;
    figures.answered = Some(clock.mono);
    match result {
        Ok(status) => {
            figures.failed = None;
            figures.take(sanitize::status(status), clock, for_view);
        }
        Err(error) => figures.failed = Some(ask::why(&error)),
    }
}
