//! The three roles, and the three kinds of connection.

use std::fmt;

use serde::{Deserialize, Serialize};

wire_enum! {
    /// What a client may do; each role may do all that the one before it may. A command without a role needs the highest.
    #[derive(Default)]
    pub enum Role {
        /// May read: lists, status, commands with the effect `read`.
        Viewer = "viewer",
        /// May also run commands that change something.
        Operator = "operator",
        /// May do everything, including shutting down.
        #[default]
        Admin = "admin",
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

from_str!(Role, String, |text| {
    let role = Role::from_name(text);
    role.ok_or_else(|| format!("`{text}` is not a role: use viewer, operator or admin"))
});

/// Where a client is seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Connection {
    /// The local socket, or loopback.
    Same,
    /// A private, link-local or unique-local address, or one on a subnet of the box.
    Lan,
    /// Any other address.
    Internet,
}

impl Connection {
    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Same => "same machine",
            Self::Lan => "LAN",
            Self::Internet => "internet",
        }
    }
}
