//! Who is acting: the owner of runs and sessions, with role and scope.

use std::sync::Arc;

use topside_shared::{Pin, Role};

use crate::base::platform;

/// What "own" means: the same user of this machine, or the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A user of this machine, by number.
    User(u32),
    /// Whoever holds this key.
    Key(Pin),
}

impl Owner {
    /// Whether its sessions and requests are limited: those of the server's own user and of root are not.
    pub(crate) fn has_limits(self) -> bool {
        match self {
            Self::Key(_) => true,
            Self::User(uid) => uid != 0 && uid != platform::own_uid(),
        }
    }
}

impl Owner {
    /// How such an owner comes in, as rows of runs tell it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "local",
            Self::Key(_) => "key",
        }
    }
}

/// Who a client is, by what the transport says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose runs its own are.
    pub owner: Owner,
    /// The user's name, or its number; the name of its key.
    pub user: String,
    /// What it may do.
    pub role: Role,
    /// How much of that.
    pub scope: Scope,
}

impl Identity {
    /// Whether it is an admin whose key is not limited to some commands.
    pub(crate) fn is_full_admin(&self) -> bool {
        self.role == Role::Admin && self.scope == Scope::Whole
    }
}

/// How much of what its role allows a client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// Run these commands, and what belongs to that.
    Commands(Arc<[String]>),
    /// Enrol a key in the place of the one-time key it came in with.
    Enrol {
        /// The 32 bytes that tie an enrolment to this connection.
        exporter: [u8; 32],
    },
}
