//! Rows of schedules: what each start came to, how far each schedule is accounted for, and who paused it.

use rusqlite::{OptionalExtension, Row, params};
use topside_shared::records::{Outcome, Pause, RunRow, RunState, ScheduleOutcome};
use topside_shared::{RunId, Time};

use crate::history::db::Db;
use crate::history::db::sql_values::{invalid, of_name};
use crate::history::{Account, Intent, ScheduleState, ScheduleWrite, StartRow};

/// Version 8 has schedules. Each start is one row, so that it is claimed once.
pub(super) const TABLES: &str = "
    CREATE TABLE schedules (
        name TEXT PRIMARY KEY,
        rule TEXT NOT NULL,
        accounted INTEGER NOT NULL,
        paused_by TEXT,
        paused_at INTEGER,
        paused_reason TEXT
    ) WITHOUT ROWID;
    CREATE TABLE instants (
        schedule TEXT NOT NULL,
        at INTEGER NOT NULL,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        run INTEGER,
        reason TEXT,
        PRIMARY KEY (schedule, at)
    ) WITHOUT ROWID;
";

/// Version 11 has what operators set, and the times of starts on the wall: those of `every` are of a clock that stands still
/// while the box is off.
pub(super) const ADJUSTMENTS: &str = "
    ALTER TABLE schedules ADD COLUMN adjustment TEXT;
    ALTER TABLE instants ADD COLUMN wall INTEGER;
";

/// Rows of starts that are kept of each schedule.
const KEPT: i64 = 1_000;

impl Db {
    /// Carries out one change; whether it changed anything. A claim of a start that has a row changes nothing.
    pub(in crate::history) fn write_schedule(
        &mut self,
        write: &ScheduleWrite,
    ) -> rusqlite::Result<bool> {
        match write {
            ScheduleWrite::Account(Account { schedule, rule, to, rows, rewind }) => {
                if *rewind {
                    // These times have not come yet: what did not run is due again.
                    let statement = "DELETE FROM instants WHERE schedule = ?1 AND at > ?2 AND outcome IN ('missed', 'paused')";
                    self.connection
                        .prepare_cached(statement)?
                        .execute(params![schedule, to.as_millis()])?;
                }
                let statement = "INSERT INTO schedules (name, rule, accounted) VALUES (?1, ?2, ?3) \
                                 ON CONFLICT DO UPDATE SET rule = ?2, accounted = ?3";
                self.connection.prepare_cached(statement)?.execute(params![
                    schedule,
                    rule,
                    to.as_millis()
                ])?;
                // A row that stands for several may be there already; the last one decides.
                let mut claimed = true;
                for row in rows {
                    claimed = self.insert_instant(schedule, row)?;
                }
                self.forget_instants(schedule)?;
                Ok(claimed)
            }
            ScheduleWrite::Outcome { schedule, at, outcome, run, reason } => {
                let statement = "UPDATE instants SET outcome = ?3, run = coalesce(?4, run), reason = ?5 \
                                 WHERE schedule = ?1 AND at = ?2";
                let changed = self.connection.prepare_cached(statement)?.execute(params![
                    schedule,
                    at.as_millis(),
                    outcome.name(),
                    run.map(|run| run.0.cast_signed()),
                    reason,
                ])?;
                Ok(changed > 0)
            }
            ScheduleWrite::Pause { schedule, pause } => {
                let statement = "UPDATE schedules SET paused_by = ?2, paused_at = ?3, paused_reason = ?4 \
                                 WHERE name = ?1";
                let changed = self.connection.prepare_cached(statement)?.execute(params![
                    schedule,
                    pause.as_ref().map(|pause| &pause.by),
                    pause.as_ref().map(|pause| pause.at.as_millis()),
                    pause.as_ref().map(|pause| &pause.reason),
                ])?;
                Ok(changed > 0)
            }
            ScheduleWrite::Set { schedule, set } => {
                let statement = "UPDATE schedules SET adjustment = ?2 WHERE name = ?1";
                // A value of JSON has no error.
                let set = set.as_ref().and_then(|set| serde_json::to_string(set).ok());
                let changed =
                    self.connection.prepare_cached(statement)?.execute(params![schedule, set])?;
                Ok(changed > 0)
            }
            ScheduleWrite::Plan(Some(plan)) => {
                let statement = "INSERT OR REPLACE INTO about VALUES ('plan', ?1)";
                self.connection.prepare_cached(statement)?.execute([plan]).map(|_| true)
            }
            ScheduleWrite::Plan(None) => {
                let statement = "DELETE FROM about WHERE name = 'plan'";
                self.connection.prepare_cached(statement)?.execute([]).map(|_| true)
            }
            ScheduleWrite::Forget(schedule) => {
                for statement in [
                    "DELETE FROM schedules WHERE name = ?1",
                    "DELETE FROM instants WHERE schedule = ?1",
                ] {
                    self.connection.prepare_cached(statement)?.execute(params![schedule])?;
                }
                Ok(true)
            }
        }
    }

    /// Notes the run of a start in its row, in the transaction that writes the row of the run. So a start without a run was
    /// claimed, and its program was not started.
    pub(super) fn note_run(&self, intent: &Intent, row: &RunRow) -> rusqlite::Result<()> {
        let Some(key) = &intent.instant else { return Ok(()) };
        let outcome = match row.state {
            RunState::Queued => Outcome::Queued,
            _ => Outcome::Started,
        };
        let statement =
            "UPDATE instants SET run = ?3, outcome = ?4 WHERE schedule = ?1 AND at = ?2";
        let run = row.run_id.0.cast_signed();
        let values = params![key.schedule, key.at.as_millis(), run, outcome.name()];
        self.connection.prepare_cached(statement)?.execute(values).map(drop)
    }

    fn insert_instant(&self, schedule: &str, row: &StartRow) -> rusqlite::Result<bool> {
        let statement =
            "INSERT OR IGNORE INTO instants VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, ?6)";
        let added = self.connection.prepare_cached(statement)?.execute(params![
            schedule,
            row.at.as_millis(),
            row.first.as_millis(),
            row.count.cast_signed(),
            row.outcome.name(),
            row.wall.as_millis(),
        ])?;
        Ok(added > 0)
    }

    fn forget_instants(&self, schedule: &str) -> rusqlite::Result<()> {
        let statement = "DELETE FROM instants WHERE schedule = ?1 AND at <= \
                         (SELECT at FROM instants WHERE schedule = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)";
        self.connection.prepare_cached(statement)?.execute(params![schedule, KEPT]).map(drop)
    }

    /// The first instant of the rows that did not run and end after a time.
    pub(in crate::history) fn first_missed_after(
        &self,
        schedule: &str,
        after: Time,
    ) -> rusqlite::Result<Option<Time>> {
        let statement = "SELECT min(first) FROM instants WHERE schedule = ?1 AND at > ?2 \
                         AND outcome IN ('missed', 'paused')";
        let first: Option<i64> = self
            .connection
            .prepare_cached(statement)?
            .query_row(params![schedule, after.as_millis()], |row| row.get(0))?;
        Ok(first.map(Time::from_millis))
    }

    /// The starts that were claimed, wait or run, the oldest first.
    pub(in crate::history) fn interrupted_starts(
        &self,
    ) -> rusqlite::Result<Vec<(String, ScheduleOutcome)>> {
        let mut statement = self.connection.prepare(
            "SELECT schedule, at, count, outcome, run, reason FROM instants \
             WHERE outcome IN ('claimed', 'queued', 'started') ORDER BY at",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, read_outcome(row, 1)?)))?;
        rows.collect()
    }

    /// The active plan, and each schedule with its newest row.
    pub(in crate::history) fn schedules(
        &self,
    ) -> rusqlite::Result<(Option<String>, Vec<ScheduleState>)> {
        let plan = "SELECT value FROM about WHERE name = 'plan'";
        let plan = self.connection.query_row(plan, [], |row| row.get(0)).optional()?;
        let mut statement = self.connection.prepare(
            "SELECT name, rule, accounted, paused_by, paused_at, paused_reason, at, count, outcome, run, reason, \
             wall, adjustment \
             FROM schedules LEFT JOIN instants ON schedule = name \
             AND at = (SELECT max(at) FROM instants WHERE schedule = name)",
        )?;
        let rows = statement.query_map([], read)?;
        Ok((plan, rows.collect::<Result<_, _>>()?))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<ScheduleState> {
    let time = |index| row.get::<_, Option<i64>>(index).map(|ms| ms.map(Time::from_millis));
    let pause = match (row.get(3)?, time(4)?) {
        (Some(by), Some(at)) => {
            Some(Pause { by, at, reason: row.get::<_, Option<String>>(5)?.unwrap_or_default() })
        }
        _ => None,
    };
    let last = match time(6)? {
        None => None,
        Some(_) => Some(read_outcome(row, 6)?),
    };
    Ok(ScheduleState {
        name: row.get(0)?,
        rule: row.get(1)?,
        accounted: time(2)?.ok_or_else(|| invalid(2))?,
        pause,
        last,
        last_wall: time(11)?,
        // One that cannot be read is as if it was not set.
        set: row.get::<_, Option<String>>(12)?.and_then(|set| serde_json::from_str(&set).ok()),
    })
}

/// Reads `at, count, outcome, run, reason` from this column on.
fn read_outcome(row: &Row<'_>, from: usize) -> rusqlite::Result<ScheduleOutcome> {
    let outcome: String = row.get(from + 2)?;
    Ok(ScheduleOutcome {
        at: Time::from_millis(row.get(from)?),
        count: row.get::<_, i64>(from + 1)?.cast_unsigned(),
        outcome: of_name::<Outcome>(&outcome).ok_or_else(|| invalid(from + 2))?,
        run_id: row.get::<_, Option<i64>>(from + 3)?.map(|run| RunId(run.cast_unsigned())),
        reason: row.get(from + 4)?,
    })
}
