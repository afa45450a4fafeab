//! The address under which the router forwards connections to this machine.

use tokio::sync::watch;

use crate::net::port_mapping::external_address::{ExternalAddress, unreachable};

/// The outside address of this machine, as watched by the port mapping.
#[derive(Debug, Default)]
pub(crate) struct RouterAddress {
    pub(crate) outside: watch::Sender<Option<ExternalAddress>>,
}

impl RouterAddress {
    pub(crate) fn outside(&self) -> Option<ExternalAddress> {
        *self.outside.borrow()
    }

    /// The same for invites: an address that the internet cannot reach may belong to another machine in the network of the
    /// client.
    pub(crate) fn for_invites(&self) -> Option<(String, u16)> {
        let outside = self.outside().filter(|outside| unreachable(outside.address).is_none())?;
        Some((outside.address.to_string(), outside.port))
    }
}
