//! Whether a run is let in: it starts now, it waits for its turn, or it is refused.

use std::sync::Arc;

use topside_shared::records::{RunState, queue_reason};
use topside_shared::{ErrorKind, Role, RpcError};

use crate::base::identity::Identity;
use crate::clients::Client;
use crate::menu::Entry;
use crate::runs::queue::{Needs, RefusalReason, Refused, seats};
use crate::runs::start::closing;
use crate::runs::{Run, Runs, lock, queue};

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
