//! `on_disconnect` and `on_shutdown`: runs when their client leaves or the server ends.

use serde_json::json;
use topside_server::Ended;

use crate::common::{Raw, TestServer, eventually};

const MENU: &str = r#"
[commands.bound]
exec = ["sh", "-c", "{script}"]
on_disconnect = "cancel"
[[commands.bound.args]]
name = "script"
type = "string"

[commands.free]
exec = ["sh", "-c", "{script}"]
[[commands.free.args]]
name = "script"
type = "string"

[commands.backup]
exec = ["sh", "-c", "{script}"]
on_shutdown = "wait"
[[commands.backup.args]]
name = "script"
type = "string"
"#;

fn run(script: &str, command: &str) -> serde_json::Value {
    json!({"command": command, "args": {"script": script}, "stream": true, "wait": false})
}

/// Waits until so many runs go on.
fn started(client: &mut Raw, count: usize) {
    eventually(&format!("{count} runs go on"), || {
        let page = client.ok("runs/list", json!({"state": "running"}));
        page["runs"].as_array().unwrap().len() == count
    });
}

#[test]
fn a_run_ends_with_its_clients_session_where_it_must_and_others_go_on() {
    let server = TestServer::with(MENU, "");
    let mut watcher = server.connect();
    watcher.ok("events/subscribe", json!({"topics": ["runs"]}));
    for half_close in [false, true] {
        let mut alive = server.fifo(if half_close { "second" } else { "first" });
        let script = format!("exec 3> {}; echo up >&3; sleep 1000", alive.path());
        let mut client = server.connect();
        let bound = client.ok("command/run", run(&script, "bound"))["runId"].take();
        assert_eq!(alive.line(), "up");
        let free = client.ok("command/run", run("sleep 1000", "free"))["runId"].take();
        for run in [&bound, &free] {
            let row = watcher.told("run/changed");
            assert_eq!((&row["runId"], &row["state"]), (run, &json!("running")));
        }
        if half_close {
            // What is in flight is finished first, and that is until the end of both.
            client.half_close();
            watcher.ok("run/cancel", json!({"runId": free}));
            assert_eq!(watcher.told("run/changed")["runId"], free);
            watcher.ok("run/cancel", json!({"runId": bound}));
            assert_eq!(watcher.told("run/changed")["state"], "cancelled");
        } else {
            drop(client);
            let row = watcher.told("run/changed");
            assert_eq!((&row["runId"], &row["state"]), (&bound, &json!("cancelled")));
            watcher.ok("run/cancel", json!({"runId": free}));
            assert_eq!(watcher.told("run/changed")["runId"], free);
        }
        alive.all_gone();
    }
}

#[test]
fn the_server_waits_for_a_run_that_says_so_and_cancels_the_others() {
    let server = TestServer::with(MENU, "");
    let mut gate = server.fifo("gate");
    let mut client = server.connect_with_notices();
    let script = format!("read x < {}; echo saved", gate.path());
    let backup = json!({"command": "backup", "args": {"script": script}});
    let backup = client.ask("command/run", backup);
    started(&mut client, 1);
    let free =
        client.ask("command/run", json!({"command": "free", "args": {"script": "sleep 1000"}}));
    started(&mut client, 2);
    let shutdown = client.ask("server/shutdown", json!({}));
    client.answer(shutdown);
    assert_eq!(client.told("server/closing")["phase"], "now");
    let row = client.answer(free)["result"].take();
    assert_eq!((&row["runId"], &row["state"]), (&json!(2), &json!("cancelled")));
    // Nothing new is begun meanwhile.
    assert_eq!(client.refused("command/run", run("exit 0", "free"))["code"], -32009);
    gate.open();
    let row = client.answer(backup)["result"].take();
    assert_eq!((&row["state"], &row["output"]), (&json!("succeeded"), &json!("saved\n")));
    assert_eq!(server.ended(), Ended::Stopped);
}

#[test]
fn the_server_does_not_wait_for_ever() {
    let server = TestServer::with(MENU, "[limits]\nshutdown_wait = \"100ms\"\n");
    let mut client = server.connect();
    let id =
        client.ask("command/run", json!({"command": "backup", "args": {"script": "sleep 1000"}}));
    started(&mut client, 1);
    let shutdown = client.ask("server/shutdown", json!({}));
    client.answer(shutdown);
    assert_eq!(client.answer(id)["result"]["state"], "cancelled");
    assert_eq!(server.ended(), Ended::Stopped);
}
