//! What goes with an open TCP port: the LAN is told of it, and the router is asked for a port of its own.
//! Neither ever stops the server.

use std::num::NonZeroU16;
use std::sync::Arc;

use tokio::sync::watch;

use crate::discovery::{Announcement, announce};
use crate::door::Opened;
use crate::router::{Home, Outside, keep, place, unreachable};
use crate::server::Server;

/// Where the router takes connections for this box.
#[derive(Debug)]
pub(crate) struct Reach {
    outside: watch::Sender<Option<Outside>>,
}

impl Default for Reach {
    fn default() -> Self {
        Self { outside: watch::Sender::new(None) }
    }
}

impl Reach {
    /// The router's address and port, if it forwards one.
    pub(crate) fn outside(&self) -> Option<Outside> {
        *self.outside.borrow()
    }

    /// The same where an invite should tell it: an address that nobody on the internet can reach may be
    /// somebody else's on the network of the client.
    pub(crate) fn for_invites(&self) -> Option<(String, u16)> {
        let outside = self.outside().filter(|outside| unreachable(outside.address).is_none())?;
        Some((outside.address.to_string(), outside.port))
    }
}

/// Makes the server known from the moment that its door opens until it closes.
pub(crate) async fn run(server: Arc<Server>) {
    let mut opened = server.door.watch();
    let opened = tokio::select! {
        opened = opened.wait_for(Option::is_some) => opened.ok().and_then(|opened| opened.clone()),
        () = server.door.closed() => None,
    };
    if let Some(opened) = opened {
        tokio::join!(tell_lan(&server, &opened), hold_port(&server, &opened));
    }
}

async fn tell_lan(server: &Server, opened: &Opened) {
    if !server.now().config.discovery.announce {
        return;
    }
    match announce(&server.info.hostname, &opened.addresses, &opened.pin) {
        Ok(Some(announcement)) => {
            server.door.closed().await;
            Announcement::end(announcement).await;
        }
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(target: "topside", %error, "the LAN is not told of this server");
        }
    }
}

async fn hold_port(server: &Server, opened: &Opened) {
    if !server.now().config.router.map {
        return;
    }
    // Routers forward IPv4 alone; over IPv6 the box has an address of its own.
    let outward = opened.addresses.iter().find(|open| open.is_ipv4() && !open.ip().is_loopback());
    if let Some(port) = outward.and_then(|open| NonZeroU16::new(open.port())) {
        let closing = || server.door.closed();
        keep(Home::new(port, place), &server.reach.outside, closing).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Protocol;

    #[test]
    fn an_invite_tells_the_routers_address_only_where_the_internet_can_reach_it() {
        let reach = Reach::default();
        assert_eq!(reach.for_invites(), None);
        for (address, told) in [
            ("203.0.113.7", Some(("203.0.113.7".to_owned(), 9000))),
            ("100.64.3.4", None),
            ("192.168.0.2", None),
        ] {
            let address = address.parse().unwrap();
            reach.outside.send_replace(Some(Outside {
                address,
                port: 9000,
                protocol: Protocol::Pcp,
            }));
            assert_eq!(reach.for_invites(), told, "{address}");
        }
    }
}
