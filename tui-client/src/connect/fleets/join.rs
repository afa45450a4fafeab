//! Joining a fleet as a person, with a string of `topside fleet invite`.

use topside_shared::Role;
use topside_shared::dirs::Dirs;
use topside_shared::fleet::{Announcement, AnnouncementKind, JoinString, PersonEntry, person_key};
use topside_shared::hub::{BucketError, FleetName};
use topside_shared::private_key::{PrivateKey, PrivateKeyError};
use topside_shared::time::Time;

use super::hub::{FleetHub, FleetHubError};
use crate::connect::fleet_store::{Fleet, FleetsError};
use crate::connect::remote::own_key;

/// A fleet that this device has joined.
#[derive(Debug)]
pub(crate) struct JoinedFleet {
    pub(crate) fleet: FleetName,
    /// What the fleet calls this device.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Whether it had joined before.
    pub(crate) already: bool,
    /// The names of the boxes that it may use.
    pub(crate) boxes: Vec<String>,
}

/// Why this device has not joined, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    #[error(
        "this invite of the fleet {0} was used already: ask an admin of the fleet for a new one (`topside fleet invite`)"
    )]
    Used(FleetName),
    #[error(
        "this invite of the fleet {0} has expired: ask an admin of the fleet for a new one (`topside fleet invite`)"
    )]
    Expired(FleetName),
    #[error(
        "the fleet {0} does not know this invite, or has withdrawn it: ask an admin of the fleet for a new one"
    )]
    Unknown(FleetName),
    #[error(
        "this string has no invite in it: ask an admin of the fleet for one (`topside fleet invite`)"
    )]
    NoInvite,
    #[error(transparent)]
    Hub(#[from] FleetHubError),
    #[error(transparent)]
    Files(#[from] FleetsError),
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
}

impl JoinError {
    /// Whether another use of the same string fails too.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Used(_) | Self::Expired(_) | Self::Unknown(_) | Self::NoInvite => true,
            Self::Hub(FleetHubError::Connect(error)) => error.is_lasting(),
            Self::Files(FleetsError::Taken(_)) => true,
            Self::Hub(_) | Self::Files(_) | Self::PrivateKey(_) => false,
        }
    }
}

/// Joins: announces this device's own key with the invite, and saves the fleet. The boxes admit the device once the hub has
/// told them.
pub(crate) async fn join(string: &JoinString, dirs: &Dirs) -> Result<JoinedFleet, JoinError> {
    let name = string.access.fleet.clone();
    let Some(enrolment) = &string.enrolment else { return Err(JoinError::NoInvite) };
    let mut fleet = Fleet::of_string(&dirs.state, string)?;
    let own = own_key(&dirs.state)?;
    let hub = FleetHub::open(&fleet.access).await?;
    read(&hub, &mut fleet, &own).await?;
    let already = fleet.members.own.is_some();
    if !already {
        let key = PrivateKey::from_seed(&enrolment.seed)?;
        match fleet.invite(&key.pin()) {
            Some(invite) if invite.uses == 0 => return Err(JoinError::Used(name)),
            Some(_) => {}
            None if enrolment.until < Time::now() => return Err(JoinError::Expired(name)),
            None => return Err(JoinError::Unknown(name)),
        }
        announce(&hub, &name, &own, &key).await?;
        read(&hub, &mut fleet, &own).await?;
    }
    let Some(PersonEntry { name: person, role, .. }) = fleet.members.own.clone() else {
        // The clock of the hub decides.
        return Err(JoinError::Expired(name));
    };
    fleet.save()?;
    let boxes = fleet.members.reachable().map(|each| each.name.clone()).collect();
    Ok(JoinedFleet { fleet: name, name: person, role, already, boxes })
}

async fn read(hub: &FleetHub, fleet: &mut Fleet, own: &PrivateKey) -> Result<(), FleetHubError> {
    let at_hub = hub.read(fleet, Some(own.pin())).await?;
    at_hub.refused.map_or(Ok(()), Err)
}

/// Writes the announcement of this device's own key, unless another device has used the invite.
async fn announce(
    hub: &FleetHub,
    fleet: &FleetName,
    own: &PrivateKey,
    enrolment: &PrivateKey,
) -> Result<(), JoinError> {
    let announcement = Announcement {
        kind: AnnouncementKind::Person,
        fleet: fleet.clone(),
        name: String::new(),
        pin: own.pin(),
        made_at: Time::now(),
    };
    let text = announcement.sign(own, enrolment)?;
    let key = person_key(&enrolment.pin());
    match hub.bucket.put_after(&key, text.into(), 0).await {
        Ok(_) => Ok(()),
        Err(BucketError::Conflict) => Err(JoinError::Used(fleet.clone())),
        Err(error) => Err(FleetHubError::from(error).into()),
    }
}
