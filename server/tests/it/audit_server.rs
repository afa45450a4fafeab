//! Audit entries of the server itself.

use serde_json::json;

use crate::audit::{about, entry, pair, verify};
use crate::common::Topsided;

/// What is done about the run of a killed server is on the disk before it is done.
#[test]
fn the_end_of_a_killed_servers_run_is_recorded_ahead_by_the_next_start() {
    let topsided = Topsided::new();
    let (state, seen) = (topsided.path("state"), topsided.path("seen"));
    // One for each run: a pipe is at its end once its writer has gone.
    let (mut alive, mut again) = (topsided.fifo("alive"), topsided.fifo("again"));
    topsided.write(
        "commands.toml",
        &format!(
            r#"
[commands.valve]
exec = ["sh", "-c", "echo up > $1; exec sleep 1000", "sh", "{{alive}}"]
effect = "write"
safe_state = ["cp", "{log}", "{seen}"]
[[commands.valve.args]]
name = "alive"
type = "string"
required = true
"#,
            log = state.join("audit.jsonl").display(),
            seen = seen.display(),
        ),
    );
    let mut server = topsided.start();
    let mut client = server.connect();
    let valve =
        |alive: String| json!({"command": "valve", "args": {"alive": alive}, "wait": false});
    let run = client.ok("command/run", valve(alive.path().to_string()));
    assert_eq!(alive.line(), "up");
    server.kill();

    let mut server = topsided.start();
    let object = format!("run #{}", run["runId"]);
    entry(&state, "run/safe-state", |line| line["result"] == "reached");
    let told = [
        pair("command/run", "begins"),
        pair("run/ended", "lost"),
        pair("run/safe-state", "begins"),
        pair("run/safe-state", "reached"),
    ];
    assert_eq!(about(&state, &object), told);
    let closing = entry(&state, "run/safe-state", |line| line["object"] == object);
    assert_eq!(closing["who"], json!({"name": "topsided"}));
    assert_eq!(closing["argv"][0].as_str().unwrap().rsplit('/').next(), Some("cp"));
    let before = std::fs::read_to_string(&seen).unwrap();
    assert!(before.lines().last().unwrap().contains("run/safe-state"), "{before}");

    // A run that a living server ends is told of in the same way.
    let mut client = server.connect();
    let run = client.ok("command/run", valve(again.path().to_string()));
    assert_eq!(again.line(), "up");
    client.ok("run/cancel", json!({"runId": run["runId"]}));
    let object = format!("run #{}", run["runId"]);
    entry(&state, "run/ended", |line| line["object"] == object);
    let told = [
        pair("command/run", "begins"),
        pair("run/cancel", "asked to end"),
        pair("run/safe-state", "begins"),
        pair("run/safe-state", "reached"),
        pair("run/ended", "cancelled"),
    ];
    assert_eq!(about(&state, &object), told);
    client.ok("server/shutdown", json!({}));
    assert_eq!(server.exit(), Some(0));
    assert_eq!(verify(&topsided).0, Some(0));
}

#[test]
fn each_start_and_end_of_a_resident_worker_is_recorded() {
    let topsided = Topsided::new();
    topsided.write(
        "commands.toml",
        r#"
[workers.w]
exec = ["sh", "-c", "read -r call; exit 3"]
[commands.one]
worker = "w"
effect = "write"
"#,
    );
    let mut server = topsided.start();
    let state = topsided.path("state");
    let began = entry(&state, "worker/started", |_| true);
    assert_eq!((&began["object"], &began["result"]), (&json!("worker w"), &json!("begins")));
    assert_eq!(began["argv"][2], "read -r call; exit 3");
    assert_eq!(server.connect().run("one", json!({}))["state"], "failed");
    entry(&state, "worker/started", |line| line["seq"].as_u64() > began["seq"].as_u64());
    server.terminate();
    let told = [
        pair("worker/started", "begins"),
        pair("worker/ended", "it ended with exit status 3"),
        pair("worker/started", "begins"),
        pair("worker/ended", "in order"),
    ];
    assert_eq!(about(&state, "worker w"), told);
}
