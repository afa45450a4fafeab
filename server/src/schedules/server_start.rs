//! What schedules do at a start of the server: they read what is kept, continue open windows, and start what `at_start` names.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use topside_shared::records::{Outcome, RunState};
use topside_shared::{RunId, Time};

use crate::history::Unreadable;
use crate::schedules::scheduled_run::StartOrder;
use crate::schedules::{Known, Schedules};
use crate::timing::{Due, Occurrence, Timing};

impl Schedules {
    /// Reads what is kept of the schedules.
    pub(super) async fn load(&self) -> Result<(), Unreadable> {
        let instance = self.runs.history.instance().await?;
        // A second try has the same one.
        let _ = self.instance.set(instance);
        let (plan, kept) = self.runs.history.schedules().await?;
        let mut state = self.state.lock();
        state.plan = plan;
        state.known = kept.into_iter().map(|kept| (kept.name.clone(), Known::from(kept))).collect();
        let now = self.clock.now();
        let config = self.config.get();
        let declared = &config.config.schedules;
        let passing = declared.iter().filter(|one| matches!(one.rule.timing, Timing::Every(_)));
        let accounted =
            passing.filter_map(|one| state.known.get(&one.name)).map(|known| known.accounted);
        let behind_ms = accounted.max().map_or(0, |newest| newest.millis_since(now));
        self.behind_ms.store(behind_ms, Ordering::Relaxed);
        Ok(())
    }

    /// Continues the runs of open windows that the end of the last server interrupted, and notes what came of each other
    /// start that it interrupted.
    pub(super) async fn resume_windows(self: &Arc<Self>) -> Result<(), Unreadable> {
        let (schedules, mut order) = (self.all(), StartOrder::default());
        for (name, last) in self.runs.history.interrupted_starts().await? {
            // The rows of a schedule that was removed are deleted.
            let declared = schedules.iter().find(|schedule| schedule.name == name);
            let Some(schedule) = declared else { continue };
            let before = last.at.moved_by(-1);
            let occurrence = schedule.rule.after(before).filter(|found| found.at == last.at);
            let now = self.delayed_now(schedule);
            let occurrence = occurrence.filter(|found| found.is_open(now));
            let was_interrupted = self.was_interrupted(last.run_id).await;
            if let Some(occurrence) =
                occurrence.filter(|_| was_interrupted && self.inactive(schedule).is_none())
            {
                tracing::info!(target: "topside", schedule = schedule.name, "the window is still open: its run continues");
                self.start(schedule, occurrence, &mut order);
                continue;
            }
            let outcome = match last.outcome {
                Outcome::Claimed | Outcome::Queued => Outcome::Lost,
                _ => Outcome::Ended,
            };
            if outcome == Outcome::Lost {
                let why = "the server was killed before it started";
                self.notify.start_missed(&schedule.name, &schedule.command, 1, why);
            }
            self.set_outcome(schedule, last.at, outcome, last.run_id, None).await;
        }
        Ok(())
    }

    /// Whether the end of the server ended a run, and not the run itself or a user.
    async fn was_interrupted(&self, run: Option<RunId>) -> bool {
        let Some(run) = run else { return true };
        match self.runs.history.get(run).await {
            Ok(Some(record)) => {
                let row = record.row;
                row.state == RunState::Lost
                    || row.state == RunState::Cancelled
                        && (row.ended_by.is_none() || row.is_ended_by_shutdown())
            }
            Ok(None) | Err(_) => false,
        }
    }

    pub(super) async fn start_at_start(self: &Arc<Self>) {
        let (at, mut order) = (Time::now(), StartOrder::default());
        for schedule in &self.all() {
            if schedule.rule.timing != Timing::AtStart || self.inactive(schedule).is_some() {
                continue;
            }
            let due =
                Due { start: Some(Occurrence { at, window: schedule.rule.window }), missed: None };
            if let Err(error) = self.claim_and_start(schedule, due, at, &mut order).await {
                tracing::error!(target: "topside", schedule = schedule.name, %error, "not started");
            }
        }
    }
}
