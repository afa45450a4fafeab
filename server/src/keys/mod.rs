//! The keys that may come in over TCP: what is known of them, in memory and in `keys.json`.
//!
//! **Invariant:** a change is on the disk, whole, before it takes effect.

mod change;
mod file;
mod offer;
pub(crate) mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use topside_shared::methods::{KeyRow, KeyState};
use topside_shared::{Pin, Role, Time};

use crate::audit::Unrecorded;
use crate::clients::{Identity, Owner, Scope};
use crate::config::FileErrors;

pub(crate) use change::{Change, Revoked};
pub(crate) use offer::{Offer, Place};

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

/// See the module.
#[derive(Debug)]
pub(crate) struct Keys {
    path: PathBuf,
    /// Held by whoever changes the list, over the write; taken before the others, never after.
    writing: Mutex<()>,
    /// Oldest first. Private to this type, held for no longer than a look or a swap.
    rows: Mutex<Arc<Vec<KeyRow>>>,
    /// When keys came in, as far as the list does not say so yet. Like `rows`.
    seen: Mutex<HashMap<Pin, Time>>,
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
        let rows = Mutex::new(Arc::new(file::read(&path)?));
        Ok(Self {
            path,
            writing: Mutex::default(),
            rows,
            seen: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// How a key stands now.
    pub(crate) fn standing(&self, key: Pin) -> Standing {
        let rows = self.rows();
        let Some(row) = rows.iter().find(|row| row.key_id == key) else { return Standing::Unknown };
        let access =
            || Access { name: row.name.clone(), role: row.role, commands: row.commands.clone() };
        match state_at(row, Time::now()) {
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
        let now = Time::now();
        let mut rows = self.with_seen();
        for row in &mut rows {
            row.state = state_at(row, now);
        }
        rows
    }

    /// How many may come in, and how many invites are open.
    pub(crate) fn count(&self) -> (usize, usize) {
        let now = Time::now();
        let rows = self.rows();
        let of = |state| rows.iter().filter(|row| state_at(row, now) == state).count();
        (of(KeyState::Active), of(KeyState::Invited))
    }

    /// When the next key that may come in stops being good.
    pub(crate) fn next_expiry(&self) -> Option<Time> {
        let now = Time::now();
        let rows = self.rows();
        let good = rows.iter().filter(|row| state_at(row, now) == KeyState::Active);
        good.filter_map(|row| row.expires_at).min()
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
            row.last_seen = row.last_seen.max(seen.get(&row.key_id).copied());
        }
        rows
    }

    fn rows(&self) -> Arc<Vec<KeyRow>> {
        Arc::clone(&lock(&self.rows))
    }
}

/// How a key stands at a time: what is over by then is not good any more, whatever the list says.
fn state_at(row: &KeyRow, now: Time) -> KeyState {
    match row.state {
        KeyState::Active | KeyState::Invited if row.expires_at.is_some_and(|end| end <= now) => {
            KeyState::Expired
        }
        state => state,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
