//! Starts of a schedule that are claimed or were missed, in the database.
//!
//! A start is claimed before its command starts, in the same transaction that accounts for the time until then; so no start
//! happens twice, also after a crash. A start that was claimed and did not happen is lost.

use std::sync::Arc;

use topside_shared::Time;
use topside_shared::records::{Inactive, Outcome, ScheduleOutcome};

use crate::history::{self, Account, ScheduleWrite, Unwritable};
use crate::menu_file::schedule::DeclaredSchedule;
use crate::schedules::scheduled_run::StartOrder;
use crate::schedules::{Known, Schedules, rule_text};
use crate::timing::Due;

impl Schedules {
    /// Claims the due start in the database, then starts it; records those that were missed.
    pub(super) async fn claim_and_start(
        self: &Arc<Self>,
        schedule: &DeclaredSchedule,
        due: Due,
        to: Time,
        order: &mut StartOrder,
    ) -> Result<(), Unwritable> {
        let Due { missed, start } = due;
        let inactive = self.inactive(schedule);
        let outcomes = match inactive {
            None => Some((Outcome::Missed, Outcome::Claimed)),
            Some(Inactive::Paused) => Some((Outcome::Paused, Outcome::Paused)),
            Some(_) => None,
        };
        let rows: Vec<history::StartRow> =
            outcomes.map_or_else(Vec::new, |(of_missed, of_start)| {
                let rule = &schedule.rule;
                let missed = missed.map(|missed| history::StartRow {
                    wall: self.on_wall(rule, missed.last),
                    at: missed.last,
                    first: missed.first,
                    count: missed.count,
                    outcome: of_missed,
                });
                let start = start.map(|start| history::StartRow {
                    wall: self.on_wall(rule, start.at),
                    at: start.at,
                    first: start.at,
                    count: 1,
                    outcome: of_start,
                });
                missed.into_iter().chain(start).collect()
            });
        let is_active = matches!(inactive, None | Some(Inactive::ClockNotSet));
        if let Some(missed) = missed.filter(|_| is_active) {
            tracing::warn!(
                target: "topside", schedule = schedule.name, count = missed.count, last = %missed.last,
                "starts of a schedule were missed"
            );
            let why = "the server was not running at the time, or the box slept";
            self.notify.start_missed(&schedule.name, &schedule.command, missed.count, why);
        }
        let is_claimed = rows.last().is_some_and(|row| row.outcome == Outcome::Claimed);
        let is_new = self.write_account(schedule, to, rows, false).await?;
        match start {
            Some(start) if is_claimed && is_new => self.start(schedule, start, order),
            _ => self.publish(schedule),
        }
        Ok(())
    }

    /// Accounts for a schedule until `to`; whether the last row is new.
    pub(super) async fn write_account(
        &self,
        schedule: &DeclaredSchedule,
        to: Time,
        rows: Vec<history::StartRow>,
        rewind: bool,
    ) -> Result<bool, Unwritable> {
        self.write_account_of(schedule, rule_text(schedule), to, rows, rewind).await
    }

    /// The same for a rule in words.
    pub(super) async fn write_account_of(
        &self,
        schedule: &DeclaredSchedule,
        rule: String,
        to: Time,
        rows: Vec<history::StartRow>,
        rewind: bool,
    ) -> Result<bool, Unwritable> {
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
            last_wall: None,
            set: None,
            open_until: None,
        });
        (known.rule, known.accounted) = (rule, to);
        if let Some(row) = last.filter(|_| is_new) {
            let (at, outcome, count) = (row.at, row.outcome, row.count);
            known.last_wall = Some(row.wall);
            known.last = Some(ScheduleOutcome { at, outcome, count, run_id: None, reason: None });
        }
        Ok(is_new)
    }
}
