//! `then`, `menu` and `reason`: what follows the success of a run, and why a run was started.

use serde_json::{Value, json};

use crate::common::server::LOOPBACK;
use crate::common::{Raw, TestServer, Topsided, eventually, wait_for};

const MENU: &str = r#"
[commands.add]
exec = ["sh", "-c", "{script}"]
effect = "write"
role = "viewer"
then = ["refresh", "count"]
[[commands.add.args]]
name = "script"
type = "string"
default = "exit 0"

[commands.refresh]
exec = ["sh", "-c", "echo $TOPSIDE_USER"]
effect = "write"
role = "viewer"
menu = false

[commands.count]
exec = ["echo", "{to}"]
effect = "read"
then = ["last"]
[[commands.count.args]]
name = "to"
type = "int"
default = 3

[commands.last]
exec = ["true"]
effect = "read"
"#;

fn runs(client: &mut Raw) -> Vec<Value> {
    let page = client.ok("runs/list", json!({}));
    page["runs"].as_array().unwrap().iter().rev().cloned().collect()
}

/// The runs, once so many have ended.
fn ended(client: &mut Raw, count: usize) -> Vec<Value> {
    let all = |rows: &Vec<Value>| {
        rows.len() == count && rows.iter().all(|row| row["endedAt"].is_string())
    };
    wait_for("the ends", || runs(client), all)
}

#[test]
fn a_success_starts_the_commands_of_then_and_their_rows_name_it() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let row = client.run("add", json!({}));
    assert_eq!((&row["state"], row.get("causedBy")), (&json!("succeeded"), None));
    let rows = ended(&mut client, 4);
    let mut caused: Vec<(&str, &Value)> =
        rows.iter().map(|row| (row["command"].as_str().unwrap(), &row["causedBy"])).collect();
    caused.sort_by_key(|(command, _)| *command);
    let count = rows.iter().find(|row| row["command"] == "count").unwrap();
    let expected = [
        ("add", &Value::Null),
        ("count", &row["runId"]),
        ("last", &count["runId"]),
        ("refresh", &row["runId"]),
    ];
    assert_eq!(caused, expected);
    // Each belongs to the user of the run that caused it, and has its defaults.
    for key in ["user", "owner"] {
        assert!(rows.iter().all(|other| other[key] == row[key]), "{rows:#?}");
    }
    assert_eq!(count["args"], json!({"to": 3}));
    // A failure starts nothing.
    client.run("add", json!({"script": "exit 3"}));
    client.run("last", json!({}));
    assert_eq!(ended(&mut client, 6).len(), 6);
}

#[test]
fn a_command_that_is_not_in_the_menu_is_neither_seen_nor_started_by_a_client() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let menu = client.ok("commands/list", json!({}));
    let names: Vec<&str> = menu["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"add") && !names.contains(&"refresh"), "{names:?}");
    let error = client.refused("command/run", json!({"command": "refresh"}));
    assert_eq!(error["data"]["kind"], "notFound");
    assert!(error["message"].as_str().unwrap().contains("only `then`"), "{error}");
    let output = client.run("m", json!({}))["output"].as_str().unwrap().to_owned();
    assert!(!output.contains("refresh"), "{output}");
}

#[test]
fn a_follow_up_starts_after_the_client_has_left_and_for_a_key_of_one_command() {
    let server = TestServer::with(MENU, LOOPBACK);
    let mut client = server.connect();
    let params = json!({"name": "button", "role": "viewer", "commands": ["add"]});
    let made = client.ok("key/invite", params);
    let device = crate::common::Device::of_invite(made["invite"].as_str().unwrap()).enrol();
    let mut gate = server.fifo("gate");
    let mut button = device.connect();
    let script = format!("read x < {}", gate.path());
    let params = json!({"command": "add", "args": {"script": script}, "wait": false});
    button.ok("command/run", params);
    drop(button);
    eventually("it has left", || {
        client.ok("clients/list", json!({}))["clients"].as_array().unwrap().len() == 1
    });
    gate.open();
    let rows = ended(&mut client, 4);
    assert!(rows.iter().all(|row| row["user"] == "button"), "{rows:#?}");
}

#[test]
fn a_follow_up_that_cannot_start_is_in_the_log() {
    let topsided = Topsided::new();
    let menu = "[commands.a]\nexec = [\"true\"]\neffect = \"write\"\nthen = [\"b\"]\n\
                [commands.b]\nexec = [\"sleep\", \"1000\"]\neffect = \"write\"\nmax_concurrent = 1\n";
    topsided.write("commands.toml", menu);
    let mut server = topsided.start();
    let mut client = server.connect();
    client.ok("command/run", json!({"command": "b", "wait": false}));
    client.run("a", json!({}));
    let line = server.says("`then` could not start its command");
    assert!(line.contains("command=b") && line.contains("it has no queue"), "{line}");
}

const REASON: &str = r#"
[commands.open]
exec = ["echo", "{valve}"]
effect = "write"
reason = true
then = ["record"]
[[commands.open.args]]
name = "valve"
type = "int"
default = 1
[[commands.open.schedule]]
name = "start"
at_start = true

[commands.record]
exec = ["true"]
effect = "write"
reason = true
"#;

#[test]
fn a_reason_is_needed_and_goes_into_the_row_and_the_audit_log_alone() {
    let server = TestServer::with(REASON, "");
    let mut client = server.connect();
    // The schedule, and what follows it.
    let rows = ended(&mut client, 2);
    assert!(rows.iter().all(|row| row["reason"] == "schedule start"), "{rows:#?}");
    let error = client.refused("command/run", json!({"command": "open"}));
    let data = &error["data"];
    assert_eq!((&data["argument"], &data["rule"]), (&json!("reason"), &json!("required")));
    for blank in ["", "  "] {
        let error =
            client.refused("command/run", json!({"command": "open", "args": {"reason": blank}}));
        assert_eq!(error["data"]["argument"], "reason", "{error}");
    }
    let row = client.run("open", json!({"valve": 2, "reason": " frost is near "}));
    assert_eq!((&row["args"], &row["reason"]), (&json!({"valve": 2}), &json!("frost is near")));
    assert_eq!(row["output"], "2\n");
    let rows = ended(&mut client, 4);
    assert_eq!(
        (&rows[3]["command"], &rows[3]["reason"]),
        (&json!("record"), &json!("frost is near"))
    );
    let audit = std::fs::read_to_string(server.root().join("state/audit.jsonl")).unwrap();
    let entry = audit.lines().find(|line| line.contains("frost is near")).unwrap();
    let entry: Value = serde_json::from_str(entry).unwrap();
    assert_eq!(entry["argv"], json!(["open", "valve=2", "reason=frost is near"]));
    let open = client.command("open");
    assert_eq!(
        (&open["args"][1]["name"], &open["args"][1]["byName"]),
        (&json!("reason"), &json!(true))
    );
}
