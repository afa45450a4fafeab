//! A block of the response pane with a line and its answer, as text.

use topside_shared::methods::Call;

use crate::app::ask::{self, Ask};
use crate::app::runs::Phase;
use crate::app::{Effect, State};
use crate::views::verb_answer::VerbAnswer;

/// Shows a text as a block of its own. Views would hide it. The picker has no blocks: there it is a view.
pub(super) fn show(state: &mut State, line: &str, text: &str) {
    state.views.clear();
    if state.console().is_none() {
        state.open(VerbAnswer::new(line, text));
        return;
    }
    add_ended(state, line, Ok(text.to_owned()));
}

/// Adds a block with a line and its answer.
pub(super) fn add_ended(state: &mut State, line: &str, answer: Result<String, String>) {
    if let Some(block) = begin(state, line) {
        end(state, block, answer);
    }
}

/// Opens a block for a line.
fn begin(state: &mut State, line: &str) -> Option<u64> {
    let (block, clock) = (state.next_serial(), state.clock);
    let console = state.console_mut()?;
    console.runs.sent(block, &format!(":{line}"), ("", serde_json::Map::new()), clock);
    Some(block)
}

/// Ends the block of a line with its answer. Where a view hides it, a remark says the same.
fn end(state: &mut State, block: u64, answer: Result<String, String>) {
    let (hidden, now) = (!state.views.is_empty(), state.clock.mono);
    let Some(console) = state.console_mut() else { return };
    match answer {
        Ok(text) => {
            console.runs.printed(block, &text, now);
            if hidden {
                state.done(text.lines().next().unwrap_or_default());
            }
        }
        Err(why) => {
            console.runs.refused(block, Phase::Refused, &why);
            if hidden {
                state.refuse(why);
            }
        }
    }
}

/// Sends a request, and shows its answer as a block.
pub(super) fn answer<M: Call>(
    state: &mut State,
    line: &str,
    params: &M,
    text: impl FnOnce(M::Answer) -> String + Send + 'static,
) -> Vec<Effect>
where
    M::Answer: Send + 'static,
{
    let Some(session) = state.session_to_ask() else { return Vec::new() };
    let Some(block) = begin(state, line) else { return Vec::new() };
    let ask = Ask::new(params, move |state, result| {
        end(state, block, result.map(text).map_err(|error| ask::why(&error)));
        Vec::new()
    });
    vec![Effect::Ask { session, ask }]
}

/// The same for an answer of several lines, which a view would hide.
pub(super) fn table<M: Call>(
    state: &mut State,
    line: &str,
    params: &M,
    text: impl FnOnce(M::Answer) -> String + Send + 'static,
) -> Vec<Effect>
where
    M::Answer: Send + 'static,
{
    state.views.clear();
    answer(state, line, params, move |answer| match text(answer) {
        text if text.is_empty() => "none".to_owned(),
        text => text,
    })
}
