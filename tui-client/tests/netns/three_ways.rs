//! One server, and clients that come in all three ways at once.

use crate::net::{Host, INTERNET, LAN, Net, Speaks};
use crate::programs::{Running, invite, pair, serve, topside};
use crate::terminal::Home;

/// A client that takes lines and waits for more; it is connected when this returns.
fn client(net: &Net, host: Host, home: &Home, args: &[&str]) -> Running {
    let mut client =
        Running::start(topside(net, host, home, args).stdin(std::process::Stdio::piped()));
    client.write("echo here\n");
    client.says("here");
    client
}

#[test]
fn clients_of_all_three_types_see_each_other_and_get_the_end() {
    let Some(net) = Net::make(Speaks::Pcp) else { return };
    let home = Home::new();
    let mut server = serve(&net, &home, "[router]\nmap = true\n");
    // The first invite opens the port, so that it cannot know the router's yet.
    let first = invite(&net, &home, "laptop");
    server.says("the router forwards a port of its own to this machine");
    let on_lan = pair(&net, Host::Lan, &first);
    let on_internet = pair(&net, Host::Internet, &invite(&net, &home, "phone"));

    let mut same = client(&net, Host::Box, &home, &[]);
    let mut lan = client(&net, Host::Lan, &on_lan, &["--on", "box", "--via", "lan"]);
    let mut internet =
        client(&net, Host::Internet, &on_internet, &["--on", "box", "--via", "internet", "--yes"]);
    for (own, one) in [&mut same, &mut lan, &mut internet].into_iter().enumerate() {
        one.write("clients\n");
        // In the order in which they came.
        let types = [
            ("pid ".to_owned(), "  same machine  "),
            (format!("{LAN}:"), "  LAN  "),
            (format!("{INTERNET}:"), "  internet  "),
        ];
        for (index, (address, connection)) in types.iter().enumerate() {
            let row = one.says(address);
            assert!(row.contains(connection), "{row}");
            assert_eq!(row.ends_with("you"), index == own, "{row}");
        }
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
