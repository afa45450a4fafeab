//! Admission of a run: the checks that a request passes before its run is live, and their refusals.

use std::num::NonZeroUsize;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use topside_shared::command::{Command, REASON};
use topside_shared::records::{RunState, queue_reason};
use topside_shared::time::millis;
use topside_shared::{ErrorKind, Role, RpcError, RunId, text, values};

use crate::base::identity::Identity;
use crate::base::limit::Limit;
use crate::files::run_directory::TakenFiles;
use crate::menu::Runnable;
use crate::runs::approval::Approval;
use crate::runs::queue::{Needs, RefusalReason, Refused, seats};
use crate::runs::requester::Requester;
use crate::runs::run_end::RunGuard;
use crate::runs::{LiveRuns, Run, Runs, queue};
use crate::settings::limits::Limits;
use crate::workers::arguments::Arguments;
use crate::workers::concurrency::Exclusion;
use crate::workers::run_rules::Rate;
use crate::workers::worker::{Call, RunHandle};

/// Checks the arguments with `choices_from`.
pub(super) async fn check_choices(
    runs: &Runs,
    command: &Runnable,
    args: &Map<String, Value>,
) -> Result<(), RpcError> {
    for choices in &command.choices {
        let arg = command.info.args.iter().find(|arg| arg.name == choices.argument());
        if let Some((arg, value)) = arg.and_then(|arg| Some((arg, args.get(&arg.name)?))) {
            let instance = runs.history.instance().await?;
            choices.check(arg, value, Some(&instance)).await?;
        }
    }
    Ok(())
}

/// Adds a run to the live ones if the limits allow it.
///
/// # Errors
/// `closing`, or `busy` with the limit or the lock.
pub(super) fn admit(
    id: RunId,
    runs: &Arc<Runs>,
    requester: &Requester,
    command: &Arc<Runnable>,
    mut args: Map<String, Value>,
    files: TakenFiles,
) -> Result<(RunGuard, Call), RpcError> {
    let who = requester.who();
    let reason = take_reason(&command.info, &mut args)?;
    let approval = Approval::needed(runs, &who, command, &args);
    let run = Run::new(id, runs, requester, &who, command, &args, (reason, approval));
    let run = Arc::new(run);
    let starts = enter(runs, requester, &who, &run, command, &args)?;
    let (own, asker) = (Arc::clone(runs), requester.clone());
    let guard = RunGuard::new(own, asker, Arc::clone(&run), starts, files);
    if let Some(client) = requester.client().filter(|client| client.outbox.is_closed()) {
        // It left before the run was live.
        runs.client_left(client.id);
    }
    let (output, cancel) = (run.output.clone(), run.cancel.clone());
    let ending = cancel.child_token();
    let run = RunHandle { id, output, cancel };
    Ok((guard, Call { who, run, args: Arguments(args), ending }))
}

/// Takes the reason of a run out of its arguments: the program does not get it.
fn take_reason(
    command: &Command,
    args: &mut Map<String, Value>,
) -> Result<Option<String>, RpcError> {
    if !command.asks_reason() {
        return Ok(None);
    }
    let reason = args.remove(REASON);
    let reason = reason.as_ref().and_then(Value::as_str).unwrap_or_default().trim();
    if reason.is_empty() {
        let message = format_args!("{} needs a reason: say why it is run", command.name);
        return Err(RpcError::invalid_argument(REASON, message));
    }
    Ok(Some(reason.to_owned()))
}

/// The live runs, locked; `closing` once the server shuts down.
fn lock_open(runs: &Runs) -> Result<MutexGuard<'_, LiveRuns>, RpcError> {
    let state = runs.state.lock();
    if state.closed || runs.services.shutdown.has_begun() {
        return Err(RpcError::new(ErrorKind::Closing, "the server is shutting down"));
    }
    Ok(state)
}

/// Takes a place among the live runs; whether the run starts now. One that needs approval waits for that first.
fn enter(
    runs: &Runs,
    requester: &Requester,
    who: &Identity,
    run: &Arc<Run>,
    command: &Runnable,
    args: &Map<String, Value>,
) -> Result<bool, RpcError> {
    let now = runs.services.config.get();
    let limits = &now.config.limits;
    let mut state = lock_open(runs)?;
    let own = state.live.values().filter(|live| live.client_id == run.client_id).count();
    let most = limits.max_runs_per_client;
    if requester.client().is_some() && own >= most {
        return Err(busy(Limit::MaxRunsPerClient, most, &format!("you have {most} runs")));
    }
    if run.approval.is_some() {
        state.check_approval_limits(
            run.owner,
            limits.max_approvals_per_user,
            limits.max_approvals,
        )?;
        run.row.lock().state = RunState::Queued;
        state.live.insert(run.id, Arc::clone(run));
        return Ok(false);
    }
    let starts = take_place(&mut state, limits, who, run, command, args)?;
    state.live.insert(run.id, Arc::clone(run));
    state.started += u64::from(starts);
    Ok(starts)
}

/// Takes a place for a run that was approved; whether it starts now.
///
/// # Errors
/// `closing`, `rateLimited`, or `busy` with the limit or the lock.
pub(super) fn enter_approved(
    runs: &Runs,
    who: &Identity,
    run: &Arc<Run>,
    command: &Runnable,
    args: &Map<String, Value>,
) -> Result<bool, RpcError> {
    let now = runs.services.config.get();
    let mut state = lock_open(runs)?;
    let starts = take_place(&mut state, &now.config.limits, who, run, command, args)?;
    if !starts {
        run.publish(runs);
    }
    Ok(starts)
}

/// Takes the locks and the seat of a run, or a place in the queue; whether the run starts now.
fn take_place(
    state: &mut LiveRuns,
    limits: &Limits,
    who: &Identity,
    run: &Arc<Run>,
    command: &Runnable,
    args: &Map<String, Value>,
) -> Result<bool, RpcError> {
    let now = Instant::now();
    if let Some(rate) = command.rules.rate
        && let Err(left) = state.rates.check(&command.info.name, rate, now)
    {
        return Err(too_often(&command.info.name, rate, left));
    }
    let by_admin = who.role == Role::Admin;
    let seats = seats(limits.max_runs, limits.admin_runs, by_admin);
    let needs = Needs {
        command: command.info.name.clone(),
        user: who.user.clone(),
        access: run.access(),
        exclusion: command.exclusion.of_run(args),
        seats,
        by_admin,
    };
    let standing = state.queue.ask(run.id, needs, limits.max_queued).map_err(|mut refused| {
        queue::hide_holders(&mut refused.waits_for, &refused.holders, who);
        refusal(command, &refused, seats)
    })?;
    if let Some(rate) = command.rules.rate {
        state.rates.count(&command.info.name, rate, now);
    }
    let starts = standing.is_none();
    if let Some(standing) = standing {
        run.row.lock().state = RunState::Queued;
        run.set_place(standing);
    }
    Ok(starts)
}

fn busy(limit: Limit, most: usize, what: &str) -> RpcError {
    let message = format_args!("{what} at once already, which is the limit: wait for one to end");
    RpcError::new(ErrorKind::Busy, message).with("limit", limit).with("most", most as u64)
}

fn too_often(command: &str, rate: Rate, left: Duration) -> RpcError {
    let Rate { runs, period } = rate;
    let message = format_args!(
        "{command} may run {runs} times in {}, and has: try again in {}",
        values::write_duration(millis(period)),
        text::duration(millis(left))
    );
    RpcError::new(ErrorKind::RateLimited, message)
        .with("limit", Limit::Rate)
        .with("most", runs as u64)
}

/// Why a run can neither start nor wait, with the runs that hold what it needs.
fn refusal(command: &Runnable, refused: &Refused, seats: usize) -> RpcError {
    let Refused { why, waits_for, .. } = refused;
    if queue::waits_only_for_a_seat(waits_for) && *why == RefusalReason::NoQueue {
        return busy(Limit::MaxRuns, seats, &format!("{seats} runs are running"));
    }
    let lock = waits_for.iter().find_map(|wait| wait.lock.as_ref());
    let Exclusion { max_concurrent, group, .. } = &command.exclusion;
    let group = group.as_ref().map(|group| group.max_concurrent);
    let max_concurrent = match waits_for.iter().any(|wait| wait.group.is_some()) {
        true => group,
        false => *max_concurrent,
    };
    let max_concurrent = max_concurrent.map(NonZeroUsize::get);
    let (because, limit) = match *why {
        RefusalReason::NoQueue => {
            ("it has no queue".to_owned(), (Limit::MaxConcurrent, max_concurrent))
        }
        RefusalReason::Queue(most) => {
            (format!("its queue is full ({most} waiting)"), (Limit::Queue, Some(most)))
        }
        RefusalReason::Server(most) => {
            let because = format!("{most} runs wait on this server already, which is the limit");
            (because, (Limit::MaxQueued, Some(most)))
        }
    };
    let (name, what) = (&command.info.name, queue_reason::describe(waits_for));
    let message =
        format_args!("{name} would have to wait for {what}, and {because}: try again later");
    let error = RpcError::new(ErrorKind::Busy, message);
    let error = match (why, lock) {
        (RefusalReason::NoQueue, Some(lock)) => error.with("lock", lock.clone()),
        _ => error.with("limit", limit.0).with("most", limit.1.map(|most| most as u64)),
    };
    error.with("waitsFor", serde_json::to_value(waits_for).unwrap_or_default())
}
