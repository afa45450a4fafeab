//! `[log] level`: which lines the log keeps, as its file and its readers show them.

use serde_json::{Value, json};

use crate::common::server::{LOOPBACK, write};
use crate::common::{MENU, Raw, TestServer, wait_for};

const SECRET_MENU: &str = "[commands.unlock]\nexec = [\"true\"]\n\
    [[commands.unlock.args]]\nname = \"code\"\ntype = \"secret\"\nrequired = true\nstdin = true\n";

fn entries(client: &mut Raw) -> Vec<Value> {
    let mut answer = client.ok("log/tail", json!({"lines": 1000}));
    answer["entries"].as_array_mut().unwrap().drain(..).collect()
}

fn find<'a>(entries: &'a [Value], level: &str, message: &str) -> Vec<&'a Value> {
    let wanted = |entry: &&Value| entry["level"] == level && entry["message"] == message;
    entries.iter().filter(wanted).collect()
}

fn set_level(server: &TestServer, client: &mut Raw, level: &str) {
    let settings = format!("[log]\nlevel = \"{level}\"\n");
    write(&server.root().join("config/server.toml"), &settings);
    client.ok("server/reload", json!({}));
}

#[test]
fn debug_and_trace_lines_name_methods_and_limits_and_hold_no_argument() {
    let settings = "[log]\nlevel = \"trace\"\n[limits]\nmax_runs_per_client = 1\n";
    let server = TestServer::with(&format!("{MENU}{SECRET_MENU}"), settings);
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    client.run("unlock", json!({"code": "sesame-7319"}));
    client.refused("command/run", json!({"command": "unlock", "args": {"kode": "sesame-7319"}}));
    client.refused("sesame-7319", json!({}));
    let mut gate = server.fifo("gate");
    client.start(&format!("read x < {}", gate.path()));
    client.refused("command/run", json!({"command": "look", "wait": false}));
    gate.open();

    let entries = entries(&mut client);
    let methods: Vec<&str> = find(&entries, "trace", "request")
        .into_iter()
        .map(|entry| entry["fields"]["method"].as_str().unwrap())
        .collect();
    assert!(methods.contains(&"command/run") && methods.contains(&"initialize"), "{methods:?}");
    assert!(!find(&entries, "trace", "connection admitted").is_empty(), "{entries:?}");
    let refused: Vec<(&Value, Option<&Value>)> = find(&entries, "debug", "request refused")
        .into_iter()
        .map(|entry| (&entry["fields"]["kind"], entry["fields"].get("limit")))
        .collect();
    let wanted = [
        (&json!("invalidParams"), None),
        (&json!("unknownMethod"), None),
        (&json!("busy"), Some(&json!("max_runs_per_client"))),
    ];
    assert_eq!(refused, wanted);
    let log = server.root().join("state/topsided.log");
    let file = wait_for(
        "the file has the last refusal",
        || std::fs::read_to_string(&log).unwrap(),
        |text| text.contains("max_runs_per_client"),
    );
    assert!(file.contains("request refused") && !file.contains("sesame"), "{file}");
    assert!(!json!(entries).to_string().contains("sesame"));
}

#[test]
fn a_reload_changes_the_level_both_ways() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.refused("no/such", json!({}));
    assert!(find(&entries(&mut client), "debug", "request refused").is_empty());
    set_level(&server, &mut client, "debug");
    client.refused("no/such", json!({}));
    let lines = entries(&mut client);
    assert_eq!(find(&lines, "debug", "request refused").len(), 1, "{lines:?}");
    assert!(find(&lines, "trace", "request").is_empty(), "{lines:?}");
    set_level(&server, &mut client, "error");
    let before = entries(&mut client).len();
    client.run("work", json!({}));
    client.refused("no/such", json!({}));
    assert_eq!(entries(&mut client).len(), before);
    set_level(&server, &mut client, "info");
    client.run("work", json!({}));
    let lines = entries(&mut client);
    assert!(lines.iter().any(|line| line["fields"]["run"] == 2), "{lines:?}");
    assert!(lines.iter().all(|line| line["fields"]["run"] != 1), "{lines:?}");
}

#[test]
fn each_refused_key_is_a_debug_line_where_the_warning_counts_further_ones() {
    let settings = format!("[log]\nlevel = \"debug\"\n{LOOPBACK}[limits]\npenalty = 0\n");
    let server = TestServer::with(MENU, &settings);
    let device = server.device("phone", "viewer");
    for _ in 0..3 {
        assert!(device.stranger().refusal().is_some());
    }
    let mut client = server.connect();
    let lines = wait_for(
        "lines about the keys",
        || entries(&mut client),
        |lines| find(lines, "debug", "key refused").len() == 2,
    );
    assert_eq!(find(&lines, "warn", "key refused").len(), 1, "{lines:?}");
    let line = find(&lines, "debug", "key refused")[0];
    assert!(line["fields"]["peer"].as_str().unwrap().starts_with("127."), "{line}");
    assert_eq!(line["fields"]["key"], "unknown", "{line}");
}
