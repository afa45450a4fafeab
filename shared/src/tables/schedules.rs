//! The table of schedules.

use jiff::tz::TimeZone;

use super::{cell, columns};
use crate::methods::Schedules;
use crate::records::{RunRow, ScheduleRow};
use crate::text::{MAX_NAME, MAX_REASON, clean};

/// All schedules, a line each under their heads, and the plan.
pub fn schedules(all: &Schedules, zone: &TimeZone) -> String {
    if all.schedules.is_empty() {
        return "no command that you may run has a schedule: \
                [[commands.NAME.schedule]] in commands.toml declares one\n"
            .to_owned();
    }
    let heads = ["schedule", "command", "next", "rule", "zone", "last"].map(str::to_owned);
    let rows = all.schedules.iter().map(|row| cells(row, zone));
    let table = columns(&std::iter::once(heads).chain(rows).collect::<Vec<_>>());
    let plan = match all.plans.is_empty() {
        true => String::new(),
        false => format!("\n{}; the plans are {}\n", active_plan(all.plan.as_deref()), plans(all)),
    };
    table + &plan
}

fn plans(all: &Schedules) -> String {
    let names: Vec<String> = all.plans.iter().map(|plan| clean(plan, MAX_NAME)).collect();
    names.join(", ")
}

/// That a schedule was resumed, and its next start.
pub fn schedule_resumed(row: &ScheduleRow, zone: &TimeZone) -> String {
    let next = clean(&row.standing(|time| time.to_second(zone)), MAX_REASON);
    format!("{} is resumed; its next start: {next}", clean(&row.schedule, MAX_NAME))
}

/// That a schedule was paused.
pub fn schedule_paused(row: &ScheduleRow) -> String {
    format!("{} is paused until it is resumed", clean(&row.schedule, MAX_NAME))
}

/// That the time or the arguments of a schedule were set, and its next start.
pub fn schedule_set(row: &ScheduleRow, zone: &TimeZone) -> String {
    let next = clean(&row.standing(|time| time.to_second(zone)), MAX_REASON);
    let name = clean(&row.schedule, MAX_NAME);
    let rule = clean(&row.rule, MAX_REASON);
    match &row.set {
        Some(_) => format!("{name} is set: {rule}; its next start: {next}"),
        None => format!("{name} is as its file says: {rule}; its next start: {next}"),
    }
}

/// That the command of a schedule was started by a user.
pub fn schedule_run(row: &RunRow) -> String {
    format!("run {} of {} has started", row.run_id, clean(&row.command, MAX_NAME))
}

/// Which plan is active.
pub fn active_plan(plan: Option<&str>) -> String {
    match plan {
        Some(plan) => format!("plan {} is active", clean(plan, MAX_NAME)),
        None => "no plan is active".to_owned(),
    }
}

/// Who has set it, as the end of its rule: ` (set by anna)`.
fn set_note(row: &ScheduleRow) -> String {
    row.set.as_ref().map_or_else(String::new, |set| format!(" (set by {})", set.by))
}

fn cells(row: &ScheduleRow, zone: &TimeZone) -> [String; 6] {
    let last = row.last.as_ref();
    let last = last.map(|last| format!("{} {}", last.at.to_second(zone), last.words()));
    let last = last.map(|last| clean(&last, MAX_REASON));
    [
        clean(&row.schedule, MAX_NAME),
        clean(&row.command, MAX_NAME),
        clean(&row.standing(|time| time.to_second(zone)), MAX_REASON),
        clean(&format!("{}{}", row.rule, set_note(row)), MAX_REASON),
        clean(&row.zone, MAX_NAME),
        cell(last),
    ]
}
