//! Announcement: how a box or a device that has a join string makes its key known to the fleet.

use serde::{Deserialize, Serialize};

use super::signature::{Signature, sign};
use crate::hub::{Entry, FleetName, digits};
use crate::pin::Pin;
use crate::private_key::{PrivateKey, PrivateKeyError};
use crate::text::{self, MAX_NAME};
use crate::time::Time;

/// What the signed bytes begin with, so that the signatures are good for nothing else.
const CONTEXT: &str = "topside announcement 1\n";
/// Longest announcement that is read, in bytes.
const MAX_ANNOUNCEMENT: usize = 4 * 1024;

/// Who announces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnouncementKind {
    /// A box.
    Box,
    /// A person's device.
    Person,
}

/// What a box or a device says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// Who announces itself.
    pub kind: AnnouncementKind,
    /// The fleet.
    pub fleet: FleetName,
    /// What the box or the device calls itself. An admin and the invite of a person decide about names.
    pub name: String,
    /// Its key.
    pub pin: Pin,
    /// When it was signed, by its own clock.
    pub made_at: Time,
}

/// An announcement as text: the key proves itself, and the enrolment key proves the invite.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedAnnouncement {
    /// The JSON that was signed twice.
    announcement: String,
    own: Signature,
    enrolment: Signature,
}

impl Announcement {
    /// Signs it with the own key and the enrolment key. Returns the text for the bucket.
    pub fn sign(
        &self,
        own: &PrivateKey,
        enrolment: &PrivateKey,
    ) -> Result<String, PrivateKeyError> {
        let unwritable = |error: serde_json::Error| PrivateKeyError::Certificate(error.to_string());
        let announcement = serde_json::to_string(self).map_err(unwritable)?;
        let signed = SignedAnnouncement {
            own: sign(own, CONTEXT, &announcement)?,
            enrolment: sign(enrolment, CONTEXT, &announcement)?,
            announcement,
        };
        serde_json::to_string(&signed).map_err(unwritable)
    }
}

/// An announcement with two valid signatures. Whether its invite is good, the roster says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAnnouncement {
    /// What was announced.
    pub announcement: Announcement,
    /// The pin of the enrolment key.
    pub enrolment: Pin,
    /// The place in the order of all writes to the bucket.
    pub sequence: u64,
    /// When the hub stored it.
    pub stored_at: Time,
}

impl VerifiedAnnouncement {
    /// Reads an entry of the bucket: none if it is no announcement of this fleet with valid signatures, or has another key
    /// than its own.
    pub fn read(entry: &Entry, fleet: &FleetName) -> Option<Self> {
        if entry.value.len() > MAX_ANNOUNCEMENT {
            return None;
        }
        let signed: SignedAnnouncement = serde_json::from_slice(&entry.value).ok()?;
        let own = signed.own.signer(CONTEXT, &signed.announcement)?;
        let enrolment = signed.enrolment.signer(CONTEXT, &signed.announcement)?;
        let mut announcement: Announcement = serde_json::from_str(&signed.announcement).ok()?;
        let key = match announcement.kind {
            AnnouncementKind::Box => box_key(&own),
            AnnouncementKind::Person => person_key(&enrolment),
        };
        announcement.name = text::clean(&announcement.name, MAX_NAME);
        let fits = announcement.pin == own && announcement.fleet == *fleet && entry.key == key;
        let (sequence, stored_at) = (entry.sequence, entry.stored_at);
        fits.then_some(Self { announcement, enrolment, sequence, stored_at })
    }
}

/// The key of a box's announcement in the bucket.
pub fn box_key(pin: &Pin) -> String {
    format!("box.{}", digits(pin))
}

/// The key of a device's announcement in the bucket: one for each invite, by the pin of its enrolment key.
pub fn person_key(enrolment: &Pin) -> String {
    format!("person.{}", digits(enrolment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private_key::Seed;

    fn key(byte: u8) -> PrivateKey {
        PrivateKey::from_seed(&Seed::from_bytes([byte; 32])).unwrap()
    }

    #[test]
    fn an_announcement_needs_both_signatures_its_own_key_and_its_fleet() {
        let fleet: FleetName = "garden".parse().unwrap();
        let made_at = Time::from_millis(1_770_000_000_000);
        let announcement = |kind| Announcement {
            kind,
            fleet: fleet.clone(),
            name: "pump\u{1b}-1".into(),
            pin: key(2).pin(),
            made_at,
        };
        let entry = |key: String, value: String| Entry {
            key,
            value: value.into(),
            sequence: 7,
            stored_at: made_at,
        };
        let of_box = announcement(AnnouncementKind::Box);
        let text = of_box.sign(&key(2), &key(5)).unwrap();
        let good = entry(box_key(&key(2).pin()), text.clone());
        let read = VerifiedAnnouncement::read(&good, &fleet).unwrap();
        assert_eq!((read.enrolment, read.sequence), (key(5).pin(), 7));
        assert_eq!(read.announcement.name, "pump-1");
        let person = announcement(AnnouncementKind::Person).sign(&key(2), &key(5)).unwrap();
        let place = person_key(&key(5).pin());
        assert!(
            VerifiedAnnouncement::read(&entry(place.clone(), person.clone()), &fleet).is_some()
        );

        let other_fleet = "lab".parse().unwrap();
        assert_eq!(VerifiedAnnouncement::read(&good, &other_fleet), None);
        for (key, value) in [
            // Of another box.
            (box_key(&key(3).pin()), text.clone()),
            // Of another kind.
            (box_key(&key(2).pin()), person),
            (place, text.clone()),
            (good.key.clone(), text.replacen("pump", "jump", 1)),
            // The key is that of another box.
            (good.key.clone(), of_box.sign(&key(3), &key(5)).unwrap()),
            (good.key.clone(), String::new()),
        ] {
            assert_eq!(VerifiedAnnouncement::read(&entry(key, value), &fleet), None);
        }
    }
}
