//! Worker pool: the workers of a menu. A new menu keeps the unchanged workers, starts new ones and ends the rest.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::base::deadline::FOR_EVER;
use crate::history::History;
use crate::workers::{DeclaredWorker, Resident, WorkerRef, WorkerServices};

/// How long after its deadline a killed worker is waited for.
const HELD_UP: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub(crate) struct WorkerPool {
    residents: Vec<Arc<WorkerRef>>,
    /// Residents to start, each once all of its name have ended: two owners of one relay are worse than none.
    new: Vec<(Arc<Resident>, Vec<CancellationToken>)>,
    /// Workers of earlier menus, which end after their last run.
    leaving: Vec<Arc<Resident>>,
}

impl WorkerPool {
    /// The workers of `declared`. `knows_secrets` says, by name, whether one of a worker's functions gets secrets.
    pub(crate) fn new(
        declared: &[DeclaredWorker],
        knows_secrets: impl Fn(&str) -> bool,
        before: Option<&Self>,
    ) -> Self {
        let mut pool = Self::default();
        let earlier = before.map_or(&[][..], |before| &before.residents);
        for declared in declared {
            let knows_secrets = knows_secrets(&declared.name);
            let same = earlier.iter().find(|resident| resident.0.is(declared, knows_secrets));
            if let Some(same) = same {
                pool.residents.push(Arc::clone(same));
                continue;
            }
            let worker = Arc::new(Resident::new(declared, knows_secrets));
            pool.residents.push(Arc::new(WorkerRef(Arc::clone(&worker))));
            let left = before.map(|before| before.ends_of(worker.name()));
            pool.new.push((worker, left.unwrap_or_default()));
        }
        if let Some(before) = before {
            let stays = |one: &Arc<Resident>| pool.resident().any(|other| Arc::ptr_eq(one, other));
            let gone: Vec<_> = before.resident().filter(|worker| !stays(worker)).cloned().collect();
            let gone = gone.into_iter().chain(before.leaving.iter().cloned());
            pool.leaving = gone.filter(|worker| !worker.ended().is_cancelled()).collect();
        }
        pool
    }

    /// The same workers, none of which has to be started.
    pub(crate) fn again(&self) -> Self {
        Self { residents: self.residents.clone(), new: Vec::new(), leaving: self.leaving.clone() }
    }

    /// The ends of the workers of this name: one that was never started may end before one that it waits for.
    fn ends_of(&self, name: &str) -> Vec<CancellationToken> {
        let all = self.resident().chain(&self.leaving);
        all.filter(|worker| worker.name() == name).map(|worker| worker.ended()).collect()
    }

    fn resident(&self) -> impl Iterator<Item = &Arc<Resident>> {
        self.residents.iter().map(|resident| &resident.0)
    }

    pub(crate) fn residents(&self) -> &[Arc<WorkerRef>] {
        &self.residents
    }

    /// Starts the new workers, each as a task for `spawn`.
    pub(crate) fn start(
        &self,
        history: &History,
        services: &WorkerServices,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>),
    ) {
        for (worker, left) in &self.new {
            let (worker, left, instance) = (Arc::clone(worker), left.clone(), history.instance());
            let instance = async move {
                for left in left {
                    left.cancelled().await;
                }
                instance.await.ok()
            };
            spawn(Box::pin(worker.live(services.clone(), instance)));
        }
    }

    /// Waits until what an earlier server left of these workers is made safe.
    pub(crate) async fn made_safe(&self) {
        for worker in self.resident() {
            worker.made_safe.cancelled().await;
        }
    }

    /// Whether the worker of this name has a `safe_state`; none: there is no such worker.
    pub(crate) fn has_safe_state(&self, name: &str) -> Option<bool> {
        let worker = self.residents.iter().find(|known| known.0.name() == name)?;
        Some(worker.0.declared.safe_state.is_some())
    }

    pub(crate) fn standing(&self) -> impl Iterator<Item = (&str, String)> {
        let here = self.resident().map(|worker| (worker.name(), worker.standing()));
        let leaving = self.leaving.iter().filter(|worker| !worker.ended().is_cancelled());
        here.chain(leaving.map(|worker| {
            (
                worker.name(),
                format!("{}; ends with its last run, by an earlier menu", worker.standing()),
            )
        }))
    }

    /// Ends all in order and in parallel, before `deadline`. No call runs any more. One that does not end in order, and has
    /// a `safe_state`, gets the time of a hook for it beyond that.
    pub(crate) async fn stop(&self, deadline: Instant, hook: Option<Duration>) {
        let all = || self.resident().chain(&self.leaving);
        let stopping = join_all(all().map(|worker| worker.stop(deadline)));
        let is_safe = all().all(|worker| worker.declared.safe_state.is_none());
        let hook = if is_safe { Duration::ZERO } else { hook.unwrap_or(FOR_EVER) };
        // SIGKILL does not end a process that waits in the kernel.
        if timeout_at(deadline + HELD_UP + hook, stopping).await.is_err() {
            tracing::warn!(target: "topside", "a worker did not end in time");
        }
    }
}
