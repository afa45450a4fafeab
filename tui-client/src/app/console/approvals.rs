//! Runs that wait for approval, as the server listed them last. A change of a run says that the list has changed.

use topside_shared::RunId;
use topside_shared::methods::{Approvals, ApprovalsList};
use topside_shared::records::{ApprovalRow, RunRow};

use crate::app::ask::{self, Ask};
use crate::app::{Effect, State};
use crate::input::actions::Id;
use crate::text::sanitize;
use crate::widgets::list::Load;

/// The list of one console.
#[derive(Debug)]
pub(crate) struct PendingApprovals {
    rows: Vec<ApprovalRow>,
    /// When it was read, by the monotonic clock.
    read_at: u64,
    pub(crate) load: Load,
}

impl Default for PendingApprovals {
    fn default() -> Self {
        Self { rows: Vec::new(), read_at: 0, load: Load::Done }
    }
}

impl PendingApprovals {
    /// Oldest first.
    pub(crate) fn rows(&self) -> &[ApprovalRow] {
        &self.rows
    }

    pub(crate) fn get(&self, run: RunId) -> Option<&ApprovalRow> {
        self.rows.iter().find(|row| row.run_id == run)
    }

    /// Milliseconds until an approval expires.
    pub(crate) fn left(&self, row: &ApprovalRow, now: u64) -> Option<u64> {
        Some(row.approval.in_ms?.saturating_sub(now.saturating_sub(self.read_at)))
    }

    /// Replaces the list; returns the rows that are new and that this user may decide.
    fn take(&mut self, all: Approvals, now: u64) -> Vec<ApprovalRow> {
        let rows: Vec<ApprovalRow> = all.approvals.into_iter().map(sanitize::approval).collect();
        let is_new = |row: &&ApprovalRow| row.may_decide && self.get(row.run_id).is_none();
        let new = rows.iter().filter(is_new).cloned().collect();
        self.rows = rows;
        self.read_at = now;
        new
    }
}

/// Requests the list; a note tells of runs in it that this user may decide and that are new.
pub(crate) fn ask(state: &mut State) -> Vec<Effect> {
    if state.session().is_none() {
        return Vec::new();
    }
    if let Some(console) = state.console_mut() {
        console.approvals.load = Load::Asked;
    }
    state.ask_if_connected(Ask::new(&ApprovalsList {}, |state, answer| {
        let now = state.clock.mono;
        let Some(console) = state.console_mut() else { return Vec::new() };
        let (new, refused) = match answer {
            Ok(all) => (console.approvals.take(all, now), None),
            Err(error) => (Vec::new(), Some(ask::why(&error))),
        };
        let asks_again = console.approvals.load.answered(refused);
        for row in new {
            announce(state, &row);
        }
        if asks_again { ask(state) } else { Vec::new() }
    }))
}

/// Tells that a run waits for a decision of this user.
fn announce(state: &mut State, row: &ApprovalRow) {
    let key = state.keys.first(Id::Approvals, true);
    let decides = key.map_or_else(String::new, |key| format!(": {key} decides"));
    let words = format!("{} asks to run {}", row.called(state.own_client()), row.line);
    let now = state.clock.wall;
    if let Some(console) = state.console_mut() {
        console.notices.push(now, true, words.clone());
    }
    state.warn(format!("{words}{decides}"));
}

/// A run has changed: it waits for approval from now on, or does not any more.
pub(crate) fn run_changed(state: &mut State, row: &RunRow) -> Vec<Effect> {
    let now = state.clock.wall;
    let Some(console) = state.console_mut() else { return Vec::new() };
    let known = console.approvals.rows.iter().position(|known| known.run_id == row.run_id);
    match (row.awaits_approval(), known) {
        (true, None) if console.approvals.load.changed() => ask(state),
        (false, Some(at)) => {
            let known = console.approvals.rows.remove(at);
            let decided = row.approved().unwrap_or_else(|| row.outcome());
            if known.may_decide {
                let words = format!("run {} of {}: {decided}", row.run_id, known.command);
                console.notices.push(now, false, words.clone());
                state.note(words);
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}
