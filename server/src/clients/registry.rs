//! Registry of clients: who is connected, and what has changed since the last publication.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::Notify;
use topside_shared::records::{ClientRow, ClientRun, Program};
use topside_shared::{ClientId, Connection, RunId, Time};

use crate::authorize::RunAccess;
use crate::base::identity::Identity;
use crate::base::mutex::Mutex;
use crate::base::outbox::Outbox;
use crate::clients::changes::{ChangedClient, ClientChange, ClientChanges};
use crate::clients::snapshot::SnapshotProgress;
use crate::clients::{ByteCounts, Client, ClientRecord};

/// All connected clients, and what changed about them since the last [`Registry::publish`].
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// Notified of each change.
    dirty: Arc<Notify>,
    last_id: AtomicU64,
    state: Mutex<RegistryState>,
}

#[derive(Debug, Default)]
struct RegistryState {
    clients: BTreeMap<ClientId, Arc<Client>>,
    clock: u64,
    changes: BTreeMap<ClientId, ClientChange>,
}

/// Keeps a client in the registry; dropping it removes the row.
pub(crate) struct Registered {
    registry: Arc<Registry>,
    pub(crate) client: Arc<Client>,
    reason: String,
}

impl Registered {
    /// Sets the reason in `left`.
    pub(crate) fn leaves_as(&mut self, reason: impl Into<String>) {
        self.reason = reason.into();
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut state = self.registry.state.lock();
        state.clients.remove(&self.client.id);
        let clock = state.tick();
        let reason = std::mem::take(&mut self.reason);
        state.changes.entry(self.client.id).or_default().left = Some((clock, reason));
        self.registry.dirty.notify_one();
    }
}

impl Registry {
    /// An empty registry that notifies `dirty` of each change.
    pub(crate) fn new(dirty: Arc<Notify>) -> Self {
        Self { dirty, ..Self::default() }
    }

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
            bytes: ByteCounts::default(),
            since: Instant::now(),
            record: Mutex::new(ClientRecord {
                who: Arc::new(identity),
                program: None,
                runs: Vec::new(),
            }),
        });
        let mut state = self.state.lock();
        let clock = state.tick();
        state.clients.insert(id, Arc::clone(&client));
        state.changes.entry(id).or_default().joined = Some(clock);
        drop(state);
        self.dirty.notify_one();
        Registered { registry: Arc::clone(self), client, reason: "gone".into() }
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().clients.len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        self.state.lock().clients.values().cloned().collect()
    }

    pub(crate) fn get(&self, id: ClientId) -> Option<Arc<Client>> {
        self.state.lock().clients.get(&id).cloned()
    }

    /// Up to `limit` clients with an id greater than `after`.
    pub(crate) fn page(&self, after: Option<ClientId>, limit: usize) -> Vec<Arc<Client>> {
        let state = self.state.lock();
        state.after(after.unwrap_or(ClientId(0))).take(limit).cloned().collect()
    }

    /// The next rows of the list as `viewer` sees them, at most `limit`.
    pub(crate) fn snapshot(
        &self,
        viewer: &Client,
        progress: &mut SnapshotProgress,
        limit: usize,
    ) -> Vec<ClientRow> {
        let who = viewer.who();
        let state = self.state.lock();
        let mut later = state.after(progress.last());
        let row = |client: &Arc<Client>| client.row(&who, client.id == viewer.id);
        let rows: Vec<ClientRow> = later.by_ref().take(limit).map(row).collect();
        let up_to = later.next().and_then(|_| rows.last()).map(|row| row.client_id);
        progress.add(up_to, state.clock);
        rows
    }

    pub(crate) fn set_identity(&self, client: &Client, identity: Identity) {
        client.record.lock().who = Arc::new(identity);
        self.updated(client.id);
    }

    pub(crate) fn set_program(&self, client: &Client, program: Program) {
        client.record.lock().program = Some(program);
        self.updated(client.id);
    }

    /// Adds a run to a client's row, or replaces it there.
    pub(crate) fn run_listed(&self, client: &Client, run: ClientRun, access: RunAccess) {
        {
            let runs = &mut client.record.lock().runs;
            match runs.iter_mut().find(|(known, _)| known.run_id == run.run_id) {
                Some((known, _)) => *known = run,
                None => runs.push((run, access)),
            }
        }
        self.runs_changed(client.id, access);
    }

    pub(crate) fn run_ended(&self, client: &Client, run: RunId) {
        let ended = {
            let runs = &mut client.record.lock().runs;
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

    fn changed_by(&self, id: ClientId, note: impl FnOnce(&mut ClientChange, u64)) {
        let mut state = self.state.lock();
        if state.clients.contains_key(&id) {
            let clock = state.tick();
            note(state.changes.entry(id).or_default(), clock);
            self.dirty.notify_one();
        }
    }

    pub(crate) fn changed(&self) -> bool {
        !self.state.lock().changes.is_empty()
    }

    pub(crate) fn publish(&self) -> Option<ClientChanges> {
        let mut state = self.state.lock();
        if state.changes.is_empty() {
            return None;
        }
        let changes = std::mem::take(&mut state.changes)
            .into_iter()
            .map(|(id, change)| {
                let row = state.clients.get(&id).map(|client| client.whole_row(false));
                ChangedClient { id, change, row }
            })
            .collect();
        Some(ClientChanges::new(changes))
    }
}

impl RegistryState {
    /// The clients with a greater id than this, by id.
    fn after(&self, id: ClientId) -> impl Iterator<Item = &Arc<Client>> {
        let later = (std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded);
        self.clients.range(later).map(|(_, client)| client)
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

#[cfg(test)]
mod tests {
    use topside_shared::Role;
    use topside_shared::notifications::ClientsChanged;

    use crate::base::identity::{Owner, Scope};

    use super::*;

    fn viewer() -> Identity {
        Identity {
            owner: Owner::User(1),
            user: "u".into(),
            role: Role::Viewer,
            scope: Scope::Whole,
            agent: false,
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

    fn since(registry: &Registry, progress: &SnapshotProgress) -> ClientsChanged {
        let changes = registry.publish().unwrap();
        changes.parts(usize::MAX).next().unwrap().since(progress, &viewer())
    }

    #[test]
    fn a_row_is_removed_with_its_guard() {
        let registry = Arc::new(Registry::default());
        let guard = join(&registry);
        assert_eq!(registry.count(), 1);
        drop(guard);
        assert_eq!(registry.count(), 0);
    }

    #[test]
    fn a_client_that_joins_and_leaves_between_two_publications_is_not_published() {
        let registry = Arc::new(Registry::default());
        drop(join(&registry));
        let mut progress = SnapshotProgress::default();
        progress.add(None, 0);
        let seen = since(&registry, &progress);
        assert_eq!(seen, ClientsChanged::default());
        assert!(registry.publish().is_none());
    }

    #[test]
    fn a_snapshot_taken_between_two_publications_is_followed_by_later_changes_only() {
        let registry = Arc::new(Registry::default());
        let first = join(&registry);
        let mut known = SnapshotProgress::default();
        assert_eq!(registry.snapshot(&first.client, &mut known, 9).len(), 1);
        assert!(known.is_complete());
        let second = join(&registry);
        registry.set_program(&first.client, Program::default());
        let changes = registry.publish().unwrap();
        let changes = changes.parts(usize::MAX).next().unwrap();
        assert!(!changes.all_new_to(&known));
        let seen = changes.since(&known, &viewer());
        assert_eq!(seen.joined.len(), 1);
        assert_eq!(seen.joined[0].client_id, second.client.id);
        assert_eq!(seen.updated.len(), 1);
        assert_eq!(seen.updated[0].client_id, first.client.id);
        drop(first);
        let seen = since(&registry, &known);
        assert_eq!(seen.left.len(), 1);
    }

    #[test]
    fn a_subscriber_gets_changes_of_the_rows_that_it_has_and_the_others_with_later_pages() {
        let registry = Arc::new(Registry::default());
        let clients: Vec<Registered> = (0..4).map(|_| join(&registry)).collect();
        registry.publish();
        let mut progress = SnapshotProgress::default();
        assert_eq!(registry.snapshot(&clients[0].client, &mut progress, 2).len(), 2);
        for client in &clients {
            registry.set_program(&client.client, Program::default());
        }
        // The second page has the update of its first client.
        assert_eq!(registry.snapshot(&clients[0].client, &mut progress, 1).len(), 1);
        let later = join(&registry);
        let seen = since(&registry, &progress);
        let ids: Vec<u64> = seen.updated.iter().map(|row| row.client_id.0).collect();
        assert_eq!((ids, seen.joined.len()), (vec![1, 2], 0));
        progress.published();
        let rest = registry.snapshot(&clients[0].client, &mut progress, 9);
        let ids: Vec<u64> = rest.iter().map(|row| row.client_id.0).collect();
        assert_eq!((ids, progress.is_complete()), (vec![4, 5], true));
        drop(later);
        let seen = since(&registry, &progress);
        assert_eq!((seen.left.len(), seen.joined.len()), (1, 0));
    }
}
