//! The task that starts commands at their times.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use topside_shared::Time;

use crate::history::{ScheduleWrite, Unwritable};
use crate::menu_file::schedule::DeclaredSchedule;
use crate::schedules::scheduled_run::StartOrder;
use crate::schedules::{Schedules, rule_text};
use crate::timing::{Due, Timing, due, is_set_back};

/// Longest time between two looks at the clock: it may have been set.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

/// Reports that a schedule cannot be accounted for; returns when to try again.
fn unwritable(schedule: &DeclaredSchedule, error: &Unwritable) -> Duration {
    tracing::error!(
        target: "topside", schedule = schedule.name, %error,
        "a schedule starts nothing: what it starts cannot be written down"
    );
    CLOCK_CHECK
}

impl Schedules {
    /// Starts commands at their times, for ever.
    pub(crate) async fn run(self: &Arc<Self>) {
        while let Err(error) = self.load().await {
            self.loaded.cancel();
            tracing::error!(target: "topside", %error, "schedules do not start yet");
            sleep(CLOCK_CHECK).await;
        }
        if let Err(error) = self.resume_windows().await {
            tracing::error!(target: "topside", %error, "open windows do not continue");
        }
        self.start_at_start().await;
        loop {
            let wake = self.check_all().await;
            self.loaded.cancel();
            let pause = async {
                match wake {
                    Some(wake) => sleep(wake.min(CLOCK_CHECK)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = pause => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Starts what is due, in the order of the times; returns the time until the next start, if there is any schedule.
    async fn check_all(self: &Arc<Self>) -> Option<Duration> {
        self.forget_removed(&self.config.get().config.schedules).await;
        self.forget_outdated().await;
        let schedules = self.all();
        self.register_at_start(&schedules).await;
        let (mut wake, mut all_due) = (None::<Duration>, Vec::new());
        for schedule in schedules.iter().filter(|schedule| schedule.rule.timing != Timing::AtStart)
        {
            let next = match self.check(schedule).await {
                Ok((next, due)) => {
                    all_due.extend(due.map(|due| (schedule, due)));
                    next
                }
                Err(error) => unwritable(schedule, &error),
            };
            wake = Some(wake.map_or(next, |wake| wake.min(next)));
        }
        // Starts that are made up for follow each other as they would have.
        all_due.sort_by_cached_key(|(schedule, due)| {
            due.start.map(|start| self.on_wall(&schedule.rule, start.at))
        });
        let mut order = StartOrder::default();
        for (schedule, due) in all_due {
            let last = due.start.map(|start| start.at).or(due.missed.map(|missed| missed.last));
            let Some(to) = last else { continue };
            if let Err(error) = self.claim_and_start(schedule, due, to, &mut order).await {
                let again = unwritable(schedule, &error);
                wake = Some(wake.map_or(again, |wake| wake.min(again)));
            }
        }
        wake
    }

    /// Adds a row for each `at_start` schedule that has none, so that a user can pause it.
    async fn register_at_start(&self, schedules: &[DeclaredSchedule]) {
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

    /// Returns the time until the next start of a schedule, and what is due of it now.
    async fn check(
        &self,
        schedule: &DeclaredSchedule,
    ) -> Result<(Duration, Option<Due>), Unwritable> {
        let now = self.delayed_now(schedule);
        let awaits_clock = self.awaits_clock(schedule);
        let known = self.state.lock().known.get(&schedule.name).cloned();
        let text = rule_text(schedule);
        let accounted = match known {
            Some(known) if known.rule == text => known.accounted,
            Some(_) if awaits_clock => return Ok((CLOCK_CHECK, None)),
            // With a wrong clock it cannot be said from when on it is there. Users can pause and set it even so.
            None if awaits_clock => {
                self.write_account_of(schedule, String::new(), now, Vec::new(), false).await?;
                return Ok((CLOCK_CHECK, None));
            }
            // A new schedule, or a new rule, has missed nothing.
            _ => {
                self.write_account(schedule, now, Vec::new(), false).await?;
                now
            }
        };
        if awaits_clock {
            return Ok((CLOCK_CHECK, None));
        }
        let accounted = match is_set_back(accounted, now) {
            true => self.rewind(schedule, now).await?,
            false => accounted,
        };
        let due = due(&schedule.rule, accounted, now, schedule.missed);
        let next = schedule.rule.after(now);
        let next =
            next.map_or(CLOCK_CHECK, |next| Duration::from_millis(next.at.millis_since(now)));
        Ok((next, (due != Due::default()).then_some(due)))
    }

    /// The clock was set back to `now`: what did not run after that is due again, and what has run does not run again. Returns
    /// until when the schedule is accounted for. That is before `now` where starts were missed over the jump.
    async fn rewind(&self, schedule: &DeclaredSchedule, now: Time) -> Result<Time, Unwritable> {
        tracing::info!(target: "topside", schedule = schedule.name, "the clock was set back: what has run does not run again");
        let first = self.runs.history.first_missed_after(&schedule.name, now).await;
        let before = first.ok().flatten().map(|first| Time::from_millis(first.as_millis() - 1));
        let to = before.map_or(now, |before| before.min(now));
        self.write_account(schedule, to, Vec::new(), true).await?;
        Ok(to)
    }
}
