//! The party that asks for a run.

use std::sync::Arc;

use topside_shared::ClientId;

use crate::audit::entry::By;
use crate::base::identity::Identity;
use crate::clients::Client;

/// The party that asks for a run: a connected client, or a schedule of this server.
#[derive(Debug, Clone)]
pub(crate) enum Requester {
    Client(Arc<Client>),
    Schedule(Arc<Identity>),
}

impl Requester {
    pub(crate) fn who(&self) -> Arc<Identity> {
        match self {
            Self::Client(client) => client.who(),
            Self::Schedule(who) => Arc::clone(who),
        }
    }

    /// The connected client, if it is one.
    pub(super) fn client(&self) -> Option<&Arc<Client>> {
        match self {
            Self::Client(client) => Some(client),
            Self::Schedule(_) => None,
        }
    }

    /// The number in rows of runs; 0 is no connection.
    pub(super) fn client_id(&self) -> ClientId {
        self.client().map_or(ClientId(0), |client| client.id)
    }

    /// The address in the history; empty for the server itself.
    pub(super) fn address(&self) -> String {
        self.client().map_or_else(String::new, |client| client.address.clone())
    }

    pub(super) fn by(&self, who: &Identity) -> By {
        By::identity(who, self.address())
    }
}
