//! Access to a hub: its addresses and key, and the credential of one side. The strings that carry it are read here.

use std::fmt::{self, Write as _};

use data_encoding::{BASE32_NOPAD, HEXLOWER};

use super::user::HubUser;
use crate::invite::{HUB_STRINGS, InviteError, MAX_ROUTER, Reader, checksum, find_data, short};
use crate::pin::Pin;
use crate::private_key::Seed;
use crate::text::{self, MAX_NAME, host_port};

/// Most addresses of a hub in one string.
pub const MAX_ADDRESSES: usize = 8;

/// The name of a fleet. It is a part of subjects and the name of a bucket at the hub, and of a directory on devices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FleetName(String);

/// A text that is no name of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a fleet is 1 to {MAX_NAME} letters, digits, `-` or `_`, and begins with a letter or digit"
)]
pub struct FleetNameError;

impl FleetName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FleetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

from_str!(FleetName, FleetNameError, |text: &str| {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let is_name = text.len() <= MAX_NAME
        && text.chars().all(fits)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    is_name.then(|| FleetName(text.to_owned())).ok_or(FleetNameError)
});

wire_text!(FleetName);

/// Which side of the hub a string is for. It is a user at the hub: the three have different subjects, so a box and a
/// person cannot overwrite the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HubRole {
    /// An admin of fleets, who writes rosters.
    Admin,
    /// A person's device, which dials.
    Person,
    /// A box, which is dialled.
    Box,
}

impl HubRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Person, Self::Box];

    /// Its name, which is the user at the hub too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Person => "person",
            Self::Box => "box",
        }
    }

    /// What its strings begin with, before the version; and the command that takes them.
    fn string(self) -> (&'static str, &'static str) {
        match self {
            Self::Admin => HUB_STRINGS[0],
            Self::Person => HUB_STRINGS[1],
            Self::Box => HUB_STRINGS[2],
        }
    }

    fn scheme(self) -> &'static str {
        self.string().0
    }

    fn command(self) -> &'static str {
        self.string().1
    }

    /// Where its strings come from.
    fn source(self) -> &'static str {
        match self {
            Self::Admin => "`topsided hub init` prints one on the hub",
            Self::Person => "`topside fleet invite` prints one on the device of an admin",
            Self::Box => "`topside fleet invite-box` prints one on the device of an admin",
        }
    }
}

/// What one side needs to reach a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubAccess {
    /// Which side it is for.
    pub role: HubRole,
    /// The hub's key.
    pub hub: Pin,
    /// The secret of the side, which all boxes, all people or all admins have in common.
    pub secret: Seed,
    /// The fleet.
    pub fleet: FleetName,
    /// Hosts and ports, at most eight.
    pub addresses: Vec<(String, u16)>,
    /// The user of the box or person at a hub in operator mode, in place of the secret. Strings do not carry it.
    pub user: Option<HubUser>,
}

/// Why a text is no such string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HubAccessError {
    /// It begins otherwise.
    #[error("such a string begins with `{}1:`: {}", .0.scheme(), .0.source())]
    Other(HubRole),
    /// It is the string for another side.
    #[error("this string is for {}", .0.command())]
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

/// Reads the first string for this side in a pasted text. `read` takes the parts of its data.
pub(crate) fn find_string<T>(
    text: &str,
    role: HubRole,
    read: impl Fn(&mut Reader<'_>) -> Option<T>,
) -> Result<T, HubAccessError> {
    let is_there = |role: &HubRole| {
        find_data(text, role.scheme(), |_| Some(())) != Err(InviteError::NotAnInvite)
    };
    find_data(text, role.scheme(), read).map_err(|error| match error {
        InviteError::NotAnInvite | InviteError::OfHub(_) => {
            let other = HubRole::ALL.into_iter().find(|other| *other != role && is_there(other));
            other.map_or(HubAccessError::Other(role), HubAccessError::OtherSide)
        }
        InviteError::Newer => HubAccessError::Newer,
        InviteError::Mistyped => HubAccessError::Mistyped(role),
    })
}

/// Writes the string for this side with these data.
pub(crate) fn write_string(
    f: &mut fmt::Formatter<'_>,
    role: HubRole,
    mut data: Vec<u8>,
) -> fmt::Result {
    data.extend(checksum(&data));
    f.write_str(role.scheme())?;
    f.write_str("1:")?;
    BASE32_NOPAD.encode(&data).chars().try_for_each(|c| f.write_char(c.to_ascii_lowercase()))
}

pub(super) fn read_addresses(reader: &mut Reader<'_>) -> Option<Vec<(String, u16)>> {
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
    (1..=MAX_ADDRESSES).contains(&count).then_some(addresses)
}

pub(super) fn write_addresses(bytes: &mut Vec<u8>, addresses: &[(String, u16)]) {
    let addresses = &addresses[..addresses.len().min(MAX_ADDRESSES)];
    bytes.push(addresses.len() as u8);
    for (host, port) in addresses {
        short(bytes, host.as_bytes());
        bytes.extend(port.to_be_bytes());
    }
}

/// Host and port of each address, for messages.
pub(super) fn places(addresses: &[(String, u16)]) -> String {
    let places = addresses.iter().map(|(host, port)| host_port(host, *port));
    places.collect::<Vec<_>>().join(", ")
}

/// A secret as the hub knows it: the password of a side.
pub(super) fn password(secret: &Seed) -> String {
    HEXLOWER.encode(secret.expose())
}

impl HubAccess {
    /// Takes it off the front of the data of a string.
    pub(crate) fn read(reader: &mut Reader<'_>, role: HubRole) -> Option<Self> {
        let hub = Pin::from_bytes(reader.array()?);
        let secret = Seed::from_bytes(reader.array()?);
        let fleet = std::str::from_utf8(reader.short()?).ok()?.parse().ok()?;
        let addresses = read_addresses(reader)?;
        Some(Self { role, hub, secret, fleet, addresses, user: None })
    }

    /// Its data in a string.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.hub.as_bytes());
        bytes.extend(self.secret.expose());
        short(bytes, self.fleet.as_str().as_bytes());
        write_addresses(bytes, &self.addresses);
    }

    /// The password of the side at the hub.
    pub fn password(&self) -> String {
        password(&self.secret)
    }

    /// Host and port of each address, for messages.
    pub fn places(&self) -> String {
        places(&self.addresses)
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
            fleet: "garden".parse().unwrap(),
            addresses: vec![("hub.example.org".into(), 4222), ("2001:db8::1".into(), 443)],
            user: None,
        }
    }

    struct Written(HubAccess);

    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mut bytes = Vec::new();
            self.0.write(&mut bytes);
            write_string(f, self.0.role, bytes)
        }
    }

    fn find(text: &str, role: HubRole) -> Result<HubAccess, HubAccessError> {
        find_string(text, role, |reader| HubAccess::read(reader, role))
    }

    #[test]
    fn a_string_is_read_as_it_was_written_and_folded() {
        for role in HubRole::ALL {
            let text = Written(access(role)).to_string();
            assert!(text.starts_with("topside") && text.len() < 240, "{text}");
            assert_eq!(find(&text, role), Ok(access(role)));
            let folded = format!("Join with\n  {}\r\n {}\n", &text[..80], &text[80..]);
            assert_eq!(find(&folded, role), Ok(access(role)));
            assert!(!format!("{:?}", access(role)).contains("4, 4"), "the secret is not shown");
        }
        assert_eq!(access(HubRole::Box).places(), "hub.example.org:4222, [2001:db8::1]:443");
    }

    #[test]
    fn each_wrong_string_gets_its_own_sentence() {
        let text = Written(access(HubRole::Box)).to_string();
        let why = |text: &str, role| find(text, role).unwrap_err();
        for wanted in [HubRole::Person, HubRole::Admin] {
            assert_eq!(why(&text, wanted), HubAccessError::OtherSide(HubRole::Box));
        }
        assert_eq!(
            why(&text, HubRole::Person).to_string(),
            "this string is for `topsided join` on a box"
        );
        assert_eq!(why("topside1:aaaa", HubRole::Box), HubAccessError::Other(HubRole::Box));
        assert_eq!(why("", HubRole::Person), HubAccessError::Other(HubRole::Person));
        let newer = text.replacen("box1:", "box2:", 1);
        assert_eq!(why(&newer, HubRole::Box), HubAccessError::Newer);
        for end in "topsidebox1:".len()..text.len() {
            assert_eq!(why(&text[..end], HubRole::Box), HubAccessError::Mistyped(HubRole::Box));
        }
    }

    #[test]
    fn the_name_of_a_fleet_fits_a_subject_and_a_directory() {
        for name in ["garden", "a", "Lab_2", "7-up"] {
            assert_eq!(name.parse::<FleetName>().unwrap().as_str(), name);
        }
        for name in ["", "-a", "a.b", "a b", "a*", "a>", "a/b", "\u{e4}", &"a".repeat(65)] {
            assert_eq!(name.parse::<FleetName>(), Err(FleetNameError), "{name}");
        }
    }
}
