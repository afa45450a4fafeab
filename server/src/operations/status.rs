//! The figures of the server, for `server/status`, the command `status` and Prometheus.

use std::path::Path;

use topside_shared::methods::{Status, WorkerStatus};
use topside_shared::time::millis;

use crate::base::{box_figures, platform};
use crate::server::Server;

/// The figures of the server as they are now.
pub(crate) fn status(server: &Server) -> Status {
    let now = server.now();
    let workers = now.menu.worker_pool().standing().map(|(name, standing)| {
        let name = name.to_owned();
        WorkerStatus { name, standing }
    });
    Status {
        version: server.info.version.clone(),
        uptime_ms: millis(server.started.elapsed()),
        clients: server.clients.count() as u64,
        runs: server.runs.counts(),
        bytes: server.counters.bytes(),
        requests: server.counters.requests(),
        refusals: server.counters.refusals(),
        memory_bytes: platform::memory_bytes(),
        clock_behind_ms: server.clock.behind().map(millis),
        load: box_figures::load(Path::new("/")),
        listeners: server.listening(),
        revision: now.menu.revision(),
        workers: workers.collect(),
        hooks: server.box_hooks.status(),
        notifiers: server.notify.status(),
        fleet: server.hub.fleet(),
        closing: server.shutdown.closing(),
        shutdown_was_due: server.shutdown_was_due.clone(),
        last_reboot: server.last_reboot.0.clone(),
        box_figures: server.samples.figures(),
        history: None,
    }
}
