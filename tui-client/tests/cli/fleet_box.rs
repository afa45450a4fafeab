//! Boxes of a fleet: the real programs, with a nats-server on loopback.

use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use topside_shared::fleet::{JoinString, Presence, PresenceState, ROSTER_KEY, presence_key};
use topside_shared::hub::{Bucket, HubConnection, HubRole};
use topside_shared::tls::{any_name, client_config};
use topside_shared::{Pin, Time};

use crate::common::{Ended, Place, eventually, text};
use crate::hub_server::Hub;
use crate::remote_server::{Box, pair};

fn fleet(place: &Place, args: &[&str]) -> Ended {
    place.verb(&[&["fleet"], args].concat())
}

fn string(admin: &Place, args: &[&str]) -> String {
    fleet(admin, args).with(0).out.trim_end().to_owned()
}

/// Ends the server in order.
fn stop(garden: &mut Box) {
    let pid = i32::try_from(garden.server.pid()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    assert_eq!(garden.server.wait(), Some(0));
}

/// What the box says of its fleet.
fn standing(garden: &Box) -> Value {
    garden.place.json(&["status"])["fleet"].clone()
}

fn is_member(garden: &Box) {
    eventually("the box is a member", || standing(garden)["member"] == true);
}

fn has_fault(garden: &Box, says: &str) {
    eventually(says, || {
        standing(garden)["problem"].as_str().is_some_and(|problem| problem.contains(says))
    });
}

fn admin_bucket(hub: &Hub, runtime: &tokio::runtime::Runtime) -> Bucket {
    let access = hub.credentials().access(HubRole::Admin, &"garden".parse().unwrap());
    runtime.block_on(HubConnection::open(&access)).unwrap().bucket()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// A person's device that has joined the fleet.
fn person(hub: &Hub, args: &[&str]) -> Place {
    let phone = Place::new();
    pair(&phone, &[&string(&hub.admin(), args)]).with(0);
    phone
}

/// The name by which the fleet knows its only box.
fn only_box(admin: &Place) -> String {
    let boxes = admin.json(&["fleet", "boxes"]);
    boxes["boxes"][0]["name"].as_str().unwrap().to_owned()
}

#[test]
fn people_of_a_fleet_use_a_box_until_they_are_removed() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let garden = Box::with(Place::new());
    let told = garden.verb(&["join", &string(&admin, &["invite-box", "--auto"])]);
    assert!(told.starts_with("Joined the fleet garden (127.0.0.1:"), "{told}");
    assert!(told.contains("The box is a member from then on"), "{told}");
    is_member(&garden);
    let phone = person(&hub, &["invite", "bert", "--role", "operator"]);
    eventually("the box knows both people", || standing(&garden)["people"] == 2);

    // Nothing was paired.
    let name = only_box(&admin);
    let on = ["--on", &name, "--via", "hub"];
    assert_eq!(phone.run(&[&on[..], &["echo", "one"]].concat()).with(0).out, "one\n");
    phone.run(&[&on[..], &["own-status", "7"]].concat()).with(7);
    assert_eq!(admin.run(&[&on[..], &["echo", "two"]].concat()).with(0).out, "two\n");
    let mut lines = phone.start(&on);
    lines.write("echo here\n");
    assert_eq!(lines.line(), "here\n");
    let clients = garden.place.json(&["clients"]);
    let row = clients["clients"].as_array().unwrap().iter().find(|row| row["address"] == "hub");
    assert_eq!(row.unwrap()["user"], "bert@garden", "{clients}");
    let log = garden.verb(&["audit", "show"]);
    assert!(log.contains("fleet/roster"), "{log}");
    let status = garden.place.verb(&["status"]).with(0).out;
    assert!(status.contains("garden: member, 2 people admitted; roster "), "{status}");

    let told = garden.place.verb(&["serve", "doctor"]).out;
    assert!(told.contains("accepts the credential `box`, and the server listens there"), "{told}");
    assert!(told.contains("member of garden, 2 people admitted; roster "), "{told}");
    assert!(told.contains("the clocks of the box and of the hub agree within "), "{told}");

    fleet(&admin, &["remove", "bert", "--yes"]).with(0);
    let ended = lines.end_by_itself().with(125);
    assert!(ended.err.contains("no longer a person of the fleet garden"), "{ended:?}");
    let ended = phone.run(&[&on[..], &["echo", "x"]].concat());
    assert_ne!(ended.status, Some(0), "{ended:?}");
    assert_eq!(admin.run(&[&on[..], &["echo", "two"]].concat()).with(0).out, "two\n");

    // The box leaves: the people of the fleet are admitted no more.
    let mut lines = admin.start(&on);
    lines.write("echo here\n");
    assert_eq!(lines.line(), "here\n");
    let told = garden.verb(&["leave"]);
    assert!(told.starts_with("Left the fleet garden"), "{told}");
    lines.end_by_itself().with(125);
    eventually("the box has no fleet", || standing(&garden).is_null());
    assert_eq!(garden.verb(&["leave"]), "The box has joined no fleet");
}

#[test]
fn a_box_waits_for_an_admin_and_tags_limit_who_uses_it() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let garden = Box::with(Place::new());
    let told = garden.verb(&["join", &string(&admin, &["invite-box", "--tag", "wet"])]);
    assert!(told.contains("topside fleet accept"), "{told}");
    eventually("the box waits", || {
        let standing = standing(&garden);
        standing["member"] == false
            && standing["whyNoMember"].as_str().unwrap().contains("has to accept the box")
    });
    assert_eq!(standing(&garden)["people"], 0);
    fleet(&admin, &["accept", "--all"]).with(0);
    is_member(&garden);
    let wet = person(&hub, &["invite", "wera", "--role", "operator", "--tag", "wet"]);
    let dry = person(&hub, &["invite", "dora", "--role", "operator", "--tag", "dry"]);
    eventually("anna and wera are admitted", || standing(&garden)["people"] == 2);
    let pin = garden.verb(&["id"]);
    assert!(pin.starts_with("sha256:"));
    let name = only_box(&admin);
    let run = |place: &Place| place.run(&["--on", &name, "--via", "hub", "echo", "x"]);
    assert_eq!(run(&wet).with(0).out, "x\n");
    assert_ne!(run(&dry).status, Some(0));

    fleet(&admin, &["remove", &name, "--yes"]).with(0);
    eventually("the box is removed", || {
        let standing = standing(&garden);
        standing["whyNoMember"] == "the box was removed from the fleet" && standing["people"] == 0
    });
}

#[test]
fn a_box_keeps_its_roster_while_the_hub_is_away_and_accepts_no_older_one() {
    let Some(mut hub) = Hub::new() else { return };
    let admin = hub.admin();
    let mut garden = Box::with(Place::new());
    garden.verb(&["join", &string(&admin, &["invite-box", "--auto"])]);
    is_member(&garden);
    let runtime = runtime();
    let bucket = admin_bucket(&hub, &runtime);
    let old = runtime.block_on(bucket.get(ROSTER_KEY)).unwrap().unwrap().value;
    let before = standing(&garden)["rosterVersion"].as_u64().unwrap();
    // The change lists the box.
    let phone = person(&hub, &["invite", "bert", "--role", "operator"]);
    string(&admin, &["invite", "carl", "--role", "viewer"]);
    string(&admin, &["invite", "dora", "--role", "viewer"]);
    eventually("the box has the newer roster", || {
        let standing = standing(&garden);
        // Each of the three invites is a change.
        standing["rosterVersion"] == before + 3 && standing["people"] == 2
    });
    let version = standing(&garden)["rosterVersion"].clone();

    for (value, says) in
        [(old, "older than the accepted version"), ("{}".into(), "the roster cannot be read")]
    {
        runtime.block_on(bucket.put(ROSTER_KEY, value)).unwrap();
        has_fault(&garden, says);
        let standing = standing(&garden);
        assert_eq!((&standing["rosterVersion"], &standing["people"]), (&version, &2.into()));
    }
    let shown = garden.place.verb(&["status"]).with(0).out;
    assert!(shown.contains("the roster cannot be read"), "{shown}");

    drop(bucket);
    hub.stop();
    stop(&mut garden);
    garden.server = garden.place.serve();
    let standing = standing(&garden);
    assert_eq!((&standing["member"], &standing["connected"]), (&true.into(), &false.into()));
    assert_eq!((&standing["rosterVersion"], &standing["people"]), (&version, &2.into()));
    has_fault(&garden, "cannot be reached");
    hub.start("hub");
    has_fault(&garden, "the roster cannot be read");
    // An admin's next change restores it.
    string(&admin, &["invite", "emil", "--role", "viewer"]);
    eventually("the roster is whole again", || {
        let standing = self::standing(&garden);
        standing["problem"].is_null() && standing["rosterVersion"].as_u64() > version.as_u64()
    });
    drop(phone);
}

#[test]
fn each_join_string_that_is_no_good_has_its_sentence() {
    let Some(mut hub) = Hub::new() else { return };
    let admin = hub.admin();
    let garden = Box::with(Place::new());
    let refused = |join: &str, says: &str| {
        let ended = garden.place.verb(&["serve", "join", join]).with(1);
        assert!(ended.err.contains(says) && ended.err.lines().count() == 1, "{says}: {ended:?}");
        assert!(standing(&garden).is_null());
    };
    let good = string(&admin, &["invite-box", "--auto", "--uses", "1"]);
    refused(&good[..good.len() - 3], "mistyped or cut off");
    refused(
        &string(&admin, &["invite", "bert", "--role", "viewer"]),
        "this string is for `topside pair`",
    );
    let read = JoinString::find(&good, HubRole::Box).unwrap();
    refused(&read.without_enrolment().to_string(), "has no invite");
    let mut expired = read.clone();
    expired.enrolment.as_mut().unwrap().until = Time::from_millis(0);
    refused(&expired.to_string(), "this string expired at 1970-01-01T00:00:00.000Z");
    let mut other = read.clone();
    other.authority = Pin::from_bytes([9; 32]);
    refused(&other.to_string(), "signed by another key than the authority of garden");
    let mut unknown = read.clone();
    unknown.enrolment.as_mut().unwrap().seed =
        topside_shared::private_key::Seed::from_bytes([9; 32]);
    refused(&unknown.to_string(), "does not know this string");

    // Another box has used it up, which the next change of an admin records.
    let first = Box::with(Place::new());
    first.verb(&["join", &good]);
    is_member(&first);
    fleet(&admin, &["invite-box"]).with(0);
    refused(&good, "this string is used up");

    // A member does not join another fleet.
    let second = hub.credentials().to_string();
    fleet(&admin, &["create", "lab", "--as", "anna", "--hub", &second]).with(0);
    let lab = string(&admin, &["invite-box", "--fleet", "lab"]);
    let ended = first.place.verb(&["serve", "join", &lab]).with(1);
    assert!(
        ended.err.contains("the box has joined the fleet garden: `topsided leave` first"),
        "{ended:?}"
    );

    let file = garden.place.path("string");
    garden.place.write("string", &string(&admin, &["invite-box", "--auto", "--fleet", "garden"]));
    hub.stop();
    let told = garden.verb(&["join", "--file", text(&file)]);
    assert!(told.contains("note: ") && told.contains("the server will try again"), "{told}");
    hub.start("hub");
    is_member(&garden);
}

#[test]
fn a_box_says_that_it_is_there_and_that_it_stops() {
    let Some(hub) = Hub::new() else { return };
    let mut garden = Box::with(Place::new());
    garden.verb(&["join", &string(&hub.admin(), &["invite-box", "--auto"])]);
    is_member(&garden);
    let pin: Pin = garden.verb(&["id"]).parse().unwrap();
    let runtime = runtime();
    let bucket = admin_bucket(&hub, &runtime);
    let presence = || {
        let entry = runtime.block_on(bucket.get(&presence_key(&pin))).unwrap()?;
        Presence::read(&entry.value)
    };
    eventually("the box has written its presence", || presence().is_some());
    let read = presence().unwrap();
    assert_eq!((read.state, read.shutdown, read.every), (PresenceState::Up, None, 30));
    garden.place.verb(&["shutdown", "--in", "1h", "--yes"]).with(0);
    eventually("the shutdown is announced", || presence().unwrap().shutdown.is_some());
    stop(&mut garden);
    assert_eq!(presence().unwrap().state, PresenceState::Stopping);
}

#[test]
fn a_box_joins_at_its_start_by_a_variable_or_a_file() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let invite = string(&admin, &["invite-box", "--auto", "--uses", "2"]);
    for variable in ["TOPSIDE_JOIN", "TOPSIDE_JOIN_FILE"] {
        let place = Place::new();
        place.listen();
        place.write("string", &format!("{invite}\n"));
        let file = place.path("string");
        let value = if variable == "TOPSIDE_JOIN" { &invite } else { text(&file) };
        let server = place.serve_by(place.topside(&["serve"]).env(variable, value));
        let mut garden = Box { place, server };
        is_member(&garden);
        // The file of the fleet counts from then on.
        stop(&mut garden);
        garden.server =
            garden.place.serve_by(garden.place.topside(&["serve"]).env(variable, "wrong"));
        is_member(&garden);
    }
}

/// A device without a key: the hub asks for a password.
#[derive(Debug)]
struct NoKey;

impl rustls::client::ResolvesClientCert for NoKey {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Asks a service as the tools of NATS do, by the protocol itself; the first answer.
async fn ask_service(hub: &Hub, subject: &str) -> Value {
    let credentials = hub.credentials();
    let tcp = tokio::net::TcpStream::connect(("127.0.0.1", hub.server.port)).await.unwrap();
    let mut tcp = BufReader::new(tcp);
    let mut line = String::new();
    tcp.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("INFO "), "{line}");
    let config = client_config(credentials.hub, Arc::new(NoKey)).unwrap();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = tls.connect(any_name(), tcp.into_inner()).await.unwrap();
    let mut stream = BufReader::new(stream);
    let password = credentials.password(HubRole::Admin);
    let sent = format!(
        "CONNECT {{\"user\":\"admin\",\"pass\":\"{password}\",\"tls_required\":true,\"verbose\":false}}\r\n\
         SUB _INBOX.a.* 1\r\nPUB {subject} _INBOX.a.b 0\r\n\r\n"
    );
    stream.write_all(sent.as_bytes()).await.unwrap();
    loop {
        line.clear();
        assert!(stream.read_line(&mut line).await.unwrap() > 0, "the hub has hung up");
        if line.starts_with("PING") {
            stream.write_all(b"PONG\r\n").await.unwrap();
        } else if line.starts_with("MSG ") {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            return serde_json::from_str(&line).unwrap();
        } else {
            assert!(!line.starts_with("-ERR"), "{line}");
        }
    }
}

#[test]
fn a_box_answers_the_discovery_of_nats_services() {
    let Some(hub) = Hub::new() else { return };
    let garden = Box::with(Place::new());
    garden.verb(&["join", &string(&hub.admin(), &["invite-box", "--auto"])]);
    is_member(&garden);
    let pin: Pin = garden.verb(&["id"]).parse().unwrap();
    let id = topside_shared::hub::digits(&pin);
    let runtime = runtime();
    let ask = |subject: &str| runtime.block_on(ask_service(&hub, subject));
    for (subject, kind) in [
        ("$SRV.PING".to_owned(), "ping"),
        ("$SRV.INFO.topside".to_owned(), "info"),
        (format!("$SRV.STATS.topside.{id}"), "stats"),
    ] {
        let answer = ask(&subject);
        assert_eq!(answer["type"], format!("io.nats.micro.v1.{kind}_response"));
        assert_eq!((&answer["name"], &answer["id"]), (&"topside".into(), &id.clone().into()));
        assert_eq!(answer["endpoints"].is_array(), kind != "ping", "{answer}");
    }
}
