//! One server, and clients that come in all three ways at once.

use crate::net::{Host, INTERNET, LAN, Net, Speaks};
use crate::programs::{Running, invite, pair, serve, topside};
use crate::terminal::Home;

/// A client that takes lines and waits for more.
fn client(net: &Net, host: Host, home: &Home, args: &[&str]) -> Running {
    Running::start(topside(net, host, home, args).stdin(std::process::Stdio::piped()))
}

#[test]
fn clients_of_all_three_types_see_each_other_and_are_told_of_the_end() {
    let Some(net) = Net::make(Speaks::Pcp) else { return };
    let home = Home::new();
    let mut server = serve(&net, &home, "[router]\nmap = true\n");
    // The first invite opens the port, so that it cannot know the router's yet.
    let first = invite(&net, &home, "lan");
    server.says("the router forwards a port of its own to this box");
    let on_lan = pair(&net, Host::Lan, &first);
    let on_internet = pair(&net, Host::Internet, &invite(&net, &home, "phone"));

    let mut same = client(&net, Host::Box, &home, &[]);
    let mut lan = client(&net, Host::Lan, &on_lan, &["--on", "box", "--via", "lan"]);
    let mut internet =
        client(&net, Host::Internet, &on_internet, &["--on", "box", "--via", "internet", "--yes"]);
    for one in [&mut same, &mut lan, &mut internet] {
        one.write("echo here\n");
        one.says("here");
    }
    for one in [&mut same, &mut lan, &mut internet] {
        one.write("clients\n");
        let mut rows = Vec::new();
        // In the order in which they came; each is told what it is itself, too.
        for part in ["same", &format!("{LAN}:"), &format!("{INTERNET}:")] {
            rows.push(one.says(part));
        }
        assert!(rows[0].contains("pid "), "{rows:?}");
        assert!(rows[1].contains("lan"), "{rows:?}");
        assert!(rows[2].contains("internet"), "{rows:?}");
    }

    internet.write("ks moving the box\n");
    for one in [&same, &lan, &internet] {
        one.says("moving the box");
    }
    assert_eq!(server.exit(), Some(0));
    for one in [&mut same, &mut lan, &mut internet] {
        one.exit();
    }
    assert!(!net.rules().contains("dnat"), "{}", net.rules());
}
