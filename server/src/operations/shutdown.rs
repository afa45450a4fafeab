//! Scheduling a shutdown or a restart, waiting until it is due, and cancelling it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::methods::{ServerShutdown, ShutdownResult};
use topside_shared::notifications::{Closing, Phase, name};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{ErrorKind, RpcError};

use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::base::blocking::blocking;
use crate::base::outbox::notification;
use crate::base::shortage::Shortage;
use crate::base::shutdown::{Plan, ShutdownOptions, TooLate};
use crate::base::toml_file::errors::first_of;
use crate::base::{reboot_record, shutdown_record};
use crate::clients::Client;
use crate::operations::box_power;
use crate::server::Server;
use crate::server::alerts::warn_admins;

/// Schedules a shutdown for a client. It begins after `answered`, if that is given, is cancelled.
///
/// # Errors
/// `invalidParams`, where `then` is not possible; `closing`, once one has begun; `spawnFailed`, where the server could not
/// start again.
pub(crate) async fn schedule(
    server: &Arc<Server>,
    client: &Client,
    order: ServerShutdown,
    answered: Option<CancellationToken>,
) -> Result<ShutdownResult, RpcError> {
    let then = then(&order)?;
    check(server, then).await?;
    let ServerShutdown { delay_ms, reason, back, .. } = order;
    let delay = Duration::from_millis(delay_ms);
    let reason = clean(&reason.unwrap_or_default(), MAX_REASON);
    if !server.shutdown.has_begun() {
        let mut argv = vec![
            format!("delayMs={delay_ms}"),
            format!("then={}", then.name()),
            format!("reason={reason}"),
        ];
        argv.extend(back.map(|back| format!("back={back}")));
        let by = client.by();
        server
            .audit
            .note_ahead(Entry::new(by, AuditAction::ServerShutdown, "server").argv(argv))
            .await;
    }
    let by = client.called();
    let usual_ms = match then {
        AfterShutdown::Reboot => {
            server.blocking(|server| reboot_record::usual_ms(&server.now().config.state)).await?
        }
        _ => None,
    };
    let mut plan = Plan::new(delay, by, ShutdownOptions { reason, back, then, usual_ms });
    plan.answered = answered;
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
        target: "topside", client = client.id.0, by = notice.by, reason = notice.reason, then = then.name(),
        back = back.map(tracing::field::display), in_ms = due.in_ms, "shutdown ordered"
    );
    // An immediate one is announced when it begins.
    if !delay.is_zero() {
        server.tell(&notification(name::SERVER_CLOSING, &notice));
    }
    Ok(due)
}

/// What an order wants after the shutdown.
fn then(order: &ServerShutdown) -> Result<AfterShutdown, RpcError> {
    let then = order.then();
    if order.restart && then != AfterShutdown::Restart {
        let message =
            format!("`then` is `{}` and `restart` is true: give one of them", then.name());
        return Err(RpcError::new(ErrorKind::InvalidParams, message));
    }
    Ok(then)
}

/// Checks that the server can do what comes after the shutdown.
async fn check(server: &Arc<Server>, then: AfterShutdown) -> Result<(), RpcError> {
    if then.is_of_box() {
        box_power::check(server, then).await?;
    }
    if then.comes_back() { can_start_again(server).await } else { Ok(()) }
}

/// Waits until a shutdown is due, and begins it. A delayed one is cancelled if what comes after it is not possible any
/// more.
pub(crate) async fn wait_until_due(server: &Arc<Server>) -> Plan {
    loop {
        let plan = server.shutdown.due().await;
        let refused = match plan.was_delayed() {
            true => check(server, plan.options.then).await.err(),
            false => None,
        };
        match refused {
            None if server.shutdown.begin_due(&plan) => return plan,
            Some(error) if server.shutdown.drop_due(&plan) => {
                shutdown_record::remove(&server.now().config.state);
                let entry = Entry::new(By::server(), AuditAction::ServerShutdownCancel, "server");
                server.audit.note(entry.result(error.message.clone()));
                tracing::error!(target: "topside", by = plan.by, "{} cancelled: {}", plan.options.then.noun(), error.message);
                let notice = Closing {
                    reason: clean(&error.message, MAX_REASON),
                    by: "the server".to_owned(),
                    ..plan.notice(Phase::Cancelled)
                };
                server.tell(&notification(name::SERVER_CLOSING, &notice));
                // Clients do not show the reason of a cancelled shutdown.
                warn_admins(
                    server,
                    &format!("the {} is cancelled: {}", plan.options.then.noun(), error.message),
                );
            }
            // It was cancelled or replaced meanwhile.
            None | Some(_) => {}
        }
    }
}

/// Checks the files that a restart or a reboot would read: neither may become an end.
async fn can_start_again(server: &Arc<Server>) -> Result<(), RpcError> {
    let again = Arc::clone(server);
    let check = move || {
        let checked = again.now().config.could_start_again();
        // Without descriptors the files cannot be checked.
        checked.map_err(|error| (error, Shortage::now()))
    };
    let Ok(Err((error, shortage))) = blocking(check).await else { return Ok(()) };
    if let Some(shortage) = shortage {
        let message = format_args!("the files that a restart reads cannot be checked: {shortage}");
        return Err(RpcError::new(ErrorKind::Busy, message));
    }
    let fault = first_of(&error, ": run `topsided check`");
    let message = format_args!("the server would not start again, and continues: {fault}");
    Err(RpcError::new(ErrorKind::SpawnFailed, message))
}

/// Cancels the shutdown that is due, for a client.
///
/// # Errors
/// `notFound` where none is due, `closing` once it has begun.
pub(crate) fn cancel(server: &Server, client: &Client) -> Result<(), RpcError> {
    let Some(plan) = server.shutdown.cancel().map_err(too_late)? else {
        return Err(RpcError::new(ErrorKind::NotFound, "no shutdown is due"));
    };
    shutdown_record::remove(&server.now().config.state);
    let entry = Entry::new(client.by(), AuditAction::ServerShutdownCancel, "server");
    server.audit.note(entry.result("done"));
    let mut notice = plan.notice(Phase::Cancelled);
    notice.by = client.called();
    tracing::info!(target: "topside", client = client.id.0, by = notice.by, "shutdown cancelled");
    server.tell(&notification(name::SERVER_CLOSING, &notice));
    Ok(())
}

fn too_late(TooLate: TooLate) -> RpcError {
    RpcError::new(ErrorKind::Closing, "the server is shutting down already")
}
