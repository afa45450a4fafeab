//! The router's port, given by a real router's daemon.

use std::net::TcpStream;
use std::time::Duration;

use crate::net::{BOX, Host, INTERNET, Net, ROUTER, Speaks};
use crate::programs::{Socket, invite, serve};
use crate::terminal::Home;

const MAP: &str = "[router]\nmap = true\n";

/// Whether a client on the internet reaches the box by the address of the router.
fn reached(net: &Net) -> bool {
    net.here_on(Host::Internet, || {
        TcpStream::connect_timeout(&(ROUTER, 8677).into(), Duration::from_secs(2)).is_ok()
    })
}

fn mapped_and_given_back(speaks: Speaks, protocol: &str) {
    let Some(net) = Net::make(speaks) else { return };
    let home = Home::new();
    let mut server = serve(&net, &home, MAP);
    assert!(!net.rules().contains("dnat"), "nothing is asked for while TCP is closed");
    assert!(!reached(&net));

    invite(&net, &home, "first");
    let line = server.says("the router forwards a port of its own to this machine");
    for part in [format!("address={ROUTER}"), "port=8677".into(), format!("protocol={protocol}")] {
        assert!(line.contains(&part), "{line}");
    }
    let forwarded = format!("dnat ip to {BOX}:8677");
    assert!(net.rules().contains(&forwarded), "{}", net.rules());
    assert!(reached(&net), "{INTERNET} comes in");
    let status = Socket::connect(&home).ask("server/status", &serde_json::json!({}));
    let listeners = status["listeners"].as_array().unwrap();
    let outside = format!("{ROUTER}:8677");
    assert!(
        listeners.iter().any(|one| one["transport"] == "router" && one["address"] == outside),
        "{status}"
    );

    server.terminate();
    assert_eq!(server.exit(), Some(0));
    assert!(!net.rules().contains("dnat"), "{}", net.rules());
    assert!(!reached(&net));
}

#[test]
fn a_router_that_speaks_pcp_gives_a_port_and_gets_it_back() {
    mapped_and_given_back(Speaks::Pcp, "PCP");
}

#[test]
fn a_router_that_speaks_upnp_gives_a_port_and_gets_it_back() {
    mapped_and_given_back(Speaks::Upnp, "UPnP");
}

#[test]
fn a_router_that_speaks_neither_stops_nothing() {
    let Some(net) = Net::make(Speaks::Nothing) else { return };
    let home = Home::new();
    let mut server = serve(&net, &home, MAP);
    invite(&net, &home, "first");
    server.says("no port of the router");
    server.terminate();
    assert_eq!(server.exit(), Some(0));
}
