//! Run queue: which run may start and which waits for what. Rules only, without a clock, a lock or a task.
//!
//! All that a run needs, its locks, a place among the runs of its command and of its group, and a seat of `max_runs`, is
//! taken at once or not at all. So no run holds one thing while it waits for another, and no two runs can
//! wait for each other. A queued run is ahead of all later ones that share a lock or the command with
//! it; others pass freely. A seat goes to the first run that waits for nothing else.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use topside_shared::RunId;
use topside_shared::records::RunState;
use topside_shared::records::{Holder, MAX_HELD_BY, QueueReason};

use crate::authorize::RunAccess;
use crate::base::identity::Identity;
use crate::workers::concurrency::Exclusion;

#[derive(Debug, Clone)]
pub(crate) struct Needs {
    pub(crate) command: String,
    pub(crate) user: String,
    pub(crate) access: RunAccess,
    pub(crate) exclusion: Exclusion,
    /// How many runs may hold a seat once it has one.
    pub(crate) seats: usize,
    /// Whether an admin asked: some seats are for admins only.
    pub(crate) by_admin: bool,
}

/// The place of a queued run, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuePlace {
    /// 1 for the next.
    pub(crate) place: u64,
    pub(crate) waits_for: Vec<QueueReason>,
    /// Who may see the runs that `waits_for` names.
    pub(crate) holders: Vec<(RunId, RunAccess)>,
}

/// A run that can neither start nor be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) why: RefusalReason,
    pub(crate) waits_for: Vec<QueueReason>,
    /// Who may see the runs that `waits_for` names.
    pub(crate) holders: Vec<(RunId, RunAccess)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalReason {
    NoQueue,
    Queue(usize),
    /// As many wait on the whole server as may.
    Server(usize),
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    holding: BTreeMap<RunId, Needs>,
    /// In the order of their requests.
    waiting: Vec<(RunId, Needs)>,
}

impl Needs {
    fn shares_a_lock(&self, other: &Self) -> bool {
        self.exclusion.locks.iter().any(|lock| other.has(lock))
    }

    fn shares_the_group(&self, other: &Self) -> bool {
        let names = [self, other].map(|needs| needs.exclusion.group.as_ref().map(|one| &one.name));
        names[0].is_some() && names[0] == names[1]
    }

    /// Whether turns of the two come in the order of their requests.
    fn competes_with(&self, other: &Self) -> bool {
        self.command == other.command || self.shares_a_lock(other) || self.shares_the_group(other)
    }

    fn has(&self, lock: &str) -> bool {
        self.exclusion.locks.iter().any(|own| own == lock)
    }

    fn by(&self, run_id: RunId, state: RunState) -> Holder {
        Holder { run_id, command: self.command.clone(), user: self.user.clone(), state }
    }
}

impl Queue {
    /// Asks for all that a run needs: `None` where it has that now. At most `most` wait in all.
    ///
    /// # Errors
    /// [`Refused`], where it can neither start nor wait.
    pub(crate) fn ask(
        &mut self,
        id: RunId,
        needs: Needs,
        most: usize,
    ) -> Result<Option<QueuePlace>, Refused> {
        let waits_for = self.waits_for(&needs, &self.waiting);
        if waits_for.is_empty() {
            self.holding.insert(id, needs);
            return Ok(None);
        }
        let places = needs.exclusion.queue;
        let own = self.waiting.iter().filter(|(_, other)| other.command == needs.command).count();
        let why = match () {
            () if places == 0 => Some(RefusalReason::NoQueue),
            () if own >= places => Some(RefusalReason::Queue(places)),
            () if self.waiting.len() >= most => Some(RefusalReason::Server(most)),
            () => None,
        };
        if let Some(why) = why {
            let holders = self.holders(&waits_for);
            return Err(Refused { why, waits_for, holders });
        }
        self.waiting.push((id, needs));
        Ok(self.places().pop().map(|(_, standing)| standing))
    }

    /// Gives back all that a run holds, or its place; whether it had either.
    pub(crate) fn leave(&mut self, id: RunId) -> bool {
        let held = self.holding.remove(&id).is_some();
        let before = self.waiting.len();
        self.waiting.retain(|(other, _)| *other != id);
        held || self.waiting.len() < before
    }

    /// Moves the queued runs that can start to the holders, and returns them in their order.
    pub(crate) fn turns(&mut self) -> Vec<RunId> {
        let mut started = Vec::new();
        let mut at = 0;
        while at < self.waiting.len() {
            if self.waits_for(&self.waiting[at].1, &self.waiting[..at]).is_empty() {
                let (id, needs) = self.waiting.remove(at);
                self.holding.insert(id, needs);
                started.push(id);
            } else {
                at += 1;
            }
        }
        started
    }

    /// Applies changed limits: of `all` seats, some for admins only.
    pub(crate) fn set_seats(&mut self, all: usize, for_admins: usize) {
        for (_, needs) in &mut self.waiting {
            needs.seats = seats(all, for_admins, needs.by_admin);
        }
    }

    /// All queued runs, in their order.
    pub(crate) fn places(&self) -> Vec<(RunId, QueuePlace)> {
        let mut places: Vec<(RunId, QueuePlace)> = Vec::with_capacity(self.waiting.len());
        for (at, (id, needs)) in self.waiting.iter().enumerate() {
            let ahead = &self.waiting[..at];
            let waits_for = self.waits_for(needs, ahead);
            let seat_only = waits_only_for_a_seat(&waits_for);
            let before = ahead.iter().zip(&places).filter(|((_, other), (_, standing))| {
                needs.competes_with(other)
                    || (seat_only && waits_only_for_a_seat(&standing.waits_for))
            });
            let place = before.count() as u64 + 1;
            let holders = self.holders(&waits_for);
            places.push((*id, QueuePlace { place, waits_for, holders }));
        }
        places
    }

    /// Who may see the runs that are named there.
    fn holders(&self, waits_for: &[QueueReason]) -> Vec<(RunId, RunAccess)> {
        let access = |id: RunId| {
            let waiting = || self.waiting.iter().find(|(known, _)| *known == id);
            let needs = self.holding.get(&id).or_else(|| waiting().map(|(_, needs)| needs))?;
            Some((id, needs.access))
        };
        let named = waits_for.iter().flat_map(|wait| &wait.held_by);
        named.filter_map(|holder| access(holder.run_id)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// What a run with these needs cannot have, behind those that are `ahead`.
    fn waits_for(&self, needs: &Needs, ahead: &[(RunId, Needs)]) -> Vec<QueueReason> {
        let first_ahead = |wants: &dyn Fn(&Needs) -> bool| {
            let first = ahead.iter().find(|(_, other)| wants(other));
            first.map(|(id, other)| other.by(*id, RunState::Queued))
        };
        let mut waits_for = Vec::new();
        for lock in &needs.exclusion.locks {
            let holder = self.holding.iter().find(|(_, other)| other.has(lock));
            let holder = holder.map(|(id, other)| other.by(*id, RunState::Running));
            let holder = holder.or_else(|| first_ahead(&|other| other.has(lock)));
            if let Some(holder) = holder {
                let (lock, held_by) = (Some(lock.clone()), vec![holder]);
                waits_for.push(QueueReason { lock, held_by, ..QueueReason::default() });
            }
        }
        // The runs that fill a limit, or the run that is before it. A reason that is known already says more than the latter.
        let held_by = |most: Option<NonZeroUsize>, counts: &dyn Fn(&Needs) -> bool, known: bool| {
            let holding = || self.holding.iter().filter(|(_, other)| counts(other));
            if most.is_some_and(|most| holding().count() >= most.get()) {
                let holding = holding().map(|(id, other)| other.by(*id, RunState::Running));
                return holding.take(MAX_HELD_BY).collect();
            }
            let ahead = if known { None } else { first_ahead(counts) };
            ahead.into_iter().collect::<Vec<Holder>>()
        };
        let max_concurrent = |group: Option<String>, held_by| QueueReason {
            limit: Some("max_concurrent".to_owned()),
            group,
            held_by,
            ..QueueReason::default()
        };
        let is_own = |other: &Needs| other.command == needs.command;
        let own = held_by(needs.exclusion.max_concurrent, &is_own, !waits_for.is_empty());
        if !own.is_empty() {
            waits_for.push(max_concurrent(None, own));
        }
        if let Some(group) = &needs.exclusion.group {
            let shares = |other: &Needs| needs.shares_the_group(other);
            let held_by = held_by(Some(group.max_concurrent), &shares, !waits_for.is_empty());
            if !held_by.is_empty() {
                waits_for.push(max_concurrent(Some(group.name.clone()), held_by));
            }
        }
        if self.holding.len() >= needs.seats {
            let limit = Some("max_runs".to_owned());
            waits_for.push(QueueReason { limit, ..QueueReason::default() });
        }
        waits_for
    }
}

/// Removes the runs that `who` may not see. The locks and limits stay: they are in the caller's own command.
pub(crate) fn hide_holders(
    waits_for: &mut [QueueReason],
    holders: &[(RunId, RunAccess)],
    who: &Identity,
) {
    let sees =
        |run: RunId| holders.iter().any(|(known, access)| *known == run && access.is_given_to(who));
    for wait in waits_for {
        wait.held_by.retain(|holder| sees(holder.run_id));
    }
}

/// How many of all seats a caller may use, where some are for admins only.
pub(crate) fn seats(all: usize, for_admins: usize, by_admin: bool) -> usize {
    all.saturating_sub(if by_admin { 0 } else { for_admins })
}

pub(crate) fn waits_only_for_a_seat(waits_for: &[QueueReason]) -> bool {
    waits_for.iter().all(|wait| wait.limit.as_deref() == Some("max_runs"))
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
