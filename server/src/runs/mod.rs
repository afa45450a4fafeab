//! Runs: the live ones, and those that the history has.
//!
//! A run belongs to the server, not to the connection that started it: the client may leave, and the run continues; the
//! server may end, and its record stays. `scheduler` has the way from a request to the start, `run_end` the way to
//! the final row, `queue` the rules of who waits for what, `approval` who must agree first, `follow_up` what starts after a success.

mod admit;
mod approval;
mod decision;
mod follow_up;
mod input;
mod pending_hook;
mod queue;
pub(crate) mod requester;
mod run;
mod run_end;
mod run_files;
mod run_rate;
pub(crate) mod scheduler;
pub(crate) mod window;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use topside_shared::methods::RunCounts;
use topside_shared::records::RunRow;
use topside_shared::{ClientId, RunId};

use crate::audit::Audit;
use crate::authorize::may_see_run;
use crate::base::counters::Counters;
use crate::base::identity::Identity;
use crate::base::mutex::Mutex;
use crate::base::shutdown::Shutdown;
use crate::base::tasks::Tasks;
use crate::clients::registry::Registry;
use crate::config::active_config::ActiveConfig;
use crate::events::Events;
use crate::files::Files;
use crate::history::{Filter, History, RunRecord, Unreadable};
use crate::hooks::Hooks;
use crate::keys::Keys;
use crate::notify::Notifications;
use crate::output::Output;
use crate::runs::queue::Queue;
pub(crate) use crate::runs::run::Run;
use crate::runs::run_rate::RunRates;

/// The other parts of the server that runs use.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) audit: Arc<Audit>,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) notify: Arc<Notifications>,
    pub(crate) events: Arc<Events>,
    pub(crate) clients: Arc<Registry>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shutdown: Arc<Shutdown>,
    pub(crate) config: Arc<ActiveConfig>,
    pub(crate) tasks: Tasks,
}

#[derive(Debug)]
pub(crate) struct Runs {
    services: Services,
    pub(crate) history: History,
    /// Files that clients send, and the directories of runs.
    pub(crate) files: Files,
    /// Private to this type, never held across an `.await`.
    state: Mutex<LiveRuns>,
    /// Runs that wait for a number; the server answers them before it ends.
    numberless: AtomicUsize,
    fewer: Notify,
    /// Notified when keys or the menu have changed: runs that wait for approval may be withdrawn.
    rights_changed: Notify,
    /// Cancelled once the workers of a killed server are made safe.
    workers_safe: CancellationToken,
}

#[derive(Debug, Default)]
struct LiveRuns {
    live: BTreeMap<RunId, Arc<Run>>,
    /// How many were started: a refused run has a number too.
    started: u64,
    queue: Queue,
    rates: RunRates,
    /// Shutting down: nothing new is started.
    closed: bool,
}

impl Runs {
    pub(crate) fn new(history: History, files: Files, services: Services) -> Self {
        Self {
            services,
            history,
            files,
            numberless: AtomicUsize::new(0),
            state: Mutex::default(),
            fewer: Notify::new(),
            rights_changed: Notify::new(),
            workers_safe: CancellationToken::new(),
        }
    }

    /// From now on runs start.
    pub(crate) fn workers_are_safe(&self) {
        self.workers_safe.cancel();
    }

    fn may_start_at_once(&self) -> bool {
        self.workers_safe.is_cancelled()
    }

    async fn may_start(&self) {
        tokio::select! {
            () = self.workers_safe.cancelled() => {}
            () = self.services.shutdown.begun() => {}
        }
    }

    pub(crate) fn live(&self) -> Vec<Arc<Run>> {
        self.state.lock().live.values().cloned().collect()
    }

    pub(crate) fn get(&self, id: RunId) -> Option<Arc<Run>> {
        self.state.lock().live.get(&id).cloned()
    }

    /// The run of this number, live or recorded, with its output; none: `who` may not see it.
    ///
    /// # Errors
    /// The history cannot be read.
    pub(crate) async fn find(
        &self,
        id: RunId,
        who: &Identity,
    ) -> Result<Option<FoundRun>, Unreadable> {
        if let Some(run) = self.get(id) {
            let sees = may_see_run(who, run.owner, run.role);
            return Ok(sees.then_some(FoundRun::Live(run)));
        }
        let Some(past) = self.recorded(id, who).await? else { return Ok(None) };
        let output = self.history.read_output(&past.row).await?;
        Ok(Some(FoundRun::Past(Box::new(past.row), output)))
    }

    /// The row of the run of this number, live or recorded; none: `who` may not see it.
    ///
    /// # Errors
    /// The history cannot be read.
    pub(crate) async fn find_row(
        &self,
        id: RunId,
        who: &Identity,
    ) -> Result<Option<RunRow>, Unreadable> {
        if let Some(run) = self.get(id) {
            return Ok(may_see_run(who, run.owner, run.role).then(|| run.row_for(who)));
        }
        Ok(self.recorded(id, who).await?.map(|past| past.row))
    }

    /// The run of this number in the history; none: `who` may not see it.
    async fn recorded(&self, id: RunId, who: &Identity) -> Result<Option<RunRecord>, Unreadable> {
        let past = self.history.get(id).await?;
        Ok(past.filter(|past| may_see_run(who, past.owner, past.role)))
    }

    /// The rows that `filter` takes and `who` may see, newest first, at most `limit`.
    ///
    /// # Errors
    /// The history cannot be read.
    pub(crate) async fn list(
        &self,
        filter: Filter,
        who: &Arc<Identity>,
        limit: usize,
    ) -> Result<Vec<RunRow>, Unreadable> {
        let live = self.live();
        let live = live.iter().filter(|run| may_see_run(who, run.owner, run.role));
        let live: BTreeMap<RunId, RunRow> = live.map(|run| (run.id, run.row_for(who))).collect();
        let mut rows: BTreeMap<RunId, RunRow> = BTreeMap::new();
        for row in self.history.list(filter.clone(), Arc::clone(who), limit).await? {
            // The live row is newer, unless the run has ended meanwhile.
            if row.state.ended() || !live.contains_key(&row.run_id) {
                rows.insert(row.run_id, row);
            }
        }
        for (id, row) in live.into_iter().filter(|(_, row)| filter.takes(row)) {
            rows.entry(id).or_insert(row);
        }
        Ok(rows.into_values().rev().take(limit).collect())
    }

    /// How many are live, with those that wait for a number.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().live.len() + self.numberless.load(Ordering::Relaxed)
    }

    /// How many run and wait now, and how many were started since the start of the server.
    pub(crate) fn counts(&self) -> RunCounts {
        let state = self.state.lock();
        let unapproved = state.live.values().filter(|run| run.awaits_approval()).count();
        let queued = state.queue.len() + unapproved;
        let all = state.live.len() + self.numberless.load(Ordering::Relaxed);
        RunCounts {
            running: all.saturating_sub(queued) as u64,
            queued: queued as u64,
            started: state.started,
        }
    }

    /// Whether no run is started any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed || self.services.shutdown.has_begun()
    }

    /// Starts a task of the server.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.services.tasks.spawn(task);
    }

    /// From now on no run is started.
    pub(crate) fn start_no_more(&self) {
        self.state.lock().closed = true;
    }

    /// From now on no run is started. Cancels the runs that the server does not wait for; whether it waits for any. `by` has
    /// ordered the shutdown.
    pub(crate) fn close(&self, by: &str) -> bool {
        let mut state = self.state.lock();
        state.closed = true;
        let (wait, end): (Vec<_>, Vec<_>) =
            state.live.values().partition(|run| run.policy.wait_on_shutdown && !run.is_queued());
        for run in &end {
            run.cancel_by_shutdown(by);
        }
        !wait.is_empty()
    }

    pub(crate) fn cancel_all(&self, by: &str) {
        for run in self.state.lock().live.values() {
            run.cancel_by_shutdown(by);
        }
    }

    /// Cancels the runs of a client that must not outlive its session.
    pub(crate) fn client_left(&self, client: ClientId) {
        for run in self.state.lock().live.values() {
            if run.policy.cancel_on_disconnect && run.client_id == client {
                run.cancel.cancel();
            }
        }
    }

    pub(crate) async fn all_ended(&self) {
        loop {
            let fewer = self.fewer.notified();
            tokio::pin!(fewer);
            fewer.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            fewer.await;
        }
    }
}

pub(crate) enum FoundRun {
    Live(Arc<Run>),
    /// Its row and output from the history.
    Past(Box<RunRow>, Output),
}
