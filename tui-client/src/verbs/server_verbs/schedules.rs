//! Verbs about schedules.

use jiff::tz::TimeZone;
use topside_shared::methods::SchedulesList;
use topside_shared::tables;

use super::one_shot::OneShot;
use crate::verb_args::schedule::{ScheduleArgs, ScheduleChange};
use crate::verbs::errors::VerbError;
use crate::verbs::exit_status;

pub(super) async fn list(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let schedules = session.call(&SchedulesList {}).await?;
    session.print(&schedules, |all| tables::schedules(all, &TimeZone::system())).await
}

pub(super) async fn change(
    session: &mut OneShot<'_>,
    args: &ScheduleArgs,
) -> Result<u8, VerbError> {
    match args.change() {
        ScheduleChange::Pause(pause) => {
            let row = session.call(&pause).await?;
            session.print(&row, |row| tables::schedule_paused(row) + "\n").await
        }
        ScheduleChange::Resume(resume) => {
            let row = session.call(&resume).await?;
            let zone = TimeZone::system();
            session.print(&row, |row| tables::schedule_resumed(row, &zone) + "\n").await
        }
        ScheduleChange::Run(run) => {
            let row = session.call(&run).await?;
            session.print(&row, |row| tables::schedule_run(row) + "\n").await
        }
        ScheduleChange::Plan(plan) => {
            let answer = session.call(&plan).await?;
            session.print(&answer, |_| tables::active_plan(plan.plan.as_deref()) + "\n").await
        }
        ScheduleChange::Set => {
            let (all, menu) = (session.call(&SchedulesList {}).await?, session.menu().await?);
            let set = args.set(&all, &menu);
            let set = set.map_err(|why| VerbError::new(exit_status::USAGE, why))?;
            let row = session.call(&set).await?;
            let zone = TimeZone::system();
            session.print(&row, |row| tables::schedule_set(row, &zone) + "\n").await
        }
    }
}
