//! Restarts the process of a worker, with a back-off.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};
use tokio::time::Instant;
use topside_shared::signals;
use topside_shared::time::millis;

use crate::audit::Audit;
use crate::audit::entry::{By, Entry};
use crate::workers::Resident;
use crate::workers::worker_process::ProcessEnd;

/// Pause after a first failure; each further failure doubles it, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After this time without a failure, the next counts as the first.
const WELL: Duration = Duration::from_secs(60);

impl Resident {
    /// Keeps the worker running until the server ends. It starts once the processes of an earlier server have ended,
    /// and `instance` is known.
    pub(crate) async fn live(
        self: Arc<Self>,
        audit: Arc<Audit>,
        instance: impl Future<Output = Option<Arc<str>>>,
    ) {
        let stopped = StoppedGuard(&self);
        let instance = tokio::select! {
            instance = instance => instance,
            () = self.stop.cancelled() => None,
        };
        let name = self.name();
        let entry = |action| Entry::new(By::server(), action, format!("worker {name}"));
        let mut failures = 0;
        while !self.stop.is_cancelled() {
            let since = Instant::now();
            self.starts.fetch_add(1, Ordering::Relaxed);
            // Its calls are recorded themselves, and rejected if they cannot be.
            audit.note_ahead(entry("worker/started").argv(self.declared.daemon.argv())).await;
            let why = match self.declared.daemon.spawn(instance.as_deref()) {
                Err(error) => error.to_string(),
                Ok(piped) => {
                    let pid = piped.child.id();
                    tracing::info!(target: "topside", worker = name, pid, "worker started");
                    match self.attend(piped).await {
                        ProcessEnd::Stopped => {
                            audit.note(entry("worker/ended").result("in order"));
                            break;
                        }
                        ProcessEnd::Overdue(id) => {
                            // The restart is immediate, so waiting calls lose nothing.
                            let why = format!(
                                "run #{id} was asked to end and did not in time, so the worker was \
                                 started again"
                            );
                            tracing::warn!(target: "topside", worker = name, why, "worker ended");
                            self.calls.lost(&why);
                            audit.note(entry("worker/ended").result(why));
                            continue;
                        }
                        ProcessEnd::Fault(what) => format!("it {what}"),
                        ProcessEnd::Exited(status) => match status
                            .map(|status| (status.code(), status.signal()))
                        {
                            Some((Some(code), _)) => format!("it ended with exit status {code}"),
                            Some((_, Some(signal))) => {
                                format!("it was killed by {}", signals::name(signal))
                            }
                            _ => "it ended".to_owned(),
                        },
                    }
                }
            };
            failures = if since.elapsed() >= WELL { 0 } else { failures + 1 };
            let wait = wait(failures);
            let ms = millis(wait);
            tracing::warn!(target: "topside", worker = name, why, again_in_ms = ms, "worker ended");
            self.calls.lost(&why);
            audit.note(entry("worker/ended").result(why.clone()));
            let until = Instant::now() + wait;
            self.calls.close(&why, Some(until));
            tokio::select! {
                () = tokio::time::sleep_until(until) => self.calls.open(),
                () = self.stop.cancelled() => {}
            }
        }
        drop(stopped);
        tracing::info!(target: "topside", worker = name, "worker stopped");
    }
}

struct StoppedGuard<'r>(&'r Resident);

impl Drop for StoppedGuard<'_> {
    fn drop(&mut self) {
        self.0.calls.lost("the server ends");
        self.0.calls.close("the server ends", None);
        self.0.ended.cancel();
    }
}

/// The pause after this number of failures in a row, half of it random, so that workers that failed together do not
/// restart together.
fn wait(failures: u32) -> Duration {
    let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
    let longest = FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT);
    let mut chance = [0];
    // Without random numbers it is the longest.
    let chance = match getrandom(&mut chance, GetRandomFlags::empty()) {
        Ok(1) => u32::from(chance[0]),
        _ => u32::from(u8::MAX),
    };
    longest / 2 + longest / 2 * chance / u32::from(u8::MAX)
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
