//! The party that asks for a run.

use std::sync::Arc;

use topside_shared::{ClientId, RunId};

use crate::audit::entry::By;
use crate::base::identity::Identity;
use crate::clients::Client;
use crate::history::StartKey;

/// The party that asks for a run: a connected client, a schedule of this server, or a run that succeeded.
#[derive(Debug, Clone)]
pub(crate) enum Requester {
    Client(Arc<Client>),
    Schedule {
        who: Arc<Identity>,
        instant: StartKey,
    },
    /// `then` of a run that succeeded, for the user of that run.
    FollowUp {
        who: Arc<Identity>,
        cause: RunId,
    },
}

impl Requester {
    pub(crate) fn who(&self) -> Arc<Identity> {
        match self {
            Self::Client(client) => client.who(),
            Self::Schedule { who, .. } | Self::FollowUp { who, .. } => Arc::clone(who),
        }
    }

    /// The connected client, if it is one.
    pub(super) fn client(&self) -> Option<&Arc<Client>> {
        match self {
            Self::Client(client) => Some(client),
            Self::Schedule { .. } | Self::FollowUp { .. } => None,
        }
    }

    /// The start of a schedule that it is.
    pub(super) fn instant(&self) -> Option<&StartKey> {
        match self {
            Self::Schedule { instant, .. } => Some(instant),
            Self::Client(_) | Self::FollowUp { .. } => None,
        }
    }

    /// The run that succeeded before this one, and named it in `then`.
    pub(super) fn cause(&self) -> Option<RunId> {
        match self {
            Self::FollowUp { cause, .. } => Some(*cause),
            Self::Client(_) | Self::Schedule { .. } => None,
        }
    }

    /// The number in rows of runs; 0 is no connection.
    pub(super) fn client_id(&self) -> ClientId {
        self.client().map_or(ClientId(0), |client| client.id)
    }

    /// The address in the history: that of a client, the run that asks, or nothing for a schedule.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Client(client) => client.address.clone(),
            Self::Schedule { .. } => String::new(),
            Self::FollowUp { cause, .. } => format!("run {cause}"),
        }
    }

    pub(super) fn by(&self, who: &Identity) -> By {
        By::identity(who, self.address())
    }
}
