//! Settings of `server.toml`: one type for each section of the file, and the reader.

pub(crate) mod agents;
pub(crate) mod discovery;
pub(crate) mod files;
pub(crate) mod hooks;
pub(crate) mod host;
pub(crate) mod limits;
pub(crate) mod log_level;
pub(crate) mod metrics;
pub(crate) mod notify;
pub(crate) mod retention;
pub(crate) mod server_file;
pub(crate) mod value_forms;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use topside_shared::Role;

use crate::base::platform;

/// `config/server.toml`: every key with its default.
pub(crate) const SAMPLE: &str = include_str!("sample.toml");

/// `[server]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// The name that users see; none: the host name of the box.
    pub name: Option<String>,
}

impl Naming {
    /// The name that users see.
    pub(crate) fn box_name(&self) -> String {
        self.name.clone().unwrap_or_else(platform::hostname)
    }
}

/// `[local]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Local {
    /// Roles of users beside the server's own and root, by name.
    pub allow: BTreeMap<String, Role>,
}

impl Local {
    /// The role of a user of this machine; none: this user may not use the server.
    pub(crate) fn role(&self, uid: u32, user: &str) -> Option<Role> {
        if uid == 0 || uid == platform::own_uid() {
            return Some(Role::Admin);
        }
        self.allow.get(user).copied()
    }

    /// Whether other users must be able to reach the socket.
    pub fn is_open(&self) -> bool {
        !self.allow.is_empty()
    }
}

/// `[listen]`: the addresses for TCP, which opens once a key or an invite exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The addresses of the box to listen on; with none, TCP is never opened.
    pub addresses: Vec<IpAddr>,
}

impl Default for Listen {
    fn default() -> Self {
        let everywhere = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        Self { port: PORT, addresses: everywhere.into() }
    }
}

/// The default port.
const PORT: u16 = 8677;

pub(crate) const SERVER_FILE: &str = "server.toml";
