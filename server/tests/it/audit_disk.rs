//! The audit log on a disk that gets full, and on one that fails.

use serde_json::{Value, json};

use crate::audit::{entries, under_strace};
use crate::common::server::LOOPBACK;
use crate::common::{Disk, Raw, Topsided};

/// Asks for runs that change something until the audit log refuses one, and gives the refusal.
fn refused(client: &mut Raw, script: &str) -> Value {
    for _ in 0..40 {
        let id = client.ask("command/run", json!({"command": "work", "args": {"script": script}}));
        let mut answer = client.answer(id);
        let error = answer["error"].take();
        if error["message"].as_str().is_some_and(|text| text.contains("audit log")) {
            return error;
        }
    }
    panic!("the audit log takes all");
}

#[test]
fn on_a_full_disk_no_unrecorded_run_starts_until_there_is_room() {
    let Some(disk) = Disk::new() else { return };
    disk.topsided.write("server.toml", LOOPBACK);
    let done = disk.topsided.path("done");
    let script = format!("echo $TOPSIDE_RUN >> {}", done.display());
    let mut server = disk.start();
    let mut client = server.connect();
    let made = client.run("work", json!({"script": script}));
    let key = client.ok("key/invite", json!({"name": "phone", "role": "viewer"}))["key"].take();
    disk.fill();
    let error = refused(&mut client, &script);
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("No space left on device"), "{said}");
    assert_eq!(error["data"]["kind"], "busy");
    // As much as was told to have started has.
    let ran = std::fs::read_to_string(&done).unwrap();
    assert_eq!(ran, format!("{}\n", made["runId"]));
    let error = client.refused("key/revoke", json!({"keyId": key["keyId"]}));
    assert!(error["message"].as_str().unwrap().contains("audit log"), "{error}");
    assert_eq!(client.run("version", json!({}))["state"], "succeeded");
    drop(server.connect());

    let keys = client.ok("keys/list", json!({}));
    assert_eq!(keys["keys"][0]["state"], "invited", "it was refused");

    disk.free();
    client.ok("key/revoke", json!({"keyId": key["keyId"]}));
    let row = client.run("work", json!({"script": script}));
    assert_eq!(row["state"], "succeeded");
    // What ends the server must not depend on the disk.
    disk.fill();
    refused(&mut client, &script);
    let row = client.ok("command/run", json!({"command": "ks", "confirm": true}));
    assert_eq!(row["state"], "succeeded");
    server.exit();
    disk.free();

    let mut server = disk.start();
    server.connect().run("work", json!({"script": script}));
    let verified = disk.verb(&["audit", "verify"]);
    assert_eq!(verified.status, Some(0), "{}", verified.stderr);
    let shown = disk.verb(&["audit", "show", "--json"]).stdout;
    for run in std::fs::read_to_string(&done).unwrap().lines() {
        assert!(shown.contains(&format!("\"object\":\"run #{run}\"")), "{run} in {shown}");
    }
    server.terminate();
}

#[test]
fn on_a_disk_that_never_syncs_no_run_starts_and_queries_still_work() {
    let topsided = Topsided::new();
    let Some(mut server) = under_strace(&topsided, "error=EIO:when=1+") else { return };
    let done = topsided.path("done");
    let script = format!("echo x >> {}", done.display());
    let mut client = server.connect();
    for _ in 0..5 {
        let args = json!({"command": "work", "args": {"script": script}});
        let error = client.refused("command/run", args);
        let said = error["message"].as_str().unwrap();
        assert!(said.contains("audit log") && said.contains("Input/output error"), "{said}");
    }
    assert!(!done.exists(), "it was refused");
    assert_eq!(client.run("look", json!({}))["state"], "succeeded");
    client.ok("server/shutdown", json!({}));
    server.rest();
}

/// A sync that failed is not asked for again: whether the lines are there is for no program to say.
#[test]
fn after_a_failed_sync_another_file_is_begun_and_the_chain_goes_on() {
    let topsided = Topsided::new();
    // The first is of the server's start or of the first run, whichever comes first.
    let Some(mut server) = under_strace(&topsided, "error=EIO:when=2") else { return };
    let done = topsided.path("done");
    let script = format!("echo $TOPSIDE_RUN >> {}", done.display());
    let mut client = server.connect();
    let mut refusals = 0;
    for _ in 0..6 {
        let args = json!({"command": "work", "args": {"script": script}});
        let id = client.ask("command/run", args);
        let answer = client.answer(id);
        refusals += usize::from(answer.get("error").is_some());
    }
    assert!(refusals <= 1, "one sync failed");
    let ran = std::fs::read_to_string(&done).unwrap();
    assert_eq!(ran.lines().count(), 6 - refusals);
    client.ok("server/shutdown", json!({}));
    server.rest();
    let verified = topsided.run(&["audit", "verify"]);
    assert_eq!(verified.status, Some(0), "{}", verified.stderr);
    assert!(verified.stdout.contains("in 2 files"), "{}", verified.stdout);
    let renewed = entries(&topsided.path("state")).remove(0);
    assert_eq!(renewed["action"], "audit/renewed");
    assert!(renewed["result"].as_str().unwrap().contains("Input/output error"), "{renewed}");
    let shown = topsided.run(&["audit", "show", "--json", "--action", "command/run"]).stdout;
    for run in ran.lines() {
        assert!(shown.contains(&format!("\"object\":\"run #{run}\"")), "{run} in {shown}");
    }
    assert_eq!(shown.lines().count(), 6 - refusals, "none that was refused");
}
