//! Changes of the list of keys. Each writes the complete list.

use std::sync::Arc;

use topside_shared::methods::{KeyRow, KeyState};
use topside_shared::text::fold_name;
use topside_shared::{Pin, Role, Time};

use crate::audit::Audit;
use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::base::platform;
use crate::keys::{KeyError, Keys, MAX_BYTES, MAX_INVITES, Now, keys_file};

#[derive(Debug)]
pub(crate) enum KeyChange {
    /// Adds a key, or an invite's key.
    Add(KeyRow),
    /// Replaces an invite's key by the client's own.
    Enrol {
        invite: Pin,
        key: Pin,
        /// The client's name; empty: the name of the invite.
        name: String,
    },
    Revoke {
        key: Pin,
        from: Revoked,
    },
}

impl KeyChange {
    /// What the audit log records of it.
    fn action(&self) -> AuditAction {
        match self {
            Self::Add(_) => AuditAction::KeyInvite,
            Self::Enrol { .. } => AuditAction::KeyEnrol,
            Self::Revoke { .. } => AuditAction::KeyRevoke,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// From the box itself.
    Here,
    /// Over the network, where the last admin key cannot be revoked.
    Remotely,
}

impl Keys {
    /// Makes a change, and returns its row as it is afterwards. The audit log has the change first. Blocks for the
    /// disk; completes even if its caller has gone. On an error nothing is changed.
    pub(crate) fn change(
        &self,
        change: KeyChange,
        audit: &Audit,
        by: By,
    ) -> Result<KeyRow, KeyError> {
        let _writing = self.writing.lock();
        let now = self.now();
        let mut rows = self.with_seen();
        let action = change.action();
        let is_new = matches!(change, KeyChange::Add(_));
        let row = apply(&mut rows, change, &now)?;
        forget_oldest(&mut rows, &now)?;
        let entry = Entry::of_key(by, action, &row);
        audit.ahead_blocking(entry.clone())?;
        let written = keys_file::write(&self.path, &rows);
        audit.note(entry.result(match &written {
            Ok(()) => "done".to_owned(),
            Err(error) => format!("failed: {error}"),
        }));
        written?;
        if is_new {
            self.ends_after_its_time(&row);
        }
        *self.rows.lock() = Arc::new(rows);
        self.changed.notify_one();
        Ok(row)
    }

    /// Saves when keys were used, if the file does not have it yet. Blocks for the disk.
    pub(crate) fn save_seen(&self) -> Result<(), KeyError> {
        let _writing = self.writing.lock();
        let rows = self.with_seen();
        if rows.iter().map(|row| row.last_seen).eq(self.rows().iter().map(|row| row.last_seen)) {
            return Ok(());
        }
        keys_file::write(&self.path, &rows)?;
        *self.rows.lock() = Arc::new(rows);
        Ok(())
    }
}

fn apply(rows: &mut Vec<KeyRow>, change: KeyChange, now: &Now) -> Result<KeyRow, KeyError> {
    match change {
        KeyChange::Add(row) => {
            let open = rows.iter().filter(|row| now.state_of(row) == KeyState::Invited).count();
            if row.state == KeyState::Invited && open >= MAX_INVITES {
                return Err(KeyError::TooManyInvites);
            }
            // The invite may be for a device that has that name already, and gets another role by it.
            let live: &[_] = if row.state == KeyState::Invited { &[] } else { &[KeyState::Active] };
            check_name(rows, &row, now, live)?;
            rows.push(row.clone());
            Ok(row)
        }
        KeyChange::Enrol { invite, key, name } => {
            let burnt = find(rows, invite)?;
            let state = now.state_of(burnt);
            if state != KeyState::Invited {
                return Err(KeyError::Over(invite, state.name()));
            }
            burnt.state = KeyState::Used;
            let burnt = burnt.clone();
            let known = rows.iter().find(|row| row.key_id == key);
            if known.is_some_and(|row| matches!(row.state, KeyState::Invited | KeyState::Used)) {
                return Err(KeyError::AnInvites(key));
            }
            let mut row = KeyRow {
                key_id: key,
                created_at: Time::now(),
                last_seen: None,
                expires_at: None,
                state: KeyState::Active,
                ..burnt
            };
            // Two open invites may have one name; a device may not take the name of another invite.
            let mut live = vec![KeyState::Active];
            if !name.is_empty() {
                row.name = name;
                live.push(KeyState::Invited);
            }
            check_name(rows, &row, now, &live)?;
            // A device that is invited again is the same device, with the rights of this invite.
            let ruled = rows.iter().any(|known| known.key_id == key && rules(known, now));
            rows.retain(|known| known.key_id != key);
            rows.push(row.clone());
            if ruled && !rows.iter().any(|row| rules(row, now)) {
                return Err(KeyError::LastAdmin);
            }
            Ok(row)
        }
        KeyChange::Revoke { key, from } => {
            let row = find(rows, key)?;
            if !matches!(row.state, KeyState::Active | KeyState::Invited) {
                return Err(KeyError::Over(key, row.state.name()));
            }
            let ruled = rules(row, now);
            row.state = KeyState::Revoked;
            let row = row.clone();
            if from == Revoked::Remotely && ruled && !rows.iter().any(|row| rules(row, now)) {
                return Err(KeyError::LastAdmin);
            }
            Ok(row)
        }
    }
}

/// Checks that no other key in one of these states has this name, and no user of this machine: names say who did
/// what.
fn check_name(rows: &[KeyRow], row: &KeyRow, now: &Now, live: &[KeyState]) -> Result<(), KeyError> {
    let name = fold_name(&row.name);
    let is_same = |other: &KeyRow| {
        other.key_id != row.key_id
            && live.contains(&now.state_of(other))
            && fold_name(&other.name) == name
    };
    if rows.iter().any(is_same) {
        return Err(KeyError::NameTaken(row.name.clone()));
    }
    if platform::is_user(&name) || platform::is_user(&row.name) {
        return Err(KeyError::NameOfUser(row.name.clone()));
    }
    Ok(())
}

/// Whether a key can administer the server.
fn rules(row: &KeyRow, now: &Now) -> bool {
    now.state_of(row) == KeyState::Active
        && row.role == Role::Admin
        && row.commands.is_none()
        && !row.agent
}

fn find(rows: &mut [KeyRow], key: Pin) -> Result<&mut KeyRow, KeyError> {
    rows.iter_mut().find(|row| row.key_id == key).ok_or(KeyError::Unknown(key))
}

/// Removes the oldest rows of keys that are not accepted any more, so that the list keeps its size limit. Until then
/// they say why a key is refused.
fn forget_oldest(rows: &mut Vec<KeyRow>, now: &Now) -> Result<(), KeyError> {
    let size = |row: &KeyRow| serde_json::to_string(row).map_or(usize::MAX, |json| json.len() + 1);
    let mut bytes: usize = rows.iter().map(size).sum();
    while bytes > MAX_BYTES {
        let over =
            |row: &KeyRow| !matches!(now.state_of(row), KeyState::Active | KeyState::Invited);
        let oldest = rows.iter().position(over).ok_or(KeyError::Full)?;
        bytes -= size(&rows.remove(oldest));
    }
    Ok(())
}
