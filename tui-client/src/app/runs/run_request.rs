//! Requests for a run, and what its result does to its block.

use topside_shared::methods::{CommandResult, CommandRun, RunAttach, RunResult};
use topside_shared::{ErrorKind, RunId};

use super::Phase;
use crate::app::ask::Ask;
use crate::app::console::Console;
use crate::app::msg::RunRefused;
use crate::app::session::ask_menu;
use crate::app::{Effect, State};
use crate::text::sanitize;

/// Runs a command; its output goes to this block.
pub(crate) fn start(block: u64, run: &CommandRun) -> Ask {
    Ask::new(run, move |state, result| match result {
        Ok(CommandResult::Answer(answer)) => {
            if let Some(console) = state.console_mut() {
                console.runs.answered(block, &answer);
            }
            Vec::new()
        }
        Ok(CommandResult::Run(result)) => ran(state, block, Ok(result)),
        Err(error) => ran(state, block, Err(error.into())),
    })
}

/// Reads a run's output from a byte on, for this block.
pub(crate) fn attach(block: u64, run_id: RunId, from: u64) -> Ask {
    Ask::new(&RunAttach { run_id, from }, move |state, result| {
        let ended = result.map(|row| Box::new(RunResult::without_output(row)));
        ran(state, block, ended.map_err(Into::into))
    })
}

/// A command has ended, or was refused.
fn ran(state: &mut State, request: u64, result: Result<Box<RunResult>, RunRefused>) -> Vec<Effect> {
    if let Ok(result) = &result {
        state.drop_remark_of_run(result.row.run_id);
    }
    let clock = state.clock;
    let Some(console) = state.console_mut() else { return Vec::new() };
    let cancelled = result.as_ref().ok().and_then(|result| cancelled_by_another(console, result));
    let result = result.map(|mut result| {
        result.row = result.row.with_you(&console.welcome.you.called());
        result
    });
    let next = run_ended(console, request, result, clock.mono);
    if let Some(words) = cancelled {
        console.notices.push(clock.wall, true, words.clone());
        state.warn(words);
    }
    next.map_or_else(Vec::new, |ask| state.ask_if_connected(ask))
}

/// The client that cancelled a run of this one, if another did. The bar of a shutdown says itself who ordered it.
fn cancelled_by_another(console: &Console, result: &RunResult) -> Option<String> {
    let row = sanitize::run(result.row.clone());
    let you = &console.welcome.you;
    let is_anothers =
        row.ended_by.as_ref().is_some_and(|by| *by != you.called()) && !row.is_ended_by_shutdown();
    let words = row.cancelled().filter(|_| is_anothers && row.client_id == you.client_id)?;
    Some(format!("{} {}: {words}", row.command, row.run_id))
}

/// Handles the end of a command; returns the request that follows from it.
fn run_ended(
    console: &mut Console,
    request: u64,
    result: Result<Box<RunResult>, RunRefused>,
    now: u64,
) -> Option<Ask> {
    let block = match &result {
        Ok(result) => console.runs.with_run(request, result.row.run_id),
        Err(RunRefused::Refused { .. }) => console.runs.without_run(request),
        // One message at the end of the session covers all commands.
        Err(RunRefused::Lost) => return None,
    };
    let info = console.runs.info(block);
    // A block without a command has run a name that was not in the menu.
    let asked = info.is_some_and(|info| info.command.is_empty());
    // A run that has a number was started, so only the request for its output was refused.
    let run = info.and_then(|info| info.run);
    let shown_run = info.filter(|info| info.received > 0).and_then(|info| info.run);
    match result {
        Err(RunRefused::Refused { kind: ErrorKind::InvalidParams, .. }) if asked => {
            let words =
                "the menu has changed: this command is new in it. Nothing was run; run it again";
            console.runs.refused(block, Phase::Refused, words);
            return Some(ask_menu());
        }
        // A server that was killed may have less of the output than the block. Its row still has the result.
        Err(RunRefused::Refused { kind: ErrorKind::InvalidParams, .. }) if shown_run.is_some() => {
            return shown_run.map(|run| attach(block, run, 0));
        }
        Ok(result) => {
            console.runs.ended(block, &result.row, now);
        }
        Err(RunRefused::Refused { message, .. }) => {
            let phase = if run.is_none() { Phase::Refused } else { Phase::Unknown };
            console.runs.refused(block, phase, &sanitize::sentence(&message));
        }
        Err(RunRefused::Lost) => {}
    }
    None
}
