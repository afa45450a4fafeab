//! Scheduler: admits a run, which then starts, waits in the queue or is refused; and moves queued runs up when another
//! run ends.

use std::sync::Arc;

use topside_shared::notifications::Stream;
use topside_shared::records::{RunState, queue_reason};
use topside_shared::{ErrorKind, Role, RpcError, RunId};

use crate::authorize::{Action, authorize};
use crate::base::identity::Identity;
use crate::clients::Client;
use crate::keys::expiry;
use crate::menu::Entry;
use crate::runs::queue::{Needs, RefusalReason, Refused, seats};
use crate::runs::run_guard::RunGuard;
use crate::runs::start::closing;
use crate::runs::{Run, Runs, State, lock, queue};
use crate::workers::worker::Call;

/// Adds a run to the live ones, where the limits allow it; whether it starts now.
///
/// # Errors
/// `closing`, or `busy` with the limit or the lock.
pub(crate) fn admit(
    runs: &Runs,
    client: &Client,
    who: &Identity,
    run: &Arc<Run>,
    entry: &Entry,
) -> Result<bool, RpcError> {
    let now = runs.services.config.get();
    let limits = &now.config.limits;
    let mut state = lock(&runs.state);
    if state.closed || runs.services.shutdown.has_begun() {
        return Err(closing());
    }
    if entry.limited {
        let own = state.limited.values().filter(|id| **id == client.id).count();
        if own >= limits.max_runs_per_client {
            let most = limits.max_runs_per_client;
            return Err(busy("max_runs_per_client", most, &format!("you have {most} runs")));
        }
    }
    let mut starts = true;
    if entry.limited || !entry.exclusion.is_none() {
        let by_admin = who.role == Role::Admin;
        let seats = seats(limits.max_runs, limits.admin_runs, by_admin);
        let needs = Needs {
            command: entry.info.name.clone(),
            user: who.user.clone(),
            access: run.access(),
            exclusion: entry.exclusion.clone(),
            seat: entry.limited.then_some(seats),
            by_admin,
        };
        let asked = state.queue.ask(run.id, needs, limits.max_queued);
        let standing = asked.map_err(|mut refused| {
            queue::hide_holders(&mut refused.waits_for, &refused.holders, who);
            refusal(entry, &refused, seats)
        })?;
        if let Some(standing) = standing {
            starts = false;
            lock(&run.row).state = RunState::Queued;
            run.set_wait(standing);
        }
    }
    if entry.limited {
        state.limited.insert(run.id, client.id);
    }
    state.live.insert(run.id, Arc::clone(run));
    if starts {
        state.started += 1;
    }
    Ok(starts)
}

fn busy(limit: &str, most: usize, what: &str) -> RpcError {
    let message = format_args!("{what} at once already, which is the limit: wait for one to end");
    RpcError::new(ErrorKind::Busy, message).with("limit", limit).with("most", most as u64)
}

/// Why a run can neither start nor wait, with who holds what it needs.
fn refusal(entry: &Entry, refused: &Refused, seats: usize) -> RpcError {
    let command = &entry.info.name;
    let Refused { why, waits_for, .. } = refused;
    let lock = waits_for.iter().find_map(|wait| wait.lock.clone());
    if queue::waits_only_for_a_seat(waits_for) && *why == RefusalReason::NoQueue {
        return busy("max_runs", seats, &format!("{seats} runs go on"));
    }
    let because = match why {
        RefusalReason::NoQueue => "it has no queue".to_owned(),
        RefusalReason::Queue(1) => {
            "another one waits already, for whom alone there is a place".to_owned()
        }
        RefusalReason::Queue(most) => {
            format!("{most} of them wait already, for whom alone there are places")
        }
        RefusalReason::Server(most) => {
            format!("{most} runs wait on this server already, which is the limit")
        }
    };
    let what = queue_reason::describe(waits_for);
    let message =
        format_args!("{command} would have to wait for {what}, and {because}: try again later");
    let error = RpcError::new(ErrorKind::Busy, message);
    let error = match (why, lock) {
        (RefusalReason::Queue(most), _) => error.with("limit", "queue").with("most", *most as u64),
        (RefusalReason::Server(most), _) => {
            error.with("limit", "max_queued").with("most", *most as u64)
        }
        (RefusalReason::NoQueue, Some(lock)) => error.with("lock", lock),
        (RefusalReason::NoQueue, None) => {
            let most = entry.exclusion.max_concurrent.map(|most| most.get() as u64);
            error.with("limit", "max_concurrent").with("most", most)
        }
    };
    error.with("waitsFor", serde_json::to_value(waits_for).unwrap_or_default())
}

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
    let over = runs.services.tasks.runs_ended();
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
