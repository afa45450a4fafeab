//! A paired server elsewhere: its pin, its addresses, and the key that this device shows it.

use std::fmt;
use std::path::{Path, PathBuf};

use topside_shared::Pin;
use topside_shared::advice::INVITE_ON_THE_BOX;
#[cfg(feature = "hub")]
use topside_shared::hub::HubAccess;
use topside_shared::pin::PinError;
use topside_shared::private_key::{PrivateKey, PrivateKeyError};
use topside_shared::text::host_port;

use super::Via;
use super::fleet_boxes::FleetBox;
#[cfg(feature = "hub")]
use super::fleet_store;
use crate::config::Profile;
use crate::platform;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) name: String,
    pub(crate) pin: Pin,
    /// The one on the LAN first, the hubs last; those of one route where one was asked for.
    pub(crate) addresses: Vec<Address>,
    /// The directory that holds this device's keys.
    pub(crate) state: PathBuf,
}

pub(super) struct DeviceKeys {
    pub(super) first: PrivateKey,
    /// Tried where the first is refused.
    pub(super) then: Option<PrivateKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Network {
        /// [`Via::Lan`] or [`Via::Internet`].
        via: Via,
        /// An IP address or a host name.
        host: String,
        port: u16,
    },
    /// Where the server with the wanted pin announces itself on the LAN.
    #[cfg_attr(
        not(feature = "hub"),
        allow(dead_code, reason = "boxes of fleets are looked for so")
    )]
    Announced,
    #[cfg(feature = "hub")]
    Hub(Box<HubAccess>),
}

impl Address {
    /// Never [`Via::Auto`] or [`Via::Same`].
    pub(crate) fn via(&self) -> Via {
        match self {
            Self::Network { via, .. } => *via,
            Self::Announced => Via::Lan,
            #[cfg(feature = "hub")]
            Self::Hub(_) => Via::Hub,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { host, port, .. } => f.write_str(&host_port(host, *port)),
            Self::Announced => f.write_str("the LAN"),
            #[cfg(feature = "hub")]
            Self::Hub(access) => write!(f, "the hub of {}", access.fleet),
        }
    }
}

/// Why a saved server cannot be dialled as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotReady {
    #[error(
        "{name} is not paired: run {INVITE_ON_THE_BOX}; then give what it prints to `topside pair` here, or \
         paste it in the picker"
    )]
    NotPaired { name: String },
    #[error("the pin of {name} cannot be read: {why}; pair again")]
    Pin { name: String, why: PinError },
    #[error("{name} has no {} saved: add one in the picker, or in client.toml", missing(*.via))]
    NoAddress { name: String, via: Via },
    #[error("this device has no fleet, so it knows no hub: `topside pair INVITE` joins a fleet")]
    NoHub,
    #[error(
        "{name} is a box of a fleet, and has no route of its own over the internet: leave --via out, or use --via hub"
    )]
    FleetBox { name: String },
    #[error("{0}")]
    Hubs(String),
}

fn missing(via: Via) -> &'static str {
    match via {
        Via::Lan => "LAN address",
        Via::Internet => "router address",
        Via::Auto | Via::Same | Via::Hub => "address",
    }
}

impl Remote {
    /// A saved server by one route: with [`Via::Auto`], by all its addresses. `state` is the directory of this device's
    /// keys.
    pub(crate) fn of_profile(profile: &Profile, via: Via, state: &Path) -> Result<Self, NotReady> {
        let name = profile.name.clone();
        let is_meant = |address: &Address| via == Via::Auto || address.via() == via;
        let mut addresses: Vec<Address> = addresses(profile).filter(is_meant).collect();
        let Some(pin) = &profile.pin else { return Err(NotReady::NotPaired { name }) };
        if matches!(via, Via::Auto | Via::Hub) {
            match hub_addresses(state) {
                Ok(hubs) => addresses.extend(hubs),
                // The other routes need no hub.
                Err(_) if !addresses.is_empty() => {}
                Err(error) => return Err(NotReady::Hubs(error)),
            }
        }
        match addresses.is_empty() {
            true if via == Via::Hub => return Err(NotReady::NoHub),
            true => return Err(NotReady::NoAddress { name, via }),
            false => {}
        }
        match pin.parse() {
            Ok(pin) => Ok(Self { name, pin, addresses, state: state.to_owned() }),
            Err(why) => Err(NotReady::Pin { name, why }),
        }
    }

    /// A box of a fleet by one route: with [`Via::Auto`], by both.
    pub(crate) fn of_fleet_box(each: &FleetBox, via: Via, state: &Path) -> Result<Self, NotReady> {
        let is_meant = |address: &&Address| via == Via::Auto || address.via() == via;
        let addresses: Vec<Address> = each.addresses.iter().filter(is_meant).cloned().collect();
        match addresses.is_empty() {
            true => Err(NotReady::FleetBox { name: each.name.clone() }),
            false => {
                let (name, pin, state) = (each.name.clone(), each.pin, state.to_owned());
                Ok(Self { name, pin, addresses, state })
            }
        }
    }

    /// The keys to show this server: the key of a token for it, if one was saved, then this device's own.
    pub(super) fn keys(&self) -> Result<DeviceKeys, PrivateKeyError> {
        match PrivateKey::load(&token_path(&self.state, &self.pin))? {
            Some(token) => Ok(DeviceKeys { first: token, then: saved_key(&self.state)? }),
            None => Ok(DeviceKeys { first: own_key(&self.state)?, then: None }),
        }
    }
}

/// The hubs of the fleets, at each of which any server may be.
#[cfg(feature = "hub")]
pub(super) fn hub_addresses(state: &Path) -> Result<Vec<Address>, String> {
    let hubs = fleet_store::hubs(state).map_err(|error| error.to_string())?;
    Ok(hubs.into_iter().map(|access| Address::Hub(Box::new(access))).collect())
}

#[cfg(not(feature = "hub"))]
pub(super) fn hub_addresses(_state: &Path) -> Result<Vec<Address>, String> {
    Ok(Vec::new())
}

/// The addresses of a saved server on the network, the one on the LAN first.
pub(crate) fn addresses(profile: &Profile) -> impl Iterator<Item = Address> {
    let at = |via, host: &Option<String>, port| {
        host.as_ref().map(|host| Address::Network { via, host: host.clone(), port })
    };
    let internet_port = profile.internet_port.unwrap_or(profile.port);
    [at(Via::Lan, &profile.lan, profile.port), at(Via::Internet, &profile.internet, internet_port)]
        .into_iter()
        .flatten()
}

/// The file of the key from a token for this server.
pub(super) fn token_path(state: &Path, server: &Pin) -> PathBuf {
    state.join("keys").join(format!("{}.key", server.digits()))
}

/// The state directory of the agents of this device for this server. They have a key of their own there.
pub(crate) fn agent_state(state: &Path, server: &Pin) -> PathBuf {
    agents(state).join(server.digits())
}

/// The directory of these state directories.
pub(crate) fn agents(state: &Path) -> PathBuf {
    state.join("agents")
}

/// This device's own key in `state`; it is made at the first use.
pub(crate) fn own_key(state: &Path) -> Result<PrivateKey, PrivateKeyError> {
    make_dir(state)?;
    PrivateKey::load_or_make(&own_path(state))
}

/// This device's own key, if it was made already.
pub(crate) fn saved_key(state: &Path) -> Result<Option<PrivateKey>, PrivateKeyError> {
    PrivateKey::load(&own_path(state))
}

/// Removes this device's own key from `state`.
pub(crate) fn remove_own_key(state: &Path) -> Result<(), PrivateKeyError> {
    let path = own_path(state);
    std::fs::remove_file(&path).map_err(|source| PrivateKeyError::Io {
        path,
        what: "removed",
        source,
    })
}

fn own_path(state: &Path) -> PathBuf {
    state.join("client.key")
}

pub(super) fn make_dir(dir: &Path) -> Result<(), PrivateKeyError> {
    platform::create_private_dir(dir).map_err(|source| PrivateKeyError::Io {
        path: dir.to_owned(),
        what: "written",
        source,
    })
}
