//! Files that a command takes: they are sent over another connection first, and the command runs once the server has them.

use topside_shared::command::Command;
use topside_shared::methods::CommandRun;
use topside_shared::text::{MAX_NAME, bytes, clean};

use super::Phase;
use crate::app::{Effect, State};

/// Files that are being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sending {
    /// The block of the command.
    pub(crate) id: u64,
    name: String,
    done: u64,
    of: u64,
}

impl Sending {
    /// The progress, and the key that stops it.
    pub(crate) fn words(&self, stop: &str) -> String {
        let Self { name, done, of, .. } = self;
        match name.is_empty() {
            true => format!("reading the file · {stop} gives up"),
            false => {
                format!("sending {name}: {} of {} · {stop} gives up", bytes(*done), bytes(*of))
            }
        }
    }
}

/// Whether a command with these arguments sends files first.
pub(crate) fn sends_files(command: &Command, run: &CommandRun) -> bool {
    command.file_args().any(|arg| run.args.contains_key(&arg.name))
}

/// Sends the files of a command; `block` is the number of its block.
pub(crate) fn send(
    state: &mut State,
    session: u64,
    block: u64,
    command: &Command,
    run: &CommandRun,
) -> Vec<Effect> {
    state.sending = Some(Sending { id: block, name: String::new(), done: 0, of: 0 });
    vec![Effect::SendFiles {
        id: block,
        session,
        command: Box::new(command.clone()),
        run: Box::new(run.clone()),
    }]
}

pub(crate) fn progress(state: &mut State, id: u64, name: &str, done: u64, of: u64) {
    if let Some(sending) = state.sending.as_mut().filter(|sending| sending.id == id) {
        *sending = Sending { id, name: clean(name, MAX_NAME), done, of };
    }
}

/// The files were sent, or not; whether they were still wanted.
pub(crate) fn ended(state: &mut State, id: u64) -> bool {
    state.sending.take_if(|sending| sending.id == id).is_some()
}

/// Gives up sending: the command does not run.
pub(crate) fn stop(state: &mut State) -> Vec<Effect> {
    let Some(sending) = state.sending.take() else { return Vec::new() };
    if let Some(console) = state.console_mut() {
        console.runs.refused(
            sending.id,
            Phase::Refused,
            "given up: its file was not sent, and nothing was run",
        );
    }
    vec![Effect::StopFetch { id: sending.id }]
}
