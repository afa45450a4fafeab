//! Approvals: runs that wait until another user approves or refuses them. One file: its tests share the menu and the readers of
//! its rows.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::server::LOOPBACK;
use crate::common::{Raw, TestServer, Topsided, wait_for};

/// `wipe` needs the approval of an admin, `turn` that of an operator.
const MENU: &str = r#"
[commands.wipe]
title = "Wipe the disk"
exec = ["printf", "%s", "{disk}"]
effect = "write"
role = "operator"
approval = "admin"
confirm = "Wipe {disk}?"
[[commands.wipe.args]]
name = "disk"
type = "string"
default = "sda"
[[commands.wipe.args]]
name = "word"
type = "secret"
env = "WORD"

[commands.turn]
exec = ["true"]
effect = "write"
role = "operator"
approval = "operator"
lock = ["motor"]
queue = 3

[commands.hold]
exec = ["sleep", "1000"]
effect = "write"
lock = ["motor"]
"#;

fn server() -> TestServer {
    TestServer::with(MENU, LOOPBACK)
}

fn with_limits(limits: &str) -> TestServer {
    TestServer::with(MENU, &format!("{LOOPBACK}[limits]\n{limits}\n"))
}

fn request(client: &mut Raw, command: &str) -> u64 {
    let params = json!({"command": command, "wait": false, "confirm": true});
    let row = client.ok("command/run", params);
    assert_eq!((&row["state"], &row["approval"]["state"]), (&json!("queued"), &json!("waiting")));
    row["runId"].as_u64().unwrap()
}

fn decide(run: u64, decision: &str) -> Value {
    json!({"runId": run, "decision": decision})
}

/// The row of a run once it has ended.
fn ended(client: &mut Raw, run: u64) -> Value {
    wait_for("the run ends", || row_of(client, run), |row| row["endedAt"].is_string())
}

fn row_of(client: &mut Raw, run: u64) -> Value {
    let page = client.ok("runs/list", json!({}));
    let rows = page["runs"].as_array().unwrap();
    rows.iter().find(|row| row["runId"] == run).cloned().unwrap_or_default()
}

fn waiting(client: &mut Raw) -> Vec<u64> {
    let list = client.ok("approvals/list", json!({}));
    let rows = list["approvals"].as_array().unwrap();
    rows.iter().map(|row| row["runId"].as_u64().unwrap()).collect()
}

fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap()
}

#[test]
fn a_run_waits_for_the_yes_of_another_user_and_then_runs_with_the_arguments_of_its_request() {
    let server = server();
    let mut admin = server.connect_with_notices();
    let mut ann = server.device("ann", "operator").connect();
    admin.ok("events/subscribe", json!({"topics": ["approvals"]}));
    let args = json!({"disk": "sdb", "word": "hunter2"});
    let params =
        json!({"command": "wipe", "args": args, "stream": true, "wait": true, "confirm": true});
    let id = ann.ask("command/run", params);
    let first = ann.told("run/changed");
    let run = first["runId"].as_u64().unwrap();
    assert_eq!((&first["state"], first.get("place")), (&json!("queued"), None));
    let approval = &first["approval"];
    assert_eq!((&approval["role"], &approval["state"]), (&json!("admin"), &json!("waiting")));
    let left = approval["inMs"].as_u64().unwrap();
    assert!((200_000..=300_000).contains(&left), "{approval}");
    let asked = admin.told("approval/changed");
    assert_eq!(admin.ok("approvals/list", json!({}))["approvals"][0]["line"], asked["line"]);
    assert_eq!(
        (&asked["runId"], &asked["line"], &asked["confirm"], &asked["user"]),
        (&json!(run), &json!("wipe sdb"), &json!("Wipe sdb?"), &json!("ann"))
    );
    assert_eq!((&asked["mayDecide"], &asked["title"]), (&json!(true), &json!("Wipe the disk")));
    assert!(!asked.to_string().contains("hunter2"), "{asked}");
    let done = admin.ok("approval/decide", decide(run, "approve"));
    assert_eq!((&done["approval"]["state"], done.get("mayDecide")), (&json!("approved"), None));
    let end = ann.answer(id);
    assert_eq!(end["result"]["state"], "succeeded", "{end}");
    assert_eq!(ann.heard(), "sdb");
    let by = end["result"]["approval"]["by"].as_str().unwrap().to_owned();
    assert_eq!(admin.told("approval/changed")["approval"]["by"], by);
    assert_eq!(row_of(&mut admin, run)["approval"]["by"], by);
    assert_eq!(waiting(&mut admin), [0; 0]);
    let again = admin.refused("approval/decide", decide(run, "refuse"));
    assert_eq!(again["data"]["kind"], "notFound");
    assert_eq!(
        message(&again),
        format!("run #{run} does not wait for approval any more: approved by {by}")
    );
}

#[test]
fn the_user_who_decides_sees_characters_that_show_nothing_and_how_much_is_missing() {
    let server = server();
    let mut operator = server.device("tablet", "operator").connect();
    let mut admin = server.connect();
    let long = format!("sda{}", "a".repeat(3_000));
    for (disk, line, question) in [
        ("sd\u{202e}a", "sd\\u{202e}a", "Wipe sd\\u{202e}a?"),
        ("sd\u{200b}a", "sd\\u{200b}a", "Wipe sd\\u{200b}a?"),
        ("sd\u{3164}a", "sd\\u{3164}a", "Wipe sd\\u{3164}a?"),
        ("sd\u{a0}a", "sd\\u{a0}a", "Wipe sd\\u{a0}a?"),
        (&long, "… (1008 more characters are not shown)", "… (1009 more characters are not shown)"),
    ] {
        let args = json!({"disk": disk});
        let params = json!({"command": "wipe", "args": args, "wait": false, "confirm": true});
        let run = operator.ok("command/run", params)["runId"].as_u64().unwrap();
        let row = admin.ok("approvals/list", json!({}))["approvals"][0].clone();
        for (field, text) in [("line", line), ("confirm", question)] {
            let shown = row[field].as_str().unwrap();
            assert!(shown.contains(text), "{field} of {disk:?}: {shown}");
        }
        admin.ok("approval/decide", decide(run, "refuse"));
        assert_eq!(ended(&mut operator, run)["args"], args, "the run has the value itself");
    }
}

#[test]
fn a_refusal_ends_the_run_with_its_reason_and_nothing_is_started() {
    let server = server();
    let (mut admin, mut ann) = (server.connect(), server.device("ann", "operator").connect());
    let run = request(&mut ann, "wipe");
    let params = json!({"runId": run, "decision": "refuse", "reason": "not on\u{1b} Monday "});
    admin.ok("approval/decide", params);
    let row = ended(&mut ann, run);
    let approval = &row["approval"];
    assert_eq!((&row["state"], row.get("exitCode")), (&json!("cancelled"), None));
    assert_eq!(
        (&approval["state"], &approval["reason"]),
        (&json!("refused"), &json!("not on Monday"))
    );
    let id = ann.ask("run/attach", json!({"runId": run}));
    ann.answer(id);
    let said = ann.heard();
    assert!(said.starts_with("It was not started: refused by "), "{said}");
    assert!(said.ends_with(": not on Monday\n"), "{said}");
    let long = json!({"runId": run, "decision": "refuse", "reason": "x".repeat(501)});
    assert_eq!(admin.refused("approval/decide", long)["data"]["argument"], "reason");
}

#[test]
fn only_another_user_with_the_role_decides() {
    let server = server();
    let mut admin = server.connect();
    let mut ann = server.device("ann", "operator").connect();
    let mut bob = server.device("bob", "operator").connect();
    let mut eve = server.device("eve", "viewer").connect();
    let run = request(&mut ann, "wipe");
    let own = ann.refused("approval/decide", decide(run, "approve"));
    assert_eq!(own["data"]["kind"], "forbidden");
    assert!(message(&own).contains("another user must approve or refuse it"), "{own}");
    let low = bob.refused("approval/decide", decide(run, "approve"));
    assert_eq!(
        (&low["data"]["kind"], &low["data"]["needed"]),
        (&json!("forbidden"), &json!("admin"))
    );
    // A viewer does not see the run at all.
    assert_eq!(waiting(&mut eve), [0; 0]);
    let unseen = eve.refused("approval/decide", decide(run, "approve"));
    assert_eq!(unseen["data"]["kind"], "notFound");
    // Operators see it, and may decide about what operators approve: also an operator for an admin.
    assert_eq!(waiting(&mut bob), [run]);
    let turn = request(&mut admin, "turn");
    // The admin may not decide about it, also over another connection.
    let same = server.connect().refused("approval/decide", decide(turn, "approve"));
    assert_eq!(same["data"]["kind"], "forbidden");
    bob.ok("approval/decide", decide(turn, "approve"));
    assert_eq!(ended(&mut admin, turn)["state"], "succeeded");
    // A run that needs no approval, and one that does not exist.
    let held = admin.ok("command/run", json!({"command": "hold", "wait": false}));
    let held = held["runId"].as_u64().unwrap();
    let none = bob.refused("approval/decide", decide(held, "approve"));
    assert_eq!(message(&none), format!("run #{held} does not wait for approval"));
    let unknown = bob.refused("approval/decide", decide(999, "approve"));
    assert_eq!(unknown["data"]["kind"], "notFound");
}

#[test]
fn one_admin_approves_the_run_of_another_who_has_left() {
    let server = server();
    let mut admin = server.connect();
    let ann = server.device("ann", "admin");
    let run = {
        let mut client = ann.connect();
        let run = request(&mut client, "wipe");
        let own = client.refused("approval/decide", decide(run, "approve"));
        assert!(message(&own).contains("another user must approve or refuse it"), "{own}");
        run
    };
    let clients = |admin: &mut Raw| admin.ok("clients/list", json!({}))["clients"].clone();
    wait_for("she has left", || clients(&mut admin), |rows| rows.as_array().unwrap().len() == 1);
    assert_eq!(waiting(&mut admin), [run]);
    admin.ok("approval/decide", decide(run, "approve"));
    assert_eq!(ended(&mut admin, run)["state"], "succeeded");
    // She reads the outcome when she is back, and who decided.
    let approval = row_of(&mut ann.connect(), run)["approval"].clone();
    assert_eq!(approval["state"], "approved");
    assert!(approval["by"].is_string(), "{approval}");
}

#[test]
fn an_approval_expires_and_comes_too_late_then() {
    let server = with_limits("approval_timeout = \"300ms\"");
    let (mut admin, mut ann) = (server.connect(), server.device("ann", "operator").connect());
    let run = request(&mut ann, "wipe");
    let row = ended(&mut ann, run);
    assert_eq!(row["approval"]["state"], "expired");
    assert_eq!(row["approval"]["reason"], "not approved within 300 ms");
    let late = admin.refused("approval/decide", decide(run, "approve"));
    assert_eq!(
        message(&late),
        format!("run #{run} does not wait for approval any more: not approved within 300 ms")
    );
}

#[test]
fn an_approved_run_takes_its_turn_like_any_other() {
    let server = server();
    let mut admin = server.connect();
    let mut ann = server.device("ann", "operator").connect();
    let first = request(&mut ann, "turn");
    // While it waits, it holds no lock.
    let held = admin.ok("command/run", json!({"command": "hold", "wait": false}));
    assert_eq!(held["state"], "running");
    admin.ok("approval/decide", decide(first, "approve"));
    let queued = wait_for("it is queued", || row_of(&mut ann, first), |row| row["place"] == 1);
    assert_eq!(queued["waitsFor"][0]["lock"], "motor");
    admin.ok("run/cancel", json!({"runId": held["runId"]}));
    assert_eq!(ended(&mut ann, first)["state"], "succeeded");
}

#[test]
fn so_many_wait_for_each_user_and_in_all() {
    let server = with_limits("max_approvals = 3\nmax_approvals_per_user = 2");
    let mut ann = server.device("ann", "operator").connect();
    let mut bob = server.device("bob", "operator").connect();
    let mut admin = server.connect();
    let run = json!({"command": "turn", "wait": false});
    let first = request(&mut ann, "turn");
    request(&mut ann, "turn");
    let more = ann.refused("command/run", run.clone());
    let data = &more["data"];
    assert_eq!((&data["limit"], &data["most"]), (&json!("max_approvals_per_user"), &json!(2)));
    assert_eq!((&data["kind"], &data["retryable"]), (&json!("busy"), &json!(true)));
    request(&mut bob, "turn");
    let more = bob.refused("command/run", run.clone());
    assert_eq!(
        (&more["data"]["limit"], &more["data"]["most"]),
        (&json!("max_approvals"), &json!(3))
    );
    let refusals = &admin.ok("server/status", json!({}))["refusals"];
    assert_eq!(
        (&refusals["max_approvals"], &refusals["max_approvals_per_user"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(admin.ok("server/status", json!({}))["runs"]["queued"], 3);
    // A decided one makes room.
    admin.ok("approval/decide", decide(first, "refuse"));
    ended(&mut ann, first);
    request(&mut ann, "turn");
}

#[test]
fn a_cancelled_run_waits_no_longer() {
    let server = server();
    let (mut admin, mut ann) = (server.connect(), server.device("ann", "operator").connect());
    let run = request(&mut ann, "turn");
    let row = ann.ok("run/cancel", json!({"runId": run}));
    assert_eq!(
        (&row["state"], &row["approval"]["state"]),
        (&json!("cancelled"), &json!("withdrawn"))
    );
    let late = admin.refused("approval/decide", decide(run, "approve"));
    assert!(message(&late).contains("not approved: cancelled by ann"), "{late}");
    let id = ann.ask("run/attach", json!({"runId": run}));
    ann.answer(id);
    let said = ann.heard();
    assert!(said.starts_with("It was not started: cancelled by ann"), "{said}");
}

#[test]
fn a_revoked_key_takes_its_request_along() {
    let server = server();
    let mut admin = server.connect();
    let ann = server.device("ann", "operator");
    let run = request(&mut ann.connect(), "wipe");
    admin.ok("key/revoke", json!({"keyId": ann.pin()}));
    let row = ended(&mut admin, run);
    assert_eq!(row["approval"]["state"], "withdrawn");
    assert_eq!(row["approval"]["reason"], "ann's key had been revoked by then.");
}

#[test]
fn a_reload_that_changes_or_removes_the_command_withdraws_the_request() {
    let server = server();
    let mut admin = server.connect();
    let mut ann = server.device("ann", "operator").connect();
    let (wipe, turn) = (request(&mut ann, "wipe"), request(&mut ann, "turn"));
    let file = server.root().join("config/commands.toml");
    let reload = |admin: &mut Raw, menu: &str| {
        std::fs::write(&file, menu).unwrap();
        admin.ok("server/reload", json!({}));
    };
    // Only what the program does differs, which no client sees.
    reload(&mut admin, &MENU.replace("\"%s\"", "\"%s!\""));
    let row = ended(&mut ann, wipe);
    assert_eq!(row["approval"]["reason"], "the declaration of wipe was changed meanwhile");
    assert_eq!(waiting(&mut admin), [turn]);
    reload(&mut admin, "[commands.other]\nexec = [\"true\"]\n");
    let row = ended(&mut ann, turn);
    assert_eq!(row["approval"]["reason"], "turn is not in the menu any more");
}

/// The lines of the audit log about one run.
fn audited(state: &Path, run: u64) -> Vec<Value> {
    let log = std::fs::read_to_string(state.join("audit.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["object"] == format!("run #{run}")).collect()
}

#[test]
fn the_audit_log_has_the_request_the_decision_before_the_start_and_the_end() {
    let server = server();
    let (mut admin, mut ann) = (server.connect(), server.device("ann", "operator").connect());
    let run = request(&mut ann, "wipe");
    admin.ok("approval/decide", decide(run, "approve"));
    ended(&mut ann, run);
    let state = server.root().join("state");
    let actions = |lines: &[Value]| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        lines.iter().map(|line| (text(&line["action"]), text(&line["result"]))).collect()
    };
    let lines = wait_for(
        "the end is recorded",
        || audited(&state, run),
        |lines| lines.iter().any(|line| line["action"] == "run/ended"),
    );
    let pair = |action: &str, result: &str| (action.to_owned(), result.to_owned());
    let mut seen = actions(&lines);
    // The line that an approval took effect is not written ahead.
    seen.retain(|line| *line != pair("approval/approved", "done"));
    assert_eq!(
        seen,
        [
            pair("approval/requested", "waits"),
            pair("approval/approved", "begins"),
            pair("command/run", "begins"),
            pair("run/ended", "succeeded"),
        ]
    );
    assert_eq!(
        (&lines[0]["who"]["name"], &lines[0]["argv"]),
        (&json!("ann"), &json!(["wipe", "disk=sda"]))
    );
}

#[test]
fn a_restart_ends_what_waits_and_starts_nothing() {
    let topsided = Topsided::new();
    let out = topsided.path("out");
    let menu = format!(
        "[commands.mark]\nexec = [\"touch\", \"{}\"]\neffect = \"write\"\napproval = \"admin\"\n",
        out.display()
    );
    topsided.write("commands.toml", &menu);
    let mut server = topsided.start();
    let mut client = server.connect();
    let run = request(&mut client, "mark");
    server.terminate();
    let mut server = topsided.start();
    let mut client = server.connect();
    let row = ended(&mut client, run);
    assert_eq!(
        (&row["state"], &row["approval"]["reason"]),
        (&json!("cancelled"), &json!("the server shut down"))
    );
    // And after a kill.
    let run = request(&mut client, "mark");
    wait_for("it is on the disk", || row_of(&mut client, run), |row| row["runId"] == run);
    server.kill();
    let server = topsided.start();
    let mut client = server.connect();
    let row = ended(&mut client, run);
    assert_eq!((&row["state"], &row["approval"]["state"]), (&json!("lost"), &json!("withdrawn")));
    assert_eq!(row["approval"]["reason"], "the server ended");
    let late = client.refused("approval/decide", decide(run, "approve"));
    assert_eq!(late["data"]["kind"], "notFound");
    assert!(!out.exists(), "it was started");
}

#[test]
fn a_subscriber_gets_those_that_wait_and_then_each_change() {
    let server = server();
    let mut admin = server.connect();
    let mut ann = server.device("ann", "operator").connect();
    let first = request(&mut ann, "turn");
    let seen = admin.ok("events/subscribe", json!({"topics": ["approvals"]}));
    assert_eq!(seen["snapshot"]["approvals"]["approvals"][0]["runId"], first);
    let second = request(&mut ann, "turn");
    let told = admin.told("approval/changed");
    assert_eq!((&told["runId"], &told["approval"]["state"]), (&json!(second), &json!("waiting")));
    ann.ok("run/cancel", json!({"runId": first}));
    let told = admin.told("approval/changed");
    assert_eq!((&told["runId"], &told["approval"]["state"]), (&json!(first), &json!("withdrawn")));
}
