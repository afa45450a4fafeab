//! The live list of clients: a registry whose [`Registry::register`] returns a drop guard, so that no
//! row outlives its session.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use topside_shared::methods::Program;
use topside_shared::notices::{ClientLeft, ClientsChanged};
use topside_shared::rows::{ClientRow, ClientRun};
use topside_shared::{ClientId, Connection, Pin, Role, RunId, Time};

use crate::audit::{Audit, By, Entry};
use crate::outbox::Outbox;

/// What "own" means: the same user of this machine, or the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A user of this machine, by number.
    User(u32),
    /// Whoever holds this key.
    Key(Pin),
}

/// Who a client is, by what the transport says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose runs its own are.
    pub owner: Owner,
    /// The user's name, or its number; the name of its key.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// How much of that.
    pub scope: Scope,
}

/// How much of what its role allows a client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// Run these commands, and what belongs to that.
    Commands(Arc<[String]>),
    /// Enrol a key in the place of the one-time key it came in with.
    Enrol {
        /// The 32 bytes that tie an enrolment to this connection.
        exporter: [u8; 32],
    },
}

/// One live client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) address: String,
    pub(crate) connection: Connection,
    pub(crate) connected_at: Time,
    pub(crate) outbox: Arc<Outbox>,
    /// Whether it takes notices.
    pub(crate) notices: AtomicBool,
    /// Held while it changes the list of keys, or waits for that.
    pub(crate) changing_keys: Arc<tokio::sync::Mutex<()>>,
    /// Whether the log tells of it.
    logged: AtomicBool,
    /// Whether the audit log tells that it has come.
    signed_in: AtomicBool,
    /// Milliseconds from `since` to its last request.
    active: AtomicU64,
    /// Bytes read from it, and written to it.
    moved: Moved,
    since: Instant,
    /// What can change about a row. Private to this type, never held across an `.await`.
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Moved {
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Debug)]
struct Said {
    who: Arc<Identity>,
    program: Option<Program>,
    runs: Vec<ClientRun>,
}

impl Client {
    /// Who it is now: a key can be given another role while it is in use.
    pub(crate) fn who(&self) -> Arc<Identity> {
        Arc::clone(&lock(&self.said).who)
    }

    /// How others are told of it: its user and its number.
    pub(crate) fn called(&self) -> String {
        format!("{} ({})", self.who().user, self.id)
    }

    /// Notes that a request came.
    pub(crate) fn touch(&self) {
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active.store(ms, Ordering::Relaxed);
    }

    /// Counts bytes that came from it.
    pub(crate) fn received(&self, bytes: usize) {
        self.moved.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that went to it.
    pub(crate) fn sent(&self, bytes: usize) {
        self.moved.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Puts it into the log and the audit log, if it is not there yet.
    pub(crate) fn log(&self, audit: &Audit) {
        self.signs_in(audit);
        if !self.logged.swap(true, Ordering::Relaxed) {
            let who = self.who();
            tracing::info!(
                target: "topside", client = self.id.0, address = self.address,
                connection = self.connection.title(), user = who.user, role = who.role.name(),
                "client connected"
            );
        }
    }

    /// Puts its beginning into the audit log, if it is not there yet.
    pub(crate) fn signs_in(&self, audit: &Audit) {
        if !self.signed_in.swap(true, Ordering::Relaxed) {
            audit.note(self.audited("session/begun").result(self.connection.title()));
        }
    }

    /// Puts its end there, if its beginning is.
    pub(crate) fn signs_out(&self, audit: &Audit, reason: &str) {
        if self.signed_in.swap(false, Ordering::Relaxed) {
            audit.note(self.audited("session/ended").result(reason));
        }
    }

    fn audited(&self, action: &'static str) -> Entry {
        Entry::new(By::client(self), action, format!("client {}", self.id))
    }

    /// Whether the log tells of it.
    pub(crate) fn is_logged(&self) -> bool {
        self.logged.load(Ordering::Relaxed)
    }

    /// The row, as seen by `viewer`.
    pub(crate) fn row(&self, viewer: Option<ClientId>) -> ClientRow {
        let said = lock(&self.said);
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        ClientRow {
            client_id: self.id,
            address: self.address.clone(),
            connection: self.connection,
            user: said.who.user.clone(),
            role: said.who.role,
            client: said.program.clone(),
            connected_at: self.connected_at,
            idle_ms: now.saturating_sub(self.active.load(Ordering::Relaxed)),
            bytes_in: Some(self.moved.received.load(Ordering::Relaxed)),
            bytes_out: Some(self.moved.sent.load(Ordering::Relaxed)),
            runs: said.runs.clone(),
            you: viewer == Some(self.id),
        }
    }
}

/// All live clients, and what changed about them since the last [`Registry::publish`].
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// Told of each change.
    dirty: Arc<Notify>,
    last_id: AtomicU64,
    /// Private to this type, never held across an `.await`.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    clients: BTreeMap<ClientId, Arc<Client>>,
    /// Grows by one with each change.
    clock: u64,
    changes: BTreeMap<ClientId, Change>,
}

/// What happened to one client since the last publication, each with its moment of the clock.
#[derive(Debug, Clone, Default)]
struct Change {
    joined: Option<u64>,
    updated: Option<u64>,
    left: Option<(u64, String)>,
}

/// Changes that were not published yet, for subscribers who know everything up to a moment.
pub(crate) struct Changes {
    changes: Vec<(ClientId, Change, Option<ClientRow>)>,
    first: u64,
}

/// Keeps a client's row in the list; dropping it takes the row out.
pub(crate) struct Registered {
    registry: Arc<Registry>,
    pub(crate) client: Arc<Client>,
    reason: String,
}

impl Registered {
    /// Sets what `left` will say of it.
    pub(crate) fn leaves_as(&mut self, reason: impl Into<String>) {
        self.reason = reason.into();
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut state = lock(&self.registry.state);
        state.clients.remove(&self.client.id);
        let clock = state.tick();
        let reason = std::mem::take(&mut self.reason);
        state.changes.entry(self.client.id).or_default().left = Some((clock, reason));
        self.registry.dirty.notify_one();
    }
}

impl Registry {
    /// An empty registry that wakes `dirty` at each change.
    pub(crate) fn new(dirty: Arc<Notify>) -> Self {
        Self { dirty, ..Self::default() }
    }

    /// Adds a client and gives it its number.
    pub(crate) fn register(
        self: &Arc<Self>,
        address: String,
        connection: Connection,
        identity: Identity,
        outbox: Arc<Outbox>,
    ) -> Registered {
        let id = ClientId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let client = Arc::new(Client {
            id,
            address,
            connection,
            connected_at: Time::now(),
            outbox,
            notices: AtomicBool::new(false),
            changing_keys: Arc::default(),
            logged: AtomicBool::new(false),
            signed_in: AtomicBool::new(false),
            active: AtomicU64::new(0),
            moved: Moved::default(),
            since: Instant::now(),
            said: Mutex::new(Said { who: Arc::new(identity), program: None, runs: Vec::new() }),
        });
        let mut state = lock(&self.state);
        let clock = state.tick();
        state.clients.insert(id, Arc::clone(&client));
        state.changes.entry(id).or_default().joined = Some(clock);
        drop(state);
        self.dirty.notify_one();
        Registered { registry: Arc::clone(self), client, reason: "gone".into() }
    }

    /// How many there are now.
    pub(crate) fn count(&self) -> usize {
        lock(&self.state).clients.len()
    }

    /// All of them now, by number.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        lock(&self.state).clients.values().cloned().collect()
    }

    /// The one of this number.
    pub(crate) fn get(&self, id: ClientId) -> Option<Arc<Client>> {
        lock(&self.state).clients.get(&id).cloned()
    }

    /// Up to `limit` of those with a number greater than `after`.
    pub(crate) fn page(&self, after: Option<ClientId>, limit: usize) -> Vec<Arc<Client>> {
        let state = lock(&self.state);
        let after = after.unwrap_or(ClientId(0));
        let later = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        state.clients.range(later).take(limit).map(|(_, client)| Arc::clone(client)).collect()
    }

    /// Everybody's row, and the moment they belong to.
    pub(crate) fn snapshot(&self, viewer: ClientId) -> (Vec<ClientRow>, u64) {
        let state = lock(&self.state);
        (state.clients.values().map(|client| client.row(Some(viewer))).collect(), state.clock)
    }

    /// Says who a client is from now on.
    pub(crate) fn set_identity(&self, client: &Client, identity: Identity) {
        lock(&client.said).who = Arc::new(identity);
        self.updated(client.id);
    }

    /// Says what program a client is.
    pub(crate) fn set_program(&self, client: &Client, program: Program) {
        lock(&client.said).program = Some(program);
        self.updated(client.id);
    }

    /// Adds a run to a client's row, or says there how it stands by now.
    pub(crate) fn run_listed(&self, client: &Client, run: ClientRun) {
        let runs = &mut lock(&client.said).runs;
        match runs.iter_mut().find(|known| known.run_id == run.run_id) {
            Some(known) => *known = run,
            None => runs.push(run),
        }
        self.updated(client.id);
    }

    /// Takes a run out of a client's row.
    pub(crate) fn run_ended(&self, client: &Client, run: RunId) {
        lock(&client.said).runs.retain(|known| known.run_id != run);
        self.updated(client.id);
    }

    fn updated(&self, id: ClientId) {
        let mut state = lock(&self.state);
        if state.clients.contains_key(&id) {
            let clock = state.tick();
            state.changes.entry(id).or_default().updated = Some(clock);
            self.dirty.notify_one();
        }
    }

    /// Whether anything changed since the last publication.
    pub(crate) fn changed(&self) -> bool {
        !lock(&self.state).changes.is_empty()
    }

    /// Takes the changes since the last publication.
    pub(crate) fn publish(&self) -> Option<Changes> {
        let mut state = lock(&self.state);
        if state.changes.is_empty() {
            return None;
        }
        let changes = std::mem::take(&mut state.changes);
        let first = changes.values().map(Change::first).min().unwrap_or_default();
        let changes = changes
            .into_iter()
            .map(|(id, change)| {
                let row = state.clients.get(&id).map(|client| client.row(None));
                (id, change, row)
            })
            .collect();
        Some(Changes { changes, first })
    }
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl Change {
    fn first(&self) -> u64 {
        let left = self.left.as_ref().map(|(clock, _)| *clock);
        [self.joined, self.updated, left].into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

impl Changes {
    /// Whether someone who knows everything up to `known` needs all of this.
    pub(crate) fn all_new_to(&self, known: u64) -> bool {
        known < self.first
    }

    /// What is new to someone who knows everything up to `known`: who joined and left in between
    /// cancels out.
    pub(crate) fn since(&self, known: u64) -> ClientsChanged {
        let mut told = ClientsChanged::default();
        for (id, change, row) in &self.changes {
            let new = |clock: Option<u64>| clock.is_some_and(|clock| clock > known);
            match (&change.left, row) {
                (Some((clock, reason)), _) if *clock > known && !new(change.joined) => {
                    told.left.push(ClientLeft { client_id: *id, reason: reason.clone() });
                }
                (None, Some(row)) if new(change.joined) => told.joined.push(row.clone()),
                (None, Some(row)) if new(change.updated) => told.updated.push(row.clone()),
                _ => {}
            }
        }
        told
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(registry: &Arc<Registry>) -> Registered {
        let identity = Identity {
            owner: Owner::User(1),
            user: "u".into(),
            role: Role::Viewer,
            scope: Scope::Whole,
        };
        registry.register(
            "pid 1".into(),
            Connection::Same,
            identity,
            Arc::new(Outbox::new(1 << 20)),
        )
    }

    #[test]
    fn a_row_is_gone_when_its_guard_is() {
        let registry = Arc::new(Registry::default());
        let guard = join(&registry);
        assert_eq!(registry.count(), 1);
        drop(guard);
        assert_eq!(registry.count(), 0);
    }

    #[test]
    fn who_joins_and_leaves_between_two_publications_is_not_told() {
        let registry = Arc::new(Registry::default());
        drop(join(&registry));
        let told = registry.publish().unwrap().since(0);
        assert_eq!(told, ClientsChanged::default());
        assert!(registry.publish().is_none());
    }

    #[test]
    fn a_snapshot_taken_between_two_publications_is_followed_by_later_changes_only() {
        let registry = Arc::new(Registry::default());
        let first = join(&registry);
        let (rows, known) = registry.snapshot(first.client.id);
        assert_eq!(rows.len(), 1);
        let second = join(&registry);
        registry.set_program(&first.client, Program::default());
        let changes = registry.publish().unwrap();
        assert!(!changes.all_new_to(known));
        let told = changes.since(known);
        assert_eq!(told.joined.len(), 1);
        assert_eq!(told.joined[0].client_id, second.client.id);
        assert_eq!(told.updated.len(), 1);
        assert_eq!(told.updated[0].client_id, first.client.id);
        drop(first);
        let told = registry.publish().unwrap().since(known);
        assert_eq!(told.left.len(), 1);
    }
}
