//! Schedules: their list, pauses, the plan, and a run at once.

use std::sync::Arc;

use topside_shared::RpcError;
use topside_shared::methods::{
    Empty, SchedulePause, SchedulePlan, ScheduleResume, ScheduleRow, ScheduleRun, ScheduleSet,
    Schedules, SchedulesList,
};
use topside_shared::records::RunRow;

use crate::methods::Caller;

pub(super) async fn list(
    caller: Caller,
    SchedulesList {}: SchedulesList,
) -> Result<Schedules, RpcError> {
    caller.server.schedules.loaded().await;
    Ok(caller.server.schedules.list(&caller.client.who()))
}

pub(super) async fn pause(caller: Caller, params: SchedulePause) -> Result<ScheduleRow, RpcError> {
    let SchedulePause { schedule, reason } = params;
    change(caller, schedule, Some(reason)).await
}

pub(super) async fn resume(
    caller: Caller,
    ScheduleResume { schedule }: ScheduleResume,
) -> Result<ScheduleRow, RpcError> {
    change(caller, schedule, None).await
}

/// Pauses a schedule for a reason, if one is given, or resumes it; also where the caller leaves meanwhile.
async fn change(
    caller: Caller,
    schedule: String,
    pause: Option<Option<String>>,
) -> Result<ScheduleRow, RpcError> {
    let Caller { server, client } = caller;
    let of_schedules = Arc::clone(&server.schedules);
    let work = async move { of_schedules.pause(&client, &schedule, pause).await };
    server.finish("the change of the schedule", work).await
}

pub(super) async fn run(
    caller: Caller,
    ScheduleRun { schedule }: ScheduleRun,
) -> Result<RunRow, RpcError> {
    let Caller { server, client } = &caller;
    let run = server.schedules.run_now(client, &schedule).await?;
    Ok(run.row_for(&client.who()))
}

pub(super) async fn set(caller: Caller, params: ScheduleSet) -> Result<ScheduleRow, RpcError> {
    let Caller { server, client } = caller;
    let schedules = Arc::clone(&server.schedules);
    let work = async move { schedules.set(&client, params).await };
    server.finish("the change of the schedule", work).await
}

pub(super) async fn plan(
    caller: Caller,
    SchedulePlan { plan }: SchedulePlan,
) -> Result<Empty, RpcError> {
    let Caller { server, client } = caller;
    let schedules = Arc::clone(&server.schedules);
    let work = async move { schedules.activate_plan(&client, plan).await };
    server.finish("the change of the plan", work).await?;
    Ok(Empty {})
}
