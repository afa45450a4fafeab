//! Starts the process of a worker again after each end, with a back-off.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;
use topside_shared::signals;
use topside_shared::time::millis;

use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::base::blocking::blocking;
use crate::base::random;
use crate::hooks::HookOwner;
use crate::workers::call_queue::Overdue;
use crate::workers::safe_state_calls::SafeStateCall;
use crate::workers::worker_messages::FIRST_LIST;
use crate::workers::worker_process::ProcessEnd;
use crate::workers::{Resident, WorkerServices};

/// Pause after a first failure; each further failure doubles it, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After this time without a failure, the next counts as the first.
const WELL: Duration = Duration::from_secs(60);

/// How a process of a worker ended.
enum WorkerEnd {
    /// It was asked to end, and did so by itself and with success.
    InOrder,
    /// It was asked to end, and needed a signal or failed.
    Forced(Option<Signal>, String),
    /// It did not answer a cancelled call, and is started again at once: waiting calls lose nothing.
    Overdue(String),
    /// It is started again after a pause.
    Failed(String),
    /// It could not be started.
    NotStarted(String),
}

impl Resident {
    /// Keeps the worker running until the server ends. It starts once the processes of an earlier server have ended,
    /// and `instance` is known.
    ///
    /// After an end that was not orderly, its `safe_state` is the first call of the next process. If it must stop before
    /// that, it is started once more for this call.
    pub(crate) async fn live(
        self: Arc<Self>,
        services: WorkerServices,
        instance: impl Future<Output = Option<Arc<str>>>,
    ) {
        let stopped = StoppedGuard(&self);
        let instance = tokio::select! {
            instance = instance => instance,
            () = self.stop.cancelled() => None,
        };
        let mut is_safe = self.call_recorded(&services);
        let mut failures = 0;
        let mut signal = None;
        let mut is_last = instance.is_none();
        while !self.stop.is_cancelled() || (!is_safe && !is_last) {
            is_last = self.stop.is_cancelled();
            if !is_safe && let Some(function) = &self.declared.safe_state {
                self.calls.call_safe_state_first(self.own_call(function));
            }
            let since = Instant::now();
            let end = self.run_process(&services, instance.as_deref()).await;
            is_safe = match &end {
                WorkerEnd::InOrder => true,
                WorkerEnd::NotStarted(_) => is_safe,
                // Since its safe_state it was sent no call.
                WorkerEnd::Forced(..) if is_last => self.calls.is_safe(),
                _ => self.declared.safe_state.is_none(),
            };
            failures = if since.elapsed() >= WELL { 0 } else { failures + 1 };
            signal = self.report(&end, &services, failures).await;
        }
        self.set_started(&services, !is_safe).await;
        drop(stopped);
        let (name, signal) = (self.name(), signal.map(|signal| signals::name(signal.as_raw())));
        tracing::info!(target: "topside", worker = name, signal, "worker stopped");
    }

    fn entry(&self, action: AuditAction) -> Entry {
        Entry::new(By::server(), action, format!("worker {}", self.name()))
    }

    /// Queues what a killed server left; whether the state is safe apart from that.
    fn call_recorded(&self, services: &WorkerServices) -> bool {
        self.calls.limit_safe_state(services.limit);
        let records = &services.hooks.workers;
        for function in records.functions(self.name()) {
            self.calls.call_safe_state(self.own_call(&function));
        }
        let is_safe = self.declared.safe_state.is_none() || !records.has_started(self.name());
        if is_safe && self.calls.is_safe() {
            self.made_safe.cancel();
        }
        is_safe
    }

    fn own_call(&self, function: &str) -> SafeStateCall {
        SafeStateCall {
            owner: HookOwner::Worker(self.name().to_owned()),
            function: function.to_owned(),
            output: None,
            done: Box::new(drop),
        }
    }

    /// Records whether the next process must call the `safe_state` first.
    async fn set_started(&self, services: &WorkerServices, started: bool) {
        if self.declared.safe_state.is_none() {
            return;
        }
        let (hooks, name) = (Arc::clone(&services.hooks), self.name().to_owned());
        // An error is in the log.
        let _ = blocking(move || hooks.workers.set_started(&name, started)).await;
    }

    /// Starts a process, and attends to it until it has ended.
    async fn run_process(&self, services: &WorkerServices, instance: Option<&str>) -> WorkerEnd {
        self.set_started(services, true).await;
        self.starts.send_modify(|starts| *starts += 1);
        // Its calls are recorded themselves, and rejected if they cannot be.
        let started = self.entry(AuditAction::WorkerStarted).argv(self.declared.program.argv());
        services.audit.note_ahead(started).await;
        *self.last_line.lock() = None;
        let piped = match self.declared.program.spawn(instance) {
            Ok(piped) => piped,
            Err(error) => return WorkerEnd::NotStarted(error.to_string()),
        };
        let pid = piped.child.id();
        tracing::info!(target: "topside", worker = self.name(), pid, "worker started");
        match self.attend(piped, services).await {
            ProcessEnd::Stopped(signal, status) | ProcessEnd::Restarted(signal, status) => {
                match (signal, status) {
                    (None, Some(status)) if status.success() => WorkerEnd::InOrder,
                    // The status shows whether it made its hardware safe, if it has any.
                    (None, Some(status))
                        if self.declared.safe_state.is_none() && status.code().is_some() =>
                    {
                        WorkerEnd::InOrder
                    }
                    (None, status) => WorkerEnd::Forced(
                        status.and_then(|status| Signal::from_named_raw(status.signal()?)),
                        in_words(status),
                    ),
                    (Some(signal), _) => {
                        let name = signals::name(signal.as_raw());
                        let why = format!("it did not end with its input, and got {name}");
                        WorkerEnd::Forced(Some(signal), why)
                    }
                }
            }
            ProcessEnd::Overdue(Overdue::Call(id)) => {
                let call = match id {
                    FIRST_LIST.. => "a function that lists choices".to_owned(),
                    run => format!("run #{run}"),
                };
                WorkerEnd::Overdue(format!(
                    "{call} was asked to end and did not in time, so the worker was started again"
                ))
            }
            ProcessEnd::Overdue(Overdue::SafeState) => {
                let why = "it was not answered in time, and the worker was ended".to_owned();
                self.safe_state_answered(Err(why), services).await;
                WorkerEnd::Failed("it did not answer the call of a safe_state in time".to_owned())
            }
            ProcessEnd::Fault(what) => WorkerEnd::Failed(format!("it {what}")),
            ProcessEnd::Exited(status) => WorkerEnd::Failed(in_words(status)),
        }
    }

    /// Reports the end of a process to its calls, the log and the audit log, and waits for the next start; the signal that
    /// it got.
    async fn report(
        &self,
        end: &WorkerEnd,
        services: &WorkerServices,
        failures: u32,
    ) -> Option<Signal> {
        let name = self.name();
        let last_line = self.last_line.lock().clone().filter(|_| !self.knows_secrets);
        let (signal, why, waits) = match end {
            WorkerEnd::InOrder => (None, "in order", false),
            WorkerEnd::Forced(signal, why) => (*signal, why.as_str(), false),
            WorkerEnd::Overdue(why) => (None, why.as_str(), false),
            WorkerEnd::Failed(why) | WorkerEnd::NotStarted(why) => (None, why.as_str(), true),
        };
        services.audit.note(self.entry(AuditAction::WorkerEnded).result(why));
        if !waits {
            match end {
                WorkerEnd::InOrder => {
                    tracing::info!(target: "topside", worker = name, "worker ended in order");
                }
                _ => tracing::warn!(target: "topside", worker = name, why, "worker ended"),
            }
            let told = if matches!(end, WorkerEnd::InOrder) { "it was asked to end" } else { why };
            self.calls.lost(told, last_line.as_deref());
            return signal;
        }
        let wait = wait(failures);
        let ms = millis(wait);
        tracing::warn!(target: "topside", worker = name, why, again_in_ms = ms, "worker ended");
        self.calls.lost(why, last_line.as_deref());
        let until = Instant::now() + wait;
        self.calls.close(why, last_line, Some(until));
        tokio::select! {
            () = tokio::time::sleep_until(until) => self.calls.open(),
            () = self.restart.notified() => self.calls.open(),
            () = self.stop.cancelled() => {}
        }
        signal
    }
}

fn in_words(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("it ended with exit status {code}"),
        Some((_, Some(signal))) => format!("it was killed by {}", signals::name(signal)),
        _ => "it ended".to_owned(),
    }
}

struct StoppedGuard<'r>(&'r Resident);

impl Drop for StoppedGuard<'_> {
    fn drop(&mut self) {
        self.0.calls.lost("the server ends", None);
        self.0.calls.close("the server ends", None, None);
        self.0.calls.drop_safe_state();
        self.0.made_safe.cancel();
        self.0.ended.cancel();
    }
}

/// The pause after this number of failures in a row, half of it random, so that workers that failed together do not
/// restart together.
fn wait(failures: u32) -> Duration {
    let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
    random::jitter(FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_half_a_minute_and_is_at_least_half_of_that() {
        for (failures, most) in
            [(0, 500), (1, 500), (2, 1000), (3, 2000), (7, 30_000), (99, 30_000)]
        {
            let most = Duration::from_millis(most);
            for _ in 0..100 {
                let wait = wait(failures);
                assert!(wait <= most && wait >= most / 2, "{failures}: {wait:?}");
            }
        }
    }
}
