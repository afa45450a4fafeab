//! Counts of repeated events: refused connections, and sessions of one identity from one source.
//!
//! One line per event would let strangers, or one user who connects again and again, fill the log. The counts are written
//! once a minute.

use std::collections::HashMap;

use topside_shared::Role;

use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::base::identity::{Identity, Owner, Scope};
use crate::base::mutex::Mutex;
use crate::base::peer::{Peer, RemoteEnd};

/// Origins of one kind with a count of their own per minute; all others share one.
const MAX_ORIGINS: usize = 32;
/// Sources of one identity with a count of their own per minute; all others share one.
const MAX_SOURCES: usize = 8;
const OTHER_SOURCES: &str = "other sources";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// A network address.
    Network(Peer),
    User {
        uid: u32,
        name: String,
    },
}

/// Why a connection was refused: an action and its object.
pub(super) type Refusal = (AuditAction, &'static str);

/// The begin or the end of a session; equal ones are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SignIn {
    owner: Owner,
    name: String,
    role: Role,
    agent: bool,
    source: String,
    action: AuditAction,
    result: &'static str,
}

impl SignIn {
    pub(super) fn new(
        who: &Identity,
        address: &str,
        action: AuditAction,
        result: &'static str,
    ) -> Self {
        let source = match address.parse::<RemoteEnd>() {
            Ok(end) => end.peer().to_string(),
            Err(_) => "this machine".to_owned(),
        };
        let (owner, name, role, agent) = (who.owner, who.user.clone(), who.role, who.agent);
        Self { owner, name, role, agent, source, action, result }
    }

    fn entry(self, count: u64) -> Entry {
        let Self { owner, name: user, role, agent, source, action, result } = self;
        let who = Identity { owner, user, role, scope: Scope::Whole, agent };
        let result = format!("{result}: {}", more_times(count));
        Entry::new(By::identity(&who, source), action, "sessions").result(result)
    }
}

/// Whether an event is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Added {
    /// The first of its kind in this minute.
    pub(super) is_new: bool,
    /// The first of this minute.
    pub(super) starts: bool,
}

#[derive(Debug, Default)]
pub(super) struct Aggregate(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    network: Group,
    users: Group,
    /// Repetitions, without the first.
    sessions: HashMap<SignIn, u64>,
}

#[derive(Debug, Default)]
struct Group {
    counts: HashMap<(Origin, Refusal), u64>,
    others: u64,
}

impl Group {
    /// Counts one; whether it is the first of its count.
    fn add(&mut self, key: (Origin, Refusal)) -> bool {
        let count = match self.counts.len() < MAX_ORIGINS || self.counts.contains_key(&key) {
            true => self.counts.entry(key).or_default(),
            false => &mut self.others,
        };
        *count += 1;
        *count == 1
    }
}

impl Counts {
    fn is_empty(&self) -> bool {
        self.network.counts.is_empty() && self.users.counts.is_empty() && self.sessions.is_empty()
    }
}

impl Aggregate {
    pub(super) fn refused(&self, origin: Origin, refusal: Refusal) -> Added {
        let mut counts = self.0.lock();
        let starts = counts.is_empty();
        let group = match &origin {
            Origin::Network(_) => &mut counts.network,
            Origin::User { .. } => &mut counts.users,
        };
        Added { is_new: group.add((origin, refusal)), starts }
    }

    pub(super) fn session(&self, mut sign_in: SignIn) -> Added {
        let mut counts = self.0.lock();
        let starts = counts.is_empty();
        if !counts.sessions.contains_key(&sign_in) {
            let is_alike = |other: &&SignIn| {
                (other.owner, other.action) == (sign_in.owner, sign_in.action)
                    && other.result == sign_in.result
            };
            if counts.sessions.keys().filter(is_alike).count() >= MAX_SOURCES {
                OTHER_SOURCES.clone_into(&mut sign_in.source);
            }
        }
        let is_others = sign_in.source == OTHER_SOURCES;
        let count = counts.sessions.get(&sign_in).map_or(u64::from(is_others), |count| count + 1);
        let is_new = count == 0;
        counts.sessions.insert(sign_in, count);
        Added { is_new, starts }
    }

    pub(super) fn take(&self) -> Vec<Entry> {
        let Counts { network, users, sessions } = std::mem::take(&mut *self.0.lock());
        let entry = |by: By, (action, object): Refusal, count: u64| {
            Entry::new(by, action, object).result(times(count))
        };
        let by = |origin| match origin {
            Origin::Network(source) => By::stranger(source.to_string()),
            Origin::User { uid, name } => By::refused_user(uid, name),
        };
        let mut entries = Vec::new();
        for (group, others, refusal) in [
            (network, OTHER_SOURCES, (AuditAction::HandshakeFailed, "any")),
            (users, "other users", (AuditAction::SessionRefused, "any")),
        ] {
            for ((origin, refusal), count) in group.counts {
                entries.push(entry(by(origin), refusal, count));
            }
            if group.others > 0 {
                entries.push(entry(By::stranger(others), refusal, group.others));
            }
        }
        let repeated = sessions.into_iter().filter(|(_, count)| *count > 0);
        entries.extend(repeated.map(|(sign_in, count)| sign_in.entry(count)));
        entries
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once within a minute".to_owned(),
        count => format!("{count} times within a minute"),
    }
}

fn more_times(count: u64) -> String {
    match count {
        1 => "once more within a minute".to_owned(),
        count => format!("{count} more times within a minute"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn many_sources_are_one_count_beside_the_first_of_them() {
        let tally = Aggregate::default();
        let origin = |n: u32| Origin::Network(Peer::of(Ipv4Addr::from(n).into()));
        let refusal = (AuditAction::KeyRefused, "unknown");
        assert!(tally.refused(origin(0), refusal).starts);
        for n in 0..10_000 {
            assert!(!tally.refused(origin(n), refusal).starts);
        }
        assert_eq!(tally.take().len(), MAX_ORIGINS + 1);
        assert!(tally.take().is_empty());
        assert!(tally.refused(origin(0), refusal).starts);
    }

    #[test]
    fn many_local_users_do_not_displace_the_sources_of_the_network() {
        let tally = Aggregate::default();
        for uid in 0..1_000 {
            let origin = Origin::User { uid, name: format!("u{uid}") };
            let added = tally.refused(origin, (AuditAction::SessionRefused, "local"));
            assert_eq!(added.starts, uid == 0);
        }
        let source = Origin::Network(Peer::of(Ipv4Addr::LOCALHOST.into()));
        tally.refused(source, (AuditAction::KeyRefused, "unknown"));
        assert_eq!(tally.take().len(), MAX_ORIGINS + 2);
    }

    fn sign_in(uid: u32, source: usize, action: AuditAction) -> SignIn {
        SignIn {
            owner: Owner::User(uid),
            name: "name".into(),
            role: Role::Viewer,
            agent: false,
            source: source.to_string(),
            action,
            result: "LAN",
        }
    }

    #[test]
    fn the_first_session_of_an_identity_and_source_is_new_and_the_others_are_counted() {
        let tally = Aggregate::default();
        let first = tally.session(sign_in(1, 0, AuditAction::SessionBegun));
        assert_eq!(first, Added { is_new: true, starts: true });
        for _ in 0..1_000 {
            let added = tally.session(sign_in(1, 0, AuditAction::SessionBegun));
            assert_eq!(added, Added { is_new: false, starts: false });
        }
        assert!(tally.session(sign_in(2, 0, AuditAction::SessionBegun)).is_new);
        assert!(tally.session(sign_in(1, 0, AuditAction::SessionEnded)).is_new);
        assert_eq!(tally.take().len(), 1, "only what came more than once");
        assert!(tally.session(sign_in(1, 0, AuditAction::SessionBegun)).is_new);
    }

    #[test]
    fn sources_of_one_identity_over_the_limit_are_one_count() {
        let tally = Aggregate::default();
        for source in 0..1_000 {
            let added = tally.session(sign_in(1, source, AuditAction::SessionBegun));
            assert_eq!(added.is_new, source < MAX_SOURCES, "{source}");
        }
        assert_eq!(tally.take().len(), 1);
    }
}
