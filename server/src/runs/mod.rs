//! Runs: starting a command, its row while it lives, and its end, whoever brings that about.
//!
//! A run belongs to the server, not to the connection that asked for it: a client may leave, and the
//! run goes on; the server may end, and what is written down of it stays.
//!
//! Programs and workers are written down. What the server does itself, the built-ins, is not: most of it
//! is done at once and tells how things stand at that moment, and an invite is a secret. The newest of
//! those are remembered in memory.

mod input;
mod queue;
mod run_guard;
mod scheduler;
pub(crate) mod start;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use topside_shared::records::{RunRow, RunState};
use topside_shared::{ClientId, Role, RunId};

use crate::audit::Audit;
use crate::authorize::{RunAccess, may_see_run};
use crate::base::counters::Counters;
use crate::base::identity::{Identity, Owner};
use crate::base::shutdown::Shutdown;
use crate::base::tasks::Tasks;
use crate::clients::registry::Registry;
use crate::config::active_config::ActiveConfig;
use crate::events::Events;
use crate::history::{Filter, History, Past, Unreadable};
use crate::hooks::Hooks;
use crate::keys::Keys;
use crate::output::Output;
use crate::process::program_spec::Policy;
use crate::runs::input::Input;
use crate::runs::queue::{Queue, Standing};

/// Ended built-ins that are remembered, and how many bytes of their output.
const REMEMBERED: usize = 200;
const REMEMBERED_OUTPUT: u64 = 256 * 1024;

/// One execution of a command.
pub(crate) struct Run {
    pub(crate) id: RunId,
    /// Whom it belongs to.
    pub(crate) owner: Owner,
    /// The least role that may see it, where it is another's.
    pub(crate) role: Role,
    pub(crate) output: Output,
    /// What its program reads.
    pub(crate) input: Input,
    /// Asks it to end.
    pub(crate) cancel: CancellationToken,
    /// Who asked it to end, by user and connection.
    pub(crate) cancelled_by: OnceLock<String>,
    /// Raised once its row is final.
    pub(crate) ended: CancellationToken,
    /// Raised when a queued one may start.
    turn: CancellationToken,
    /// Raised when how it stands has changed.
    changed: Notify,
    /// Whether others have heard of it.
    listed: AtomicBool,
    /// Whether it is written down.
    recorded: bool,
    /// What others' ends do to it.
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
    /// The row as it is now.
    pub(crate) fn row(&self) -> RunRow {
        let mut row = lock(&self.row).clone();
        row.bytes = self.output.bytes();
        row.cut_at = self.output.cut_at();
        row
    }

    /// The row as it is now, as `who` sees it, who may see the run: it names only those runs that it waits for that
    /// `who` may see too.
    pub(crate) fn row_for(&self, who: &Identity) -> RunRow {
        // Before the row: a run that is not here yet is hidden.
        let holders = lock(&self.holders).clone();
        let mut row = self.row();
        queue::hide_holders(&mut row.waits_for, &holders, who);
        row
    }

    /// What decides who may see it.
    pub(crate) fn access(&self) -> RunAccess {
        RunAccess { owner: self.owner, role: self.role }
    }

    /// Says what it waits for now.
    fn set_wait(&self, standing: Standing) {
        *lock(&self.holders) = standing.holders;
        let mut row = lock(&self.row);
        row.place = Some(standing.place);
        row.waits_for = standing.waits_for;
    }

    /// The row as it is now, as it is written down.
    fn past(&self) -> Past {
        Past { owner: self.owner, role: self.role, row: self.row() }
    }

    /// Whether it waits for its turn.
    fn is_queued(&self) -> bool {
        lock(&self.row).state == RunState::Queued
    }

    /// Tells everybody who may see it how it stands, once they have heard of it at all. With the lock on the
    /// state of all runs, so that nobody hears the newer word first.
    fn tell(&self, runs: &Runs) {
        if self.listed.load(Ordering::Relaxed) {
            runs.services.events.run_changed(&self.row(), self.access(), |who| self.row_for(who));
            self.changed.notify_waiters();
        }
    }

    /// Waits for a change of how it stands, from `known` on, while it is queued; how it stands then. None: it
    /// was not queued by then, or has ended.
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

/// What runs need of the rest of the server.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) audit: Arc<Audit>,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) events: Arc<Events>,
    pub(crate) clients: Arc<Registry>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shutdown: Arc<Shutdown>,
    pub(crate) config: Arc<ActiveConfig>,
    pub(crate) tasks: Tasks,
}

/// All runs of a server.
#[derive(Debug)]
pub(crate) struct Runs {
    services: Services,
    pub(crate) history: History,
    /// Private to this type, never held across an `.await`.
    state: Mutex<State>,
    /// Runs that wait for a number; the server answers them before it ends.
    numberless: AtomicUsize,
    /// Raised when a run ends.
    fewer: Notify,
}

#[derive(Debug, Default)]
struct State {
    live: BTreeMap<RunId, Arc<Run>>,
    /// How many were started: one that is refused has a number too.
    started: u64,
    /// Numbers of live runs that the limits count, by client.
    limited: BTreeMap<RunId, ClientId>,
    /// What they hold and wait for.
    queue: Queue,
    /// Ended built-ins, oldest first.
    remembered: VecDeque<Arc<Run>>,
    /// Bytes of their output.
    remembered_output: u64,
    /// Shutting down: nothing new is started.
    closed: bool,
}

impl Runs {
    /// No runs yet beside those that are written down.
    pub(crate) fn new(history: History, services: Services) -> Self {
        Self {
            services,
            history,
            numberless: AtomicUsize::new(0),
            state: Mutex::default(),
            fewer: Notify::new(),
        }
    }

    /// Live runs, by number.
    pub(crate) fn live(&self) -> Vec<Arc<Run>> {
        lock(&self.state).live.values().cloned().collect()
    }

    /// The live run of this number.
    pub(crate) fn get(&self, id: RunId) -> Option<Arc<Run>> {
        lock(&self.state).live.get(&id).cloned()
    }

    /// The run of this number, live, remembered or written down, with its output.
    ///
    /// # Errors
    /// What is written down cannot be read.
    pub(crate) async fn find(
        &self,
        id: RunId,
        who: &Identity,
    ) -> Result<Option<Found>, Unreadable> {
        let here = {
            let state = lock(&self.state);
            let remembered = || state.remembered.iter().find(|run| run.id == id);
            state.live.get(&id).or_else(remembered).cloned()
        };
        if let Some(run) = here {
            let sees = may_see_run(who, run.owner, run.role);
            return Ok(sees.then_some(Found::Here(run)));
        }
        let past = self.history.get(id).await?;
        let Some(past) = past.filter(|past| may_see_run(who, past.owner, past.role)) else {
            return Ok(None);
        };
        let output = self.history.read_output(id, past.row.bytes).await?;
        Ok(Some(Found::Past(Box::new(past.row), output)))
    }

    /// The rows that `filter` takes and `who` may see, newest first, at most so many.
    ///
    /// # Errors
    /// What is written down cannot be read.
    pub(crate) async fn list(
        &self,
        filter: Filter,
        who: &Arc<Identity>,
        limit: usize,
    ) -> Result<Vec<RunRow>, Unreadable> {
        let here: BTreeMap<RunId, RunRow> = {
            let state = lock(&self.state);
            let here = state.live.values().chain(&state.remembered);
            here.filter(|run| may_see_run(who, run.owner, run.role))
                .map(|run| (run.id, run.row_for(who)))
                .collect()
        };
        let mut rows: BTreeMap<RunId, RunRow> = BTreeMap::new();
        for row in self.history.list(filter.clone(), Arc::clone(who), limit).await? {
            // What goes on is known better here; what ended meanwhile, there.
            if row.state.ended() || !here.contains_key(&row.run_id) {
                rows.insert(row.run_id, row);
            }
        }
        for (id, row) in here.into_iter().filter(|(_, row)| filter.takes(row)) {
            rows.entry(id).or_insert(row);
        }
        Ok(rows.into_values().rev().take(limit).collect())
    }

    /// How many were ever started.
    pub(crate) fn started(&self) -> u64 {
        lock(&self.state).started
    }

    /// How many live now, with those that wait for a number.
    pub(crate) fn count(&self) -> usize {
        lock(&self.state).live.len() + self.numberless.load(Ordering::Relaxed)
    }

    /// How many wait for their turn now.
    pub(crate) fn queued(&self) -> usize {
        lock(&self.state).queue.len()
    }

    /// Starts no run any more.
    pub(crate) fn start_no_more(&self) {
        lock(&self.state).closed = true;
    }

    /// Starts no run any more, and asks those to end that the server does not wait for; whether it waits for
    /// any.
    pub(crate) fn close(&self) -> bool {
        let mut state = lock(&self.state);
        state.closed = true;
        let (wait, end): (Vec<_>, Vec<_>) =
            state.live.values().partition(|run| run.policy.wait_on_shutdown && !run.is_queued());
        for run in &end {
            run.cancel.cancel();
        }
        !wait.is_empty()
    }

    /// Asks every run to end.
    pub(crate) fn cancel_all(&self) {
        for run in lock(&self.state).live.values() {
            run.cancel.cancel();
        }
    }

    /// Asks those runs of a client to end that must not outlive its session.
    pub(crate) fn client_left(&self, client: ClientId) {
        for run in lock(&self.state).live.values() {
            if run.policy.cancel_on_disconnect && lock(&run.row).client_id == client {
                run.cancel.cancel();
            }
        }
    }

    /// Waits until no run lives.
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

/// A run that somebody asked for, wherever it is.
pub(crate) enum Found {
    /// It goes on, or is remembered.
    Here(Arc<Run>),
    /// It was written down.
    Past(Box<RunRow>, Output),
}

impl State {
    /// Keeps an ended built-in, and lets the oldest go.
    fn remember(&mut self, run: Arc<Run>) {
        self.remembered_output += run.output.bytes();
        self.remembered.push_back(run);
        while (self.remembered.len() > REMEMBERED || self.remembered_output > REMEMBERED_OUTPUT)
            && let Some(oldest) = self.remembered.pop_front()
        {
            self.remembered_output -= oldest.output.bytes();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
