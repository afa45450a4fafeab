//! What `topsided doctor` says of the box.

use crate::net::{BOX, Host, Net, ROUTER, Speaks};
use crate::programs::{invite, serve, topside};
use crate::terminal::Home;

fn examined(net: &Net, home: &Home) -> (Option<i32>, String) {
    let output = topside(net, Host::Box, home, &["serve", "doctor"]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn has(said: &str, start: &str, part: &str) {
    let found = said.lines().any(|line| line.starts_with(start) && line.contains(part));
    assert!(found, "no `{start}..{part}` in\n{said}");
}

#[test]
fn the_doctor_sees_the_port_open_and_the_router_forward_it() {
    let Some(net) = Net::make(Speaks::Upnp) else { return };
    let home = Home::new();
    let server = serve(&net, &home, "[router]\nmap = true\n");
    let (status, said) = examined(&net, &home);
    has(&said, "warn  keys", "topsided invite");
    has(&said, "warn  TCP", "closed");
    has(&said, "ok    router", "once TCP is open");
    assert_eq!(status, Some(0), "{said}");

    invite(&net, &home, "first");
    server.says("the router forwards a port of its own to this machine");
    let (status, said) = examined(&net, &home);
    has(&said, "ok    TCP", &format!("{BOX}:8677 takes connections"));
    has(&said, "ok    addresses", &format!("{BOX} is private"));
    has(&said, "ok    router", "it is 192.168.77.1");
    has(&said, "ok    router", "it answers UPnP");
    has(&said, "ok    router", &format!("{ROUTER}:8677 leads here"));
    has(&said, "ok    firewall", "none on this machine");
    assert_eq!(status, Some(0), "{said}");

    // A filter on the box itself, which keeps clients out but not the box.
    let rules = "table inet f { chain i { type filter hook input priority 0; policy drop; iif lo accept; }; }";
    assert!(net.on(Host::Box, "nft").arg(rules).status().unwrap().success());
    has(&examined(&net, &home).1, "warn  firewall", "none that lets TCP port 8677 in");
}
