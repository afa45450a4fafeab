//! Credentials of a hub: the secrets of its three users, in the string that `topsided hub init` prints.

use std::fmt;

use super::access::{
    FleetName, HubAccess, HubAccessError, HubRole, find_string, password, places, read_addresses,
    write_addresses, write_string,
};
use crate::invite::Reader;
use crate::pin::Pin;
use crate::private_key::{PrivateKeyError, Seed};

/// What an admin needs to create fleets on a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubCredentials {
    /// The hub's key.
    pub hub: Pin,
    /// Hosts and ports, at most eight.
    pub addresses: Vec<(String, u16)>,
    admin: Seed,
    person: Seed,
    boxes: Seed,
}

impl HubCredentials {
    /// New secrets for a hub.
    pub fn random(hub: Pin, addresses: Vec<(String, u16)>) -> Result<Self, PrivateKeyError> {
        let (admin, person, boxes) = (Seed::random()?, Seed::random()?, Seed::random()?);
        Ok(Self { hub, addresses, admin, person, boxes })
    }

    /// Reads the first `topsidehub1:` string in a pasted text.
    pub fn find(text: &str) -> Result<Self, HubAccessError> {
        find_string(text, HubRole::Admin, Self::read)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let hub = Pin::from_bytes(reader.array()?);
        let mut seed = || Some(Seed::from_bytes(reader.array()?));
        let (admin, person, boxes) = (seed()?, seed()?, seed()?);
        Some(Self { hub, addresses: read_addresses(reader)?, admin, person, boxes })
    }

    /// The access of one side for a fleet on this hub.
    pub fn access(&self, role: HubRole, fleet: &FleetName) -> HubAccess {
        let (hub, secret) = (self.hub, self.secret(role).clone());
        let (fleet, addresses) = (fleet.clone(), self.addresses.clone());
        HubAccess { role, hub, secret, fleet, addresses, user: None }
    }

    /// The password of one side at the hub.
    pub fn password(&self, role: HubRole) -> String {
        password(self.secret(role))
    }

    /// Host and port of each address, for messages.
    pub fn places(&self) -> String {
        places(&self.addresses)
    }

    fn secret(&self, role: HubRole) -> &Seed {
        match role {
            HubRole::Admin => &self.admin,
            HubRole::Person => &self.person,
            HubRole::Box => &self.boxes,
        }
    }
}

impl fmt::Display for HubCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.hub.as_bytes().to_vec();
        for role in HubRole::ALL {
            bytes.extend(self.secret(role).expose());
        }
        write_addresses(&mut bytes, &self.addresses);
        write_string(f, HubRole::Admin, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_of_a_hub_gives_each_side_its_own_secret() {
        let addresses = vec![("hub.example.org".to_owned(), 4222)];
        let made = HubCredentials::random(Pin::from_bytes([3; 32]), addresses.clone()).unwrap();
        let text = made.to_string();
        assert!(text.starts_with("topsidehub1:") && text.len() < 300, "{text}");
        assert_eq!(HubCredentials::find(&text), Ok(made.clone()));
        let fleet: FleetName = "garden".parse().unwrap();
        let of = |role| made.access(role, &fleet);
        assert_ne!(of(HubRole::Admin).secret, of(HubRole::Person).secret);
        assert_ne!(of(HubRole::Person).secret, of(HubRole::Box).secret);
        assert_eq!(of(HubRole::Box).password(), made.password(HubRole::Box));
        assert_eq!(
            (of(HubRole::Box).fleet, of(HubRole::Box).addresses),
            (fleet.clone(), addresses)
        );
    }
}
