//! Copies or saves the output of a block. The output of a run is fetched completely from the server, over another
//! connection; other output is what the screen has.

use topside_shared::RunId;
use topside_shared::records::ResultFile;
use topside_shared::text::bytes;

use super::{Info, Phase};
use crate::app::connection::ConnectionState;
use crate::app::{Effect, State};
use crate::text::{sanitize, times};

/// An output that is being saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) id: u64,
    block: u64,
    /// The name of the file, if it is free.
    name: String,
    /// Bytes that have come, and the total.
    done: u64,
    of: u64,
    /// Whether the run was still active when the save began.
    live: bool,
}

impl Export {
    /// The progress, and the key that stops it.
    pub(crate) fn words(&self, stop: &str) -> String {
        format!("saving {} of {} · {stop} gives up", bytes(self.done), bytes(self.of))
    }
}

/// An output that was saved completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exported {
    pub(crate) path: String,
    pub(crate) length: u64,
    /// Bytes of the output that the server has dropped.
    pub(crate) missing: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExportFailed {
    /// The server has no output of this run.
    NotKept,
    /// Another error, as a sentence.
    Failed(String),
}

/// Copies the output of the selected block, as the screen shows it.
pub(crate) fn copy(state: &mut State) -> Vec<Effect> {
    let Some((block, name)) = chosen(state) else { return Vec::new() };
    let Some(text) = held(state, block) else { return Vec::new() };
    vec![Effect::Copy { name, text }]
}

/// Saves the output of the selected block.
pub(crate) fn save(state: &mut State) -> Vec<Effect> {
    if let Some(saving) = &state.saving {
        let name = saving.name.clone();
        state.refuse(format!("{name} is still being saved: Esc gives that up."));
        return Vec::new();
    }
    let Some((block, name)) = chosen(state) else { return Vec::new() };
    let Some(info) = state.console().and_then(|console| console.runs.info(block)) else {
        return Vec::new();
    };
    let (of, live) = (info.bytes.unwrap_or(info.received), info.bytes.is_none());
    match (&state.link, info.run) {
        // Without a session the server cannot be asked.
        (ConnectionState::Connected { session }, Some(run)) if of > 0 => {
            let session = *session;
            let id = state.next_serial();
            state.saving = Some(Export { id, block, name: name.clone(), done: 0, of, live });
            vec![Effect::Fetch { id, session, run, until: of, name }]
        }
        (ConnectionState::Connected { .. }, _) => save_held(state, block, name, None),
        (_, None) => save_held(state, block, name, None),
        (_, Some(_)) => {
            save_held(state, block, name, Some("there is no session to fetch all of it"))
        }
    }
}

/// Saves a result of a run to a path of this device.
pub(crate) fn save_result(
    state: &mut State,
    run: RunId,
    file: ResultFile,
    to: String,
) -> Vec<Effect> {
    if let Some(saving) = &state.saving {
        let name = saving.name.clone();
        state.refuse(format!("{name} is still being saved: Esc gives that up."));
        return Vec::new();
    }
    let Some(session) = state.session_to_ask() else { return Vec::new() };
    let (id, name) = (state.next_serial(), sanitize::sentence(&file.name));
    state.saving = Some(Export { id, block: 0, name, done: 0, of: file.size, live: false });
    vec![Effect::FetchResult { id, session, run, file, to }]
}

/// Saves what the screen has of a block, and why that is incomplete.
fn save_held(state: &mut State, block: u64, name: String, why: Option<&str>) -> Vec<Effect> {
    let Some(text) = held(state, block) else { return Vec::new() };
    let why = why.map(|why| format!("as this screen shows it, for {why}"));
    vec![Effect::Save { name, text, why }]
}

pub(crate) fn fetching(state: &mut State, id: u64, done: u64) {
    if let Some(saving) = state.saving.as_mut().filter(|saving| saving.id == id) {
        saving.done = done;
    }
}

/// Takes the result of a save.
pub(crate) fn fetched(
    state: &mut State,
    id: u64,
    result: Result<Exported, ExportFailed>,
) -> Vec<Effect> {
    let Some(saving) = state.saving.take_if(|saving| saving.id == id) else { return Vec::new() };
    match result {
        Ok(Exported { path, length, missing, .. }) => {
            let size = bytes(length);
            if missing > 0 {
                let lost = bytes(missing);
                let why = "the server has not kept them, and the file says where";
                state.refuse(format!("{size} saved to {path}, but {lost} are missing: {why}"));
            } else if saving.live {
                state.done(format!("{size} saved to {path}: what it had printed so far"));
            } else {
                state.done(format!("{size} saved to {path}"));
            }
        }
        Err(ExportFailed::NotKept) => {
            let why = "the server has this run no more";
            if state.console().is_none() {
                state.refuse(format!("nothing was saved: {why}"));
                return Vec::new();
            }
            return save_held(state, saving.block, saving.name, Some(why));
        }
        Err(ExportFailed::Failed(why)) => {
            state.refuse(format!("nothing was saved: {}", sanitize::sentence(&why)));
        }
    }
    Vec::new()
}

pub(crate) fn stop(state: &mut State) -> Vec<Effect> {
    let Some(saving) = state.saving.take() else { return Vec::new() };
    state.note(format!("Given up: nothing was saved as {}.", saving.name));
    vec![Effect::StopFetch { id: saving.id }]
}

/// The selected block, and the name of the file for its output.
fn chosen(state: &State) -> Option<(u64, String)> {
    let info = state.console()?.runs.chosen()?;
    Some((info.id, file_name(state, info)))
}

fn file_name(state: &State, info: &Info) -> String {
    let command = if info.command.is_empty() { "output" } else { &info.command };
    // The name of a command may have characters that a file name may not have.
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let command: String = command.chars().map(plain).take(64).collect();
    let time = times::clock(info.at, &state.zone).replace(':', "");
    format!("topside-{command}-{time}.txt")
}

/// The text that the screen has of a block; a message says if it is empty.
fn held(state: &mut State, block: u64) -> Option<String> {
    let runs = &state.console()?.runs;
    let text = runs.text(block);
    if !text.is_empty() {
        return Some(text);
    }
    let info = runs.info(block)?;
    let so_far = if matches!(info.phase, Phase::Running { .. }) { " so far" } else { "" };
    let line = info.line.clone();
    state.refuse(format!("{line} printed nothing{so_far}"));
    None
}
