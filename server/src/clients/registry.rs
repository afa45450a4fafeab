//! The list itself: who comes and goes, and what has changed since somebody looked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Notify;
use topside_shared::notifications::{ClientLeft, ClientsChanged};
use topside_shared::records::{ClientRow, ClientRun, Program};
use topside_shared::{ClientId, Connection, RunId, Time};

use crate::authorize::RunAccess;
use crate::base::identity::{Identity, Owner};
use crate::base::outbox::Outbox;
use crate::clients::{ByteCounts, Client, Said, WholeRow, lock};

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
    /// Changes of its runs, the last for each group of clients that may see them.
    runs: Vec<(u64, RunAccess)>,
    left: Option<(u64, String)>,
}

/// Changes that were not published yet, for subscribers who know everything up to a moment.
pub(crate) struct Changes {
    changes: Vec<(ClientId, Change, Option<WholeRow>)>,
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
            moved: ByteCounts::default(),
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

    /// The rows of all clients as `viewer` sees them, and the moment they belong to.
    pub(crate) fn snapshot(&self, viewer: &Client) -> (Vec<ClientRow>, u64) {
        let who = viewer.who();
        let state = lock(&self.state);
        let row = |client: &Arc<Client>| client.row(&who, client.id == viewer.id);
        (state.clients.values().map(row).collect(), state.clock)
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
    pub(crate) fn run_listed(&self, client: &Client, run: ClientRun, access: RunAccess) {
        {
            let runs = &mut lock(&client.said).runs;
            match runs.iter_mut().find(|(known, _)| known.run_id == run.run_id) {
                Some((known, _)) => *known = run,
                None => runs.push((run, access)),
            }
        }
        self.runs_changed(client.id, access);
    }

    /// Takes a run out of a client's row.
    pub(crate) fn run_ended(&self, client: &Client, run: RunId) {
        let ended = {
            let runs = &mut lock(&client.said).runs;
            let place = runs.iter().position(|(known, _)| known.run_id == run);
            place.map(|place| runs.remove(place))
        };
        if let Some((_, access)) = ended {
            self.runs_changed(client.id, access);
        }
    }

    fn runs_changed(&self, id: ClientId, access: RunAccess) {
        self.changed_by(id, |change, clock| {
            match change.runs.iter_mut().find(|(_, known)| *known == access) {
                Some((last, _)) => *last = clock,
                None => change.runs.push((clock, access)),
            }
        });
    }

    fn updated(&self, id: ClientId) {
        self.changed_by(id, |change, clock| change.updated = Some(clock));
    }

    fn changed_by(&self, id: ClientId, note: impl FnOnce(&mut Change, u64)) {
        let mut state = lock(&self.state);
        if state.clients.contains_key(&id) {
            let clock = state.tick();
            note(state.changes.entry(id).or_default(), clock);
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
                let row = state.clients.get(&id).map(|client| client.whole_row(false));
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
        let runs = self.runs.iter().map(|(clock, _)| *clock).min();
        [self.joined, self.updated, runs, left].into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

impl Change {
    fn runs_new_to(&self, known: u64, who: &Identity) -> bool {
        self.runs.iter().any(|(clock, access)| *clock > known && access.is_given_to(who))
    }
}

impl Changes {
    /// Whether someone who knows everything up to `known` needs all of this.
    pub(crate) fn all_new_to(&self, known: u64) -> bool {
        known < self.first
    }

    /// Whether a run of this owner is in the rows: its owner sees it, whatever its role.
    pub(crate) fn concern(&self, owner: Owner) -> bool {
        self.changes.iter().any(|(_, change, row)| {
            let in_row =
                row.iter().flat_map(|row| &row.runs).any(|(_, access)| access.owner == owner);
            in_row || change.runs.iter().any(|(_, access)| access.owner == owner)
        })
    }

    /// What is new to a client that is `who` and knows everything up to `known`. A client that joined and left in
    /// between is left out, and so is a change of runs that `who` may not see.
    pub(crate) fn since(&self, known: u64, who: &Identity) -> ClientsChanged {
        let mut told = ClientsChanged::default();
        for (id, change, row) in &self.changes {
            let new = |clock: Option<u64>| clock.is_some_and(|clock| clock > known);
            match (&change.left, row) {
                (Some((clock, reason)), _) if *clock > known && !new(change.joined) => {
                    told.left.push(ClientLeft { client_id: *id, reason: reason.clone() });
                }
                (None, Some(row)) if new(change.joined) => told.joined.push(row.seen_by(who)),
                (None, Some(row)) if new(change.updated) || change.runs_new_to(known, who) => {
                    told.updated.push(row.seen_by(who));
                }
                _ => {}
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use topside_shared::Role;

    use crate::base::identity::Scope;

    use super::*;

    fn viewer() -> Identity {
        Identity {
            owner: Owner::User(1),
            user: "u".into(),
            role: Role::Viewer,
            scope: Scope::Whole,
        }
    }

    fn join(registry: &Arc<Registry>) -> Registered {
        registry.register(
            "pid 1".into(),
            Connection::Same,
            viewer(),
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
        let told = registry.publish().unwrap().since(0, &viewer());
        assert_eq!(told, ClientsChanged::default());
        assert!(registry.publish().is_none());
    }

    #[test]
    fn a_snapshot_taken_between_two_publications_is_followed_by_later_changes_only() {
        let registry = Arc::new(Registry::default());
        let first = join(&registry);
        let (rows, known) = registry.snapshot(&first.client);
        assert_eq!(rows.len(), 1);
        let second = join(&registry);
        registry.set_program(&first.client, Program::default());
        let changes = registry.publish().unwrap();
        assert!(!changes.all_new_to(known));
        let told = changes.since(known, &viewer());
        assert_eq!(told.joined.len(), 1);
        assert_eq!(told.joined[0].client_id, second.client.id);
        assert_eq!(told.updated.len(), 1);
        assert_eq!(told.updated[0].client_id, first.client.id);
        drop(first);
        let told = registry.publish().unwrap().since(known, &viewer());
        assert_eq!(told.left.len(), 1);
    }
}
