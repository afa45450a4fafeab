//! Connected clients: [`Registry::register`](registry::Registry::register) returns a guard that removes the row, so that no
//! row outlives its session.

pub(crate) mod registry;

use crate::audit::Audit;
use crate::audit::entry::By;
use crate::authorize::RunAccess;
use crate::base::identity::{Identity, Owner, Scope};
use crate::base::outbox::Outbox;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use topside_shared::records::{ClientRow, ClientRun, Program};
use topside_shared::{ClientId, Connection, Pin, Role, Time};

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
    moved: ByteCounts,
    since: Instant,
    /// What can change about a row. Private to this type, never held across an `.await`.
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct ByteCounts {
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Debug)]
struct Said {
    who: Arc<Identity>,
    program: Option<Program>,
    runs: Vec<(ClientRun, RunAccess)>,
}

impl Client {
    /// The key that it came in with, where `viewer` may know it: an admin, or the holder of the same key.
    pub(crate) fn key_for(&self, viewer: &Identity) -> Option<Pin> {
        let owner = self.who().owner;
        let Owner::Key(key) = owner else { return None };
        let is_admin = viewer.role == Role::Admin && viewer.scope == Scope::Whole;
        (is_admin || viewer.owner == owner).then_some(key)
    }

    /// Who it is now: a key can be given another role while it is in use.
    pub(crate) fn who(&self) -> Arc<Identity> {
        Arc::clone(&lock(&self.said).who)
    }

    /// The author of an audit entry: the client as it is now.
    pub(crate) fn by(&self) -> By {
        By::identity(&self.who(), self.address.clone())
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
            let action = "session/begun";
            audit.note_session(
                self.id,
                &self.who(),
                &self.address,
                action,
                self.connection.title(),
            );
        }
    }

    /// Puts its end there, if its beginning is.
    pub(crate) fn signs_out(&self, audit: &Audit, reason: &'static str) {
        if self.signed_in.swap(false, Ordering::Relaxed) {
            audit.note_session(self.id, &self.who(), &self.address, "session/ended", reason);
        }
    }

    /// Whether the log tells of it.
    pub(crate) fn is_logged(&self) -> bool {
        self.logged.load(Ordering::Relaxed)
    }

    /// The row, as another client sees it that is `who`; `you` where it is this client itself.
    pub(crate) fn row(&self, who: &Identity, you: bool) -> ClientRow {
        self.whole_row(you).seen_by(who)
    }

    /// The row with all its runs.
    fn whole_row(&self, you: bool) -> WholeRow {
        let said = lock(&self.said);
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let row = ClientRow {
            client_id: self.id,
            address: self.address.clone(),
            connection: self.connection,
            user: said.who.user.clone(),
            key_id: None,
            role: said.who.role,
            client: said.program.clone(),
            connected_at: self.connected_at,
            idle_ms: now.saturating_sub(self.active.load(Ordering::Relaxed)),
            bytes_in: Some(self.moved.received.load(Ordering::Relaxed)),
            bytes_out: Some(self.moved.sent.load(Ordering::Relaxed)),
            runs: Vec::new(),
            you,
        };
        WholeRow { row, runs: said.runs.clone() }
    }
}

/// A client's row, and its runs with what decides who may see each.
#[derive(Debug, Clone)]
struct WholeRow {
    row: ClientRow,
    runs: Vec<(ClientRun, RunAccess)>,
}

impl WholeRow {
    fn seen_by(&self, who: &Identity) -> ClientRow {
        let seen = self.runs.iter().filter(|(_, access)| access.is_given_to(who));
        ClientRow { runs: seen.map(|(run, _)| run.clone()).collect(), ..self.row.clone() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
