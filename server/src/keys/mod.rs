//! The keys that may come in over TCP: what is known of them, in memory and in `keys.json`.
//!
//! **Invariant:** a change is on the disk, whole, before it takes effect.

pub(crate) mod change;
pub(crate) mod expiry;
pub(crate) mod invite;
mod keys_file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use topside_shared::methods::{KeyRow, KeyState};
use topside_shared::{Pin, Role, Time};

use crate::audit::Unrecorded;
use crate::base::clock::Clock;
use crate::base::identity::{Identity, Owner, Scope};
use crate::base::toml_file::errors::FileErrors;

/// Invites that may be open at once.
const MAX_INVITES: usize = 4;
/// Bytes of JSON that all keys take at most: the list of them must fit one line of the protocol.
const MAX_BYTES: usize = 192 * 1024;

/// Why a key is not added, changed or taken away. Each is a sentence a person can act on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// As many invites are open as may be.
    #[error(
        "{MAX_INVITES} invites are open, which is the limit: wait until one has been used or has expired, or revoke one"
    )]
    TooManyInvites,
    /// There is no room for another key.
    #[error("the list of keys is full: revoke keys that nobody needs")]
    Full,
    /// Nobody knows this key.
    #[error("there is no key {0}: `topsided keys` lists them")]
    Unknown(Pin),
    /// It cannot come in any more already.
    #[error("the key {0} is {1} already")]
    Over(Pin, &'static str),
    /// Somebody else may hold it.
    #[error(
        "the key {0} is an invite's: whoever has seen that has it too, so make one of your own"
    )]
    AnInvites(Pin),
    /// Another key has this name.
    #[error(
        "the name {0} is that of another key: choose another name, or revoke that key first (`topsided keys`)"
    )]
    NameTaken(String),
    /// A user of this machine has this name.
    #[error("{0} is a user of this machine, so no key may have that name: choose another")]
    NameOfUser(String),
    /// Nobody could administer the server over TCP afterwards.
    #[error("this is the last admin key: only the box itself takes it away (`topsided revoke`)")]
    LastAdmin,
    /// The change cannot be recorded.
    #[error(transparent)]
    Unrecorded(#[from] Unrecorded),
    /// The list cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// How a key stands that somebody shows at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may come in.
    Good(Access),
    /// It is an invite's: it may enrol another one.
    Invited(Access),
    /// Its time is over.
    Expired,
    /// It was used, or somebody took it away.
    Revoked,
    /// Nobody here knows it.
    Unknown,
}

/// What a key gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// What its holder is called.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The only commands it may run.
    pub(crate) commands: Option<Vec<String>>,
}

impl Access {
    /// Who holds the key, once in.
    pub(crate) fn identity(self, key: Pin) -> Identity {
        let scope = match self.commands {
            Some(commands) => Scope::Commands(commands.into()),
            None => Scope::Whole,
        };
        Identity { owner: Owner::Key(key), user: self.name, role: self.role, scope }
    }
}

#[derive(Debug)]
pub(crate) struct Keys {
    path: PathBuf,
    /// Held by whoever changes the list, over the write; taken before the others, never after.
    writing: Mutex<()>,
    /// Oldest first. Private to this type, held for no longer than a look or a swap.
    rows: Mutex<Arc<Vec<KeyRow>>>,
    /// When keys came in, as far as the list does not say so yet. Like `rows`.
    seen: Mutex<HashMap<Pin, Time>>,
    clock: Clock,
    /// When keys end that were made in this process, by `clock`. Like `rows`.
    ends: Mutex<HashMap<Pin, Time>>,
    /// Told of each change of the list.
    changed: Notify,
}

impl Keys {
    /// Name of the file in the state directory.
    pub(crate) const FILE: &str = "keys.json";

    /// The keys of the server whose state is in this directory.
    ///
    /// # Errors
    /// Why the file cannot be obeyed.
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
            changed: Notify::new(),
        })
    }

    /// How a key stands now.
    pub(crate) fn standing(&self, key: Pin) -> Standing {
        let rows = self.rows();
        let Some(row) = rows.iter().find(|row| row.key_id == key) else { return Standing::Unknown };
        let access =
            || Access { name: row.name.clone(), role: row.role, commands: row.commands.clone() };
        match self.now().state_of(row) {
            KeyState::Active => Standing::Good(access()),
            KeyState::Invited => Standing::Invited(access()),
            KeyState::Expired => Standing::Expired,
            KeyState::Used | KeyState::Revoked => Standing::Revoked,
            // A list that a newer server wrote: what is not understood lets nobody in.
            KeyState::Unknown => Standing::Unknown,
        }
    }

    /// All keys as they stand now, oldest first.
    pub(crate) fn list(&self) -> Vec<KeyRow> {
        let now = self.now();
        let mut rows = self.with_seen();
        for row in &mut rows {
            row.state = now.state_of(row);
        }
        rows
    }

    /// How many may come in, and how many invites are open.
    pub(crate) fn count(&self) -> (usize, usize) {
        let now = self.now();
        let rows = self.rows();
        let of = |state| rows.iter().filter(|row| now.state_of(row) == state).count();
        (of(KeyState::Active), of(KeyState::Invited))
    }

    /// In how many milliseconds the next key that may come in stops being good.
    pub(crate) fn next_expiry_ms(&self) -> Option<u64> {
        let now = self.now();
        let rows = self.rows();
        let good = rows.iter().filter(|row| now.state_of(row) == KeyState::Active);
        good.filter_map(|row| now.left_ms(row)).min()
    }

    /// Notes that a key came in; the file hears of it with the next change, or by [`Keys::save_seen`].
    pub(crate) fn came_in(&self, key: Pin) {
        lock(&self.seen).insert(key, Time::now());
    }

    /// The rows as they are to be written: how they stand by the clock of the moment is not in them, for
    /// that clock may be wrong, and set right again.
    fn with_seen(&self) -> Vec<KeyRow> {
        let mut rows = (*self.rows()).clone();
        let seen = lock(&self.seen);
        for row in &mut rows {
            // The last one, not the greatest: the clock may have been ahead once.
            row.last_seen = seen.get(&row.key_id).copied().or(row.last_seen);
        }
        rows
    }

    fn rows(&self) -> Arc<Vec<KeyRow>> {
        Arc::clone(&lock(&self.rows))
    }
}

/// The time that keys are judged by.
struct Now {
    /// For keys that were made in this process: its own clock, which cannot be set.
    clock: Time,
    ends: HashMap<Pin, Time>,
    /// For all others.
    latest: Time,
}

impl Now {
    /// How long a key is good still, if it ends at all.
    fn left_ms(&self, row: &KeyRow) -> Option<u64> {
        let end = row.expires_at?;
        Some(match self.ends.get(&row.key_id) {
            Some(end) => end.millis_since(self.clock),
            None => end.millis_since(self.latest),
        })
    }

    /// How a key stands: what is over by now is not good any more, whatever the list says.
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
        let ends = lock(&self.ends).clone();
        Now { clock: self.clock.now(), ends, latest: self.clock.latest() }
    }

    /// Notes when a key that is made now will end, by a clock that cannot be set.
    fn ends_after_its_time(&self, row: &KeyRow) {
        if let Some(end) = row.expires_at {
            let ttl = end.millis_since(row.created_at);
            lock(&self.ends).insert(row.key_id, self.clock.now().plus_millis(ttl));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
