//! Fleets: the verbs of admins and people, against a nats-server with JetStream.

use serde_json::Value;
use topside_shared::fleet::{
    Announcement, AnnouncementKind, JoinString, ROSTER_KEY, Roster, box_key,
};
use topside_shared::hub::{HubConnection, HubRole};
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::time::Time;
use topside_shared::{Pin, Role};

use crate::common::{Ended, Place, text};
use crate::hub_server::{Hub, invite};
use crate::remote_server::{Box, pair};

fn fleet(place: &Place, args: &[&str]) -> Ended {
    place.verb(&[&["fleet"], args].concat())
}

/// The object that a verb of `topside fleet` prints with `--json`.
fn json(place: &Place, args: &[&str]) -> Value {
    place.json(&[&["fleet"], args].concat())
}

fn texts<'v>(value: &'v Value, list: &str, field: &str) -> Vec<&'v str> {
    value[list].as_array().unwrap().iter().map(|row| row[field].as_str().unwrap()).collect()
}

/// The string that an invite prints.
fn string(place: &Place, args: &[&str]) -> String {
    fleet(place, args).with(0).out.trim_end().to_owned()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

fn key(byte: u8) -> PrivateKey {
    PrivateKey::from_seed(&Seed::from_bytes([byte; 32])).unwrap()
}

fn pin(byte: u8) -> Pin {
    key(byte).pin()
}

/// Has boxes announce themselves with a join string, each with the key of a byte.
async fn announce(string: &str, boxes: &[(u8, &str)]) {
    for (byte, name) in boxes {
        announce_as(string, &key(*byte), name).await;
    }
}

async fn announce_as(string: &str, key: &PrivateKey, name: &str) {
    let string = JoinString::find(string, HubRole::Box).unwrap();
    let enrolment = PrivateKey::from_seed(&string.enrolment.clone().unwrap().seed).unwrap();
    let hub = HubConnection::open(&string.access).await.unwrap();
    let announcement = Announcement {
        kind: AnnouncementKind::Box,
        fleet: string.access.fleet.clone(),
        name: name.to_owned(),
        pin: key.pin(),
        made_at: Time::now(),
    };
    let text = announcement.sign(key, &enrolment).unwrap();
    hub.bucket().put(&box_key(&key.pin()), text.into()).await.unwrap();
}

#[test]
fn an_admin_creates_a_fleet_and_a_person_joins_it_by_one_string() {
    let Some(hub) = Hub::new() else { return };
    let admin = Place::new();
    let credentials = hub.credentials().to_string();
    let create = ["create", "garden", "--as", "anna", "--hub", &credentials];
    let told = fleet(&admin, &create).with(0);
    assert!(told.out.starts_with("Created the fleet garden at the hub 127.0.0.1:"), "{told:?}");
    assert!(told.out.contains("This device is anna there, admin"), "{told:?}");
    let fleets = json(&admin, &["list"]);
    let row = &fleets["fleets"][0];
    assert_eq!(
        (&row["fleet"], &row["role"], &row["authority"]),
        (&"garden".into(), &"admin".into(), &true.into()),
        "{row}"
    );

    let invite = string(&admin, &["invite", "bert", "--role", "operator", "--tag", "wet"]);
    assert!(invite.starts_with("topsideme1:"), "{invite}");
    let pending = json(&admin, &["pending"]);
    assert_eq!(texts(&pending, "invites", "person"), ["bert"]);
    let phone = Place::new();
    let told = pair(&phone, &[&invite]).with(0).out;
    assert!(told.starts_with("Joined the fleet garden: it is bert there, operator.\n"), "{told}");
    let told = pair(&phone, &[&invite]).with(0).out;
    assert!(told.starts_with("This device is in the fleet garden: it is bert there"), "{told}");
    let row = &json(&phone, &["list"])["fleets"][0];
    assert_eq!((&row["name"], &row["authority"]), (&"bert".into(), &false.into()), "{row}");

    // The next change of an admin lists bert, who stays a member after the end of the invite.
    let people = json(&admin, &["people"]);
    assert_eq!(texts(&people, "people", "name"), ["anna", "bert"]);
    fleet(&admin, &["tag", "bert", "wet,dry"]).with(0);
    let people = json(&phone, &["people"]);
    assert_eq!(people["people"][1]["tags"], serde_json::json!(["wet", "dry"]), "{people}");
    assert_eq!(json(&admin, &["pending"])["invites"], serde_json::json!([]));
    let pin = phone.verb(&["id"]).with(0).out;
    assert_eq!(people["people"][1]["pin"], pin.trim_end());

    // What a person may not do.
    let ended = fleet(&phone, &["invite", "carl", "--role", "admin"]).with(126);
    assert!(ended.err.contains("does not have its authority"), "{ended:?}");
    fleet(&admin, &["remove", "bert", "--yes"]).with(0);
    let people = json(&phone, &["people"]);
    assert_eq!(texts(&people, "people", "name"), ["anna"]);
    let ended = pair(&phone, &[&invite]).with(125);
    assert!(ended.err.contains("was used already"), "{ended:?}");
    fleet(&phone, &["leave", "garden", "--yes"]).with(0);
    let ended = fleet(&phone, &["boxes"]).with(126);
    assert!(ended.err.contains("this device has no fleet"), "{ended:?}");
}

#[test]
fn boxes_wait_until_an_admin_accepts_or_refuses_them() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let invite = string(&admin, &["invite-box", "--tag", "wet", "--uses", "3"]);
    let runtime = runtime();
    let all = [(1, "pump"), (2, "pump"), (3, "clock"), (4, "late")];
    runtime.block_on(announce(&invite, &all));
    let pending = json(&admin, &["pending"]);
    assert_eq!(texts(&pending, "boxes", "name"), ["pump", "pump", "clock"]);
    let told = fleet(&admin, &["accept", "pump"]).with(126).err;
    assert!(told.contains("stands for 2 of them: give the first digits of the pin"), "{told}");
    let told = fleet(&admin, &["accept", "late"]).with(126).err;
    assert!(told.contains("used up"), "{told}");
    fleet(&admin, &["accept", "nosuch"]).with(127);
    assert!(fleet(&admin, &["boxes"]).with(0).out.contains("no box is a member"));

    fleet(&admin, &["accept", &pin(1).digits()[..12]]).with(0);
    fleet(&admin, &["refuse", "clock"]).with(0);
    let accepted = json(&admin, &["accept", "--all"]);
    let second = format!("pump-{}", &pin(2).digits()[..8]);
    // The refused box left its place to the next one.
    assert_eq!(accepted["accepted"], serde_json::json!([second, "late"]));
    let boxes = json(&admin, &["boxes"]);
    assert_eq!(texts(&boxes, "boxes", "name"), ["late", "pump", &second]);
    assert_eq!(boxes["boxes"][0]["tags"], serde_json::json!(["wet"]));
    assert_eq!(boxes["boxes"][0]["state"], "unknown");

    // A refused box that announces itself again stays outside, until it is accepted by its name.
    runtime.block_on(announce(&invite, &[(3, "clock")]));
    let told = fleet(&admin, &["pending"]).with(0).out;
    assert!(told.contains("clock") && told.contains("removed before"), "{told}");
    assert!(fleet(&admin, &["accept", "--all"]).with(127).err.contains("no box waits"));
    fleet(&admin, &["accept", "clock", "--name", "sundial"]).with(0);
    fleet(&admin, &["tag", "sundial", ""]).with(0);
    fleet(&admin, &["remove", "pump", "--yes"]).with(0);
    let boxes = json(&admin, &["boxes"]);
    assert_eq!(texts(&boxes, "boxes", "name"), ["late", &second, "sundial"]);
    assert_eq!(boxes["boxes"][2]["tags"], serde_json::json!([]));
}

#[test]
fn an_invite_with_auto_makes_the_first_boxes_members_at_once() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let invite = string(&admin, &["invite-box", "--auto", "--uses", "2", "--tag", "kiosk"]);
    let person = string(&admin, &["invite", "bert", "--role", "viewer"]);
    runtime().block_on(announce(&invite, &[(5, "one"), (6, "two"), (7, "three")]));
    let phone = Place::new();
    let told = pair(&phone, &[&person]).with(0).out;
    assert!(told.contains("It may use 2 boxes"), "{told}");
    for place in [&*admin, &phone] {
        assert_eq!(texts(&json(place, &["boxes"]), "boxes", "name"), ["one", "two"]);
    }
    // A removed box holds the invite still, and is no member again.
    fleet(&admin, &["remove", "one", "--yes"]).with(0);
    runtime().block_on(announce(&invite, &[(5, "one")]));
    assert_eq!(texts(&json(&phone, &["boxes"]), "boxes", "name"), ["two"]);
    let digits = &texts(&json(&admin, &["pending"]), "boxes", "name").len().to_string();
    assert_eq!(digits, "1", "the removed box is shown to the admin");
}

#[test]
fn each_string_that_does_not_fit_has_its_sentence() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let credentials = hub.credentials().to_string();
    let person = string(&admin, &["invite", "bert", "--role", "viewer"]);
    let boxes = string(&admin, &["invite-box"]);
    let phone = Place::new();
    for (string, says) in [
        (&person[..person.len() - 3], "mistyped or cut off"),
        (&person.replacen("me1:", "me2:", 1), "newer version"),
        (&boxes, "this string is for `topsided join` on a box"),
        (&credentials, "this string is for `topside fleet create`"),
    ] {
        let ended = pair(&phone, &[string]).with(125);
        assert!(ended.err.contains(says) && ended.err.lines().count() == 1, "{says}: {ended:?}");
    }
    for (string, says) in [
        (&person, "this string is for `topside pair`"),
        (&boxes, "this string is for `topsided join` on a box"),
        (&credentials[..60].to_owned(), "mistyped or cut off"),
    ] {
        let ended = fleet(&phone, &["create", "other", "--hub", string]).with(126);
        assert!(ended.err.contains(says), "{says}: {ended:?}");
    }
    let ended = fleet(&phone, &["create", "other"]).with(126);
    assert!(ended.err.contains("a new fleet needs a hub"), "{ended:?}");
    let ended = fleet(&phone, &["create", "a.b", "--hub", &credentials]).with(126);
    assert!(ended.err.contains("the name of a fleet is 1 to 64 letters"), "{ended:?}");
    // Another device cannot take the name of a fleet.
    let ended = fleet(&phone, &["create", "garden", "--hub", &credentials]).with(125);
    assert!(ended.err.contains("the hub has a fleet garden already"), "{ended:?}");
    let ended = fleet(&admin, &["invite", "bert", "--role", "viewer"]).with(126);
    assert!(ended.err.contains("has a person called bert, or an invite for one"), "{ended:?}");

    // Withdrawn, expired, used by another device.
    fleet(&admin, &["refuse", "bert"]).with(0);
    let ended = pair(&phone, &[&person]).with(125);
    assert!(ended.err.contains("does not know this invite, or has withdrawn it"), "{ended:?}");
    let short = string(&admin, &["invite", "carl", "--role", "viewer", "--ttl", "1ms"]);
    let ended = pair(&phone, &[&short]).with(125);
    assert!(ended.err.contains("has expired"), "{ended:?}");
    let used = string(&admin, &["invite", "dora", "--role", "viewer"]);
    pair(&Place::new(), &[&used]).with(0);
    let ended = pair(&phone, &[&used]).with(125);
    assert!(ended.err.contains("was used already"), "{ended:?}");
    assert!(!phone.path("state/fleets/garden/access").exists());

    // A fleet of the same name with another authority.
    let Some(other) = Hub::new() else { return };
    let other_admin = other.admin();
    let other = string(&other_admin, &["invite", "bert", "--role", "viewer"]);
    let mine = string(&admin, &["invite", "emil", "--role", "viewer"]);
    pair(&phone, &[&mine]).with(0);
    let ended = pair(&phone, &[&other]).with(125);
    assert!(
        ended.err.contains("has another fleet called garden, with another authority"),
        "{ended:?}"
    );
}

#[test]
fn a_hub_that_is_down_has_another_key_or_no_jetstream_has_its_sentence() {
    let Some(mut hub) = Hub::new() else { return };
    let admin = hub.admin();
    let person = string(&admin, &["invite", "bert", "--role", "viewer"]);
    hub.stop();
    let ended = fleet(&admin, &["invite-box"]).with(125);
    assert!(ended.err.contains("the hub of garden cannot be reached at 127.0.0.1:"), "{ended:?}");
    // What this device knows is shown all the same.
    let ended = fleet(&admin, &["people"]).with(0);
    assert!(ended.out.contains("anna") && ended.err.contains("cannot be reached"), "{ended:?}");

    hub.init("other").with(0);
    hub.start("other");
    let ended = pair(&Place::new(), &[&person]).with(125);
    assert!(ended.err.contains("is not the hub of garden: it has another key"), "{ended:?}");
    hub.stop();

    let config = hub.dir.path().join("hub/nats-server.conf");
    let text = std::fs::read_to_string(&config).unwrap();
    let start = text.find("jetstream {").unwrap();
    let end = start + text[start..].find("}\n").unwrap() + 2;
    std::fs::write(&config, format!("{}{}", &text[..start], &text[end..])).unwrap();
    hub.start("hub");
    let hub_string = hub.credentials().to_string();
    let ended = fleet(&Place::new(), &["create", "new", "--hub", &hub_string]).with(125);
    assert!(ended.err.contains("the hub has no JetStream"), "{ended:?}");
}

#[test]
fn a_roster_that_is_older_or_of_another_key_is_refused_and_the_next_change_restores_it() {
    let Some(mut hub) = Hub::new() else { return };
    let admin = hub.admin();
    let person = string(&admin, &["invite", "bert", "--role", "viewer"]);
    let phone = Place::new();
    pair(&phone, &[&person]).with(0);
    let garden = "garden".parse().unwrap();
    let runtime = runtime();
    let bucket = runtime.block_on(async {
        let access = hub.credentials().access(HubRole::Admin, &garden);
        HubConnection::open(&access).await.unwrap().bucket()
    });
    let old = runtime.block_on(bucket.get(ROSTER_KEY)).unwrap().unwrap().value;
    fleet(&admin, &["tag", "bert", "wet"]).with(0);
    json(&phone, &["people"]);
    runtime.block_on(bucket.put(ROSTER_KEY, old)).unwrap();
    let ended = fleet(&phone, &["people"]).with(0);
    assert!(ended.err.contains("older than the accepted version"), "{ended:?}");
    assert!(ended.out.contains("wet"), "{ended:?}");

    let other = PrivateKey::from_seed(&Seed::from_bytes([9; 32])).unwrap();
    let forged = Roster::new("garden".parse().unwrap(), Vec::new(), Time::now());
    let forged = forged.sign(&other).unwrap();
    runtime.block_on(bucket.put(ROSTER_KEY, forged.text().to_owned().into())).unwrap();
    let ended = fleet(&phone, &["people"]).with(0);
    assert!(ended.err.contains("signed by another key than the authority of garden"), "{ended:?}");
    fleet(&admin, &["tag", "bert", "dry"]).with(0);
    let ended = fleet(&phone, &["people"]).with(0);
    assert!(ended.out.contains("dry") && ended.err.is_empty(), "{ended:?}");

    // A hub that has lost what it kept.
    hub.stop();
    std::fs::remove_dir_all(hub.dir.path().join("hub/jetstream")).unwrap();
    hub.start("hub");
    let ended = fleet(&phone, &["people"]).with(0);
    assert!(ended.err.contains("`topside fleet create garden`"), "{ended:?}");
    fleet(&admin, &["create", "garden"]).with(0);
    let ended = fleet(&phone, &["people"]).with(0);
    assert!(ended.out.contains("dry") && ended.err.is_empty(), "{ended:?}");
}

#[test]
fn the_authority_is_exported_to_the_device_of_a_second_admin() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let file = admin.path("authority");
    fleet(&admin, &["export", text(&file)]).with(0);
    let ended = fleet(&admin, &["export", text(&file)]).with(126);
    assert!(ended.err.contains("is there already"), "{ended:?}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let second = Place::new();
    let ended = fleet(&second, &["import", text(&file), "--as", "anna"]).with(126);
    assert!(ended.err.contains("has a person called anna already"), "{ended:?}");
    fleet(&second, &["import", text(&file), "--as", "bert"]).with(0);
    fleet(&second, &["invite", "carl", "--role", "viewer"]).with(0);
    let people = json(&admin, &["people"]);
    assert_eq!(texts(&people, "people", "name"), ["anna", "bert"]);
    assert_eq!(people["people"][1]["role"], Role::Admin.name());
    let cut = second.path("cut");
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&cut, &whole[..whole.len() - 80]).unwrap();
    let ended = fleet(&second, &["import", text(&cut)]).with(125);
    assert!(ended.err.contains("is no file of `topside fleet export`"), "{ended:?}");
}

/// The box admits this device by its own list of keys here.
#[test]
fn a_box_of_a_fleet_is_named_by_on_and_reached_through_the_hub() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let invite_box = string(&admin, &["invite-box", "--auto", "--uses", "2", "--tag", "wet"]);
    let garden = Box::with(Place::new());
    // The keys of the box accept this device; the roster of the fleet names the box.
    pair(&admin, &[&invite(&garden), "--name", "by-invite"]).with(0);
    admin.verb(&["delete", "by-invite", "--yes"]).with(0);
    garden.verb(&["join", &invite_box]);
    hub.is_joined(&garden);
    let key = garden.place.path("state/server.key");
    let key = PrivateKey::load(&key).unwrap().unwrap();
    runtime().block_on(announce_as(&invite_box, &key, "pump"));
    let run = |args: &[&str]| admin.run(args);
    // The name is not known yet on this device: the hub is asked.
    assert_eq!(run(&["--on", "pump", "echo", "one"]).with(0).out, "one\n");
    assert_eq!(run(&["--on", "garden/pump", "--via", "hub", "echo", "one"]).with(0).out, "one\n");
    let told = run(&["--on", "tag:wet", "echo", "one"]).with(0);
    assert!(told.out.contains("pump") && told.out.contains("one"), "{told:?}");
    run(&["--on", "all", "echo", "one"]).with(0);
    let told = run(&["--on", "tag:we", "echo", "one"]).with(2).err;
    assert!(
        told.contains("no saved server or box of a fleet has the tag we: did you mean wet"),
        "{told}"
    );
    let told = run(&["--on", "pump", "--via", "internet", "echo", "one"]).with(125).err;
    assert!(told.contains("has no route of its own over the internet"), "{told}");
    let told = run(&["--on", "nosuch", "echo", "one"]).with(125).err;
    assert!(told.contains("there is no saved server nosuch"), "{told}");
    let told = run(&["--on", "pupm", "echo", "one"]).with(125).err;
    assert!(told.contains("no box of a fleet is called pupm: did you mean pump?"), "{told}");
    assert_eq!(admin.json(&["status", "--on", "pump"])["clients"], 1);
}
