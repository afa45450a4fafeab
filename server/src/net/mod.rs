//! Network helpers: port mapping, mDNS, sd_notify, and answers to clients that are refused.

pub(crate) mod accept;
#[cfg(feature = "hub")]
pub(crate) mod fleet_files;
pub(crate) mod hub_link;
pub(crate) mod local_socket;
pub(crate) mod lock_file;
pub(crate) mod mdns;
pub(crate) mod other_protocol;
pub(crate) mod port_mapping;
pub(crate) mod reject;
pub(crate) mod sd_notify;
