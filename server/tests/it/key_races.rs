//! What keys give while they are being changed: each of these got through once.

use serde_json::{Value, json};

use crate::common::program::{Topsided, run};
use crate::common::server::LOOPBACK;
use crate::common::{Device, Raw, TestServer, eventually};

fn invited(admin: &mut Raw, params: Value) -> Device {
    Device::of_invite(admin.ok("key/invite", params)["invite"].as_str().unwrap())
}

fn keys(admin: &mut Raw) -> Vec<Value> {
    admin.ok("keys/list", json!({}))["keys"].as_array().unwrap().clone()
}

/// The rows of the keys that are called so.
fn called<'k>(keys: &'k [Value], name: &str) -> Vec<&'k Value> {
    keys.iter().filter(|key| key["name"] == name).collect()
}

/// What makes a lasting admin key.
fn backdoor(id: u32) -> Value {
    let params = json!({"name": "backdoor", "role": "admin", "lasting": true, "commands": ["sh"]});
    json!({"jsonrpc": "2.0", "id": id, "method": "key/invite", "params": params})
}

/// A batch was judged when it arrived, not when its items were carried out.
#[test]
fn a_batch_of_a_key_that_became_a_viewers_does_no_more_as_an_admin() {
    let server = TestServer::remote("");
    let _other = server.device("other", "admin");
    let device = server.device("phone", "admin");
    let mut gate = server.fifo("gate");
    let mut client = device.connect();
    let script = format!("read x <{}", gate.path());
    let waits = json!({"jsonrpc": "2.0", "id": 1, "method": "command/run",
        "params": {"command": "sh", "args": {"script": script}}});
    client.line(json!([waits, backdoor(2)]).to_string());
    let mut local = server.connect();
    eventually("the run runs", || local.ok("server/status", json!({}))["runs"]["running"] == 1);
    let one_time = invited(&mut local, json!({"name": "phone", "role": "viewer"}));
    let stream = one_time.tls_stream();
    let params = device.enrolment(&stream);
    Raw::over(stream).ok("key/enrol", params);
    gate.open();
    let answers = client.recv();
    assert_eq!(answers[1]["error"]["data"]["kind"], "forbidden", "{answers}");
}

#[test]
fn later_requests_of_a_batch_fail_after_its_key_is_revoked() {
    let server = TestServer::remote("");
    let _other = server.device("other", "admin");
    let device = server.device("phone", "admin");
    let mut client = device.connect();
    let revoke = json!({"jsonrpc": "2.0", "id": 1, "method": "key/revoke",
        "params": {"keyId": device.pin()}});
    let shutdown = json!({"jsonrpc": "2.0", "id": 3, "method": "server/shutdown",
        "params": {"delayMs": 3_600_000}});
    client.line(json!([revoke, backdoor(2), shutdown]).to_string());
    client.rest();
    let mut local = server.connect();
    // Earlier messages are handled before this.
    invited(&mut local, json!({"name": "later", "role": "viewer"}));
    assert!(called(&keys(&mut local), "backdoor").is_empty());
    assert!(local.ok("initialize", json!({})).get("closing").is_none());
}

#[test]
fn an_invites_key_that_another_invite_enrols_is_not_taken() {
    let server = TestServer::remote("");
    let mut local = server.connect();
    let one = invited(&mut local, json!({"name": "one", "role": "viewer"}));
    let two = invited(&mut local, json!({"name": "two", "role": "viewer"}));
    let stream = one.tls_stream();
    let params = two.enrolment(&stream);
    let error = Raw::over(stream).refused("key/enrol", params);
    assert_eq!(error["data"]["kind"], "invalidParams", "{error}");
    let states: Vec<Value> = keys(&mut local).iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, ["invited", "invited"]);
}

/// The watch was not woken by a new key that expires sooner.
#[test]
fn a_session_does_not_outlive_a_key_that_was_just_made() {
    let server = TestServer::remote("");
    let mut local = server.connect();
    // The watch has seen a list without it.
    invited(&mut local, json!({"name": "first", "role": "viewer"}));
    let token = json!({"name": "cron", "role": "operator", "lasting": true, "commands": ["work"],
        "ttlMs": 10_000});
    let mut client = invited(&mut local, token).connect();
    client.run("work", json!({}));
    // Its end comes long before that of the first invite.
    client.rest();
}

#[test]
fn two_first_invites_at_once_open_one_port() {
    let server = TestServer::remote("");
    let (mut one, mut two) = (server.connect(), server.connect());
    let ask = |name: &str| json!({"name": name, "role": "viewer"});
    let (a, b) = (one.ask("key/invite", ask("a")), two.ask("key/invite", ask("b")));
    let address = |made: Value| {
        Device::of_invite(made["result"]["invite"].as_str().unwrap_or_else(|| panic!("{made}")))
            .address
    };
    assert_eq!(address(one.answer(a)), address(two.answer(b)));
}

/// A revocation was half done if its client went away: the sessions of the key stayed.
#[test]
fn a_revocation_completes_after_its_client_has_gone() {
    let server = TestServer::remote("");
    let thief = server.device("thief", "admin");
    let mut client = thief.connect_with_notices();
    let mut asker = server.connect();
    asker.ask("key/revoke", json!({"keyId": thief.pin()}));
    drop(asker);
    assert_eq!(client.told("session/ended")["code"], "revoked");
}

/// The holder of an admin key could keep it from being revoked by asking for many keys: a revocation had its turn
/// only when all of them were made.
#[test]
fn a_revocation_does_not_wait_for_the_requests_of_another_client() {
    let server = TestServer::remote("requests = 0");
    let thief = server.device("thief", "admin");
    let lines: String = (0..400).map(|id| format!("{}\n", backdoor(id))).collect();
    let sessions: Vec<Raw> = (0..10)
        .map(|_| {
            let mut client = thief.connect();
            client.send(&lines);
            client
        })
        .collect();
    let mut local = server.connect();
    local.ok("key/revoke", json!({"keyId": thief.pin()}));
    let made = called(&keys(&mut local), "backdoor").len();
    assert!(made < 400, "{made} keys were made before the revocation had its turn");
    drop(sessions);
}

/// A verb with another runtime directory (cron, su: no XDG_RUNTIME_DIR) edited the live server's list behind its
/// back, said "revoked", and the server's next write took it back.
#[test]
fn a_verb_that_does_not_find_the_socket_does_not_say_that_it_revoked() {
    let topsided = Topsided::new();
    topsided.write("server.toml", LOOPBACK);
    let server = topsided.start();
    let one_time = invited(&mut server.connect(), json!({"name": "phone", "role": "viewer"}));
    let device = one_time.enrol();
    let elsewhere = topsided.path("elsewhere");
    let mut command = topsided.command();
    let said = run(command.env("TOPSIDE_RUNTIME_DIR", &elsewhere).args(["revoke", "phone"]));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.stderr.contains("is in use by the server with pid"), "{said:?}");
    assert!(device.is_let_in());
    // Nor does a second server start on the same state.
    let said = run(topsided.command().env("TOPSIDE_RUNTIME_DIR", &elsewhere));
    assert_eq!(said.status, Some(75), "{said:?}");
}
