//! An admin's change of a fleet: reads the roster, changes it, signs it with the fleet's authority, and stores it at the hub
//! if no other device was first.

use futures_util::future::join_all;
use topside_shared::Pin;
use topside_shared::dirs::Dirs;
use topside_shared::fleet::{
    AnnouncementKind, FleetBox, ROSTER_KEY, Roster, VerifiedAnnouncement, box_key, boxes, merge,
    person_key,
};
use topside_shared::hub::{BucketError, HubRole};
use topside_shared::private_key::PrivateKey;
use topside_shared::time::Time;

use super::passphrase::{Passphrases, unlock_own};
use crate::connect::fleets::{self, AdminFiles, AtHub, Fleet, FleetHub, FleetHubError, Members};
use crate::connect::saved_key;
use crate::verbs::errors::VerbError;

/// How often a change is tried again where another device was first.
const TRIES: usize = 5;

/// A fleet of which this device has the authority, and its hub.
pub(super) struct Admin {
    pub(super) fleet: Fleet,
    pub(super) files: AdminFiles,
    pub(super) authority: PrivateKey,
    hub: FleetHub,
    own_key: Option<Pin>,
}

/// The next roster, with those who have joined by an invite; and the boxes that wait or were turned away.
pub(super) struct Draft {
    pub(super) roster: Roster,
    pub(super) announced: Vec<FleetBox>,
    /// Keys of the bucket that are deleted after the change.
    pub(super) deleted: Vec<String>,
}

impl Admin {
    /// The fleet of this name, or the only one.
    pub(super) async fn open(
        dirs: &Dirs,
        fleet: Option<&str>,
        by: Passphrases<'_>,
    ) -> Result<Self, VerbError> {
        let fleet = fleets::chosen(&dirs.state, fleet)?;
        let files = AdminFiles::load(&fleet)?;
        let authority = unlock_own(&files, fleet.authority, by).await?;
        Self::of_files(dirs, fleet, files, authority).await
    }

    pub(super) async fn of_files(
        dirs: &Dirs,
        fleet: Fleet,
        files: AdminFiles,
        authority: PrivateKey,
    ) -> Result<Self, VerbError> {
        let hub = FleetHub::open(&files.access(HubRole::Admin)).await?;
        let own_key = saved_key(&dirs.state).map_err(|error| VerbError::own(&error))?;
        Ok(Self { fleet, files, authority, hub, own_key: own_key.map(|key| key.pin()) })
    }

    pub(super) fn hub(&self) -> &FleetHub {
        &self.hub
    }

    /// What the hub has, without a change.
    pub(super) async fn read(&mut self) -> Result<AtHub, VerbError> {
        Ok(self.hub.read(&mut self.fleet, self.own_key).await?)
    }

    /// The next roster after what the hub has, and the sequence there.
    pub(super) async fn draft(&mut self) -> Result<(Draft, u64), VerbError> {
        let at_hub = self.read().await?;
        let sequence = at_hub.sequence;
        Ok((Draft::at_hub(&self.fleet, at_hub)?, sequence))
    }

    /// Makes a change. `edit` may be called several times.
    pub(super) async fn change<T>(
        &mut self,
        edit: impl Fn(&mut Draft) -> Result<T, VerbError>,
    ) -> Result<T, VerbError> {
        for _ in 0..TRIES {
            let (mut draft, sequence) = self.draft().await?;
            let result = edit(&mut draft)?;
            if self.store(draft, sequence).await? {
                return Ok(result);
            }
        }
        Err(FleetHubError::from(BucketError::Conflict).into())
    }

    /// Signs a roster and stores it in the place of the one with this sequence, or as the first (0). Returns false if another
    /// device was first.
    pub(super) async fn store(&mut self, draft: Draft, sequence: u64) -> Result<bool, VerbError> {
        let signed = draft.roster.sign(&self.authority);
        let signed = signed.map_err(|error| VerbError::own(&error))?;
        let bucket = &self.hub.bucket;
        match bucket.put_after(ROSTER_KEY, signed.text().to_owned().into(), sequence).await {
            Ok(_) => {}
            Err(BucketError::Conflict) => return Ok(false),
            Err(error) => return Err(FleetHubError::from(error).into()),
        }
        self.fleet.take_roster(signed.text().as_bytes()).map_err(FleetHubError::from)?;
        self.fleet.members = Members::of(signed.roster(), &[], self.own_key);
        self.fleet.save()?;
        // The roster decides. A key that stays is deleted by the next change.
        join_all(draft.deleted.iter().map(|key| bucket.delete(key))).await;
        Ok(true)
    }
}

impl Draft {
    /// The next version of a fleet's roster, which was read with what the hub has.
    pub(super) fn at_hub(fleet: &Fleet, at_hub: AtHub) -> Result<Self, VerbError> {
        match &fleet.roster {
            Some(held) => Ok(Self::of(held.roster(), &at_hub.announcements)),
            None => {
                let none = FleetHubError::NoRoster(fleet.name().clone());
                Err(at_hub.refused.unwrap_or(none).into())
            }
        }
    }

    fn of(held: &Roster, announcements: &[VerifiedAnnouncement]) -> Self {
        let roster = merge(held, announcements, Time::now());
        let announced = boxes(&roster, announcements);
        let (announced, listed): (Vec<FleetBox>, Vec<FleetBox>) =
            announced.into_iter().partition(|each| !each.standing.is_member());
        // Those whom the roster lists now need no announcement.
        let mut deleted: Vec<String> = listed
            .iter()
            .filter(|each| each.enrolment.is_some())
            .map(|each| box_key(&each.pin))
            .collect();
        let people = announcements.iter().filter(|of| {
            of.announcement.kind == AnnouncementKind::Person
                && roster.people.iter().any(|person| person.pin == of.announcement.pin)
        });
        deleted.extend(people.map(|of| person_key(&of.enrolment)));
        Self { roster, announced, deleted }
    }
}
