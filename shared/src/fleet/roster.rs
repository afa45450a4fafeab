//! Roster: who belongs to a fleet. The fleet's authority signs it; boxes and devices accept a newer one only.

use serde::{Deserialize, Serialize};

use super::signature::{Signature, sign};
use crate::hub::FleetName;
use crate::pin::Pin;
use crate::private_key::{PrivateKey, PrivateKeyError};
use crate::role::Role;
use crate::text::{self, MAX_NAME};
use crate::time::Time;

/// Version of the form of rosters.
const FORMAT: u32 = 1;
/// What the signed bytes begin with, so that the signature is good for nothing else.
const CONTEXT: &str = "topside roster 1\n";
/// Longest signed roster, in bytes: one message of the hub has at most 1 MiB.
pub const MAX_ROSTER: usize = 900 * 1024;

/// Who belongs to a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Roster {
    format: u32,
    /// The fleet.
    pub fleet: FleetName,
    /// One more with each change.
    pub version: u64,
    /// When this version was signed, by the clock of the admin's device.
    pub made_at: Time,
    /// The people.
    #[serde(default)]
    pub people: Vec<PersonEntry>,
    /// The boxes.
    #[serde(default)]
    pub boxes: Vec<BoxEntry>,
    /// The invites.
    #[serde(default)]
    pub invites: Vec<FleetInvite>,
    /// Boxes that were removed or refused: an invite that they hold makes them no member again.
    #[serde(default)]
    pub removed: Vec<Pin>,
}

/// A person on the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonEntry {
    /// Unique among the people.
    pub name: String,
    /// The key of the person's device.
    pub pin: Pin,
    /// The role on each box.
    pub role: Role,
    /// The tags of the boxes that the person may use; none: all boxes.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A box on the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxEntry {
    /// Unique among the boxes.
    pub name: String,
    /// The key of the box.
    pub pin: Pin,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// An invite on the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetInvite {
    /// The pin of the enrolment key; its seed is in the join string.
    pub key: Pin,
    /// Whom it invites.
    pub invites: Invited,
    /// Tags of the boxes that join by it, or tags that the person may use.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How many may still join by it. An invite that is used up stays listed with 0, until its end.
    pub uses: u32,
    /// When it ends.
    pub until: Time,
}

/// Whom an invite invites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Invited {
    /// One device of a person.
    Person {
        /// The person's name.
        name: String,
        /// The person's role.
        role: Role,
    },
    /// Boxes.
    Box {
        /// Whether a box is a member once it has announced itself; otherwise an admin accepts it.
        auto: bool,
    },
}

/// Why a roster is not accepted, as a sentence with advice and without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// It is longer than a hub carries.
    #[error(
        "the roster has {0} bytes, more than the {MAX_ROSTER} that a hub carries: divide the fleet in two"
    )]
    TooLarge(usize),
    /// It has no valid form.
    #[error("the roster cannot be read: {0}")]
    Malformed(String),
    /// A later version of Topside wrote it.
    #[error("the roster has the newer format {0}: update Topside on this machine")]
    Newer(u32),
    /// Its signature does not match its content.
    #[error("the signature of the roster does not match it: it is ignored")]
    BadSignature,
    /// Another key signed it.
    #[error("the roster is signed by another key than the authority of {0}: it is ignored")]
    OtherKey(FleetName),
    /// It is that of another fleet.
    #[error("the roster is that of the fleet {0}: it is ignored")]
    OtherFleet(FleetName),
    /// It has a lower version than the accepted one.
    #[error(
        "the hub has version {found} of the roster, older than the accepted version {held}: it is ignored. An admin's \
         next change of the fleet restores it"
    )]
    RolledBack {
        /// The version at the hub.
        found: u64,
        /// The version that was accepted.
        held: u64,
    },
    /// It has the version of the accepted one and another content.
    #[error(
        "there are two rosters of version {0}: the second is ignored. An admin's next change of the fleet resolves it"
    )]
    TwoOfOneVersion(u64),
}

impl Roster {
    /// The first roster of a fleet: version 1, with these people.
    pub fn new(fleet: FleetName, people: Vec<PersonEntry>, made_at: Time) -> Self {
        let (boxes, invites, removed) = (Vec::new(), Vec::new(), Vec::new());
        Self { format: FORMAT, fleet, version: 1, made_at, people, boxes, invites, removed }
    }

    /// The next version, to be changed and signed.
    pub fn next(&self, made_at: Time) -> Self {
        Self { version: self.version + 1, made_at, ..self.clone() }
    }

    /// Signs it with the fleet's authority.
    pub fn sign(self, authority: &PrivateKey) -> Result<VerifiedRoster, SignRosterError> {
        let json = serde_json::to_string(&self)
            .map_err(|error| RosterError::Malformed(error.to_string()))?;
        let signature = sign(authority, CONTEXT, &json)?;
        let text = serde_json::to_string(&SignedRoster { roster: json, signature })
            .map_err(|error| RosterError::Malformed(error.to_string()))?;
        if text.len() > MAX_ROSTER {
            return Err(RosterError::TooLarge(text.len()).into());
        }
        Ok(VerifiedRoster { roster: self, text })
    }
}

/// Why a roster is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignRosterError {
    /// It has no valid form, or is too large.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The key cannot sign.
    #[error(transparent)]
    Key(#[from] PrivateKeyError),
}

/// A roster as text: in the bucket, and in the files of boxes and devices.
#[derive(Debug, Serialize, Deserialize)]
struct SignedRoster {
    /// The JSON that was signed.
    roster: String,
    #[serde(flatten)]
    signature: Signature,
}

/// A roster with a valid signature of the fleet's authority, and its signed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRoster {
    roster: Roster,
    text: String,
}

impl VerifiedRoster {
    /// Verifies a signed text.
    pub fn read(text: &[u8], authority: &Pin, fleet: &FleetName) -> Result<Self, RosterError> {
        if text.len() > MAX_ROSTER {
            return Err(RosterError::TooLarge(text.len()));
        }
        let malformed = |error: &dyn std::fmt::Display| RosterError::Malformed(error.to_string());
        let text = std::str::from_utf8(text).map_err(|error| malformed(&error))?;
        let signed: SignedRoster = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        match signed.signature.signer(CONTEXT, &signed.roster) {
            None => return Err(RosterError::BadSignature),
            Some(key) if key != *authority => return Err(RosterError::OtherKey(fleet.clone())),
            Some(_) => {}
        }
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } =
            serde_json::from_str(&signed.roster).map_err(|error| malformed(&error))?;
        if format != FORMAT {
            return Err(RosterError::Newer(format));
        }
        let roster: Roster =
            serde_json::from_str(&signed.roster).map_err(|error| malformed(&error))?;
        if roster.fleet != *fleet {
            return Err(RosterError::OtherFleet(roster.fleet));
        }
        let people = roster.people.iter().map(|person| &person.name);
        let names = people.chain(roster.boxes.iter().map(|entry| &entry.name));
        if let Some(name) =
            names.into_iter().find(|name| name.is_empty() || text::clean(name, MAX_NAME) != **name)
        {
            return Err(malformed(&format!("{} is no name", text::quote(name, MAX_NAME))));
        }
        Ok(Self { roster, text: text.to_owned() })
    }

    /// Whether this roster takes the place of the accepted one. False: it is the same.
    pub fn replaces(&self, held: &Self) -> Result<bool, RosterError> {
        let (found, held_version) = (self.roster.version, held.roster.version);
        match found.cmp(&held_version) {
            std::cmp::Ordering::Greater => Ok(true),
            std::cmp::Ordering::Less => Err(RosterError::RolledBack { found, held: held_version }),
            std::cmp::Ordering::Equal if self.roster == held.roster => Ok(false),
            std::cmp::Ordering::Equal => Err(RosterError::TwoOfOneVersion(found)),
        }
    }

    /// Who belongs to the fleet.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The signed text: what the bucket and the files have.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private_key::Seed;

    fn key(byte: u8) -> PrivateKey {
        PrivateKey::from_seed(&Seed::from_bytes([byte; 32])).unwrap()
    }

    fn fleet() -> FleetName {
        "garden".parse().unwrap()
    }

    fn roster() -> Roster {
        let now = Time::from_millis(1_770_000_000_000);
        let person = PersonEntry {
            name: "anna".into(),
            pin: key(2).pin(),
            role: Role::Operator,
            tags: vec!["pumps".into()],
        };
        let mut roster = Roster::new(fleet(), vec![person], now);
        roster.boxes.push(BoxEntry { name: "pump-1".into(), pin: key(3).pin(), tags: Vec::new() });
        roster.invites.push(FleetInvite {
            key: key(4).pin(),
            invites: Invited::Box { auto: true },
            tags: vec!["pumps".into()],
            uses: 50,
            until: now.plus_millis(86_400_000),
        });
        roster
    }

    #[test]
    fn a_signed_roster_is_read_by_those_who_know_the_authority() {
        let signed = roster().sign(&key(1)).unwrap();
        let read = VerifiedRoster::read(signed.text().as_bytes(), &key(1).pin(), &fleet()).unwrap();
        assert_eq!(read, signed);
        assert_eq!(read.roster(), &roster());
    }

    #[test]
    fn each_roster_that_is_not_accepted_has_its_own_sentence() {
        let signed = roster().sign(&key(1)).unwrap().text().to_owned();
        let why = |text: &str| {
            VerifiedRoster::read(text.as_bytes(), &key(1).pin(), &fleet()).unwrap_err()
        };
        assert_eq!(why(&signed.replacen("anna", "anne", 1)), RosterError::BadSignature);
        let by_other = roster().sign(&key(9)).unwrap();
        assert_eq!(why(by_other.text()), RosterError::OtherKey(fleet()));
        let unsigned = serde_json::to_string(&roster()).unwrap();
        assert!(matches!(why(&unsigned), RosterError::Malformed(_)));
        let other = Roster { fleet: "lab".parse().unwrap(), ..roster() }.sign(&key(1)).unwrap();
        assert_eq!(why(other.text()), RosterError::OtherFleet("lab".parse().unwrap()));
        let newer = Roster { format: 2, ..roster() }.sign(&key(1)).unwrap();
        assert_eq!(why(newer.text()), RosterError::Newer(2));
        let long = " ".repeat(MAX_ROSTER + 1);
        assert_eq!(why(&long), RosterError::TooLarge(MAX_ROSTER + 1));
        let mut unclean = roster();
        unclean.people[0].name = "an\u{1b}na".into();
        assert!(matches!(why(unclean.sign(&key(1)).unwrap().text()), RosterError::Malformed(_)));
        let mut many = roster();
        let entry = many.boxes[0].clone();
        many.boxes = vec![entry; 8_000];
        let error = many.sign(&key(1)).unwrap_err();
        assert!(error.to_string().contains("divide the fleet"), "{error}");
    }

    #[test]
    fn a_roster_is_replaced_by_a_newer_one_only() {
        let first = roster().sign(&key(1)).unwrap();
        let mut next = first.roster().next(Time::from_millis(1_770_000_001_000));
        next.people.clear();
        let next = next.sign(&key(1)).unwrap();
        assert_eq!(next.roster().version, 2);
        assert_eq!(next.replaces(&first), Ok(true));
        assert_eq!(next.replaces(&next), Ok(false));
        assert_eq!(first.replaces(&next), Err(RosterError::RolledBack { found: 1, held: 2 }));
        let other = Roster { people: Vec::new(), ..roster() }.sign(&key(1)).unwrap();
        assert_eq!(other.replaces(&first), Err(RosterError::TwoOfOneVersion(1)));
    }
}
