//! A server that is short of descriptors, of processes and threads, or of disk space: each request is answered, with
//! `busy` and the reason where it cannot be done, and everything works again when the shortage is over.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::common::pids::Pids;
use crate::common::{Disk, Raw, Spawned, Topsided, eventually, require, require_root};
use crate::users::Nobody;

/// Asks for what needs descriptors, threads and disk space. Each answer is a result, or is `busy` and names this
/// reason. The methods that were refused.
fn ask_for_everything(client: &mut Raw, past_run: &Value, reason: &str) -> Vec<&'static str> {
    let requests = [
        ("command/run", json!({"command": "look"})),
        ("command/run", json!({"command": "work"})),
        ("command/run", json!({"command": "status"})),
        ("runs/list", json!({})),
        ("run/attach", json!({"runId": past_run})),
        ("key/invite", json!({"name": "phone", "role": "viewer"})),
        ("keys/list", json!({})),
        ("server/reload", json!({})),
        ("server/status", json!({})),
        ("ping", json!({})),
    ];
    let mut refused = Vec::new();
    for (method, params) in requests {
        let id = client.ask(method, params.clone());
        let answer = client.answer(id);
        assert!(!answer.to_string().contains("shutting down"), "{method} {params}: {answer}");
        if answer["error"].is_null() {
            continue;
        }
        let error = &answer["error"];
        assert_eq!(error["code"], -32008, "{method} {params}: {error}");
        assert_eq!(error["data"]["retryable"], true, "{method} {params}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(reason), "{method} {params}: {message}");
        refused.push(method);
    }
    refused
}

/// Everything that was asked for during the shortage is done.
fn works(client: &mut Raw, past_run: &Value) {
    let refused = ask_for_everything(client, past_run, "no reason");
    assert_eq!(refused, [""; 0]);
    assert_eq!(client.run("look", json!({}))["state"], "succeeded");
}

fn limit_descriptors(server: &Spawned, most: u64) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let limit = Rlimit { current: Some(most), maximum: Some(4096) };
    prlimit(pid, Resource::Nofile, limit).unwrap();
}

#[test]
fn without_descriptors_each_request_is_answered_with_the_reason() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[listen]\nport = 0\naddresses = [\"127.0.0.1\"]\n");
    let server = topsided.start();
    let mut client = server.connect();
    let past_run = client.run("look", json!({}))["runId"].take();
    limit_descriptors(&server, 4);
    let refused = ask_for_everything(&mut client, &past_run, "no file descriptors are free");
    for method in ["command/run", "run/attach", "key/invite", "server/reload"] {
        assert!(refused.contains(&method), "{method} was not refused");
    }
    limit_descriptors(&server, 4096);
    works(&mut client, &past_run);
}

#[test]
fn without_processes_and_threads_each_request_is_answered_with_the_reason() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    topsided.write("server.toml", "[listen]\nport = 0\naddresses = [\"127.0.0.1\"]\n");
    let server = topsided.start();
    let mut client = server.connect();
    let past_run = client.run("look", json!({}))["runId"].take();
    pids.add(server.pid());
    pids.limit(Some(1));
    let reason = "no more processes or threads can be started";
    let refused = ask_for_everything(&mut client, &past_run, reason);
    assert_eq!(refused, ["command/run", "command/run"]);
    assert_eq!(server.connect().ok("server/status", json!({}))["clients"], 2);
    pids.limit(None);
    works(&mut client, &past_run);
}

#[test]
fn on_a_full_disk_each_request_is_answered_with_the_reason() {
    let Some(disk) = Disk::new() else { return };
    disk.topsided.write("server.toml", "[listen]\nport = 0\naddresses = [\"127.0.0.1\"]\n");
    let server = disk.start();
    let mut client = server.connect();
    let past_run = client.run("look", json!({}))["runId"].take();
    disk.fill();
    let refused = ask_for_everything(&mut client, &past_run, "the disk is full");
    assert!(refused.contains(&"key/invite"), "{refused:?}");
    assert!(server.connect().ok("server/status", json!({}))["clients"].as_u64() >= Some(1));
    disk.free();
    works(&mut client, &past_run);
}

/// New connections waited without an answer until there were descriptors.
#[test]
fn without_descriptors_an_admin_connects_and_another_user_gets_the_reason() {
    if !require_root() || !require("socat") {
        return;
    }
    let topsided = Topsided::new();
    topsided.write("server.toml", "[local]\nallow = { nobody = \"viewer\" }\n");
    let reachable = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(topsided.path(""), reachable).unwrap();
    let mut server = topsided.start();
    let mut first = server.connect();
    first.ok("ping", json!({}));
    limit_descriptors(&server, 4);
    let mut admin = server.connect();
    admin.ok("ping", json!({}));
    for _ in 0..20 {
        let error = Nobody::connect_to(&topsided.socket()).refused("ping");
        assert_eq!(error["data"]["kind"], "busy", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("no file descriptors are free"), "{message}");
    }
    server.connect().ok("ping", json!({}));
    assert!(first.ok("server/status", json!({}))["refusals"]["descriptors"].as_u64() >= Some(20));
    limit_descriptors(&server, 4096);
    eventually("the user is served after the shortage", || {
        Nobody::connect_to(&topsided.socket()).is_served()
    });
    server.signal(rustix::process::Signal::TERM);
    let lines = server.rest();
    let logged = lines.iter().filter(|line| line.contains("can be accepted")).count();
    assert!((1..=2).contains(&logged), "{lines:?}");
}
