//! Invites that a user pastes: that of a server, or that of a fleet.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "hub")]
use topside_shared::fleet::JoinString;
#[cfg(feature = "hub")]
use topside_shared::hub::{HubAccessError, HubRole};
use topside_shared::invite::{Invite, InviteError};

/// An invite in a pasted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PastedInvite {
    /// It pairs this device with one server.
    Server(Box<Invite>),
    /// It lets this device join a fleet.
    #[cfg(feature = "hub")]
    Fleet(Box<JoinString>),
}

/// Why a text is no invite for this device, as a sentence with advice and without a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PastedInviteError {
    #[error(transparent)]
    Server(#[from] InviteError),
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Fleet(#[from] HubAccessError),
}

impl PastedInviteError {
    /// Whether the text is not meant to be an invite.
    pub(crate) fn is_other_text(self) -> bool {
        self == Self::Server(InviteError::NotAnInvite)
    }
}

impl FromStr for PastedInvite {
    type Err = PastedInviteError;

    fn from_str(text: &str) -> Result<Self, PastedInviteError> {
        match text.parse::<Invite>() {
            Ok(invite) => Ok(Self::Server(Box::new(invite))),
            #[cfg(feature = "hub")]
            Err(InviteError::OfHub(_)) => {
                Ok(Self::Fleet(Box::new(JoinString::find(text, HubRole::Person)?)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Display for PastedInvite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(invite) => invite.fmt(f),
            #[cfg(feature = "hub")]
            Self::Fleet(string) => string.fmt(f),
        }
    }
}

impl PastedInvite {
    /// Of what it is an invite.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Server(invite) => &invite.name,
            #[cfg(feature = "hub")]
            Self::Fleet(string) => string.access.fleet.as_str(),
        }
    }
}
