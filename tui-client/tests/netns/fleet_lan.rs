//! A box of a fleet on the LAN: it is dialled where it announces itself, and its key decides whether it is that box.

use std::process::Output;
use std::sync::mpsc::channel;

use mdns_sd::{ServiceDaemon, ServiceInfo};
use serde_json::Value;
use topside_client::browse;
use topside_shared::hub::HubCredentials;

use crate::discovery::until;
use crate::net::{BOX, Host, INSIDE, Net, Speaks};
use crate::programs::{Running, invite, said, serve, topside};
use crate::require::require;
use crate::terminal::{Home, eventually};

/// A hub on the router, and the device of an admin who has created a fleet there.
fn hub(net: &Net) -> (Running, Home) {
    let admin = Home::new();
    let dir = admin.0.path().join("hub");
    let init = ["serve", "hub", "init", dir.to_str().unwrap(), "--address", INSIDE];
    said(&mut topside(net, Host::Lan, &admin, &init));
    let mut command = net.on(Host::Router, "nats-server");
    let hub = Running::start(command.args(["-c", "nats-server.conf"]).current_dir(&dir));
    hub.says("Server is ready");
    let string = std::fs::read_to_string(dir.join("string")).unwrap();
    let string = HubCredentials::find(&string).unwrap().to_string();
    let create = ["fleet", "create", "garden", "--as", "anna", "--hub", &string];
    said(&mut topside(net, Host::Lan, &admin, &create));
    (hub, admin)
}

#[test]
fn a_box_of_a_fleet_is_used_on_the_lan_and_no_other_server_that_is_announced_there() {
    if !require("nats-server") {
        return;
    }
    let Some(net) = Net::make(Speaks::Nothing) else { return };
    let (_hub, admin) = hub(&net);
    let on_lan = |args: &[&str]| said(&mut topside(&net, Host::Lan, &admin, args));
    let home = Home::new();
    let mut server = serve(&net, &home, "");
    let join = on_lan(&["fleet", "invite-box", "--auto"]);
    said(&mut topside(&net, Host::Box, &home, &["serve", "join", join.trim()]));
    server.says("listening on TCP");
    let pin = said(&mut topside(&net, Host::Box, &home, &["serve", "id"]));
    let boxes = || serde_json::from_str::<Value>(&on_lan(&["fleet", "boxes", "--json"])).unwrap();
    eventually("the box is a member", || boxes()["boxes"][0]["name"].is_string());
    let name = boxes()["boxes"][0]["name"].as_str().unwrap().to_owned();
    let run = || -> Output {
        let args = ["run", "--on", &name, "--via", "lan", "echo", "here"];
        topside(&net, Host::Lan, &admin, &args).output().unwrap()
    };
    let fails = |output: &Output, why: &str| {
        assert_eq!(output.stdout, b"", "{output:?}");
        output.status.code() == Some(125) && String::from_utf8_lossy(&output.stderr).contains(why)
    };
    eventually("the box is reached where it announces itself", || run().stdout == b"here\n");

    // Another server has its address, and announces its own key.
    server.terminate();
    assert_eq!(server.exit(), Some(0));
    let other = Home::new();
    let server = serve(&net, &other, "");
    invite(&net, &other, "first");
    server.says("listening on TCP");
    let (sender, lists) = channel();
    let tell = move |list| drop(sender.send(list));
    let browsing = net.here_on(Host::Lan, || browse(tell).unwrap());
    until(&lists, "the other server", |list| !list.is_empty());
    drop(browsing);
    let output = run();
    assert!(fails(&output, "does not announce itself on this LAN"), "{output:?}");

    // It is announced with the pin of the box, and has not its key.
    let keys = [("v", "1"), ("pin", pin.trim())];
    let (address, port) = (std::net::IpAddr::from(BOX), 8677);
    let kind = "_topside._tcp.local.";
    let claim = ServiceInfo::new(kind, "claim", "claim.local.", address, port, &keys[..]).unwrap();
    let _claims = net.here_on(Host::Box, || {
        let claims = ServiceDaemon::new().unwrap();
        claims.register(claim).unwrap();
        claims
    });
    eventually("the false announcement is followed", || {
        fails(&run(), "is not the paired server: it has another key")
    });
}
