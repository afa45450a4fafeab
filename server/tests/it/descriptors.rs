//! A server whose descriptors are taken away while it runs, and given back.

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use crate::common::Topsided;

#[test]
fn without_descriptors_whoever_is_connected_is_served_and_the_rest_is_refused_in_words_until_there_are_some()
 {
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
    // Whoever comes now waits at the door.
    let mut second = server.connect();
    let waits = second.ask("ping", json!({}));
    assert_eq!(client.ok("server/status", json!({}))["clients"], 1);

    limit(4096);
    assert!(second.answer(waits)["error"].is_null());
    assert_eq!(second.run("look", json!({}))["state"], "succeeded");
    assert_eq!(client.run("look", json!({}))["state"], "succeeded");
    let used = client.ok("server/status", json!({}));
    assert_eq!(used["clients"], 2, "{used}");
}
