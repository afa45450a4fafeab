//! Queued runs: who moves up when another one ends, and what one does until its turn comes.

use std::sync::Arc;

use topside_shared::RunId;
use topside_shared::notifications::Stream;
use topside_shared::records::RunState;

use crate::authorize::{Action, authorize};
use crate::base::identity::Identity;
use crate::keys::expiry;
use crate::menu::Entry;
use crate::runs::run_guard::RunGuard;
use crate::runs::{Runs, State, lock};
use crate::workers::worker::Call;

impl Runs {
    /// Gives back what a run holds, or its place, for others to move up.
    pub(crate) fn leave(&self, id: RunId) {
        let mut state = lock(&self.state);
        state.queue.leave(id);
        state.move_up(self);
    }

    /// The limits are others than they were: some that wait may start now.
    pub(crate) fn limits_changed(&self) {
        let now = self.services.config.get();
        let limits = &now.config.limits;
        let mut state = lock(&self.state);
        state.queue.set_seats(limits.max_runs, limits.admin_runs);
        state.move_up(self);
    }
}

impl State {
    /// Lets those start whose turn has come, and tells of the others whose place, or what they wait for, is
    /// another now. All under the lock, so that nobody hears of a place after that of a later moment.
    pub(crate) fn move_up(&mut self, runs: &Runs) {
        if !self.closed && !runs.services.shutdown.has_begun() {
            for id in self.queue.turns() {
                if let Some(run) = self.live.get(&id) {
                    run.turn.cancel();
                }
            }
        }
        for (id, standing) in self.queue.standings() {
            let Some(run) = self.live.get(&id) else { continue };
            {
                let row = lock(&run.row);
                let same = row.place == Some(standing.place) && row.waits_for == standing.waits_for;
                if same || row.state != RunState::Queued {
                    continue;
                }
            }
            run.set_wait(standing);
            run.tell(runs);
        }
    }
}

/// Waits for the turn of a queued run; whether it may start then. One that may not has said why.
pub(crate) async fn wait(live: &mut RunGuard, entry: &Entry, call: &mut Call) -> bool {
    let (runs, run) = (Arc::clone(&live.runs), Arc::clone(&live.run));
    let over = runs.services.tasks.runs_over();
    tokio::select! {
        biased;
        () = run.cancel.cancelled() => return false,
        () = over.cancelled() => return false,
        () = run.turn.cancelled() => {}
    }
    match rights(&runs, &call.who, entry) {
        Ok(who) => {
            call.who = who;
            live.starts();
            true
        }
        Err(why) => {
            tracing::warn!(target: "topside", run = run.id.0, why, "queued run not started");
            let said = format!("It was not started: {why}\n");
            run.output.append(Stream::Stderr, said.as_bytes()).await;
            false
        }
    }
}

/// Whether who asked may still run this, and who that is by now.
fn rights(runs: &Runs, who: &Arc<Identity>, entry: &Entry) -> Result<Arc<Identity>, String> {
    let now = expiry::identity(&runs.services.keys, &runs.services.config.get().config.local, who)?;
    let action = Action::Run { command: &entry.info.name, role: entry.info.role };
    authorize(&now, action).map_err(|error| error.message)?;
    Ok(now)
}
