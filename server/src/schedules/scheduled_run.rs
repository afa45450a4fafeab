//! One start of a schedule: the run of its command, followed to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};
use topside_shared::records::Outcome;
use topside_shared::time::millis;
use topside_shared::{ErrorKind, RpcError, RunId, Time};

use crate::base::identity::{Identity, Owner, Scope};
use crate::files::run_directory::TakenFiles;
use crate::history::{ScheduleWrite, StartKey};
use crate::menu_file::schedule::DeclaredSchedule;
use crate::runs::requester::Requester;
use crate::runs::window::Window;
use crate::runs::{Run, scheduler};
use crate::schedules::Schedules;
use crate::timing::Occurrence;

/// The order of starts that are due together: each begins once those of an earlier time have begun, wait in the queue, or
/// were refused. Those of one time do not wait for each other.
#[derive(Debug, Default)]
pub(super) struct StartOrder {
    at: Option<Time>,
    /// The starts of this time, and those of the time before.
    same: Vec<CancellationToken>,
    before: Vec<CancellationToken>,
}

impl StartOrder {
    /// Adds a start at this time on the wall, which is not before those of the others. Returns what it waits for, and what
    /// it ends when it has begun.
    fn add(&mut self, at: Time) -> (Vec<CancellationToken>, DropGuard) {
        if self.at.is_none_or(|last| last != at) {
            self.at = Some(at);
            self.before = std::mem::take(&mut self.same);
        }
        let begun = CancellationToken::new();
        self.same.push(begun.clone());
        (self.before.clone(), begun.drop_guard())
    }
}

impl Schedules {
    /// Starts the command of a schedule in a task of its own, which follows it to its end.
    pub(super) fn start(
        self: &Arc<Self>,
        schedule: &DeclaredSchedule,
        start: Occurrence,
        order: &mut StartOrder,
    ) {
        let (before, begun) = order.add(self.on_wall(&schedule.rule, start.at));
        let (schedules, schedule) = (Arc::clone(self), schedule.clone());
        self.runs.spawn(async move {
            for earlier in before {
                earlier.cancelled().await;
            }
            schedules.follow(&schedule, start, begun).await;
        });
    }

    async fn follow(&self, schedule: &DeclaredSchedule, start: Occurrence, begun: DropGuard) {
        let (at, rest) = (start.at, start.rest(self.delayed_now(schedule)));
        let started = self.start_run(schedule, at, rest).await;
        drop(begun);
        let run = match started {
            Ok(run) => run,
            Err(error) => {
                let outcome = match error.kind() {
                    ErrorKind::Busy => Outcome::Overlap,
                    _ => Outcome::Refused,
                };
                tracing::warn!(target: "topside", schedule = schedule.name, error = error.message, "a schedule could not start its command");
                self.notify.start_missed(&schedule.name, &schedule.command, 1, &error.message);
                self.set_outcome(schedule, at, outcome, None, Some(error.message)).await;
                return;
            }
        };
        let until = rest.map(|rest| Time::now().plus_millis(millis(rest)));
        if run.is_queued() {
            self.set_outcome(schedule, at, Outcome::Queued, Some(run.id), None).await;
            if !run.begins().await {
                // At the end of the server it stays queued, so that the next one starts it if its window is open then.
                if !self.runs.is_closed() {
                    let reason = "it waited for its turn, and did not start".to_owned();
                    // One that a user has cancelled is not reported, as with runs.
                    if run.row().ended_by.is_none() {
                        self.notify.start_missed(&schedule.name, &schedule.command, 1, &reason);
                    }
                    let reason = Some(reason);
                    self.set_outcome(schedule, at, Outcome::Overlap, Some(run.id), reason).await;
                }
                return;
            }
        }
        self.set_open(schedule, until);
        self.set_outcome(schedule, at, Outcome::Started, Some(run.id), None).await;
        run.ended.cancelled().await;
        self.set_open(schedule, None);
        // A run that the end of the server interrupts continues at the next start, if its window is open then.
        if !self.runs.is_closed() {
            self.set_outcome(schedule, at, Outcome::Ended, Some(run.id), None).await;
        }
    }

    async fn start_run(
        &self,
        schedule: &DeclaredSchedule,
        at: Time,
        rest: Option<Duration>,
    ) -> Result<Arc<Run>, RpcError> {
        let now = self.config.get();
        // A reload may have changed it since it came due.
        if !self.all().contains(schedule) {
            return Err(RpcError::new(ErrorKind::NotFound, "the schedule was changed meanwhile"));
        }
        let command = now.menu.runnable(&schedule.command)?;
        let who = Identity {
            owner: Owner::Schedule,
            user: format!("schedule:{}", schedule.name),
            role: command.info.role,
            scope: Scope::Whole,
            agent: false,
        };
        let instant = StartKey { schedule: schedule.name.clone(), at };
        let requester = Requester::Schedule { who: Arc::new(who), instant };
        let window = rest.map(Window::lasting);
        let (args, files) = (schedule.args.clone(), TakenFiles::default());
        scheduler::start(&self.runs, &requester, command, args, files, window).await
    }

    fn set_open(&self, schedule: &DeclaredSchedule, until: Option<Time>) {
        if let Some(known) = self.state.lock().known.get_mut(&schedule.name) {
            known.open_until = until;
        }
    }

    pub(super) async fn set_outcome(
        &self,
        schedule: &DeclaredSchedule,
        at: Time,
        outcome: Outcome,
        run: Option<RunId>,
        reason: Option<String>,
    ) {
        let name = &schedule.name;
        let write = ScheduleWrite::Outcome {
            schedule: name.clone(),
            at,
            outcome,
            run,
            reason: reason.clone(),
        };
        if let Err(error) = self.runs.history.write_schedule(write).await {
            tracing::error!(target: "topside", schedule = name, %error, "what came of a start is not written down");
        }
        if let Some(known) = self.state.lock().known.get_mut(name)
            && let Some(last) = known.last.as_mut().filter(|last| last.at == at)
        {
            (last.outcome, last.run_id, last.reason) = (outcome, run.or(last.run_id), reason);
        }
        self.publish(schedule);
    }
}
