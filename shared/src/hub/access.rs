//! Access to a hub: the string by which a box or a person's device reaches it.

use std::fmt;
use std::fmt::Write as _;

use data_encoding::{BASE32_NOPAD, HEXLOWER};

use super::is_hub_name;
use crate::invite::{HUB_NAMES, InviteError, MAX_ROUTER, Reader, checksum, find_data, short};
use crate::pin::Pin;
use crate::private_key::Seed;
use crate::text::{self, MAX_NAME, host_port};

/// Most addresses of a hub in one string.
const MAX_ADDRESSES: usize = 8;

/// Which side of the hub a string is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HubRole {
    /// A box, which is dialled.
    Box,
    /// A person's device, which dials.
    Person,
}

impl HubRole {
    /// Its name, which is the user at the hub too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::Person => "person",
        }
    }

    /// What its strings begin with, before the version.
    fn scheme(self) -> &'static str {
        match self {
            Self::Box => HUB_NAMES[0],
            Self::Person => HUB_NAMES[1],
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Box => Self::Person,
            Self::Person => Self::Box,
        }
    }

    /// The command that takes its strings.
    fn command(self) -> &'static str {
        match self {
            Self::Box => "`topsided join` on the box",
            Self::Person => "`topside hub add` on a person's device",
        }
    }
}

/// What a box or a device needs to reach a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubAccess {
    /// Which side it is for.
    pub role: HubRole,
    /// The hub's key.
    pub hub: Pin,
    /// The secret of the side, which all boxes, or all people, have in common.
    pub secret: Seed,
    /// What the hub is called.
    pub name: String,
    /// Hosts and ports, at most eight.
    pub addresses: Vec<(String, u16)>,
}

/// Why a text is no such string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HubAccessError {
    /// It begins otherwise.
    #[error("such a string begins with `{}1:`: `topsided hub init` printed one on the hub", .0.scheme())]
    Other(HubRole),
    /// It is the string for the other side.
    #[error("this string is for {}", .0.other().command())]
    OtherSide(HubRole),
    /// It is of a later version.
    #[error("this string is of a newer version: update Topside on this machine")]
    Newer,
    /// A character is missing, surplus or wrong.
    #[error(
        "this string is mistyped or cut off: copy all of it, from `{}1:` to its last letter", .0.scheme()
    )]
    Mistyped(HubRole),
}

impl HubAccess {
    /// Reads the first string for this side in a pasted text.
    pub fn find(text: &str, role: HubRole) -> Result<Self, HubAccessError> {
        let of = |role: HubRole| find_data(text, role.scheme(), |reader| Self::read(reader, role));
        of(role).map_err(|error| match error {
            InviteError::NotAnInvite if of(role.other()) != Err(InviteError::NotAnInvite) => {
                HubAccessError::OtherSide(role)
            }
            InviteError::NotAnInvite | InviteError::OfHub => HubAccessError::Other(role),
            InviteError::Newer => HubAccessError::Newer,
            InviteError::Mistyped => HubAccessError::Mistyped(role),
        })
    }

    fn read(reader: &mut Reader<'_>, role: HubRole) -> Option<Self> {
        let hub = Pin::from_bytes(reader.array()?);
        let secret = Seed::from_bytes(reader.array()?);
        let name = text::clean(std::str::from_utf8(reader.short()?).ok()?, MAX_NAME);
        let count = usize::from(reader.byte()?);
        let mut addresses = Vec::new();
        for _ in 0..count {
            let host = std::str::from_utf8(reader.short()?).ok()?.to_owned();
            let is_wrong = |c: char| c.is_whitespace() || text::is_control(c) || "/@".contains(c);
            let port = u16::from_be_bytes(reader.array()?);
            if !(1..=MAX_ROUTER).contains(&host.len()) || host.chars().any(is_wrong) || port == 0 {
                return None;
            }
            addresses.push((host, port));
        }
        let fits = (1..=MAX_ADDRESSES).contains(&count) && is_hub_name(&name);
        fits.then_some(Self { role, hub, secret, name, addresses })
    }

    /// The secret as the hub knows it: the password of the side.
    pub fn password(&self) -> String {
        HEXLOWER.encode(self.secret.expose())
    }

    /// Host and port of each address, for messages.
    pub fn places(&self) -> String {
        let places = self.addresses.iter().map(|(host, port)| host_port(host, *port));
        places.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for HubAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        bytes.extend(self.hub.as_bytes());
        bytes.extend(self.secret.expose());
        short(&mut bytes, text::clean(&self.name, MAX_NAME).as_bytes());
        let addresses = &self.addresses[..self.addresses.len().min(MAX_ADDRESSES)];
        bytes.push(addresses.len() as u8);
        for (host, port) in addresses {
            short(&mut bytes, host.as_bytes());
            bytes.extend(port.to_be_bytes());
        }
        bytes.extend(checksum(&bytes));
        f.write_str(self.role.scheme())?;
        f.write_str("1:")?;
        BASE32_NOPAD.encode(&bytes).chars().try_for_each(|c| f.write_char(c.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(role: HubRole) -> HubAccess {
        HubAccess {
            role,
            hub: Pin::from_bytes([3; 32]),
            secret: Seed::from_bytes([4; 32]),
            name: "garden".into(),
            addresses: vec![("hub.example.org".into(), 4222), ("2001:db8::1".into(), 443)],
        }
    }

    #[test]
    fn a_string_is_read_as_it_was_written_and_folded() {
        for role in [HubRole::Box, HubRole::Person] {
            let text = access(role).to_string();
            assert!(text.starts_with("topside") && text.len() < 240, "{text}");
            assert_eq!(HubAccess::find(&text, role), Ok(access(role)));
            let folded = format!("Join with\n  {}\r\n {}\n", &text[..80], &text[80..]);
            assert_eq!(HubAccess::find(&folded, role), Ok(access(role)));
            assert!(!format!("{:?}", access(role)).contains("4, 4"), "the secret is not shown");
        }
        assert_eq!(access(HubRole::Box).places(), "hub.example.org:4222, [2001:db8::1]:443");
    }

    #[test]
    fn each_wrong_string_gets_its_own_sentence() {
        let text = access(HubRole::Box).to_string();
        let why = |text: &str, role| HubAccess::find(text, role).unwrap_err();
        assert_eq!(why(&text, HubRole::Person), HubAccessError::OtherSide(HubRole::Person));
        assert_eq!(
            why(&text, HubRole::Person).to_string(),
            "this string is for `topsided join` on the box"
        );
        assert_eq!(why("topside1:aaaa", HubRole::Box), HubAccessError::Other(HubRole::Box));
        assert_eq!(why("", HubRole::Person), HubAccessError::Other(HubRole::Person));
        let newer = text.replacen("box1:", "box2:", 1);
        assert_eq!(why(&newer, HubRole::Box), HubAccessError::Newer);
        for end in "topsidebox1:".len()..text.len() {
            assert_eq!(why(&text[..end], HubRole::Box), HubAccessError::Mistyped(HubRole::Box));
        }
    }
}
