//! A server whose descriptors are taken away while it runs, and given back.

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use crate::common::Topsided;

#[test]
fn without_descriptors_sessions_continue_and_new_runs_are_refused_until_some_are_free() {
    let topsided = Topsided::new();
    let server = topsided.start();
    let mut client = server.connect();
    assert_eq!(client.run("look", json!({}))["state"], "succeeded");
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let limit = |most| {
        let limit = Rlimit { current: Some(most), maximum: Some(4096) };
        prlimit(pid, Resource::Nofile, limit).unwrap();
    };
    // Fewer than it has open already.
    limit(4);
    let error = client.refused("command/run", json!({"command": "look"}));
    let message = error["message"].as_str().unwrap();
    assert_eq!(error["data"]["kind"], "busy", "{error}");
    assert!(message.contains("no file descriptors are free"), "{error}");
    assert_eq!(client.run("echo", json!({"text": "still here"}))["output"], "still here\n");
    // Descriptors are reserved for the server's own user.
    let mut second = server.connect();
    second.ok("ping", json!({}));

    limit(4096);
    assert_eq!(second.run("look", json!({}))["state"], "succeeded");
    assert_eq!(client.run("look", json!({}))["state"], "succeeded");
    let used = client.ok("server/status", json!({}));
    assert_eq!(used["clients"], 2, "{used}");
}
