//! Session limits: open sessions in all, and of one key or one local user. The server's own user and root have no
//! limit.

use std::collections::HashMap;
use std::sync::Arc;

use topside_shared::{ErrorKind, Role, RpcError};

use crate::base::descriptors;
use crate::base::identity::Owner;
use crate::base::limit::Limit;
use crate::base::mutex::Mutex;
use crate::settings::limits::Limits;

/// The server does not start with fewer descriptors.
pub(crate) const FEWEST_DESCRIPTORS: u64 = 256;
/// Descriptors that are not for sessions: about 40 for files, listeners and the runtime, 18 reserved for hooks and 11
/// for new connections, 64 for 16 runs, 64 for drained pipes; the rest is for handshakes.
pub(crate) const OTHER_DESCRIPTORS: u64 = 220;

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "this process may have {0} files open, and needs {FEWEST_DESCRIPTORS} at least: raise it with `ulimit -n`"
)]
pub(crate) struct TooFewDescriptors(pub(crate) u64);

/// The limit of sessions over TCP, lowered to what the descriptors allow.
pub(crate) fn max_sessions(limits: &Limits) -> Result<usize, TooFewDescriptors> {
    let Some(most) = descriptors::most() else { return Ok(limits.max_sessions) };
    if most < FEWEST_DESCRIPTORS {
        return Err(TooFewDescriptors(most));
    }
    let room = usize::try_from(most - OTHER_DESCRIPTORS).unwrap_or(usize::MAX);
    if room < limits.max_sessions && limits.max_sessions != usize::MAX {
        tracing::warn!(
            target: "topside", max_sessions = room, descriptors = most,
            "there are descriptors for fewer sessions than max_sessions: raise `ulimit -n`"
        );
    }
    Ok(limits.max_sessions.min(room))
}

#[derive(Debug)]
pub(crate) struct SessionLimits {
    counts: Mutex<SessionCounts>,
}

#[derive(Debug)]
struct SessionCounts {
    most: usize,
    per_key: usize,
    /// Places of these that are kept for admins.
    for_admins: usize,
    all: usize,
    by_owner: HashMap<Owner, usize>,
}

/// The place of one session. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct SessionPermit {
    sessions: Arc<SessionLimits>,
    owner: Owner,
}

/// No place is free: the key of `[limits]`, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) limit: Limit,
    most: usize,
}

impl From<Full> for RpcError {
    fn from(Full { limit, most }: Full) -> Self {
        let of =
            if limit == Limit::MaxSessionsPerKey { " with this key or by this user" } else { "" };
        let message = match most {
            0 => "all sessions are reserved for admins: an admin of the box raises `max_sessions` of server.toml above `admin_sessions`"
                .to_owned(),
            most => format!(
                "{most} sessions are open{of}, which is the limit: close one, or try again later"
            ),
        };
        RpcError::new(ErrorKind::Busy, message).with("limit", limit).with("most", most as u64)
    }
}

impl SessionLimits {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let Limits { max_sessions: most, max_sessions_per_key: per_key, .. } = *limits;
        Self::of(most, per_key, limits.admin_sessions)
    }

    /// For connections that are answered with an error: each holds a descriptor until it has read the answer.
    pub(crate) fn of_refused(limits: &Limits) -> Arc<Self> {
        Self::of(limits.max_handshakes, limits.max_handshakes_per_source, 0)
    }

    fn of(most: usize, per_key: usize, for_admins: usize) -> Arc<Self> {
        let counts = SessionCounts { most, per_key, for_admins, all: 0, by_owner: HashMap::new() };
        Arc::new(Self { counts: Mutex::new(counts) })
    }

    /// Sets the limits; open sessions keep their places.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        let mut counts = self.counts.lock();
        counts.most = limits.max_sessions;
        counts.per_key = limits.max_sessions_per_key;
        counts.for_admins = limits.admin_sessions;
    }

    pub(crate) fn take(self: &Arc<Self>, owner: Owner, role: Role) -> Result<SessionPermit, Full> {
        let mut counts = self.counts.lock();
        let reserved = if role == Role::Admin { 0 } else { counts.for_admins };
        let (most, per_key) = (counts.most.saturating_sub(reserved), counts.per_key);
        if counts.all >= most {
            return Err(Full { limit: Limit::MaxSessions, most });
        }
        let with_key = counts.by_owner.entry(owner).or_default();
        if *with_key >= per_key {
            return Err(Full { limit: Limit::MaxSessionsPerKey, most: per_key });
        }
        *with_key += 1;
        counts.all += 1;
        Ok(SessionPermit { sessions: Arc::clone(self), owner })
    }
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        let mut counts = self.sessions.counts.lock();
        counts.all -= 1;
        if let Some(with_key) = counts.by_owner.get_mut(&self.owner) {
            *with_key -= 1;
            if *with_key == 0 {
                counts.by_owner.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(most: usize, per_key: usize, for_admins: usize) -> Arc<SessionLimits> {
        SessionLimits::new(&Limits {
            max_sessions: most,
            max_sessions_per_key: per_key,
            admin_sessions: for_admins,
            ..Limits::default()
        })
    }

    fn key(number: u8) -> Owner {
        Owner::Key(topside_shared::Pin::from_bytes([number; 32]))
    }

    /// It said that 0 sessions were open, and that one was to be closed.
    #[test]
    fn a_limit_that_leaves_no_session_to_others_is_named() {
        let sessions = sessions(4, usize::MAX, 4);
        let full = sessions.take(key(1), Role::Operator).unwrap_err();
        let message = RpcError::from(full).message;
        assert!(message.starts_with("all sessions are reserved for admins: "), "{message}");
    }

    #[test]
    fn the_last_places_are_for_admins_and_a_place_that_is_left_is_free() {
        let sessions = sessions(3, usize::MAX, 1);
        let first = sessions.take(key(1), Role::Viewer).unwrap();
        let _second = sessions.take(key(1), Role::Operator).unwrap();
        let full = sessions.take(key(2), Role::Operator).unwrap_err();
        assert_eq!(full, Full { limit: Limit::MaxSessions, most: 2 });
        let third = sessions.take(key(2), Role::Admin).unwrap();
        let full = sessions.take(key(2), Role::Admin).unwrap_err();
        assert_eq!(full, Full { limit: Limit::MaxSessions, most: 3 });
        drop(third);
        assert!(sessions.take(key(2), Role::Operator).is_err());
        drop(first);
        assert!(sessions.take(key(2), Role::Operator).is_ok());
    }

    #[test]
    fn one_key_has_so_many_places_and_others_have_theirs() {
        let sessions = sessions(usize::MAX, 2, 0);
        let _held = [(); 2].map(|()| sessions.take(key(1), Role::Viewer).unwrap());
        let full = sessions.take(key(1), Role::Viewer).unwrap_err();
        assert_eq!(full, Full { limit: Limit::MaxSessionsPerKey, most: 2 });
        assert!(sessions.take(key(2), Role::Viewer).is_ok());
    }
}
