//! The phases of a shutdown, each with a deadline.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;

use tokio::time::Instant;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::notifications::{EndCode, Phase, SessionEnded, name};
use topside_shared::text;
use topside_shared::time::millis;

use crate::audit::action::AuditAction;
use crate::base::blocking::blocking;
use crate::base::deadline::FOR_EVER;
use crate::base::outbox::notification;
use crate::base::shutdown::{Plan, Stop};
use crate::serve::GOODBYE;
use crate::server::{Ended, Server};

impl Server {
    pub(super) async fn end(self: &Arc<Self>, plan: &Plan, stop: &Stop) -> Ended {
        let then = plan.options.then;
        // A box that stays up keeps its server.
        let mut restart = then != AfterShutdown::Exit;
        let goes_down = Cell::new(false);
        let mut ending = pin!(async {
            tokio::select! {
                () = self.close(plan) => {}
                () = stop.at_once_requested() => return Some(self.end_at_once()),
            }
            // A signal stops the program, and what was to come after it.
            if then.is_of_box() && !stop.is_requested() {
                goes_down.set(self.run_box_power(plan).await);
            }
            self.save_seen().await;
            self.note(AuditAction::ServerStopped, "in order");
            let (runs, audit) = (Arc::clone(self), Arc::clone(self));
            // They have logged their errors. Each syncs its own files.
            let _ = tokio::join!(
                blocking(move || runs.runs.history.close()),
                blocking(move || audit.audit.close())
            );
            None
        });
        let at_once = loop {
            tokio::select! {
                at_once = &mut ending => break at_once,
                // A signal stops the program, a restart included.
                order = stop.requested(), if restart => {
                    tracing::info!(target: "topside", by = order.by, "server does not start again");
                    restart = false;
                }
            }
        };
        if let Some(ended) = at_once {
            return ended;
        }
        if restart && goes_down.get() {
            restart = !self.is_stopped_by_box(then, stop).await;
        }
        let pending = self.report_pending();
        tracing::info!(target: "topside", reason = plan.options.reason, by = plan.by, "server stopped");
        match pending {
            _ if restart => Ended::Restart,
            true => Ended::Pending,
            false => Ended::Stopped,
        }
    }

    /// Waits until the box stops the server; false if it is still up after the time limit.
    async fn is_stopped_by_box(self: &Arc<Self>, then: AfterShutdown, stop: &Stop) -> bool {
        let limit = self.now().config.host.timeout.unwrap_or(FOR_EVER);
        if tokio::time::timeout(limit, stop.requested()).await.is_ok() {
            return true;
        }
        let waited = text::duration(millis(limit));
        let failure = format!("its program succeeded, and {waited} later the box was still up");
        self.box_power_failed(then, failure).await;
        false
    }

    /// Reports each run and worker with a pending hook; whether there is one, or a hook of the box failed.
    fn report_pending(&self) -> bool {
        let pending = self.hooks.pending();
        for (run, command) in &pending {
            tracing::error!(
                target: "topside", run = run.0,
                "the safe_state of run {run} ({command}) has not run: the next start of the server runs it"
            );
        }
        let workers = self.hooks.workers.pending();
        for worker in &workers {
            tracing::error!(
                target: "topside", worker,
                "the safe_state of worker {worker} has not run: its next start calls it first"
            );
        }
        !pending.is_empty() || !workers.is_empty() || self.box_hooks.has_failed()
    }

    /// The phases of an orderly end, each under the deadline.
    async fn close(&self, plan: &Plan) {
        tracing::info!(
            target: "topside", reason = plan.options.reason, by = plan.by, then = plan.options.then.name(),
            clients = self.clients.count(), runs = self.runs.live().len(), "server is closing"
        );
        self.tell(&notification(name::SERVER_CLOSING, &plan.notice(Phase::Now)));
        self.notify.closing(&plan.notice(Phase::Now));
        self.hooks.closing();

        if self.runs.close(&plan.by) {
            let wait = self.now().config.limits.shutdown_wait.unwrap_or(FOR_EVER);
            // The remaining runs are cancelled now.
            let _ = tokio::time::timeout(wait, self.runs.all_ended()).await;
            self.runs.cancel_all(&plan.by);
        }
        let deadline =
            Instant::now() + self.now().config.limits.shutdown_timeout.unwrap_or(FOR_EVER);
        if tokio::time::timeout_at(deadline, self.runs.all_ended()).await.is_err() {
            for run in self.runs.live() {
                tracing::warn!(target: "topside", run = run.id.0, "a run did not end in time");
            }
            // Killed runs are still answered.
            self.tasks.end_runs();
            self.runs.all_ended().await;
        }
        // After slow runs there is still time for workers and sessions to end.
        let (now, until) = (self.now(), deadline.max(Instant::now() + GOODBYE));
        now.menu.worker_pool().stop(until, now.config.limits.hook_timeout).await;
        self.stop_box().await;
        let deadline = deadline.max(Instant::now() + GOODBYE);
        let ended = SessionEnded {
            code: match plan.options.then.comes_back() {
                true => EndCode::Restart,
                false => EndCode::Shutdown,
            },
            reason: plan.options.reason.clone(),
            by: plan.by.clone(),
            back: plan.options.back,
            then: Some(plan.options.then),
            usual_ms: plan.options.usual_ms,
        };
        for client in self.clients.all() {
            client.outbox.end(ended.clone());
        }
        if tokio::time::timeout_at(deadline, self.tasks.all_ended()).await.is_err() {
            for client in self.clients.all() {
                tracing::warn!(
                    target: "topside", client = client.id.0, address = client.address,
                    user = client.who().user, "a client did not get its last line in time"
                );
            }
        }
        self.notify.finish().await;
        self.tasks.end();
    }

    /// Runs `on_stop` of the box, once no run and no worker is left.
    async fn stop_box(&self) {
        // Until then the hooks of the start may run.
        let _ = self.runs.history.instance().await;
        self.box_hooks.at_stop(&self.now().config.hooks).await;
    }

    pub(super) fn end_at_once(&self) -> Ended {
        tracing::warn!(target: "topside", "server ended at once");
        self.note(AuditAction::ServerStopped, "at once");
        // Slots that ending runs free start no other run.
        self.runs.start_no_more();
        self.hooks.stop_retries();
        self.tasks.end();
        self.report_pending();
        if !self.now().config.hooks.on_stop.is_empty() {
            tracing::error!(target: "topside", "on_stop of the box has not run: the next start of the server runs it");
        }
        Ended::AtOnce
    }
}
