//! Invites, tokens and keys over the wire: who comes in, as what, and who does not any more. One file: the tests share
//! the readers of keys and of listeners.

use rustls::AlertDescription;
use serde_json::{Value, json};
use topside_shared::invite::Invite;

use crate::common::program::Topsided;
use crate::common::raw::error_of;
use crate::common::server::LOOPBACK;
use crate::common::{Device, Raw, TestServer};

fn invite(admin: &mut Raw, more: Value) -> (Device, Value) {
    let mut params = json!({"name": "phone", "role": "operator"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut made = admin.ok("key/invite", params);
    (Device::of_invite(made["invite"].as_str().unwrap()), made["key"].take())
}

fn states(admin: &mut Raw) -> Vec<(String, String)> {
    let keys = admin.ok("keys/list", json!({}))["keys"].take();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| (text(&key["name"]), text(&key["state"]))).collect()
}

fn listens(admin: &mut Raw) -> Vec<Value> {
    let listeners = admin.ok("server/status", json!({}))["listeners"].take();
    listeners.as_array().unwrap().iter().map(|one| one["transport"].clone()).collect()
}

#[test]
fn tcp_opens_with_the_first_invite_and_not_before() {
    let server = TestServer::remote("");
    let mut admin = server.connect();
    assert_eq!(listens(&mut admin), ["unix"]);
    assert!(!server.root().join("state/server.key").exists());
    let (device, key) = invite(&mut admin, json!({}));
    assert_eq!(listens(&mut admin), ["unix", "tls"]);
    assert_eq!(key["state"], "invited");
    drop(device.dial());
}

/// The host and the port that the invite names for the internet.
fn internet(invite: &str) -> (Option<String>, u16) {
    let invite: Invite = invite.parse().unwrap();
    (invite.router, invite.router_port)
}

#[test]
fn an_invite_names_the_address_of_a_port_that_is_forwarded_by_hand() {
    let router = "[router]\naddress = \"garden.example.org\"\nport = 18677\n";
    let named = (Some("garden.example.org".to_owned()), 18677);
    let server = TestServer::with("", &format!("{LOOPBACK}{router}"));
    let mut admin = server.connect();
    let params = json!({"name": "phone", "role": "operator"});
    let made = admin.ok("key/invite", params);
    assert_eq!(internet(made["invite"].as_str().unwrap()), named);
    let listeners = admin.ok("server/status", json!({}))["listeners"].take();
    let shown = json!({"transport": "router", "address": "garden.example.org:18677"});
    assert!(listeners.as_array().unwrap().contains(&shown), "{listeners}");
    // Without a server the verb reads the file.
    let topsided = Topsided::new();
    topsided.write("server.toml", router);
    let made = topsided.run(&["invite", "--name", "phone", "--role", "viewer"]);
    assert_eq!(internet(made.stdout.lines().next().unwrap()), named, "{made:?}");
}

#[test]
fn an_invite_has_the_name_of_the_box_that_the_file_gives() {
    let file = format!("{LOOPBACK}[server]\nname = \"garden shed\"\n");
    let named = |invite: &str| invite.parse::<Invite>().unwrap().name;
    let server = TestServer::with("", &file);
    let params = json!({"name": "phone", "role": "operator"});
    let made = server.connect().ok("key/invite", params);
    assert_eq!(named(made["invite"].as_str().unwrap()), "garden shed");
    // Without a server the verb reads the file.
    let topsided = Topsided::new();
    topsided.write("server.toml", "[server]\nname = \"garden shed\"\n");
    let made = topsided.run(&["invite", "--name", "phone", "--role", "viewer"]);
    assert_eq!(named(made.stdout.lines().next().unwrap()), "garden shed");
}

#[test]
fn the_port_at_the_router_is_that_of_the_server_where_the_file_names_no_other() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[listen]\nport = 9001\n[router]\naddress = \"2001:db8::7\"\n");
    let made = topsided.run(&["invite", "--name", "phone", "--role", "viewer"]);
    let named = (Some("2001:db8::7".to_owned()), 9001);
    assert_eq!(internet(made.stdout.lines().next().unwrap()), named, "{made:?}");
    let doctor = topsided.run(&["doctor"]).stdout;
    assert!(
        doctor.contains("[2001:db8::7]:9001 takes no connection from this machine"),
        "{doctor}"
    );
}

#[test]
fn an_invited_device_enrols_its_own_key_and_connects_with_it() {
    let server = TestServer::remote("");
    let mut admin = server.connect();
    let (one_time, _) = invite(&mut admin, json!({}));
    let device = one_time.enrol();
    let mut client = device.connect();
    let you = client.ok("initialize", json!({}))["you"].take();
    assert_eq!((&you["user"], &you["role"]), (&json!("phone"), &json!("operator")));
    assert!(you["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{you}");
    let clients = admin.ok("clients/list", json!({}))["clients"].take();
    let row = clients.as_array().unwrap().iter().find(|row| row["user"] == "phone").unwrap();
    assert_eq!((&row["connection"], &row["address"]), (&json!("same"), &you["address"]));
    let states = states(&mut admin);
    assert_eq!(states, [("phone", "used"), ("phone", "active")].map(|(n, s)| (n.into(), s.into())));
    let keys = admin.ok("keys/list", json!({}))["keys"].take();
    assert!(keys[1]["lastSeen"].is_string() && keys[1].get("expiresAt").is_none(), "{keys}");
}

#[test]
fn an_invites_key_is_for_enrolment_only() {
    let server = TestServer::remote("");
    let mut admin = server.connect();
    let (one_time, _) = invite(&mut admin, json!({"role": "admin"}));
    for (method, params) in [
        ("initialize", json!({})),
        ("ping", json!({})),
        ("command/run", json!({"command": "version"})),
        ("clients/list", json!({})),
        ("session/close", json!({})),
        ("key/invite", json!({"name": "x", "role": "admin"})),
    ] {
        let error = one_time.connect().refused(method, params);
        assert_eq!(error["data"]["kind"], "forbidden", "{method}: {error}");
    }
    one_time.enrol();
}

#[test]
fn key_enrol_is_for_invites_only() {
    let server = TestServer::remote("");
    let device = server.device("phone", "admin");
    let stream = device.tls_stream();
    let params = device.stranger().enrolment(&stream);
    let mut client = Raw::over(stream);
    assert_eq!(client.refused("key/enrol", params.clone())["data"]["kind"], "forbidden");
    assert_eq!(server.connect().refused("key/enrol", params)["data"]["kind"], "forbidden");
}

#[test]
fn an_enrolment_of_another_connection_is_not_taken() {
    let server = TestServer::remote("");
    let (one_time, _) = invite(&mut server.connect(), json!({}));
    let own = one_time.stranger();
    let overheard = own.enrolment(&one_time.tls_stream());
    let mut client = one_time.connect();
    let error = client.refused("key/enrol", overheard.clone());
    assert_eq!(error["data"]["argument"], "signature", "{error}");
    for (field, value) in [("key", "AAAA"), ("key", "!"), ("signature", "")] {
        let mut params = overheard.clone();
        params[field] = json!(value);
        let error = client.refused("key/enrol", params);
        assert_eq!(error["data"]["kind"], "invalidParams", "{error}");
    }
    assert_eq!(own.refusal(), Some(AlertDescription::AccessDenied));
    one_time.enrol();
}

/// It would stay valid for each person who has seen the invite.
#[test]
fn the_key_of_an_invite_does_not_enrol_itself() {
    let server = TestServer::remote("");
    let (one_time, _) = invite(&mut server.connect(), json!({}));
    let stream = one_time.tls_stream();
    let params = one_time.enrolment(&stream);
    let error = Raw::over(stream).refused("key/enrol", params);
    assert_eq!(error["data"]["argument"], "key", "{error}");
    one_time.enrol();
}

#[test]
fn a_refused_client_gets_the_reason() {
    let server = TestServer::remote("");
    let mut admin = server.connect();
    let (one_time, _) = invite(&mut admin, json!({}));
    let device = one_time.enrol();
    assert_eq!(one_time.refusal(), Some(AlertDescription::CertificateRevoked), "used");
    assert_eq!(device.stranger().refusal(), Some(AlertDescription::AccessDenied), "unknown");
    let (late, key) = invite(&mut admin, json!({"ttlMs": 1}));
    while json!(topside_shared::Time::now()).as_str() <= key["expiresAt"].as_str() {
        admin.ok("ping", json!({}));
    }
    assert_eq!(late.refusal(), Some(AlertDescription::CertificateExpired), "expired");
    drop(device.connect());
}

#[test]
fn a_revoked_key_ends_its_sessions_and_does_not_come_back() {
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer");
    let mut first = device.connect_with_notices();
    let mut second = device.connect_with_notices();
    let mut admin = server.connect();
    admin.ok("key/revoke", json!({"keyId": device.pin()}));
    for client in [&mut first, &mut second] {
        let ended = client.told("session/ended");
        assert_eq!(ended["code"], "revoked", "{ended}");
        client.eof();
    }
    assert_eq!(device.refusal(), Some(AlertDescription::CertificateRevoked));
    let error = admin.refused("key/revoke", json!({"keyId": device.pin()}));
    assert_eq!(error["data"]["kind"], "notFound");
}

#[test]
fn a_revoked_invite_is_refused() {
    let server = TestServer::remote("");
    let mut admin = server.connect();
    let (one_time, key) = invite(&mut admin, json!({}));
    let mut waiting = one_time.connect();
    admin.ok("key/revoke", json!({"keyId": key["keyId"]}));
    waiting.eof();
    assert_eq!(one_time.refusal(), Some(AlertDescription::CertificateRevoked));
}

#[test]
fn of_two_clients_with_one_invite_only_one_enrols() {
    let server = TestServer::remote("");
    let (one_time, _) = invite(&mut server.connect(), json!({}));
    let mut late = one_time.connect();
    one_time.enrol();
    late.eof();
    let states = states(&mut server.connect());
    assert_eq!(states.len(), 2, "{states:?}");
}

#[test]
fn a_session_ends_when_its_key_expires() {
    let server = TestServer::remote("");
    let mut admin = server.connect();
    let token = json!({"lasting": true, "commands": ["look"], "role": "viewer", "ttlMs": 10_000});
    let (script, _) = invite(&mut admin, token);
    let mut client = script.connect_with_notices();
    let ended = client.told("session/ended");
    assert_eq!(ended["code"], "revoked", "{ended}");
    assert_eq!(script.refusal(), Some(AlertDescription::CertificateExpired));
}

#[test]
fn a_token_runs_its_commands_and_nothing_else() {
    let server = TestServer::remote("");
    let mut admin = server.connect();
    let (script, key) =
        invite(&mut admin, json!({"lasting": true, "commands": ["look", "gv"], "name": "cron"}));
    assert_eq!(key["commands"], json!(["look", "version"]), "an alias is its command");
    let mut client = script.connect();
    let menu = client.ok("commands/list", json!({}))["commands"].take();
    let names: Vec<_> = menu.as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["version", "look"]);
    assert_eq!(client.run("look", json!({}))["output"], "seen");
    assert_eq!(client.run("gv", json!({}))["state"], "succeeded");
    for (method, params) in [
        ("command/run", json!({"command": "work"})),
        ("command/run", json!({"command": "time"})),
        ("clients/list", json!({})),
        ("server/status", json!({})),
        ("events/subscribe", json!({"topics": ["clients"]})),
        ("key/invite", json!({"name": "x", "role": "viewer"})),
    ] {
        let error = client.refused(method, params);
        assert_eq!(error["data"]["kind"], "forbidden", "{method}: {error}");
        assert!(error["message"].as_str().unwrap().contains("look, version"), "{error}");
    }
    let theirs = admin.start("exec sleep 60");
    let error = client.refused("run/cancel", json!({"runId": theirs}));
    assert_eq!(error["data"]["kind"], "notFound", "{error}");
    admin.ok("run/cancel", json!({"runId": theirs}));
    // A token comes in as often as it likes.
    script.connect().run("look", json!({}));
}

#[test]
fn own_means_the_same_key() {
    let server = TestServer::remote("");
    let (one, two) = (server.device("one", "admin"), server.device("two", "viewer"));
    let run = one.connect().start("exec sleep 60");
    let mut other = two.connect();
    let error = other.refused("run/cancel", json!({"runId": run}));
    assert_eq!(error["data"]["kind"], "notFound", "{error}");
    let ended = one.connect().ok("run/cancel", json!({"runId": run}));
    assert_eq!((&ended["state"], &ended["user"]), (&json!("cancelled"), &json!("one")));
}

#[test]
fn roles_hold_over_tcp_and_change_with_the_next_invite() {
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer");
    let mut client = device.connect();
    let wish = json!({"name": "x", "role": "viewer"});
    assert_eq!(client.refused("key/invite", wish.clone())["data"]["needed"], "admin");
    assert_eq!(client.refused("keys/list", json!({}))["data"]["needed"], "admin");
    let made = server.connect().ok("key/invite", json!({"name": "phone", "role": "admin"}));
    let again = Device::of_invite(made["invite"].as_str().unwrap());
    let stream = again.tls_stream();
    let params = device.enrolment(&stream);
    Raw::over(stream).ok("key/enrol", params);
    // The live session has what the key now gives.
    client.ok("key/invite", wish);
}

#[test]
fn the_last_admin_key_is_not_revoked_over_tcp() {
    let server = TestServer::remote("");
    let device = server.device("phone", "admin");
    let mut client = device.connect();
    let error = client.refused("key/revoke", json!({"keyId": device.pin()}));
    assert_eq!(error["data"]["kind"], "forbidden", "{error}");
    client.ok("ping", json!({}));
    server.connect().ok("key/revoke", json!({"keyId": device.pin()}));
    client.rest();
}

#[test]
fn a_wrong_key_invite_is_refused_with_what_would_pass() {
    let server = TestServer::remote("");
    let mut admin = server.connect();
    for (params, said) in [
        (json!({"name": "", "role": "viewer"}), "1 to 64 characters"),
        (json!({"name": "x".repeat(65), "role": "viewer"}), "1 to 64 characters, not 65"),
        (json!({"name": "x", "role": "king"}), "role"),
        (json!({"name": "x", "role": "viewer", "ttlMs": 0}), "1 ms"),
        (json!({"name": "x", "role": "viewer", "ttlMs": u64::MAX}), "days"),
        (json!({"name": "x", "role": "viewer", "commands": []}), "at least one"),
        (json!({"name": "x", "role": "viewer", "lasting": true}), "`commands`"),
        (json!({"name": "x", "role": "viewer", "commands": ["versoin"]}), "did you mean version?"),
        (json!({"name": "x", "role": "viewer", "commands": ["work"]}), "needs role operator"),
    ] {
        let error = admin.refused("key/invite", params);
        assert_eq!(error["data"]["kind"], "invalidParams", "{error}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
    }
    admin.ok("key/invite", json!({"name": "x".repeat(64), "role": "viewer"}));
    for _ in 0..3 {
        invite(&mut admin, json!({}));
    }
    let error = admin.refused("key/invite", json!({"name": "x", "role": "viewer"}));
    assert_eq!(error["data"]["kind"], "busy", "{error}");
}

#[test]
fn an_invite_survives_the_server_that_made_it() {
    let server = TestServer::remote("");
    let (_, key) = invite(&mut server.connect(), json!({}));
    let text = std::fs::read_to_string(server.root().join("state/keys.json")).unwrap();
    assert!(text.contains(key["keyId"].as_str().unwrap()), "{text}");
    assert!(!text.contains("topside1:"), "the seed is nowhere on the disk");
}

#[test]
fn a_batch_is_refused_item_by_item_for_a_limited_key() {
    let server = TestServer::remote("");
    let token = json!({"lasting": true, "commands": ["look"]});
    let (script, _) = invite(&mut server.connect(), token);
    let mut client = script.connect();
    client.line(
        json!([
            {"jsonrpc": "2.0", "id": 1, "method": "ping"},
            {"jsonrpc": "2.0", "id": 2, "method": "clients/list"},
        ])
        .to_string(),
    );
    let mut answers = client.recv();
    assert_eq!(answers[0]["result"], json!({}));
    assert_eq!(error_of(answers[1].take())["data"]["kind"], "forbidden");
}

/// Enrols a device that calls itself so; the error, where it is refused.
fn enrol_as(server: &TestServer, invite: &str, name: &str) -> Option<Value> {
    let made = server.connect().ok("key/invite", json!({"name": invite, "role": "viewer"}));
    let one_time = Device::of_invite(made["invite"].as_str().unwrap());
    let stream = one_time.tls_stream();
    let mut params = one_time.stranger().enrolment(&stream);
    params["name"] = json!(name);
    let mut client = Raw::over(stream);
    let id = client.ask("key/enrol", params);
    let refused = client.answer(id).get("error").cloned();
    if refused.is_some() {
        server.connect().ok("key/revoke", json!({"keyId": one_time.pin()}));
    }
    refused
}

/// A device that joined could take the name of another one, or of a user of the machine, and appeared under it.
#[test]
fn an_enrolled_device_has_a_name_of_its_own() {
    let server = TestServer::remote("");
    drop(server.device("phone", "admin"));
    let open = server.connect().ok("key/invite", json!({"name": "tablet", "role": "viewer"}));
    for name in ["phone", "PHONE", "ph one", "pho\u{200b}ne", "\u{202e}phone", "tablet"] {
        let error = enrol_as(&server, "guest", name).unwrap_or_else(|| panic!("{name:?} joined"));
        assert_eq!(error["data"]["kind"], "invalidParams", "{error}");
        assert_eq!(error["data"]["argument"], "name", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("another key: choose another name"), "{message}");
    }
    for name in ["root", "Root", "ro\u{200d}ot"] {
        let error = enrol_as(&server, "guest", name).unwrap_or_else(|| panic!("{name:?} joined"));
        assert!(error["message"].as_str().unwrap().contains("user of this machine"), "{error}");
    }
    assert!(enrol_as(&server, "guest", "watch").is_none());
    // Without a name of its own it has that of its invite, which is unique too.
    assert!(enrol_as(&server, "guest", "").is_none());
    assert!(enrol_as(&server, "Guest", "").is_some());
    let keys = server.connect().ok("keys/list", json!({}))["keys"].take();
    let names: Vec<&str> = keys
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["state"] == "active")
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["phone", "watch", "guest"]);
    drop(open);
}

#[test]
fn an_invite_or_token_has_no_name_of_a_local_user_and_a_token_none_of_another_key() {
    let server = TestServer::remote("");
    drop(server.device("phone", "admin"));
    let mut admin = server.connect();
    let error = admin.refused("key/invite", json!({"name": "root", "role": "viewer"}));
    assert_eq!(error["data"]["argument"], "name", "{error}");
    let token = json!({"name": "Phone", "role": "viewer", "lasting": true, "commands": ["look"]});
    let error = admin.refused("key/invite", token);
    assert_eq!(error["data"]["argument"], "name", "{error}");
    // The phone may be invited again, for another role.
    admin.ok("key/invite", json!({"name": "phone", "role": "viewer"}));
}
