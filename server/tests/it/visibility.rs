//! What a role may not see, it sees nowhere: lists, notifications, errors, rows, and output of built-ins.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::server::{LOOPBACK, directory};
use crate::common::{Device, Raw, TestServer};

/// `hidden` is for admins. `open` and `full` are for all roles, and need the lock that `hidden` holds.
fn menu(gate: impl std::fmt::Display) -> String {
    format!(
        r#"
[commands.hidden]
title = "Hidden"
exec = ["sh", "-c", "read x < {gate}"]
role = "admin"
lock = ["relays"]

[commands.open]
title = "Open"
exec = ["true"]
effect = "read"
lock = ["relays"]
queue = 8

[commands.full]
title = "Full"
exec = ["true"]
effect = "read"
lock = ["relays"]
"#
    )
}

/// A server on which an admin runs `hidden`.
struct Scene {
    server: TestServer,
    admin: Raw,
    /// The number of that run.
    hidden: u64,
    // Dropped after the server: its run waits at a pipe in this directory.
    _gate: TempDir,
}

fn scene() -> Scene {
    let gate = directory();
    let fifo = gate.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let server = TestServer::with(&menu(fifo.display()), LOOPBACK);
    let mut admin = server.connect();
    let row = admin.ok("command/run", json!({"command": "hidden", "wait": false}));
    let hidden = row["runId"].as_u64().unwrap();
    Scene { server, admin, hidden, _gate: gate }
}

/// A token for these commands.
fn token(server: &TestServer, commands: &[&str]) -> Device {
    let params = json!({
        "name": "script", "role": "admin", "lasting": true, "commands": commands,
    });
    let made = server.connect().ok("key/invite", params);
    Device::of_invite(made["invite"].as_str().unwrap())
}

fn hides(answer: &Value) {
    assert!(!answer.to_string().contains("hidden"), "{answer}");
}

#[test]
fn the_row_of_a_client_names_only_runs_that_the_caller_may_see() {
    let Scene { server, admin, .. } = &mut scene();
    for role in ["viewer", "operator"] {
        let mut client = server.device(role, role).connect();
        hides(&client.ok("clients/list", json!({})));
        hides(&client.ok("events/subscribe", json!({"topics": ["clients", "runs"]})));
        hides(&client.run("clients", json!({})));
        hides(&client.run("runs", json!({})));
        hides(&client.ok("runs/list", json!({})));
    }
    let rows = admin.ok("clients/list", json!({})).to_string();
    assert!(rows.contains("hidden"), "{rows}");
}

#[test]
fn a_change_of_a_run_is_published_to_clients_that_may_see_it() {
    let Scene { server, admin, hidden, .. } = &mut scene();
    let mut viewer = server.device("phone", "viewer").connect();
    let mut other = server.connect();
    for client in [&mut viewer, &mut other] {
        client.ok("events/subscribe", json!({"topics": ["clients", "runs"]}));
    }
    admin.ok("run/cancel", json!({"runId": hidden}));
    let id = admin.client_id();
    let names = |told: &Value, what: &str, id: u64| {
        let rows = told["params"][what].as_array();
        rows.is_some_and(|rows| rows.iter().any(|row| row["clientId"] == id))
    };
    while !names(&other.recv(), "updated", id) {}
    // What the viewer is told of the run would come before this.
    let mut marker = server.connect();
    let marker = marker.client_id();
    loop {
        let told = viewer.recv();
        hides(&told);
        assert!(!names(&told, "updated", id), "{told}");
        if names(&told, "joined", marker) {
            break;
        }
    }
}

#[test]
fn a_queued_run_names_only_holders_that_the_caller_may_see() {
    let Scene { server, admin, hidden, .. } = &mut scene();
    let script = token(server, &["open", "full"]);
    for device in [server.device("phone", "viewer"), server.device("tablet", "operator"), script] {
        let mut client = device.connect();
        let row = client.ok("command/run", json!({"command": "open", "wait": false}));
        assert_eq!(row["state"], "queued", "{row}");
        assert_eq!(row["waitsFor"][0]["lock"], "relays", "{row}");
        hides(&row);
        hides(&client.ok("runs/list", json!({"state": "queued"})));
        let error = client.refused("command/run", json!({"command": "full"}));
        assert_eq!(error["data"]["lock"], "relays", "{error}");
        hides(&error);
        client.ask("command/run", json!({"command": "open", "stream": true}));
        let told = client.told("run/changed");
        assert_eq!(told["state"], "queued", "{told}");
        hides(&told);
        client.ask("run/attach", json!({"runId": row["runId"]}));
        hides(&client.told("run/changed"));
    }
    let row = admin.ok("command/run", json!({"command": "open", "wait": false}));
    assert_eq!(row["waitsFor"][0]["heldBy"][0]["runId"], *hidden, "{row}");
}

/// A token may see its own runs alone, though its role may see more.
#[test]
fn a_limited_key_sees_no_run_of_others() {
    let Scene { server, admin, hidden, .. } = &mut scene();
    let mut viewer = server.device("phone", "viewer").connect();
    let other = viewer.ok("command/run", json!({"command": "open", "wait": false}));
    admin.ok("run/cancel", json!({"runId": hidden}));
    viewer.ok("run/attach", json!({"runId": other["runId"]}));
    let mut script = token(server, &["open"]).connect();
    let error = script.refused("run/attach", json!({"runId": other["runId"]}));
    assert_eq!(error["data"]["kind"], "notFound", "{error}");
    let runs = script.ok("runs/list", json!({}));
    assert_eq!(runs["runs"], json!([]), "{runs}");
}
