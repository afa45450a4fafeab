//! Fleets that change while they are used, and two fleets with boxes of one name.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use topside_shared::fleet::{Announcement, AnnouncementKind, JoinString, box_key};
use topside_shared::hub::{HubConnection, HubRole, Refusal};
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::time::Time;

use crate::common::{Place, eventually, text};
use crate::hub_server::Hub;
use crate::remote_server::{Box, pair};

/// What a verb of `topside fleet` prints.
fn fleet(place: &Place, args: &[&str]) -> String {
    place.verb(&[&["fleet"], args].concat()).with(0).out.trim_end().to_owned()
}

/// A box with this name that has joined a fleet of this admin.
fn member(admin: &Place, of: &str, name: &str) -> Box {
    let metrics = "[metrics]\nlisten = \"127.0.0.1:0\"\n";
    let settings = format!("[server]\nname = \"{name}\"\n{metrics}");
    let garden = Box::with_settings(Place::new(), &settings);
    let invite = fleet(admin, &["invite-box", "--auto", "--fleet", of]);
    // As a mail program breaks it.
    let (begin, end) = invite.split_at(90);
    garden.verb(&["join", begin, end]);
    eventually("the box is a member and at the hub", || {
        let list = admin.json(&["fleet", "boxes", "--fleet", of]);
        let boxes = list["boxes"].as_array().unwrap();
        boxes.iter().any(|each| each["name"] == name && each["state"] == "hub")
    });
    garden
}

/// A figure of the box, as a monitoring system reads it.
fn figure(garden: &Box, name: &str) -> Option<u64> {
    let status = garden.place.json(&["status"]);
    let mut listeners = status["listeners"].as_array().unwrap().iter();
    let http = listeners.find(|listener| listener["transport"] == "http").unwrap();
    let mut stream = TcpStream::connect(http["address"].as_str().unwrap()).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: box\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

/// The line of a box of `topside run --json`.
fn result<'v>(lines: &'v [Value], name: &str) -> &'v Value {
    lines.iter().find(|line| line["box"] == name).unwrap_or_else(|| panic!("{name}: {lines:?}"))
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn boxes_of_two_fleets_with_one_name_are_told_apart_by_the_fleet() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    fleet(&admin, &["create", "lab", "--as", "anna", "--hub", &hub.credentials().to_string()]);
    let _boxes = ["garden", "lab"].map(|of| member(&admin, of, "pump"));
    let phone = Place::new();
    for of in ["garden", "lab"] {
        let invite = fleet(&admin, &["invite", "bert", "--role", "operator", "--fleet", of]);
        pair(&phone, &[&invite]).with(0);
    }
    let ended = phone.run(&["--on", "pump", "echo", "x"]).with(125);
    let says = "pump is a box of several fleets: name one of garden/pump, lab/pump";
    assert!(ended.err.contains(says), "{ended:?}");
    for name in ["garden/pump", "lab/pump"] {
        eventually("the box admits the person", || {
            phone.run(&["--on", name, "echo", "x"]).out == "x\n"
        });
    }
    let all = lines(&phone.run(&["--on", "all", "--json", "echo", "x"]).with(0).out);
    for name in ["garden/pump", "lab/pump"] {
        assert_eq!(result(&all, name)["exitCode"], 0, "{all:?}");
    }
}

#[test]
fn a_command_on_all_boxes_goes_on_while_the_roster_changes_and_a_removed_box_is_reported() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let boxes = ["pump-1", "pump-2"].map(|name| member(&admin, "garden", name));
    let file = admin.path("go");
    let args = ["run", "--on", "all", "--json", "wait-for", text(&file)];
    let runs = |each: &Box| each.place.json(&["status"])["runs"]["running"].as_u64();
    let start = || {
        let running = admin.start(&args);
        eventually("both boxes run it", || boxes.iter().all(|each| runs(each) == Some(1)));
        running
    };
    let version = |each: &Box| each.place.json(&["status"])["fleet"]["rosterVersion"].as_u64();

    let running = start();
    let before = version(&boxes[0]);
    fleet(&admin, &["tag", "pump-1", "wet"]);
    eventually("the boxes have the new roster", || version(&boxes[0]) > before);
    std::fs::write(&file, "").unwrap();
    let all = lines(&running.end_by_itself().with(0).out);
    assert_eq!(result(&all, "pump-1")["exitCode"], 0, "{all:?}");

    std::fs::remove_file(&file).unwrap();
    let running = start();
    fleet(&admin, &["remove", "pump-2", "--yes"]);
    eventually("the box is removed", || {
        boxes[1].place.json(&["status"])["fleet"]["member"] == false
    });
    std::fs::write(&file, "").unwrap();
    let ended = running.end_by_itself();
    let all = lines(&ended.out);
    assert_eq!(result(&all, "pump-1")["exitCode"], 0, "{all:?}");
    let removed = result(&all, "pump-2").to_string();
    assert!(removed.contains("no longer a person of the fleet garden"), "{removed}");
    assert_ne!(ended.status, Some(0), "{ended:?}");
}

#[test]
fn a_hub_that_comes_back_with_another_key_is_reported_and_used_again_with_its_own() {
    let Some(mut hub) = Hub::new() else { return };
    let admin = hub.admin();
    let garden = member(&admin, "garden", "pump");
    let on = ["--on", "pump", "--via", "hub", "echo", "x"];
    eventually("the box admits its admin", || admin.run(&on).out == "x\n");
    let figures = || {
        ["hub_connected", "fleet_member", "fleet_fault", "fleet_roster_version"]
            .map(|name| figure(&garden, &format!("topside_{name}")))
    };
    let [connected, member, fault, version] = figures();
    assert_eq!((connected, member, fault), (Some(1), Some(1), Some(0)));
    let status = || garden.place.json(&["status"])["fleet"].clone();
    assert_eq!(version, status()["rosterVersion"].as_u64());
    assert!(figure(&garden, "topside_fleet_roster_age_seconds").is_some_and(|age| age < 300));
    hub.stop();
    hub.init("other").with(0);
    hub.start("other");
    let says = "is not the hub of garden: it has another key";
    let ended = admin.run(&on).with(125);
    assert!(ended.err.contains(says), "{ended:?}");
    let ended = admin.verb(&["fleet", "boxes"]).with(0);
    assert!(ended.err.contains(says) && ended.out.contains("pump"), "{ended:?}");
    let doctor = garden.place.verb(&["serve", "doctor"]).with(1).out;
    assert!(doctor.contains(says), "{doctor}");
    let status = status();
    assert_eq!((&status["member"], &status["connected"]), (&true.into(), &false.into()));
    assert_eq!(figures()[..2], [Some(0), Some(1)]);
    // What needs no hub goes on.
    assert_eq!(garden.place.run(&["echo", "here"]).with(0).out, "here\n");
    hub.stop();
    hub.start("hub");
    eventually("the box is back", || admin.run(&on).out == "x\n");
    assert_eq!(figures()[..2], [Some(1), Some(1)]);
    garden.verb(&["leave"]);
    eventually("without a hub there is no figure of it", || figures() == [None; 4]);
}

#[test]
fn a_box_that_takes_no_more_connections_has_its_sentence() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    // A box at its limit, as far as a device can tell.
    let key = PrivateKey::from_seed(&Seed::from_bytes([5; 32])).unwrap();
    let string = fleet(&admin, &["invite-box", "--auto"]);
    let string = JoinString::find(&string, HubRole::Box).unwrap();
    let enrolment = PrivateKey::from_seed(&string.enrolment.as_ref().unwrap().seed).unwrap();
    let announcement = Announcement {
        kind: AnnouncementKind::Box,
        fleet: string.access.fleet.clone(),
        name: "pump".to_owned(),
        pin: key.pin(),
        made_at: Time::now(),
    };
    let announcement = announcement.sign(&key, &enrolment).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_at_hub, mut dials) = runtime.block_on(async {
        let at_hub = HubConnection::open(&string.access).await.unwrap();
        at_hub.bucket().put(&box_key(&key.pin()), announcement.into()).await.unwrap();
        let dials = at_hub.listen(&key.pin()).await.unwrap();
        // The hub has seen the subscription.
        at_hub.bucket().get(&box_key(&key.pin())).await.unwrap();
        (at_hub, dials)
    });
    runtime.spawn(async move {
        while let Some(dial) = dials.next().await {
            dial.refuse(Refusal::Busy).await.unwrap();
        }
    });
    let ended = admin.run(&["--on", "pump", "--via", "hub", "echo", "x"]).with(125);
    let says = "accepts no connection through the hub of garden now: too many are being set up";
    assert!(ended.err.contains(says), "{ended:?}");
}
