//! `worker/restart`.

use topside_shared::methods::{WorkerRestart, WorkerStatus};
use topside_shared::text::{MAX_NAME, did_you_mean, nearest, quote};
use topside_shared::{ErrorKind, RpcError};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::methods::Caller;

/// Ends the process of a worker in order, and waits until another was started.
pub(super) async fn restart(
    caller: Caller,
    WorkerRestart { worker: name }: WorkerRestart,
) -> Result<WorkerStatus, RpcError> {
    let Caller { server, client } = caller;
    let now = server.now();
    let residents = now.menu.worker_pool().residents();
    let Some(worker) = residents.iter().find(|worker| worker.0.name() == name) else {
        let near = nearest(&name, residents.iter().map(|worker| worker.0.name()));
        let shown = quote(&name, MAX_NAME);
        let message = format_args!("there is no worker `{shown}`{}", did_you_mean(&near));
        return Err(RpcError::new(ErrorKind::NotFound, message).with("nearest", near));
    };
    let entry = Entry::new(client.by(), AuditAction::WorkerRestart, format!("worker {name}"));
    server.audit.ahead(entry).await?;
    tracing::info!(target: "topside", worker = name, by = client.called(), "worker is restarted");
    if worker.0.restart().await {
        return Ok(WorkerStatus { name, standing: worker.0.standing() });
    }
    Err(server.shutdown.interrupted("the restart of the worker"))
}
