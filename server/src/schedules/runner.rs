//! The task that starts commands at their times.
//!
//! A start is claimed in the database before its command starts, in the same transaction that accounts for the time until
//! then; so no start happens twice, also after a crash. A start that was claimed and did not happen is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use topside_shared::records::{Inactive, Outcome, RunState, ScheduleOutcome};
use topside_shared::time::millis;
use topside_shared::{ErrorKind, RpcError, RunId, Time};

use crate::base::identity::{Identity, Owner, Scope};
use crate::history::{self, Account, ScheduleWrite, Unwritable};
use crate::menu::{Execution, Runnable};
use crate::menu_file::schedule::DeclaredSchedule;
use crate::runs::requester::Requester;
use crate::runs::{Run, scheduler};
use crate::schedules::{Known, Schedules, jitter, rule_text};
use crate::timing::{Due, Occurrence, Timing, due};

/// Longest time between two looks at the clock: it may have been set.
const LOOK: Duration = Duration::from_secs(30);
/// A wall clock that is behind by less than this was corrected, not set back.
const CORRECTION_MS: u64 = 1_000;

impl Schedules {
    /// Starts commands at their times, for ever.
    pub(crate) async fn run(self: &Arc<Self>) {
        let instance = loop {
            match self.load().await {
                Ok(instance) => break instance,
                Err(error) => {
                    self.loaded.cancel();
                    tracing::error!(target: "topside", %error, "schedules do not start yet");
                    sleep(LOOK).await;
                }
            }
        };
        self.resume_windows(&instance).await;
        self.start_at_start(&instance).await;
        loop {
            let wake = self.look_at_all(&instance).await;
            self.loaded.cancel();
            let pause = async {
                match wake {
                    Some(wake) => sleep(wake.min(LOOK)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = pause => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Reads what is kept of the schedules; returns the id of the database.
    async fn load(&self) -> Result<Arc<str>, history::Unreadable> {
        let instance = self.runs.history.instance().await?;
        let (plan, kept) = self.runs.history.schedules().await?;
        let mut state = self.state.lock();
        state.plan = plan;
        state.known = kept.into_iter().map(|kept| (kept.name.clone(), Known::from(kept))).collect();
        let now = self.clock.now();
        let config = self.config.get();
        let passing = config
            .config
            .schedules
            .iter()
            .filter(|one| matches!(one.rule.timing, Timing::Every(_)));
        let accounted =
            passing.filter_map(|one| state.known.get(&one.name)).map(|known| known.accounted);
        let behind_ms = accounted.max().map_or(0, |newest| newest.millis_since(now));
        self.behind_ms.store(behind_ms, Ordering::Relaxed);
        Ok(instance)
    }

    /// Continues the runs of open windows that the end of the last server interrupted.
    async fn resume_windows(self: &Arc<Self>, instance: &str) {
        for schedule in &self.config.get().config.schedules {
            let last =
                self.state.lock().known.get(&schedule.name).and_then(|known| known.last.clone());
            let Some(last) = last else { continue };
            if !matches!(last.outcome, Outcome::Claimed | Outcome::Started) {
                continue;
            }
            let before = Time::from_millis(last.at.as_millis() - 1);
            let occurrence = schedule.rule.after(before).filter(|found| found.at == last.at);
            let now = self.delayed_now(schedule, instance);
            let occurrence = occurrence.filter(|found| found.is_open(now));
            let was_interrupted = self.was_interrupted(last.run_id).await;
            if let Some(occurrence) =
                occurrence.filter(|_| was_interrupted && self.inactive(schedule).is_none())
            {
                tracing::info!(target: "topside", schedule = schedule.name, "the window is still open: its run continues");
                self.start(schedule, occurrence, instance);
                continue;
            }
            let outcome = match last.outcome {
                Outcome::Claimed => Outcome::Lost,
                _ => Outcome::Ended,
            };
            self.set_outcome(schedule, last.at, outcome, last.run_id, None).await;
        }
    }

    /// Whether the end of the server ended a run, and not the run itself or a user.
    async fn was_interrupted(&self, run: Option<RunId>) -> bool {
        let Some(run) = run else { return true };
        match self.runs.history.get(run).await {
            Ok(Some(record)) => {
                let row = record.row;
                row.state == RunState::Lost
                    || row.state == RunState::Cancelled && row.ended_by.is_none()
            }
            Ok(None) | Err(_) => false,
        }
    }

    async fn start_at_start(self: &Arc<Self>, instance: &str) {
        for schedule in &self.config.get().config.schedules {
            if schedule.rule.timing != Timing::AtStart || self.inactive(schedule).is_some() {
                continue;
            }
            let at = Time::now();
            let due =
                Due { start: Some(Occurrence { at, window: schedule.rule.window }), missed: None };
            if let Err(error) = self.account(schedule, due, at, instance).await {
                tracing::error!(target: "topside", schedule = schedule.name, %error, "not started");
            }
        }
    }

    /// Starts what is due; returns the time until the next start, if there is any schedule.
    async fn look_at_all(self: &Arc<Self>, instance: &str) -> Option<Duration> {
        let now = self.config.get();
        let schedules = &now.config.schedules;
        self.forget_removed(schedules).await;
        self.know_those_at_start(schedules).await;
        let mut wake: Option<Duration> = None;
        for schedule in schedules.iter().filter(|schedule| schedule.rule.timing != Timing::AtStart)
        {
            let next = match self.look(schedule, instance).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(
                        target: "topside", schedule = schedule.name, %error,
                        "a schedule starts nothing: what it starts cannot be written down"
                    );
                    LOOK
                }
            };
            wake = Some(wake.map_or(next, |wake| wake.min(next)));
        }
        wake
    }

    /// Notes the schedules of the start that have not started anything, so that a user can pause them.
    async fn know_those_at_start(&self, schedules: &[DeclaredSchedule]) {
        for schedule in schedules.iter().filter(|schedule| schedule.rule.timing == Timing::AtStart)
        {
            let is_known = self.state.lock().known.contains_key(&schedule.name);
            if !is_known
                && let Err(error) =
                    self.write_account(schedule, Time::now(), Vec::new(), false).await
            {
                tracing::error!(target: "topside", schedule = schedule.name, %error, "a schedule is not noted");
            }
        }
    }

    /// Forgets the schedules that the menu no longer has: one of the same name begins anew.
    async fn forget_removed(&self, schedules: &[DeclaredSchedule]) {
        let names: BTreeSet<&str> =
            schedules.iter().map(|schedule| schedule.name.as_str()).collect();
        let removed: Vec<String> = {
            let mut state = self.state.lock();
            let removed =
                state.known.keys().filter(|name| !names.contains(name.as_str())).cloned().collect();
            state.known.retain(|name, _| names.contains(name.as_str()));
            removed
        };
        for name in removed {
            // An unwritable database is reported by the schedules that are left.
            let _ = self.runs.history.write_schedule(ScheduleWrite::Forget(name)).await;
        }
    }

    /// Starts what is due of one schedule; returns the time until its next start.
    async fn look(
        self: &Arc<Self>,
        schedule: &DeclaredSchedule,
        instance: &str,
    ) -> Result<Duration, Unwritable> {
        let rule = &schedule.rule;
        let now = self.delayed_now(schedule, instance);
        let known = self.state.lock().known.get(&schedule.name).cloned();
        let text = rule_text(schedule);
        let accounted = match known {
            Some(known) if known.rule == text => known.accounted,
            // With a wrong clock it cannot be said from when on it is there.
            _ if self.inactive(schedule) == Some(Inactive::ClockNotSet) => return Ok(LOOK),
            // A new schedule, or a new rule, has missed nothing.
            _ => {
                self.write_account(schedule, now, Vec::new(), false).await?;
                now
            }
        };
        if self.inactive(schedule) == Some(Inactive::ClockNotSet) {
            return Ok(LOOK);
        }
        let accounted = match accounted.millis_since(now) {
            behind if behind > CORRECTION_MS => {
                tracing::info!(target: "topside", schedule = schedule.name, "the clock was set back: what has run does not run again");
                self.write_account(schedule, now, Vec::new(), true).await?;
                now
            }
            _ => accounted,
        };
        let due = due(rule, accounted, now, schedule.missed);
        if due != Due::default() {
            let last = due.start.map(|start| start.at).or(due.missed.map(|missed| missed.last));
            self.account(schedule, due, last.unwrap_or(now), instance).await?;
        }
        let next =
            rule.after(now).map_or(LOOK, |next| Duration::from_millis(next.at.millis_since(now)));
        Ok(next)
    }

    /// Writes down what came due, and starts it.
    async fn account(
        self: &Arc<Self>,
        schedule: &DeclaredSchedule,
        due: Due,
        to: Time,
        instance: &str,
    ) -> Result<(), Unwritable> {
        let one = |at, outcome| history::Instant { at, first: at, count: 1, outcome };
        let (missed, start) = (due.missed, due.start);
        let several = |outcome| {
            missed.map(|missed| history::Instant {
                at: missed.last,
                first: missed.first,
                count: missed.count,
                outcome,
            })
        };
        let rows: Vec<history::Instant> = match self.inactive(schedule) {
            None => {
                let claimed = start.map(|start| one(start.at, Outcome::Claimed));
                several(Outcome::Missed).into_iter().chain(claimed).collect()
            }
            Some(Inactive::Paused) => {
                let paused = start.map(|start| one(start.at, Outcome::Paused));
                several(Outcome::Paused).into_iter().chain(paused).collect()
            }
            Some(_) => Vec::new(),
        };
        if let Some(missed) = missed.filter(|_| self.is_active(schedule)) {
            tracing::warn!(
                target: "topside", schedule = schedule.name, count = missed.count, last = %missed.last,
                "starts of a schedule were missed"
            );
        }
        let is_claimed = rows.last().is_some_and(|row| row.outcome == Outcome::Claimed);
        let is_new = self.write_account(schedule, to, rows, false).await?;
        match start {
            Some(start) if is_claimed && is_new => self.start(schedule, start, instance),
            _ => self.publish(schedule),
        }
        Ok(())
    }

    /// Accounts for a schedule until `to`; whether the last row is new.
    async fn write_account(
        &self,
        schedule: &DeclaredSchedule,
        to: Time,
        rows: Vec<history::Instant>,
        rewind: bool,
    ) -> Result<bool, Unwritable> {
        let rule = rule_text(schedule);
        let last = rows.last().copied();
        let account =
            Account { schedule: schedule.name.clone(), rule: rule.clone(), to, rows, rewind };
        let is_new = self.runs.history.write_schedule(ScheduleWrite::Account(account)).await?;
        let mut state = self.state.lock();
        let known = state.known.entry(schedule.name.clone()).or_insert_with(|| Known {
            rule: String::new(),
            accounted: to,
            pause: None,
            last: None,
            open_until: None,
        });
        (known.rule, known.accounted) = (rule, to);
        if let Some(row) = last.filter(|_| is_new) {
            let (at, outcome, count) = (row.at, row.outcome, row.count);
            known.last = Some(ScheduleOutcome { at, outcome, count, run_id: None, reason: None });
        }
        Ok(is_new)
    }

    /// The time of a schedule: that of its rule, less its delay.
    fn delayed_now(&self, schedule: &DeclaredSchedule, instance: &str) -> Time {
        let delay = i64::try_from(millis(jitter(schedule, instance))).unwrap_or(0);
        Time::from_millis(self.now(&schedule.rule).as_millis() - delay)
    }

    /// How much of the window of a start is left; none where it has no window.
    fn remaining(
        &self,
        schedule: &DeclaredSchedule,
        start: &Occurrence,
        instance: &str,
    ) -> Option<Duration> {
        start.rest(self.delayed_now(schedule, instance))
    }

    /// Starts the command of a schedule in a task of its own, which follows it to its end.
    fn start(self: &Arc<Self>, schedule: &DeclaredSchedule, start: Occurrence, instance: &str) {
        let rest = self.remaining(schedule, &start, instance);
        let (schedules, schedule) = (Arc::clone(self), schedule.clone());
        self.runs.spawn(async move { schedules.follow(&schedule, start.at, rest).await });
    }

    async fn follow(&self, schedule: &DeclaredSchedule, at: Time, rest: Option<Duration>) {
        let started = self.start_run(schedule, rest).await;
        let run = match started {
            Ok(run) => run,
            Err(error) => {
                let outcome = match error.kind() {
                    ErrorKind::Busy => Outcome::Overlap,
                    _ => Outcome::Refused,
                };
                tracing::warn!(target: "topside", schedule = schedule.name, error = error.message, "a schedule could not start its command");
                self.set_outcome(schedule, at, outcome, None, Some(error.message)).await;
                return;
            }
        };
        let until = rest.map(|rest| Time::now().plus_millis(millis(rest)));
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
        rest: Option<Duration>,
    ) -> Result<Arc<Run>, RpcError> {
        let now = self.config.get();
        let missing =
            || RpcError::new(ErrorKind::NotFound, "the menu has no such command any more");
        // A reload may have changed it since it came due.
        if !now.config.schedules.contains(schedule) {
            return Err(RpcError::new(ErrorKind::NotFound, "the schedule was changed by a reload"));
        }
        let entry = now.menu.get(&schedule.command).ok_or_else(missing)?;
        let Execution::Run(command) = &entry.execution else { return Err(missing()) };
        let command: &Arc<Runnable> = command;
        let who = Identity {
            owner: Owner::Schedule,
            user: format!("schedule:{}", schedule.name),
            role: entry.info.role,
            scope: Scope::Whole,
        };
        let requester = Requester::Schedule(Arc::new(who));
        let window = rest.map(|rest| Instant::now() + rest);
        scheduler::start(&self.runs, &requester, command, schedule.args.clone(), window).await
    }

    fn set_open(&self, schedule: &DeclaredSchedule, until: Option<Time>) {
        if let Some(known) = self.state.lock().known.get_mut(&schedule.name) {
            known.open_until = until;
        }
    }

    async fn set_outcome(
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
