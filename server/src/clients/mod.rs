//! Connected clients: [`Registry::register`](registry::Registry::register) returns a guard that removes the row, so that no
//! row outlives its session.

mod changes;
pub(crate) mod registry;
pub(crate) mod snapshot;

use crate::audit::Audit;
use crate::audit::action::AuditAction;
use crate::audit::entry::By;
use crate::authorize::RunAccess;
use crate::base::identity::{Identity, Owner};
use crate::base::mutex::Mutex;
use crate::base::outbox::Outbox;
use crate::base::peer::HUB;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use topside_shared::records::{ClientRow, ClientRun, Program};
use topside_shared::time::millis;
use topside_shared::{ClientId, Connection, Pin, Time};

/// A connected client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) address: String,
    pub(crate) connection: Connection,
    pub(crate) connected_at: Time,
    pub(crate) outbox: Arc<Outbox>,
    /// Whether it receives notices.
    pub(crate) notices: AtomicBool,
    /// Held while it changes keys.
    pub(crate) changing_keys: Arc<tokio::sync::Mutex<()>>,
    /// Whether the log has its start.
    logged: AtomicBool,
    /// Whether the audit log has its start.
    signed_in: AtomicBool,
    /// Time of its last request, in milliseconds after `since`.
    active: AtomicU64,
    bytes: ByteCounts,
    since: Instant,
    /// The part of its row that can change. Never held across an `.await`.
    record: Mutex<ClientRecord>,
}

#[derive(Debug, Default)]
struct ByteCounts {
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Debug)]
struct ClientRecord {
    who: Arc<Identity>,
    program: Option<Program>,
    runs: Vec<(ClientRun, RunAccess)>,
}

impl Client {
    /// Its key, where `viewer` may see it: an admin, or the holder of the same key.
    pub(crate) fn key_for(&self, viewer: &Identity) -> Option<Pin> {
        let owner = self.who().owner;
        let Owner::Key(key) = owner else { return None };
        (viewer.is_full_admin() || viewer.owner == owner).then_some(key)
    }

    /// Its identity: a key can be given another role while it is in use.
    pub(crate) fn who(&self) -> Arc<Identity> {
        Arc::clone(&self.record.lock().who)
    }

    pub(crate) fn by(&self) -> By {
        By::identity(&self.who(), self.address.clone())
    }

    /// Its name for other clients: user and number.
    pub(crate) fn called(&self) -> String {
        format!("{} ({})", self.who().user, self.id)
    }

    pub(crate) fn touch(&self) {
        let ms = millis(self.since.elapsed());
        self.active.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Writes its start to the log and the audit log, once.
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

    /// Writes its start to the audit log, once.
    pub(crate) fn signs_in(&self, audit: &Audit) {
        if !self.signed_in.swap(true, Ordering::Relaxed) {
            let how = self.connection.title();
            audit.note_session(self.id, &self.who(), &self.address, AuditAction::SessionBegun, how);
        }
    }

    /// Writes its end to the audit log, if its start is there.
    pub(crate) fn signs_out(&self, audit: &Audit, reason: &'static str) {
        if self.signed_in.swap(false, Ordering::Relaxed) {
            audit.note_session(
                self.id,
                &self.who(),
                &self.address,
                AuditAction::SessionEnded,
                reason,
            );
        }
    }

    pub(crate) fn is_logged(&self) -> bool {
        self.logged.load(Ordering::Relaxed)
    }

    /// The row as `who` may see it; `you`: for the client itself.
    pub(crate) fn row(&self, who: &Identity, you: bool) -> ClientRow {
        self.whole_row(you).seen_by(who)
    }

    fn whole_row(&self, you: bool) -> WholeRow {
        let record = self.record.lock();
        let now = millis(self.since.elapsed());
        let row = ClientRow {
            client_id: self.id,
            address: self.address.clone(),
            connection: self.connection,
            route: (self.address == HUB).then(|| HUB.to_owned()),
            user: record.who.user.clone(),
            key_id: None,
            role: record.who.role,
            agent: record.who.agent,
            client: record.program.clone(),
            connected_at: self.connected_at,
            idle_ms: now.saturating_sub(self.active.load(Ordering::Relaxed)),
            bytes_in: Some(self.bytes.received.load(Ordering::Relaxed)),
            bytes_out: Some(self.bytes.sent.load(Ordering::Relaxed)),
            runs: Vec::new(),
            you,
        };
        WholeRow { row, runs: record.runs.clone() }
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
