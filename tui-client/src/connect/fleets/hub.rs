//! The hub of a fleet, and what its bucket holds.

use std::collections::HashMap;

use topside_shared::Pin;
use topside_shared::fleet::{Presence, ROSTER_KEY, RosterError, VerifiedAnnouncement};
use topside_shared::hub::{Bucket, BucketError, Entry, FleetName, HubAccess};
use topside_shared::private_key::PrivateKeyError;
use topside_shared::time::Time;

use crate::connect::error::ConnectError;
use crate::connect::fleet_store::{Fleet, FleetsError, Members};
use crate::connect::hub_connections;

/// Why a fleet cannot be asked for at its hub, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetHubError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error(transparent)]
    Roster(#[from] RosterError),
    #[error(
        "the hub has no roster of the fleet {0}: an admin of the fleet restores it with `topside fleet create {0}`"
    )]
    NoRoster(FleetName),
    #[error(
        "the fleet {0} does not list this device any more: ask an admin of the fleet for a new invite (`topside fleet invite`)"
    )]
    NotListed(FleetName),
    #[error(transparent)]
    Files(#[from] FleetsError),
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
}

/// What boxes say of themselves, by the clock of this device.
pub(crate) type Presences = HashMap<String, Presence>;

/// The hub of one fleet.
#[derive(Debug, Clone)]
pub(crate) struct FleetHub {
    pub(crate) bucket: Bucket,
}

/// What the bucket held of the roster.
#[derive(Debug)]
pub(crate) struct AtHub {
    /// Place of the roster in the order of the hub; 0 where it has none.
    pub(crate) sequence: u64,
    /// Why the roster of the hub was not taken.
    pub(crate) refused: Option<FleetHubError>,
    /// The announcements of boxes and people.
    pub(crate) announcements: Vec<VerifiedAnnouncement>,
}

impl FleetHub {
    /// Connects, with the access of a person or of an admin.
    pub(crate) async fn open(access: &HubAccess) -> Result<Self, FleetHubError> {
        let hub = hub_connections::open(access).await?;
        Ok(Self { bucket: hub.bucket() })
    }

    /// Reads the roster and the announcements. A roster of the hub that is not valid, or older than the one that this device
    /// has seen, changes nothing; the caller decides about `refused`. Nothing is saved.
    pub(crate) async fn read(
        &self,
        fleet: &mut Fleet,
        own_key: Option<Pin>,
    ) -> Result<AtHub, FleetHubError> {
        let entry = self.bucket.get(ROSTER_KEY).await?;
        let refused = match &entry {
            Some(entry) => fleet.take_roster(&entry.value).err().map(FleetHubError::from),
            None => Some(FleetHubError::NoRoster(fleet.name().clone())),
        };
        let sequence = entry.map_or(0, |entry| entry.sequence);
        let mut announcements = Vec::new();
        if let Some(held) = &fleet.roster {
            // Without an invite no announcement counts.
            if !held.roster().invites.is_empty() {
                for keys in ["box.*", "person.*"] {
                    let entries = self.bucket.list(keys).await?;
                    let name = fleet.name();
                    announcements.extend(
                        entries.iter().filter_map(|entry| VerifiedAnnouncement::read(entry, name)),
                    );
                }
            }
            fleet.members = Members::of(held.roster(), &announcements, own_key);
        }
        Ok(AtHub { sequence, refused, announcements })
    }

    /// Reads what the boxes say of themselves, by [`presence_key`]. By the clock of the hub it is as old.
    ///
    /// [`presence_key`]: topside_shared::fleet::presence_key
    pub(crate) async fn presences(&self) -> Result<Presences, FleetHubError> {
        let (entries, listed_at) = self.bucket.list_at("presence.*").await?;
        let now = Time::now();
        let ahead = listed_at.map_or(0, |at| now.as_millis() - at.as_millis());
        let read = |entry: Entry| {
            let at = entry.stored_at.moved_by(ahead);
            Some((entry.key, Presence::read(&entry.value)?.by_clock(at)))
        };
        Ok(entries.into_iter().filter_map(read).collect())
    }
}
