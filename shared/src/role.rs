//! The three roles, and the three kinds of connection.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a client may do; each role may do all that the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May read: lists, status, commands with the effect `read`.
    Viewer,
    /// May also run commands that change something.
    Operator,
    /// May do everything, including shutting down.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The role's name on the wire and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(format!("`{text}` is not a role: use viewer, operator or admin")),
        }
    }
}

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
    /// What a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::Same => "same machine",
            Self::Lan => "LAN",
            Self::Internet => "internet",
        }
    }
}
