//! Accepted keys, in memory and in `keys.json`.
//!
//! **Invariant:** a change is on the disk, complete, before it takes effect.

pub(crate) mod change;
pub(crate) mod expiry;
pub(crate) mod invite;
mod keys_file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;
use topside_shared::methods::{KeyRow, KeyState};
use topside_shared::{Pin, Time};

use crate::audit::Unrecorded;
use crate::base::clock::Clock;
use crate::base::identity::{Identity, Owner, Scope};
use crate::base::mutex::Mutex;
use crate::base::toml_file::errors::FileErrors;

/// Invites that may be open at once.
const MAX_INVITES: usize = 4;
/// Bytes of JSON that all keys take at most: the list must fit one line of the protocol.
const MAX_BYTES: usize = 192 * 1024;

/// Why a key is not added, changed or revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(
        "{MAX_INVITES} invites are open, which is the limit: wait until one has been used or has expired, or revoke one"
    )]
    TooManyInvites,
    #[error("the list of keys is full: revoke keys that are not needed")]
    Full,
    #[error("there is no key {0}: `topsided keys` lists them")]
    Unknown(Pin),
    #[error("the key {0} is {1} already")]
    Over(Pin, &'static str),
    #[error(
        "the key {0} is an invite's: everyone who saw the invite has it too, so make a key of your own"
    )]
    AnInvites(Pin),
    #[error(
        "the name {0} is that of another key: choose another name, or revoke that key first (`topsided keys`)"
    )]
    NameTaken(String),
    #[error("{0} is a user of this machine, so no key may have that name: choose another")]
    NameOfUser(String),
    #[error("this is the last admin key: only the box itself takes it away (`topsided revoke`)")]
    LastAdmin,
    #[error(transparent)]
    Unrecorded(#[from] Unrecorded),
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

/// The state of a key that a client shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyStanding {
    Good(Identity),
    /// An invite's key: it may only enrol another key.
    Invited(Identity),
    Expired,
    /// Revoked, or an invite's key that was used.
    Revoked,
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Keys {
    path: PathBuf,
    /// Held over a change and its write; taken before the other mutexes, never after.
    writing: Mutex<()>,
    /// Oldest first. Held for one read or swap.
    rows: Mutex<Arc<Vec<KeyRow>>>,
    /// When keys were last used, where the list does not have it yet. Held like `rows`.
    seen: Mutex<HashMap<Pin, Time>>,
    clock: Clock,
    /// The end of keys that were made in this process, by `clock`. Held like `rows`.
    ends: Mutex<HashMap<Pin, Time>>,
    /// The people of the fleet that the box has joined. Held like `rows`.
    fleet_people: Mutex<Arc<HashMap<Pin, Identity>>>,
    /// Notified of each change of the list.
    changed: Notify,
}

impl Keys {
    pub(crate) const FILE: &str = "keys.json";

    pub(crate) fn open(state: &Path) -> Result<Self, FileErrors> {
        let path = state.join(Self::FILE);
        let rows = Mutex::new(Arc::new(keys_file::read(&path)?));
        Ok(Self {
            path,
            writing: Mutex::default(),
            rows,
            seen: Mutex::default(),
            clock: Clock::open(state),
            ends: Mutex::default(),
            fleet_people: Mutex::default(),
            changed: Notify::new(),
        })
    }

    pub(crate) fn standing(&self, key: Pin) -> KeyStanding {
        let rows = self.rows();
        // The list comes first: a key that was revoked here is not admitted by a roster.
        let Some(row) = rows.iter().find(|row| row.key_id == key) else {
            let person = self.fleet_people.lock().get(&key).cloned();
            return person.map_or(KeyStanding::Unknown, KeyStanding::Good);
        };
        let identity = || Identity {
            owner: Owner::Key(key),
            user: row.name.clone(),
            role: row.role,
            agent: row.agent,
            scope: match &row.commands {
                Some(commands) => Scope::Commands(commands.as_slice().into()),
                None => Scope::Whole,
            },
        };
        match self.now().state_of(row) {
            KeyState::Active => KeyStanding::Good(identity()),
            KeyState::Invited => KeyStanding::Invited(identity()),
            KeyState::Expired => KeyStanding::Expired,
            KeyState::Used | KeyState::Revoked => KeyStanding::Revoked,
            // Written by a newer server: an unknown state is not accepted.
            KeyState::Unknown => KeyStanding::Unknown,
        }
    }

    pub(crate) fn list(&self) -> Vec<KeyRow> {
        let now = self.now();
        let mut rows = self.with_seen();
        for row in &mut rows {
            row.state = now.state_of(row);
        }
        rows
    }

    /// Sets the people of the fleet; whether they differ from those before.
    #[cfg(feature = "hub")]
    pub(crate) fn set_fleet_people(&self, people: HashMap<Pin, Identity>) -> bool {
        let mut held = self.fleet_people.lock();
        let differs = **held != people;
        *held = Arc::new(people);
        differs
    }

    /// Whether a client with a key can be admitted: an accepted key, an invite, or a person of a fleet.
    pub(crate) fn admits_any(&self) -> bool {
        self.count() != (0, 0) || !self.fleet_people.lock().is_empty()
    }

    /// The number of accepted keys, and of open invites.
    pub(crate) fn count(&self) -> (usize, usize) {
        let now = self.now();
        let rows = self.rows();
        let of = |state| rows.iter().filter(|row| now.state_of(row) == state).count();
        (of(KeyState::Active), of(KeyState::Invited))
    }

    /// Time until the next accepted key expires.
    pub(crate) fn next_expiry_ms(&self) -> Option<u64> {
        let now = self.now();
        let rows = self.rows();
        let good = rows.iter().filter(|row| now.state_of(row) == KeyState::Active);
        good.filter_map(|row| now.left_ms(row)).min()
    }

    /// Records that a key was used; the file has it with the next change, or by [`Keys::save_seen`].
    pub(crate) fn mark_seen(&self, key: Pin) {
        self.seen.lock().insert(key, Time::now());
    }

    /// The rows to write. States that depend on the clock are not in them: the clock may be wrong, and set right
    /// again.
    fn with_seen(&self) -> Vec<KeyRow> {
        let mut rows = (*self.rows()).clone();
        let seen = self.seen.lock();
        for row in &mut rows {
            // The last time, not the greatest: the clock may have been ahead.
            row.last_seen = seen.get(&row.key_id).copied().or(row.last_seen);
        }
        rows
    }

    fn rows(&self) -> Arc<Vec<KeyRow>> {
        Arc::clone(&self.rows.lock())
    }
}

/// The time that decides which keys are expired.
struct Now {
    /// For keys that were made in this process: its own clock, which cannot be set.
    clock: Time,
    ends: HashMap<Pin, Time>,
    latest: Time,
}

impl Now {
    fn left_ms(&self, row: &KeyRow) -> Option<u64> {
        let end = row.expires_at?;
        Some(match self.ends.get(&row.key_id) {
            Some(end) => end.millis_since(self.clock),
            None => end.millis_since(self.latest),
        })
    }

    /// The state of a key: an expired one is not accepted, even if its row is active.
    fn state_of(&self, row: &KeyRow) -> KeyState {
        match row.state {
            KeyState::Active | KeyState::Invited if self.left_ms(row) == Some(0) => {
                KeyState::Expired
            }
            state => state,
        }
    }
}

impl Keys {
    fn now(&self) -> Now {
        let ends = self.ends.lock().clone();
        Now { clock: self.clock.now(), ends, latest: self.clock.latest() }
    }

    /// Records the end of a key that is made now, by a clock that cannot be set.
    fn ends_after_its_time(&self, row: &KeyRow) {
        if let Some(end) = row.expires_at {
            let ttl = end.millis_since(row.created_at);
            self.ends.lock().insert(row.key_id, self.clock.now().plus_millis(ttl));
        }
    }
}

#[cfg(test)]
mod tests;
