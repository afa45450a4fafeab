//! Changes of clients since the last publication, and what of them a subscriber gets.

use std::collections::HashSet;

use topside_shared::ClientId;
use topside_shared::notifications::{ClientLeft, ClientsChanged};

use crate::authorize::RunAccess;
use crate::base::identity::{Identity, Owner};
use crate::clients::WholeRow;
use crate::clients::snapshot::SnapshotProgress;

/// Changes of one client since the last publication, each with its clock.
#[derive(Debug, Clone, Default)]
pub(super) struct ClientChange {
    pub(super) joined: Option<u64>,
    pub(super) updated: Option<u64>,
    /// Changes of its runs: the last one for each group of clients that may see them.
    pub(super) runs: Vec<(u64, RunAccess)>,
    pub(super) left: Option<(u64, String)>,
}

/// Unpublished changes, in the order of the first change of each client.
pub(crate) struct ClientChanges {
    changes: Vec<ChangedClient>,
    /// The owners of runs in them, who may see these with any role.
    owners: HashSet<Owner>,
}

pub(super) struct ChangedClient {
    pub(super) id: ClientId,
    pub(super) change: ClientChange,
    /// None: it has left.
    pub(super) row: Option<WholeRow>,
}

/// Some of the unpublished changes, to be filtered by what a subscriber has seen.
pub(crate) struct ChangesPart<'c>(&'c [ChangedClient]);

impl ClientChange {
    fn first(&self) -> u64 {
        let left = self.left.as_ref().map(|(clock, _)| *clock);
        let runs = self.runs.iter().map(|(clock, _)| *clock).min();
        [self.joined, self.updated, runs, left].into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    fn runs_new_to(&self, known: u64, who: &Identity) -> bool {
        self.runs.iter().any(|(clock, access)| *clock > known && access.is_given_to(who))
    }
}

impl ClientChanges {
    pub(super) fn new(mut changes: Vec<ChangedClient>) -> Self {
        changes.sort_by_key(|changed| changed.change.first());
        let accesses = changes.iter().flat_map(|ChangedClient { change, row, .. }| {
            let in_row = row.iter().flat_map(|row| &row.runs).map(|(_, access)| access);
            in_row.chain(change.runs.iter().map(|(_, access)| access))
        });
        let owners = accesses.map(|access| access.owner).collect();
        Self { changes, owners }
    }

    /// The changes in parts of at most `rows` clients.
    pub(crate) fn parts(&self, rows: usize) -> impl Iterator<Item = ChangesPart<'_>> {
        self.changes.chunks(rows).map(ChangesPart)
    }

    /// Whether the rows have a run of this owner, who may see it with any role.
    pub(crate) fn concern(&self, owner: Owner) -> bool {
        self.owners.contains(&owner)
    }
}

impl ChangesPart<'_> {
    /// Whether a subscriber gets all of it.
    pub(crate) fn all_new_to(&self, progress: &SnapshotProgress) -> bool {
        let first = self.0.first().map_or(0, |changed| changed.change.first());
        progress.is_complete() && progress.newest() < first
    }

    /// The changes after what a subscriber has that `who` may see. A client that joined and left in between is left out.
    pub(crate) fn since(&self, progress: &SnapshotProgress, who: &Identity) -> ClientsChanged {
        let mut seen = ClientsChanged::default();
        for ChangedClient { id, change, row } in self.0 {
            let Some(known) = progress.clock_of(*id) else { continue };
            let new = |clock: Option<u64>| clock.is_some_and(|clock| clock > known);
            match (&change.left, row) {
                (Some((clock, reason)), _) if *clock > known && !new(change.joined) => {
                    seen.left.push(ClientLeft { client_id: *id, reason: reason.clone() });
                }
                (None, Some(row)) if new(change.joined) => seen.joined.push(row.seen_by(who)),
                (None, Some(row)) if new(change.updated) || change.runs_new_to(known, who) => {
                    seen.updated.push(row.seen_by(who));
                }
                _ => {}
            }
        }
        seen
    }
}
