//! Fleets of this device at their hubs: what the bucket holds, joining, and what an admin has of a fleet.

mod admin_files;
mod authority_key;
mod hub;
mod join;
mod refresh;

pub(crate) use super::fleet_store::{
    Fleet, FleetsError, Members, access, chosen, forget, load, member_names, names,
    read_credentials, saved,
};
pub(crate) use admin_files::{AdminFiles, AdminFilesError};
pub(crate) use authority_key::{AuthorityKey, MAX_PASSPHRASE, MIN_PASSPHRASE};
pub(crate) use hub::{AtHub, FleetHub, FleetHubError, Presences};
pub(crate) use join::{JoinedFleet, join};
pub(crate) use refresh::{refresh, refresh_all};
