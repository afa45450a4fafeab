//! Who is acting: the owner of runs and sessions, with role and scope.

use std::borrow::Cow;
use std::sync::Arc;

use topside_shared::{Pin, Role};

use crate::base::platform;

/// The owner of runs and sessions: a user of this machine, or the holder of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A user of this machine, by number.
    User(u32),
    /// The holder of this key.
    Key(Pin),
    /// An agent of a user of this machine, by the user's number: it owns other runs than the user.
    Agent(u32),
    /// A schedule of this server; the user's name is `schedule:NAME`.
    Schedule,
}

impl Owner {
    /// Whether its sessions and requests are limited: those of the server's own user and of root are not.
    pub(crate) fn has_limits(self) -> bool {
        match self {
            Self::Key(_) => true,
            Self::Schedule => false,
            Self::User(uid) | Self::Agent(uid) => uid != 0 && uid != platform::own_uid(),
        }
    }

    /// The value of `owner` in rows of runs of this user.
    pub(crate) fn shown(self, user: &str) -> Cow<'static, str> {
        match self {
            Self::User(_) | Self::Agent(_) => "local".into(),
            Self::Key(_) => "key".into(),
            Self::Schedule => user.to_owned().into(),
        }
    }
}

/// Who a client is, according to the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The owner of its runs.
    pub owner: Owner,
    /// The user's name, or its number; the name of its key.
    pub user: String,
    /// Its role.
    pub role: Role,
    /// Which part of the role it may use.
    pub scope: Scope,
    /// Whether it is an agent: it runs only commands that are exposed to agents, and sees only its own runs.
    pub agent: bool,
}

impl Identity {
    /// Whether it is an admin without a list of commands.
    pub(crate) fn is_full_admin(&self) -> bool {
        self.role == Role::Admin && self.sees_others()
    }

    /// Whether it sees what others do, as far as its role allows.
    pub(crate) fn sees_others(&self) -> bool {
        self.scope == Scope::Whole && !self.agent
    }

    /// The same as an agent. An agent of a user of this machine is a viewer.
    pub(crate) fn as_agent(&self) -> Self {
        let (owner, role) = match self.owner {
            Owner::User(uid) | Owner::Agent(uid) => (Owner::Agent(uid), Role::Viewer),
            other => (other, self.role),
        };
        Self { owner, role, agent: true, ..self.clone() }
    }
}

/// How much of its role a client may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// Run these commands.
    Commands(Arc<[String]>),
    /// Enrol a key in place of the one-time key of this connection.
    Enrol {
        /// The 32 bytes that tie an enrolment to this connection.
        exporter: [u8; 32],
    },
}
