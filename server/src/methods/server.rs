//! The server itself: its figures, and its end.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use topside_shared::methods::{
    Empty, ReloadResult, RunCounts, ServerReload, ServerShutdown, ServerShutdownCancel,
    ServerStatus, ShutdownResult, Status, WorkerStatus,
};
use topside_shared::notifications::{Closing, Phase, name};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{ErrorKind, RpcError};

use crate::audit::entry::{By, Entry};
use crate::base::blocking::blocking;
use crate::base::outbox::notification;
use crate::base::shortage::Shortage;
use crate::base::shutdown::{Plan, TooLate};
use crate::base::toml_file::errors::first_of;
use crate::base::{platform, shutdown_record};
use crate::clients::Client;
use crate::methods::Caller;
use crate::operations::reload;
use crate::server::Server;
use crate::server::alerts::warn_admins;

pub(super) async fn status(
    caller: Caller,
    ServerStatus {}: ServerStatus,
) -> Result<Status, RpcError> {
    Ok(figures(&caller.server))
}

/// What `server/status` and the command `status` tell.
pub(crate) fn figures(server: &Server) -> Status {
    let now = server.now();
    let workers = now.menu.staff().standing().map(|(name, standing)| {
        let name = name.to_owned();
        WorkerStatus { name, standing }
    });
    Status {
        version: server.info.version.clone(),
        uptime_ms: u64::try_from(server.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        clients: server.clients.count() as u64,
        runs: run_counts(server),
        bytes: server.counters.bytes(),
        requests: server.counters.requests(),
        refusals: server.counters.refusals(),
        memory_bytes: platform::memory_bytes(),
        clock_behind_ms: server
            .clock
            .behind()
            .map(|behind| u64::try_from(behind.as_millis()).unwrap_or(u64::MAX)),
        load: platform::load(),
        listeners: server.listening(),
        revision: now.menu.revision(),
        workers: workers.collect(),
        closing: server.shutdown.closing(),
        shutdown_was_due: server.shutdown_was_due.clone(),
    }
}

fn run_counts(server: &Server) -> RunCounts {
    let queued = server.runs.queued();
    RunCounts {
        running: server.runs.count().saturating_sub(queued) as u64,
        queued: queued as u64,
        started: server.runs.started(),
    }
}

pub(super) async fn reload(
    caller: Caller,
    ServerReload {}: ServerReload,
) -> Result<ReloadResult, RpcError> {
    let Caller { server, client } = &caller;
    let done = reload::reload(server, &client.called()).await;
    reload::record(server, By::client(client), &done);
    done.map_err(RpcError::from)
}

pub(super) async fn shutdown(
    caller: Caller,
    params: ServerShutdown,
) -> Result<ShutdownResult, RpcError> {
    let ServerShutdown { delay_ms, reason, restart } = params;
    let delay = Duration::from_millis(delay_ms);
    order_shutdown(&caller.server, &caller.client, delay, reason.as_deref(), restart, None).await
}

/// Orders a shutdown for a client; `by_run` is the run that it was ordered by, which ends first.
///
/// # Errors
/// `closing`, once one has begun; `spawnFailed`, where the server could not start again.
pub(crate) async fn order_shutdown(
    server: &Arc<Server>,
    client: &Client,
    delay: Duration,
    reason: Option<&str>,
    restart: bool,
    by_run: Option<CancellationToken>,
) -> Result<ShutdownResult, RpcError> {
    if restart {
        can_start_again(server).await?;
    }
    let reason = clean(reason.unwrap_or_default(), MAX_REASON);
    if !server.shutdown.has_begun() {
        let ms = delay.as_millis();
        let argv =
            vec![format!("delayMs={ms}"), format!("restart={restart}"), format!("reason={reason}")];
        let by = By::client(client);
        server.audit.note_ahead(Entry::new(by, "server/shutdown", "server").argv(argv)).await;
    }
    let by = client.called();
    let mut plan = Plan::new(delay, reason, by, restart);
    plan.ordered_by_run = by_run;
    let (due, notice) = (plan.due(), plan.notice(Phase::Scheduled));
    // Before it is scheduled: it may begin at once, and then the record is removed.
    if !delay.is_zero() && !server.shutdown.has_begun() {
        let due = notice.clone();
        let write = move |server: &Server| shutdown_record::write(&server.now().config.state, &due);
        if let Err(error) = server.blocking(write).await? {
            tracing::warn!(target: "topside", %error, "a kill of the server would forget that a shutdown is due");
        }
    }
    server.shutdown.schedule(plan).map_err(too_late)?;
    tracing::info!(
        target: "topside", client = client.id.0, by = notice.by, reason = notice.reason, restart,
        in_ms = due.in_ms, "shutdown ordered"
    );
    // One that is due now is told of as it begins.
    if !delay.is_zero() {
        server.tell(&notification(name::SERVER_CLOSING, &notice));
    }
    Ok(due)
}

/// Waits until a shutdown is due, and begins it. A restart that was ordered for later is called off where the server
/// could not start again by then: every client would be warned of a restart that becomes an end.
pub(crate) async fn shutdown_due(server: &Arc<Server>) -> Plan {
    loop {
        let plan = server.shutdown.due().await;
        let refused = match plan.was_delayed() && plan.restart {
            true => can_start_again(server).await.err(),
            false => None,
        };
        match refused {
            None if server.shutdown.begin_due(&plan) => return plan,
            Some(error) if server.shutdown.drop_due(&plan) => {
                shutdown_record::remove(&server.now().config.state);
                let called_off = Entry::new(By::server(), "server/shutdown/cancel", "server");
                server.audit.note(called_off.result(error.message.clone()));
                tracing::error!(target: "topside", by = plan.by, "restart called off: {}", error.message);
                let notice = Closing {
                    reason: clean(&error.message, MAX_REASON),
                    by: "the server".to_owned(),
                    ..plan.notice(Phase::Cancelled)
                };
                server.tell(&notification(name::SERVER_CLOSING, &notice));
                // Clients show who called a shutdown off, and not why.
                warn_admins(server, &format!("the restart is called off: {}", error.message));
            }
            // Called off or replaced at the last moment.
            None | Some(_) => {}
        }
    }
}

/// Whether the files that the server would begin anew with are sound: a restart must not become an end.
async fn can_start_again(server: &Arc<Server>) -> Result<(), RpcError> {
    let again = Arc::clone(server);
    let could = move || {
        let could = again.now().config.could_start_again();
        // Without descriptors the files cannot be judged.
        could.map_err(|error| (error, Shortage::now()))
    };
    let Ok(Err((error, shortage))) = blocking(could).await else { return Ok(()) };
    if let Some(shortage) = shortage {
        return Err(RpcError::new(
            ErrorKind::Busy,
            format_args!("the files that a restart reads cannot be checked: {shortage}"),
        ));
    }
    let said = first_of(&error, ": run `topsided check`");
    Err(RpcError::new(
        ErrorKind::SpawnFailed,
        format_args!("the server would not start again, and goes on: {said}"),
    ))
}

pub(super) async fn cancel_shutdown(
    caller: Caller,
    ServerShutdownCancel {}: ServerShutdownCancel,
) -> Result<Empty, RpcError> {
    call_off_shutdown(&caller.server, &caller.client).map(|()| Empty {})
}

/// Calls a shutdown off for a client.
///
/// # Errors
/// `notFound` where none is due, `closing` once it has begun.
fn call_off_shutdown(server: &Server, client: &Client) -> Result<(), RpcError> {
    let Some(plan) = server.shutdown.cancel().map_err(too_late)? else {
        return Err(RpcError::new(ErrorKind::NotFound, "no shutdown is due"));
    };
    shutdown_record::remove(&server.now().config.state);
    let called_off = Entry::new(By::client(client), "server/shutdown/cancel", "server");
    server.audit.note(called_off.result("done"));
    let mut notice = plan.notice(Phase::Cancelled);
    notice.by = client.called();
    tracing::info!(target: "topside", client = client.id.0, by = notice.by, "shutdown called off");
    server.tell(&notification(name::SERVER_CLOSING, &notice));
    Ok(())
}

fn too_late(TooLate: TooLate) -> RpcError {
    RpcError::new(ErrorKind::Closing, "the server is shutting down already")
}
