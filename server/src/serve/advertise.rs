//! Advertises an open TCP port: mDNS on the LAN, and a port mapping on the router. A failure never stops the server.

use crate::admission::tcp_port::OpenPort;
use crate::base::platform;
use crate::net::mdns::{Announcement, announce};
use crate::net::port_mapping::keep;
use crate::net::port_mapping::protocols::{HomeRouter, place};
use crate::server::Server;
use std::num::NonZeroU16;
use std::sync::Arc;

/// Advertises the server while its TCP port is open.
pub(crate) async fn run(server: Arc<Server>) {
    let mut opened = server.tcp.watch();
    let opened = tokio::select! {
        opened = opened.wait_for(Option::is_some) => opened.ok().and_then(|opened| opened.clone()),
        () = server.tcp.closed() => None,
    };
    if let Some(opened) = opened {
        tokio::join!(tell_lan(&server, &opened), hold_port(&server, &opened));
    }
}

async fn tell_lan(server: &Server, opened: &OpenPort) {
    if !server.now().config.discovery.announce {
        return;
    }
    match announce(&server.info.hostname, &platform::hostname(), &opened.addresses, &opened.pin) {
        Ok(Some(announcement)) => {
            server.tcp.closed().await;
            Announcement::end(announcement).await;
        }
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(target: "topside", %error, "this server cannot be announced on the LAN");
        }
    }
}

async fn hold_port(server: &Server, opened: &OpenPort) {
    if !server.now().config.router.map {
        return;
    }
    // Routers forward IPv4 only; over IPv6 the box has its own address.
    let outward = opened.addresses.iter().find(|open| open.is_ipv4() && !open.ip().is_loopback());
    if let Some(port) = outward.and_then(|open| NonZeroU16::new(open.port())) {
        let closing = || server.tcp.closed();
        keep(HomeRouter::new(port, place), &server.router_address.outside, closing).await;
    }
}

#[cfg(test)]
mod tests {
    use crate::net::port_mapping::external_address::ExternalAddress;
    use crate::net::port_mapping::external_address::Protocol;
    use crate::net::port_mapping::router_address::RouterAddress;

    #[test]
    fn an_invite_tells_the_routers_address_only_where_the_internet_can_reach_it() {
        let reach = RouterAddress::default();
        assert_eq!(reach.for_invites(), None);
        for (address, told) in [
            ("203.0.113.7", Some(("203.0.113.7".to_owned(), 9000))),
            ("100.64.3.4", None),
            ("192.168.0.2", None),
        ] {
            let address = address.parse().unwrap();
            reach.outside.send_replace(Some(ExternalAddress {
                address,
                port: 9000,
                protocol: Protocol::Pcp,
            }));
            assert_eq!(reach.for_invites(), told, "{address}");
        }
    }
}
