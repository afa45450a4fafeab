//! Runs: the live ones, and those that the history has.
//!
//! A run belongs to the server, not to the connection that started it: the client may leave, and the run continues; the
//! server may end, and its record stays. `scheduler` has the way from a request to the start, `run_end` the way to
//! the final row, `queue` the rules of who waits for what, `follow_up` what starts after a success.

mod follow_up;
mod input;
mod pending_hook;
mod queue;
pub(crate) mod requester;
mod run_end;
mod run_files;
mod run_rate;
pub(crate) mod scheduler;
pub(crate) mod window;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use topside_shared::methods::RunCounts;
use topside_shared::records::{RunRow, RunState};
use topside_shared::{ClientId, Role, RunId, Time};

use crate::audit::Audit;
use crate::authorize::{RunAccess, may_see_run};
use crate::base::counters::Counters;
use crate::base::identity::{Identity, Owner};
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
use crate::menu::Runnable;
use crate::notify::Notifications;
use crate::output::Output;
use crate::process::program_spec::Policy;
use crate::runs::input::Input;
use crate::runs::queue::{Queue, Standing};
use crate::runs::requester::Requester;
use crate::runs::run_rate::RunRates;

/// One execution of a command.
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) owner: Owner,
    /// The least role that may see it if another owns it: that of its command.
    pub(crate) role: Role,
    client_id: ClientId,
    pub(crate) output: Output,
    pub(crate) input: Input,
    pub(crate) cancel: CancellationToken,
    /// The first who cancelled it, by user and connection.
    pub(crate) cancelled_by: OnceLock<String>,
    /// Cancelled once its row is final.
    pub(crate) ended: CancellationToken,
    /// Cancelled when a queued one may start.
    turn: CancellationToken,
    changed: Notify,
    /// Whether clients know of it.
    listed: AtomicBool,
    policy: Policy,
    /// Who may see the runs that it waits for. Private to this type, never held across an `.await`.
    holders: Mutex<Vec<(RunId, RunAccess)>>,
    /// Private to this type, never held across an `.await`.
    row: Mutex<RunRow>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Run {
    fn new(
        id: RunId,
        runs: &Runs,
        requester: &Requester,
        who: &Identity,
        command: &Runnable,
        args: &Map<String, Value>,
        reason: Option<String>,
    ) -> Self {
        Self {
            id,
            owner: who.owner,
            role: command.info.role,
            client_id: requester.client_id(),
            output: Output::kept_in(runs.history.output(id), command.max_output),
            input: Input::of(command.info.stdin),
            cancel: CancellationToken::new(),
            cancelled_by: OnceLock::new(),
            ended: CancellationToken::new(),
            turn: CancellationToken::new(),
            changed: Notify::new(),
            listed: AtomicBool::new(false),
            policy: command.policy,
            holders: Mutex::default(),
            row: Mutex::new(RunRow {
                run_id: id,
                command: command.info.name.clone(),
                args: command.info.masked(args),
                user: who.user.clone(),
                owner: Some(who.owner.shown(&who.user)),
                client_id: requester.client_id(),
                reason,
                caused_by: requester.cause(),
                state: RunState::Running,
                place: None,
                waits_for: Vec::new(),
                started_at: Time::now(),
                ended_at: None,
                duration_ms: None,
                exit_code: None,
                signal: None,
                ended_by: None,
                bytes: 0,
                cut_at: None,
                escaped: Vec::new(),
                files: Vec::new(),
            }),
        }
    }

    pub(crate) fn row(&self) -> RunRow {
        let mut row = self.row.lock().clone();
        row.bytes = self.output.bytes();
        row.cut_at = self.output.cut_at();
        row
    }

    /// The row as it is now, for a caller that may see the run: of the runs that it waits for it names only those that
    /// the caller may see.
    pub(crate) fn row_for(&self, who: &Identity) -> RunRow {
        // Before the row: a run that is not here yet is hidden.
        let holders = self.holders.lock().clone();
        let mut row = self.row();
        queue::hide_holders(&mut row.waits_for, &holders, who);
        row
    }

    pub(crate) fn access(&self) -> RunAccess {
        RunAccess { owner: self.owner, role: self.role }
    }

    fn set_standing(&self, standing: Standing) {
        *self.holders.lock() = standing.holders;
        let mut row = self.row.lock();
        row.place = Some(standing.place);
        row.waits_for = standing.waits_for;
    }

    fn past(&self) -> RunRecord {
        RunRecord { owner: self.owner, role: self.role, row: self.row() }
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.row.lock().state == RunState::Queued
    }

    /// Sends its row to the clients that may see it, once it is listed. The caller holds the lock on all runs, so that
    /// rows arrive in order.
    fn publish(&self, runs: &Runs) {
        if self.listed.load(Ordering::Relaxed) {
            runs.services.events.run_changed(&self.row(), self.access(), |who| self.row_for(who));
            self.changed.notify_waiters();
        }
    }

    /// Waits until a queued run begins, or ends without that; whether it has begun.
    pub(crate) async fn begins(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.is_queued() || self.ended.is_cancelled() {
                return self.turn.is_cancelled();
            }
            tokio::select! {
                () = changed => {}
                () = self.ended.cancelled() => {}
            }
        }
    }

    /// While it is queued, waits until its state or place differs from `known`, and returns the row. None: `known` is not
    /// queued, or the run has ended.
    pub(crate) async fn next_wait(
        &self,
        known: &RunRow,
        who: impl Fn() -> Arc<Identity>,
    ) -> Option<RunRow> {
        if known.state != RunState::Queued {
            return None;
        }
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let row = self.row_for(&who());
            if row.state.ended() {
                return None;
            }
            if (row.state, row.place, &row.waits_for)
                != (known.state, known.place, &known.waits_for)
            {
                return Some(row);
            }
            tokio::select! {
                () = changed => {}
                () = self.ended.cancelled() => return None,
            }
        }
    }
}

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
        let past = self.history.get(id).await?;
        let Some(past) = past.filter(|past| may_see_run(who, past.owner, past.role)) else {
            return Ok(None);
        };
        let output = self.history.read_output(&past.row).await?;
        Ok(Some(FoundRun::Past(Box::new(past.row), output)))
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
        let queued = state.queue.len();
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

    /// From now on no run is started. Cancels the runs that the server does not wait for; whether it waits for any.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state.lock();
        state.closed = true;
        let (wait, end): (Vec<_>, Vec<_>) =
            state.live.values().partition(|run| run.policy.wait_on_shutdown && !run.is_queued());
        for run in &end {
            run.cancel.cancel();
        }
        !wait.is_empty()
    }

    pub(crate) fn cancel_all(&self) {
        for run in self.state.lock().live.values() {
            run.cancel.cancel();
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
