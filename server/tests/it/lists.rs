//! `clients/list`, `server/status` and `log/tail`.

use serde_json::{Value, json};

use crate::common::{MENU, Raw, TestServer, wait_for};

fn ids(page: &Value) -> Vec<u64> {
    let rows = page["clients"].as_array().unwrap();
    rows.iter().map(|row| row["clientId"].as_u64().unwrap()).collect()
}

#[test]
fn a_row_counts_what_its_client_has_sent_and_got() {
    let server = TestServer::start();
    let (mut other, mut watcher) = (server.connect(), server.connect());
    other.ok("ping", json!({}));
    let moved = |watcher: &mut crate::common::Raw| {
        let row = watcher.ok("clients/list", json!({"limit": 1}))["clients"][0].take();
        (row["bytesIn"].as_u64().unwrap(), row["bytesOut"].as_u64().unwrap())
    };
    let before = moved(&mut watcher);
    assert!(before.0 > 0 && before.1 > 0);
    let line = r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#;
    other.line(line);
    let answer = serde_json::to_string(&other.recv()).unwrap();
    // Each with its line ending.
    let want = (before.0 + line.len() as u64 + 1, before.1 + answer.len() as u64 + 1);
    assert_eq!(moved(&mut watcher), want);
}

#[test]
fn clients_are_listed_by_number_and_by_page() {
    let server = TestServer::start();
    let mut clients: Vec<Raw> = (0..7).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.ok("ping", json!({}));
    }
    let mut client = clients.remove(2);
    let page = client.ok("clients/list", json!({"limit": 3}));
    assert_eq!((ids(&page), &page["next"]), (vec![1, 2, 3], &json!(3)));
    assert_eq!(page["clients"][2]["you"], true);
    assert_eq!(page["clients"][0]["you"], false);
    let page = client.ok("clients/list", json!({"limit": 3, "after": 3}));
    assert_eq!((ids(&page), &page["next"]), (vec![4, 5, 6], &json!(6)));
    let page = client.ok("clients/list", json!({"limit": 3, "after": 6}));
    assert_eq!((ids(&page), page.get("next")), (vec![7], None));
    let page = client.ok("clients/list", json!({"limit": 7}));
    assert_eq!((ids(&page).len(), page.get("next")), (7, None));
    let page = client.ok("clients/list", json!({"after": 99}));
    assert_eq!(page, json!({"clients": []}));
}

#[test]
fn admins_see_the_key_of_each_client_and_others_their_own() {
    let server = TestServer::remote("");
    let (one, other) = (server.device("one", "viewer"), server.device("other", "viewer"));
    let mut clients = [one.connect(), one.connect(), other.connect()];
    let keys = |client: &mut Raw| -> Vec<Value> {
        let page = client.ok("clients/list", json!({}));
        let rows = page["clients"].as_array().unwrap();
        let rows = rows.iter().filter(|row| row["user"] == "one" || row["user"] == "other");
        rows.map(|row| row["keyId"].clone()).collect()
    };
    let (first, second) = (json!(one.pin()), json!(other.pin()));
    for client in &mut clients {
        client.ok("ping", json!({}));
    }
    assert_eq!(keys(&mut clients[0]), [first.clone(), first.clone(), Value::Null]);
    assert_eq!(keys(&mut clients[2]), [Value::Null, Value::Null, second.clone()]);
    let mut admin = server.connect();
    assert_eq!(keys(&mut admin), [first.clone(), first, second]);
    let own = admin.ok("clients/list", json!({}))["clients"].as_array().unwrap().clone();
    assert!(own.iter().any(|row| row["you"] == true && row.get("keyId").is_none()));
}

#[test]
fn a_row_says_who_a_client_is_and_since_when() {
    let server = TestServer::start();
    let mut client = server.connect();
    let user = client.ok("initialize", json!({}))["you"]["user"].take();
    let row = client.ok("clients/list", json!({}))["clients"][0].take();
    assert_eq!(row["address"], format!("pid {}", std::process::id()));
    assert_eq!((&row["connection"], &row["user"]), (&json!("same"), &user));
    assert_eq!((&row["role"], &row["runs"]), (&json!("admin"), &json!([])));
    assert!(row["connectedAt"].as_str().unwrap().ends_with('Z') && row["idleMs"].is_u64());
}

#[test]
fn a_client_that_only_asks_for_the_status_is_idle() {
    let server = TestServer::start();
    let (mut watcher, mut client) = (server.connect(), server.connect());
    watcher.ok("clients/list", json!({}));
    wait_for(
        "the watcher to be idle for a moment",
        || {
            watcher.ok("server/status", json!({}));
            client.ok("clients/list", json!({}))
        },
        |page| page["clients"][0]["idleMs"].as_u64() > Some(50),
    );
}

#[test]
fn the_status_counts_what_was_done_and_refused() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let first = client.ok("server/status", json!({}));
    assert_eq!((&first["clients"], &first["requests"]), (&json!(1), &json!(1)));
    assert_eq!((&first["refusals"], &first["revision"]), (&json!({}), &json!(1)));
    assert_eq!(first["runs"], json!({"running": 0, "queued": 0, "started": 0}));
    assert_eq!(first.get("closing"), None);
    let socket = server.socket().display().to_string();
    assert_eq!(first["listeners"], json!([{"transport": "unix", "address": socket}]));
    assert!(first["uptimeMs"].is_u64() && first["version"].is_string());

    client.start(&format!("read x < {}", gate.path()));
    client.run("look", json!({}));
    client.line("nonsense");
    client.recv();
    client.refused("no/such", json!({}));
    client.refused("no/such", json!({}));
    client.refused("command/run", json!({"command": "nothing-like-it"}));
    let mut other = server.connect();
    other.send("x".repeat(70_000));
    other.recv();
    other.eof();
    client.ok("server/shutdown", json!({"delayMs": 3_600_000, "reason": "r"}));
    let status = client.ok("server/status", json!({}));
    assert_eq!(
        status["refusals"],
        json!({"parse": 1, "unknownMethod": 2, "notFound": 1, "tooLarge": 1})
    );
    assert_eq!(status["runs"], json!({"running": 1, "queued": 0, "started": 2}));
    assert_eq!(status["requests"], 9);
    assert!(status["bytes"]["received"].as_u64().unwrap() > 70_000);
    assert!(status["bytes"]["sent"].as_u64().unwrap() > 500);
    let closing = &status["closing"];
    assert_eq!((&closing["phase"], &closing["reason"]), (&json!("scheduled"), &json!("r")));
    gate.open();
}

#[test]
fn a_run_that_was_refused_for_a_limit_was_not_started() {
    let server = TestServer::limits("max_runs_per_client = 1");
    let gate = server.fifo("gate");
    let mut client = server.connect();
    client.start(&format!("read x < {}", gate.path()));
    client.refused("command/run", json!({"command": "look"}));
    let status = client.ok("server/status", json!({}));
    assert_eq!(status["runs"], json!({"running": 1, "queued": 0, "started": 1}));
    assert_eq!(status["refusals"], json!({"busy": 1, "max_runs_per_client": 1}));
}

fn messages(answer: &Value) -> Vec<&str> {
    let entries = answer["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["message"].as_str().unwrap()).collect()
}

#[test]
fn the_log_is_given_from_its_end_and_by_what_its_lines_hold() {
    let server = TestServer::start();
    let mut client = server.connect();
    for n in 0..60 {
        client.run("look", json!({"text": n.to_string()}));
    }
    let all = client.ok("log/tail", json!({"lines": 1000}));
    assert_eq!(messages(&all)[..2], ["server started", "client connected"]);
    assert_eq!(messages(&all).len(), 62);
    assert_eq!(messages(&client.ok("log/tail", json!({}))).len(), 50);
    let last = client.ok("log/tail", json!({"lines": 2}));
    let runs: Vec<&Value> =
        last["entries"].as_array().unwrap().iter().map(|entry| &entry["fields"]["run"]).collect();
    assert_eq!(runs, [&json!(59), &json!(60)]);
    let found = client.ok("log/tail", json!({"match": "CLIENT connected"}));
    assert_eq!(messages(&found), ["client connected"]);
    assert_eq!(client.ok("log/tail", json!({"match": "no line has this"})), json!({"entries": []}));
}

/// They were cut to what is allowed, in silence.
#[test]
fn more_lines_or_rows_than_there_may_be_are_refused_at_the_edge() {
    let server = TestServer::start();
    let mut client = server.connect();
    for (method, field, most) in [("log/tail", "lines", 1_000), ("clients/list", "limit", 500)] {
        client.ok(method, json!({field: 1}));
        client.ok(method, json!({field: most}));
        for wrong in [0, most + 1] {
            let error = client.refused(method, json!({field: wrong}));
            assert_eq!(error["data"]["kind"], "invalidParams");
            assert_eq!(error["data"]["argument"], field);
            let said = format!("`{field}` must be a whole number from 1 to {most}, not {wrong}");
            assert_eq!(error["message"], said);
        }
    }
}

/// Regression: the probes of the picker filled the log of an idle box.
#[test]
fn a_probe_for_a_running_server_is_not_in_the_log() {
    let server = TestServer::start();
    let mut looks = server.connect();
    looks.ok("initialize", json!({"client": {"name": "picker", "version": "1"}}));
    looks.ok("ping", json!({}));
    looks.ok("session/close", json!({}));
    looks.eof();
    let mut client = server.connect();
    let all = client.ok("log/tail", json!({}));
    assert_eq!(messages(&all), ["server started", "client connected"]);
    for entry in all["entries"].as_array().unwrap() {
        let fields = entry["fields"].as_object().unwrap();
        assert!(fields.values().all(|value| value != ""), "{entry}");
    }
}

#[test]
fn text_from_outside_steers_no_terminal_by_way_of_the_log() {
    let server = TestServer::start();
    let mut client = server.connect();
    let reason = "\u{1b}]0;owned\u{7}\u{202e}a\nb";
    client.ok("server/shutdown", json!({"delayMs": 3_600_000, "reason": reason}));
    let found = client.ok("log/tail", json!({"match": "shutdown ordered"}));
    assert_eq!(found["entries"][0]["fields"]["reason"], "]0;owneda b");
    let shown = client.run("log", json!({"match": "shutdown ordered"}));
    let output = shown["output"].as_str().unwrap();
    assert_eq!((output.lines().count(), output.contains('\u{1b}')), (1, false));
}

#[test]
fn the_longest_log_fits_one_answer() {
    let server = TestServer::start();
    let mut client = server.connect();
    let reason = "\"".repeat(500);
    for _ in 0..600 {
        client.ok("server/shutdown", json!({"delayMs": 3_600_000, "reason": reason}));
    }
    let all = client.ok("log/tail", json!({"lines": 1000}));
    let entries = all["entries"].as_array().unwrap();
    assert!((100..600).contains(&entries.len()), "{}", entries.len());
    assert_eq!(entries.last().unwrap()["message"], "shutdown ordered");
}

#[test]
fn the_log_is_read_by_several_texts_level_time_and_with_the_lines_above() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.ok("broadcast", json!({"message": "one"}));
    let all = client.ok("log/tail", json!({"lines": 1000, "numbers": true}));
    let all = all["entries"].as_array().unwrap();
    let numbers: Vec<u64> = all.iter().map(|entry| entry["line"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=all.len() as u64), "{numbers:?}");
    let found = client.ok("log/tail", json!({"match": ["SERVER started", "client connected"]}));
    assert_eq!(messages(&found), ["server started", "client connected"]);
    let found = client.ok("log/tail", json!({"match": "client connected", "before": 1}));
    let entries = found["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["context"]), (2, &json!(true)), "{found}");
    assert_eq!(entries[1].get("context"), None);
    let found = client.ok("log/tail", json!({"since": all[0]["time"], "lines": 1000}));
    assert_eq!(found["entries"].as_array().unwrap().len(), all.len());
    let found = client.ok("log/tail", json!({"since": "2099-01-01T00:00:00Z"}));
    assert_eq!(messages(&found), [""; 0]);
    assert_eq!(messages(&client.ok("log/tail", json!({"level": "error"}))), [""; 0]);
    for (params, part) in [
        (json!({"before": 101}), "`before` must be at most 100"),
        (json!({"match": vec!["x"; 33]}), "at most 32 texts"),
        (json!({"level": "loud"}), "level"),
    ] {
        let error = client.refused("log/tail", params);
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    // The built-in reads the same.
    let args = json!({"match": "server started", "or": ["client connected"], "before": 0});
    let answer = client.run("rlf", args);
    let text = answer["output"].as_str().unwrap();
    assert!(text.starts_with("1: ") && text.contains("\n2: "), "{text}");
}

#[test]
fn reading_the_log_adds_no_line_and_a_rotation_begins_a_new_file() {
    let server = TestServer::with(MENU, "[log]\nlevel = \"trace\"\n");
    let mut client = server.connect();
    client.ok("ping", json!({}));
    let count = |client: &mut Raw| {
        client.ok("log/tail", json!({"lines": 1000}))["entries"].as_array().unwrap().len()
    };
    let first = count(&mut client);
    assert_eq!(count(&mut client), first);
    client.ok("log/rotate", json!({}));
    let found = client
        .ok("log/tail", json!({"match": ["server started", "log begins anew"], "numbers": true}));
    let entries = found["entries"].as_array().unwrap();
    assert_eq!((&entries[0]["file"], entries[1].get("file")), (&json!(1), None), "{found}");
    let state = server.root().join("state");
    let old = std::fs::read_to_string(state.join("topsided.log.1")).unwrap();
    assert!(old.contains("server started") && !old.contains("log begins anew"));
    // It is written within a second.
    crate::audit::entry(&state, "log/rotate", |_| true);
}
