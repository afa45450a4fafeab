//! Announcements of people's devices that joined by an invite, until an admin's change lists them on the roster. They are kept on
//! the disk too, so that a restart without the hub admits the same people.

use std::collections::BTreeMap;
use std::path::Path;

use topside_shared::Pin;
use topside_shared::fleet::VerifiedAnnouncement;
use topside_shared::hub::{Entry, FleetName};

use crate::net::fleet_files;

/// The announcements, by the pin of their invite.
#[derive(Debug, Default)]
pub(super) struct Devices(BTreeMap<Pin, (Entry, VerifiedAnnouncement)>);

impl Devices {
    /// Those that the hub had before. Without a readable file there are none: the hub has them.
    pub(super) fn open(state: &Path, fleet: &FleetName) -> Self {
        let entries = fleet_files::devices(state).unwrap_or_default();
        let verified = entries.into_iter().filter_map(|entry| {
            let verified = VerifiedAnnouncement::read(&entry, fleet)?;
            Some((verified.enrolment, (entry, verified)))
        });
        Self(verified.collect())
    }

    pub(super) fn announcements(&self) -> Vec<VerifiedAnnouncement> {
        self.0.values().map(|(_, verified)| verified.clone()).collect()
    }

    /// Takes what the hub has for an invite: the first announcement counts. Returns whether that is a change.
    pub(super) fn take(&mut self, invite: Pin, entry: Option<Entry>, fleet: &FleetName) -> bool {
        let verified = entry.and_then(|entry| {
            let verified = VerifiedAnnouncement::read(&entry, fleet)?;
            Some((entry, verified))
        });
        match verified {
            Some(_) if self.0.contains_key(&invite) => false,
            Some(device) => self.0.insert(invite, device).is_none(),
            None => self.0.remove(&invite).is_some(),
        }
    }

    /// Forgets those of other invites than these. Returns whether there were any.
    pub(super) fn keep_only(&mut self, invites: &[Pin]) -> bool {
        let before = self.0.len();
        self.0.retain(|invite, _| invites.contains(invite));
        self.0.len() != before
    }

    /// What to write to the disk.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.0.values().map(|(entry, _)| entry.clone()).collect()
    }
}
