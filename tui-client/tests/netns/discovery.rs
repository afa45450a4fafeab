//! Being found on the LAN, by the search that the picker uses.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use topside_client::{DiscoveredServer, browse};

use crate::net::{BOX, DEADLINE, Host, Net, Speaks};
use crate::programs::{invite, said, serve, topside};
use crate::terminal::Home;

/// Waits for a list that is as wanted.
#[track_caller]
pub(crate) fn until(
    lists: &Receiver<Vec<DiscoveredServer>>,
    what: &str,
    wanted: impl Fn(&[DiscoveredServer]) -> bool,
) -> Vec<DiscoveredServer> {
    let deadline = Instant::now() + DEADLINE;
    let mut last = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lists.recv_timeout(left) {
            Ok(list) if wanted(&list) => return list,
            Ok(list) => last = list,
            Err(_) => panic!("{what}: not in time; last seen {last:?}"),
        }
    }
}

#[test]
fn a_client_on_the_lan_finds_the_box_follows_its_addresses_and_sees_it_go() {
    let Some(net) = Net::make(Speaks::Nothing) else { return };
    let home = Home::new();
    let mut server = serve(&net, &home, "");
    invite(&net, &home, "first");
    server.says("listening on TCP");
    let (sender, lists) = channel();
    let tell = move |list| {
        let _ = sender.send(list);
    };
    let _browse = net.here_on(Host::Lan, || browse(tell).unwrap());

    let list = until(&lists, "found", |list| !list.is_empty());
    let [found] = list.as_slice() else { panic!("{list:?}") };
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(found.name, hostname.split('.').next().unwrap());
    assert!(found.addresses.contains(&IpAddr::from(BOX)), "{found:?}");
    assert!(!found.addresses.iter().any(IpAddr::is_loopback), "{found:?}");
    assert_eq!(found.port, 8677);
    let pin = said(&mut topside(&net, Host::Box, &home, &["serve", "id"]));
    assert_eq!(found.pin.map(|pin| pin.to_string()).as_deref(), Some(pin.trim()));

    let moved = Ipv4Addr::new(192, 168, 77, 11);
    net.add_address(moved);
    until(&lists, "the new address", |list| {
        list.iter().any(|found| found.addresses.contains(&IpAddr::from(moved)))
    });

    server.terminate();
    assert_eq!(server.exit(), Some(0));
    // Without the goodbye it would be believed to be there for two minutes.
    until(&lists, "the goodbye", <[DiscoveredServer]>::is_empty);
}

/// Whether a box with these settings says anything by multicast DNS in its life.
fn announces(settings: &str) -> Option<bool> {
    let net = Net::make(Speaks::Nothing)?;
    let count = "table inet count { chain out { type filter hook output priority 0; \
                 udp dport 5353 counter; }; }";
    assert!(net.on(Host::Box, "nft").arg(count).status().unwrap().success());
    let home = Home::new();
    let mut server = serve(&net, &home, settings);
    invite(&net, &home, "first");
    server.says("listening on TCP");
    server.terminate();
    assert_eq!(server.exit(), Some(0));
    let counted = said(net.on(Host::Box, "nft").args(["list", "ruleset"]));
    assert!(counted.contains("counter packets"), "{counted}");
    Some(!counted.contains("counter packets 0 "))
}

#[test]
fn a_server_with_announcements_off_sends_none() {
    let Some(loud) = announces("") else { return };
    assert!(loud);
    assert_eq!(announces("[discovery]\nannounce = false\n"), Some(false));
}
