//! Strings that a box or a person joins a fleet with: access to the hub, the pin of the fleet's authority, and the seed of an
//! enrolment key.

use std::fmt;

use crate::hub::{HubAccess, HubAccessError, HubRole, find_string, write_string};
use crate::invite::Reader;
use crate::pin::Pin;
use crate::private_key::Seed;
use crate::time::Time;

/// A string that a box (`topsidebox1:`) or a person's device (`topsideme1:`) joins with. Without its enrolment it is what a
/// member keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinString {
    /// Access to the hub of the fleet, as a box or a person.
    pub access: HubAccess,
    /// The key that signs the rosters of the fleet.
    pub authority: Pin,
    /// The invite; none after the announcement has been made.
    pub enrolment: Option<Enrolment>,
}

/// An invite to a fleet, as its holder has it. The roster lists it by the pin of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The seed of the key that signs the announcement.
    pub seed: Seed,
    /// When the invite ends. The roster decides.
    pub until: Time,
}

impl JoinString {
    /// Reads the first string for this side in a pasted text.
    pub fn find(text: &str, role: HubRole) -> Result<Self, HubAccessError> {
        find_string(text, role, |reader| Self::read(reader, role))
    }

    fn read(reader: &mut Reader<'_>, role: HubRole) -> Option<Self> {
        let access = HubAccess::read(reader, role)?;
        let authority = Pin::from_bytes(reader.array()?);
        let enrolment = match reader.byte()? {
            0 => None,
            _ => {
                let seed = Seed::from_bytes(reader.array()?);
                let until = Time::from_millis(i64::from_be_bytes(reader.array()?));
                Some(Enrolment { seed, until })
            }
        };
        Some(Self { access, authority, enrolment })
    }

    /// The same without the invite: what a member keeps.
    pub fn without_enrolment(&self) -> Self {
        Self { enrolment: None, ..self.clone() }
    }
}

impl fmt::Display for JoinString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        self.access.write(&mut bytes);
        bytes.extend(self.authority.as_bytes());
        bytes.push(u8::from(self.enrolment.is_some()));
        if let Some(Enrolment { seed, until }) = &self.enrolment {
            bytes.extend(seed.expose());
            bytes.extend(until.as_millis().to_be_bytes());
        }
        write_string(f, self.access.role, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::HubCredentials;

    #[test]
    fn a_join_string_is_read_as_it_was_written_with_and_without_its_invite() {
        let access = HubAccess {
            role: HubRole::Box,
            hub: Pin::from_bytes([3; 32]),
            secret: Seed::from_bytes([4; 32]),
            fleet: "garden".parse().unwrap(),
            addresses: vec![("hub.example.org".into(), 4222)],
            user: None,
        };
        let enrolment = Enrolment {
            seed: Seed::from_bytes([5; 32]),
            until: Time::from_millis(1_770_000_000_000),
        };
        let authority = Pin::from_bytes([6; 32]);
        let whole = JoinString { access, authority, enrolment: Some(enrolment) };
        for string in [whole.without_enrolment(), whole.clone()] {
            let text = string.to_string();
            assert!(text.starts_with("topsidebox1:") && text.len() < 360, "{text}");
            assert_eq!(JoinString::find(&text, HubRole::Box), Ok(string));
            assert_eq!(
                JoinString::find(&text, HubRole::Person),
                Err(HubAccessError::OtherSide(HubRole::Box))
            );
            assert_eq!(HubCredentials::find(&text), Err(HubAccessError::OtherSide(HubRole::Box)));
            let cut = &text[..text.len() - 2];
            assert_eq!(
                JoinString::find(cut, HubRole::Box),
                Err(HubAccessError::Mistyped(HubRole::Box))
            );
        }
    }
}
