//! A paired server elsewhere: what its key is, the ways to it, and the key that this device shows it.

use std::fmt;
use std::path::{Path, PathBuf};

use topside_shared::Pin;
use topside_shared::identity::{Identity, IdentityError};
use topside_shared::pin::PinError;

use super::Via;
use crate::config::Profile;
use crate::platform;

/// A paired server, and the addresses that may be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// As the person calls it.
    pub name: String,
    /// What its key is known by.
    pub pin: Pin,
    /// The one on the LAN first; one only, where one way was asked for.
    pub addresses: Vec<Address>,
    /// The directory of this device's keys.
    pub state: PathBuf,
}

/// What this device shows a server.
pub(super) struct DeviceIdentities {
    pub(super) first: Identity,
    /// Where that one is not let in.
    pub(super) then: Option<Identity>,
}

/// One address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// [`Via::Lan`] or [`Via::Internet`].
    pub via: Via,
    /// An IP address, or a host's name.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Why a saved server cannot be dialled as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// Nobody has told its key.
    #[error(
        "{name} is not paired: run `topsided invite` there, then `topside pair` here, or paste \
         what it prints in the picker"
    )]
    NotPaired {
        /// The saved server.
        name: String,
    },
    /// Its key is not written as keys are.
    #[error("the pin of {name} cannot be read: {why}; pair again")]
    Pin {
        /// The saved server.
        name: String,
        /// The rule.
        why: PinError,
    },
    /// There is no address for that way.
    #[error("{name} has no {} saved: add one in the picker, or in client.toml", missing(*.via))]
    NoAddress {
        /// The saved server.
        name: String,
        /// The way that was asked for.
        via: Via,
    },
}

fn missing(via: Via) -> &'static str {
    match via {
        Via::Lan => "LAN address",
        Via::Internet => "router address",
        Via::Auto | Via::Same => "address",
    }
}

impl Remote {
    /// A saved server by that way: with [`Via::Auto`] by all its addresses. `state` is the directory of this
    /// device's keys.
    ///
    /// # Errors
    /// [`NotReady`].
    pub fn of_profile(profile: &Profile, via: Via, state: &Path) -> Result<Self, NotReady> {
        let name = profile.name.clone();
        let addresses: Vec<Address> =
            addresses(profile).filter(|address| via == Via::Auto || address.via == via).collect();
        let Some(pin) = &profile.pin else { return Err(NotReady::NotPaired { name }) };
        if addresses.is_empty() {
            return Err(NotReady::NoAddress { name, via });
        }
        match pin.parse() {
            Ok(pin) => Ok(Self { name, pin, addresses, state: state.to_owned() }),
            Err(why) => Err(NotReady::Pin { name, why }),
        }
    }

    /// The keys to show this server: one that was saved from a token for it, then this device's own.
    pub(super) fn keys(&self) -> Result<DeviceIdentities, IdentityError> {
        match Identity::load(&token_path(&self.state, &self.pin))? {
            Some(token) => {
                Ok(DeviceIdentities { first: token, then: saved_identity(&self.state)? })
            }
            None => Ok(DeviceIdentities { first: own_identity(&self.state)?, then: None }),
        }
    }
}

/// The addresses of a saved server, that on the LAN first.
pub fn addresses(profile: &Profile) -> impl Iterator<Item = Address> {
    let at = |via, host: &Option<String>, port| {
        host.as_ref().map(|host| Address { via, host: host.clone(), port })
    };
    let internet_port = profile.internet_port.unwrap_or(profile.port);
    [at(Via::Lan, &profile.lan, profile.port), at(Via::Internet, &profile.internet, internet_port)]
        .into_iter()
        .flatten()
}

/// Where the key from a token for this server lies.
pub(super) fn token_path(state: &Path, server: &Pin) -> PathBuf {
    state.join("keys").join(format!("{}.key", server.digits()))
}

/// This device's own key in `state`, the state directory; it is made at first use.
///
/// # Errors
/// [`IdentityError`].
pub fn own_identity(state: &Path) -> Result<Identity, IdentityError> {
    make_dir(state)?;
    Identity::load_or_make(&own_path(state))
}

/// The same where it was made already.
pub(super) fn saved_identity(state: &Path) -> Result<Option<Identity>, IdentityError> {
    Identity::load(&own_path(state))
}

fn own_path(state: &Path) -> PathBuf {
    state.join("client.key")
}

/// Makes a directory for keys, where there is none.
pub(super) fn make_dir(dir: &Path) -> Result<(), IdentityError> {
    platform::create_private_dir(dir).map_err(|source| IdentityError::Io {
        path: dir.to_owned(),
        what: "written",
        source,
    })
}
