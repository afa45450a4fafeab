//! A cable is pulled, and plugged in again.

use std::time::Instant;

use serde_json::{Value, json};

use crate::net::{DEADLINE, Host, LAN, Net, Speaks};
use crate::programs::{Socket, invite, pair, serve};
use crate::terminal::{Home, Screen};

/// Ten times as fast as the defaults, which are what a minute is made of.
const QUICK: &str = "[limits]\nkeepalive = \"2s\"\nuser_timeout = \"3s\"\n";

#[test]
fn a_client_whose_cable_is_pulled_leaves_the_list_and_comes_back_by_itself() {
    let Some(net) = Net::make(Speaks::Nothing) else { return };
    let home = Home::new();
    let _server = serve(&net, &home, QUICK);
    let on_lan = pair(&net, Host::Lan, &invite(&net, &home, "laptop"));
    let mut watch = Socket::connect(&home);
    watch.ask("events/subscribe", &json!({"topics": ["clients"]}));

    let line = format!("{} \"$TOPSIDE\" connect box --via lan", net.shell_on(Host::Lan));
    let mut screen = Screen::shell(&on_lan, (120, 30), &line);
    let joined = |line: &Value| {
        let rows = line["params"]["joined"].as_array();
        rows.is_some_and(|rows| rows.iter().any(|row| row["address"].as_str().is_some_and(is_lan)))
    };
    screen.see("connected");
    let row = watch.until(joined)["params"]["joined"][0].clone();
    assert_eq!(row["connection"], "lan");
    screen.write("uptime --half");
    screen.see("uptime --half");

    net.cable("down");
    let cut = Instant::now();
    watch.until(|line| {
        let left = line["params"]["left"].as_array();
        left.is_some_and(|left| left.iter().any(|one| one["clientId"] == row["clientId"]))
    });
    assert!(cut.elapsed() < DEADLINE, "{:?}", cut.elapsed());
    // The client notices at its own pace: 20 s of silence, then 20 s without an answer.
    let left = DEADLINE.saturating_sub(cut.elapsed());
    screen.until_within(left, "the lost link", |screen| screen.contents().contains("reconnecting"));

    net.cable("up");
    let back = watch.until(joined)["params"]["joined"][0].clone();
    assert_ne!(back["clientId"], row["clientId"], "another session");
    // What was typed is still there.
    screen.see_all(&["connected", "uptime --half"]);
}

fn is_lan(address: &str) -> bool {
    address.starts_with(&format!("{LAN}:"))
}
