//! Boxes that are reached through a hub: the real programs and a nats-server.

use std::sync::Arc;
use std::time::Instant;

use rustix::process::Signal;
use topside_shared::Pin;
use topside_shared::fleet::JoinString;
use topside_shared::hub::{DialError, HubConnection, HubRole};
use topside_shared::invite::Invite;
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::tls::{Admission, server_config};

use crate::common::{Place, eventually, text};
use crate::hub_server::{Hub, invite};
use crate::remote_server::{Box, pair, saved};

/// Moves the saved LAN address to a port where nothing listens.
fn leave_lan(client: &Place) {
    client.verb(&["edit", "garden", "--lan", "127.0.0.1", "--port", "1"]).with(0);
}

#[test]
fn a_paired_device_reaches_a_box_through_the_hub_alone() {
    let Some(hub) = Hub::new() else { return };
    let (garden, client) = hub.box_and_client();
    let run = |args: &[&str]| client.run(&[&["--on", "garden", "--via", "hub"], args].concat());
    assert_eq!(run(&["echo", "one"]).with(0).out, "one\n");
    run(&["own-status", "7"]).with(7);
    run(&["no-such-command"]).with(127);
    run(&["ks", "1"]).with(126);

    let made = garden.place.path("made");
    let ended = run(&["many", "3000000", text(&made)]).with(0);
    assert_eq!((ended.bytes.len(), ended.err.as_str()), (3_000_000, ""));
    assert!(ended.bytes.iter().all(|byte| *byte == b'x'));

    let mut lines = client.start(&["--on", "garden", "--via", "hub"]);
    lines.write("echo here\n");
    assert_eq!(lines.line(), "here\n");
    let clients = garden.place.json(&["clients"]);
    let clients = clients["clients"].as_array().unwrap();
    let row = clients.iter().find(|row| row["address"] == "hub").unwrap();
    assert_eq!((&row["route"], &row["connection"]), (&"hub".into(), &"internet".into()), "{row}");
    lines.end().with(0);
    eventually("the client has left", || {
        let clients = garden.place.json(&["clients"]);
        !clients["clients"].as_array().unwrap().iter().any(|row| row["address"] == "hub")
    });

    // The LAN comes first; without it the hub is found by itself.
    let told = client.verb(&["test", "--on", "garden"]).with(0).out;
    let routes: Vec<&str> = told.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(routes, ["LAN", "hub"], "{told}");
    leave_lan(&client);
    assert_eq!(client.run(&["--on", "garden", "echo", "two"]).with(0).out, "two\n");
}

#[test]
fn a_device_is_paired_through_the_hub() {
    let Some(hub) = Hub::new() else { return };
    let garden = Box::with(Place::new());
    hub.join(&garden);
    let mut invite: Invite = invite(&garden).parse().unwrap();
    // As from another network.
    invite.addresses.clear();
    let client = Place::new();
    let ended = pair(&client, &[&invite.to_string(), "--name", "garden"]).with(125);
    assert!(ended.err.contains("this invite names no address of the box"), "{ended:?}");
    pair(&client, &[&hub.string(HubRole::Person)]).with(0);
    pair(&client, &[&invite.to_string(), "--name", "garden"]).with(0);
    assert!(!saved(&client).contains("127.0.0.1"), "{}", saved(&client));
    assert_eq!(client.run(&["--on", "garden", "echo", "one"]).with(0).out, "one\n");
}

#[test]
fn each_way_not_to_reach_a_box_through_the_hub_has_its_sentence() {
    let Some(mut hub) = Hub::new() else { return };
    let garden = Box::with(Place::new());
    let client = Place::new();
    pair(&client, &[&invite(&garden), "--name", "garden"]).with(0);
    let fails = |says: &str| {
        let ended = client.run(&["--on", "garden", "--via", "hub", "echo", "x"]).with(125);
        assert!(ended.err.contains(says) && ended.err.lines().count() == 1, "{says}: {ended:?}");
    };
    fails("this device has no fleet, so it knows no hub");
    let people = hub.string(HubRole::Person);
    let mut wrong = JoinString::find(&people, HubRole::Person).unwrap();
    wrong.access.secret = Seed::from_bytes([7; 32]);
    let ended = pair(&client, &[&wrong.to_string()]).with(125);
    assert!(ended.err.contains("does not accept this side's credential"), "{ended:?}");
    assert!(!client.path("state/fleets").exists());

    pair(&client, &[&people]).with(0);
    // The hub says so: it takes no time.
    let begun = Instant::now();
    fails("the box is not at the hub of garden");
    assert!(begun.elapsed().as_secs() < 5);

    let boxes = hub.string(HubRole::Box);
    for (string, says) in [
        (people.clone(), "this string is for `topside pair`"),
        (boxes[..50].to_owned(), "mistyped or cut off"),
    ] {
        let ended = garden.place.verb(&["serve", "join", &string]).with(1);
        assert!(ended.err.contains(says), "{says}: {ended:?}");
    }
    hub.join(&garden);
    client.run(&["--on", "garden", "--via", "hub", "echo", "x"]).with(0);
    let told = garden.verb(&["leave"]);
    assert!(told.starts_with("Left the fleet garden: its people"), "{told}");
    eventually("the box has left", || {
        let ended = client.run(&["--on", "garden", "--via", "hub", "echo", "x"]);
        ended.status == Some(125) && ended.err.contains("is not at the hub of garden")
    });

    hub.stop();
    fails("the hub of garden cannot be reached at 127.0.0.1:");
    assert_eq!(client.run(&["--on", "garden", "echo", "x"]).with(0).out, "x\n", "by LAN");
    assert!(hub.init("hub").with(1).err.contains("holds a hub already"));
    hub.init("other").with(0);
    hub.start("other");
    fails("is not the hub of garden: it has another key");
    let ended = garden.place.verb(&["serve", "join", &boxes]).with(1);
    assert!(ended.err.contains("another key") && ended.err.contains("has not joined"), "{ended:?}");
}

#[test]
fn boxes_and_people_return_after_the_hub_was_killed() {
    let Some(mut hub) = Hub::new() else { return };
    let (garden, client) = hub.box_and_client();
    leave_lan(&client);
    let mut lines = client.start(&["--on", "garden"]);
    lines.write("echo here\n");
    assert_eq!(lines.line(), "here\n");
    hub.stop();
    lines.said("the connection to the hub was lost");
    lines.end_by_itself().with(125);
    eventually("the box has noticed", || {
        let clients = garden.place.json(&["clients"]);
        !clients["clients"].as_array().unwrap().iter().any(|row| row["address"] == "hub")
    });
    hub.start("hub");
    hub.is_joined(&garden);
    assert_eq!(client.run(&["--on", "garden", "echo", "again"]).with(0).out, "again\n");
    // A hub that stands still is not mistaken for one that works.
    hub.server.signal(Signal::STOP);
    let ended = client.run(&["--on", "garden", "echo", "x"]).with(125);
    assert!(ended.err.contains("no answer"), "{ended:?}");
    hub.server.signal(Signal::CONT);
    eventually("the hub works again", || {
        client.run(&["--on", "garden", "echo", "x"]).status == Some(0)
    });
}

#[test]
fn a_revoked_device_and_one_whose_box_is_killed_lose_their_session_through_the_hub() {
    let Some(hub) = Hub::new() else { return };
    let (mut garden, client) = hub.box_and_client();
    let admin = Place::new();
    let invite = garden.verb(&["invite", "--name", "laptop", "--role", "admin"]);
    pair(&admin, &[&invite, "--name", "garden"]).with(0);
    pair(&admin, &[&hub.string(HubRole::Person)]).with(0);
    let via = ["--on", "garden", "--via", "hub"];
    let mut revoked = client.start(&via);
    revoked.write("echo here\n");
    assert_eq!(revoked.line(), "here\n");
    garden.verb(&["revoke", "phone"]);
    let ended = revoked.end_by_itself().with(125);
    assert!(ended.err.contains("revoked"), "{ended:?}");
    let ended = client.run(&[&via[..], &["echo", "x"]].concat()).with(125);
    assert!(ended.err.contains("revoked"), "{ended:?}");

    let mut lines = admin.start(&via);
    lines.write("echo here\n");
    assert_eq!(lines.line(), "here\n");
    garden.server.kill();
    let ended = lines.end_by_itself().with(125);
    assert!(ended.err.contains("silent for 30 s"), "{ended:?}");
    let ended = admin.run(&[&via[..], &["echo", "x"]].concat()).with(125);
    assert!(ended.err.contains("is not at the hub"), "{ended:?}");
}

#[test]
fn a_client_that_does_not_read_fills_neither_the_hub_nor_the_box() {
    let Some(hub) = Hub::new() else { return };
    let (garden, client) = hub.box_and_client();
    let hub_pid = hub.server.child.as_ref().unwrap().id();
    let (hub_before, box_before) = (resident(hub_pid), resident(garden.server.pid()));
    let file = garden.place.path("ended");
    let mut run = client.start(&["run", "--on", "garden", "--via", "hub", "for-ever", text(&file)]);
    assert_eq!(run.line(), "y\n");
    run.signal(Signal::STOP);
    eventually("the box has far more output than the window", || {
        let runs = garden.place.json(&["runs"]);
        runs["runs"][0]["bytes"].as_u64().unwrap() > 20_000_000
    });
    let (hub_now, box_now) = (resident(hub_pid), resident(garden.server.pid()));
    assert!(hub_now < hub_before + 32 * 1024, "{hub_before} to {hub_now} KiB");
    assert!(box_now < box_before + 64 * 1024, "{box_before} to {box_now} KiB");
    run.signal(Signal::CONT);
}

/// A server config of a key that is not the box's, which admits every client.
fn impostor() -> Arc<rustls::ServerConfig> {
    #[derive(Debug)]
    struct All;
    impl Admission for All {
        fn admit(&self, _key: Pin) -> Result<(), rustls::CertificateError> {
            Ok(())
        }
    }
    let key = PrivateKey::from_seed(&Seed::from_bytes([9; 32])).unwrap();
    Arc::new(server_config(key.certified_key(), Arc::new(All)).unwrap())
}

#[test]
fn a_stolen_credential_passes_for_no_box_and_reaches_none() {
    let Some(hub) = Hub::new() else { return };
    // The box is paired, and is not at the hub.
    let garden = Box::with(Place::new());
    let client = Place::new();
    pair(&client, &[&invite(&garden), "--name", "garden"]).with(0);
    pair(&client, &[&hub.string(HubRole::Person)]).with(0);
    let pin: Pin = garden.verb(&["id"]).parse().unwrap();
    let access = |role| JoinString::find(&hub.string(role), role).unwrap().access;
    let runtime = tokio::runtime::Runtime::new().unwrap();

    // People cannot listen as a box.
    let people = runtime.block_on(HubConnection::open(&access(HubRole::Person))).unwrap();
    let _refused = runtime.block_on(people.listen(&pin));
    let ended = client.run(&["--on", "garden", "--via", "hub", "echo", "x"]).with(125);
    assert!(ended.err.contains("is not at the hub"), "{ended:?}");

    // A box can listen as another, and is found out by its key.
    let boxes = runtime.block_on(HubConnection::open(&access(HubRole::Box))).unwrap();
    let mut dials = runtime.block_on(boxes.listen(&pin)).unwrap();
    runtime.spawn(async move {
        while let Some(dial) = dials.next().await {
            let stream = dial.accept().await.unwrap();
            let _ = tokio_rustls::TlsAcceptor::from(impostor()).accept(stream).await;
        }
    });
    eventually("the impostor is found out", || {
        let ended = client.run(&["--on", "garden", "--via", "hub", "echo", "x"]).with(125);
        ended.err.contains("is not the paired server: it has another key")
    });

    // Boxes cannot dial.
    let dialled = runtime.block_on(boxes.dial(&pin)).unwrap_err();
    assert!(matches!(dialled, DialError::Silent), "{dialled:?}");
}

/// Memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
