//! Clients that do not read: they delay no other client, and are disconnected.

use serde_json::{Value, json};

use crate::common::{TestServer, Topsided};

/// Bytes that the server may grow by for one client that does not read: its queue, the output's
/// window in memory, and what the allocator keeps.
const ROOM: u64 = 16 * 1024 * 1024;

#[test]
fn a_client_that_stops_reading_delays_no_other_client_and_is_disconnected() {
    let server = TestServer::limits("write_timeout = \"300ms\"");
    let mut watcher = server.connect();
    watcher.ok("events/subscribe", json!({"topics": ["clients"]}));
    let mut slow = server.connect();
    let number = slow.client_id();
    slow.ask("command/run", json!({"command": "sh", "args": {"script": "yes"}, "stream": true}));
    let reason = loop {
        // Others are served all the while.
        server.connect().ok("ping", json!({}));
        let changed = watcher.recv();
        let left = changed["params"]["left"].as_array().unwrap();
        if let Some(row) = left.iter().find(|row| row["clientId"] == number) {
            break row["reason"].clone();
        }
        assert_eq!(watcher.ok("server/status", json!({}))["runs"]["running"], 1);
    };
    assert_eq!(reason, "slow reader");
    // The run belongs to the server and goes on without it.
    let row = watcher.ok("run/cancel", json!({"runId": 1}));
    assert_eq!(row["state"], "cancelled");
    // What had left before the end is there, in whole lines, and then the end.
    let lines = slow.rest_of_a_lost_connection();
    assert_eq!(lines[0]["method"], "run/changed");
}

#[test]
fn a_slow_reader_costs_bounded_memory_and_learns_what_it_missed() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[limits]\nwrite_timeout = 0\n");
    topsided.write(
        "commands.toml",
        "[commands.flood]\nexec = [\"sh\", \"-c\", \"yes | head -c 60000000\"]\nmax_output = \"1MiB\"\n",
    );
    let server = topsided.start();
    let mut watcher = server.connect();
    watcher.ok("events/subscribe", json!({"topics": ["runs"]}));
    let memory = |status: Value| status["memoryBytes"].as_u64().unwrap();
    let before = memory(watcher.ok("server/status", json!({})));
    let mut slow = server.connect();
    let id = slow.ask("command/run", json!({"command": "flood", "stream": true}));
    while watcher.told("run/changed")["state"] != "succeeded" {}
    let after = memory(watcher.ok("server/status", json!({})));
    assert!(after < before + ROOM, "from {before} to {after} bytes");

    slow.told("run/changed");
    let (mut at, mut missed) = (0, 0);
    let row = loop {
        let message = slow.recv();
        if message["id"] == id {
            break message["result"].clone();
        }
        let params = &message["params"];
        assert_eq!(params["offset"], at);
        match message["method"].as_str().unwrap() {
            "run/output" => at += params["data"].as_str().unwrap().len() as u64,
            "run/gap" => {
                missed += params["bytes"].as_u64().unwrap();
                at += params["bytes"].as_u64().unwrap();
            }
            other => panic!("{other}"),
        }
    };
    assert_eq!((at, &row["bytes"]), (60_000_000, &json!(60_000_000)));
    assert!(missed > 0, "more than was kept has been told");
}

#[test]
fn events_that_a_slow_subscriber_missed_are_counted_to_it() {
    let server = TestServer::limits("max_outbox = \"128KiB\"");
    let mut slow = server.connect();
    let subscription =
        slow.ok("events/subscribe", json!({"topics": ["runs"]}))["subscriptionId"].take();
    let mut other = server.connect();
    // Each run is told twice, with an argument of 30,000 bytes.
    let script = format!("exit 0 # {}", "x".repeat(30_000));
    let runs = 30;
    for _ in 0..runs {
        other.run("sh", json!({"script": script}));
    }
    let (mut told, mut dropped) = (0, 0);
    while told + dropped < 2 * runs {
        let message = slow.recv();
        match message["method"].as_str().unwrap() {
            "run/changed" => told += 1,
            "events/dropped" => {
                assert_eq!(message["params"]["subscriptionId"], subscription);
                dropped += message["params"]["count"].as_u64().unwrap();
            }
            name => panic!("{name}"),
        }
    }
    assert_eq!(told + dropped, 2 * runs);
    assert!(dropped > 0);
    slow.nothing_told();
    // From here on everything is told again.
    other.run("sh", json!({"script": "exit 0"}));
    assert_eq!(slow.told("run/changed")["state"], "running");
}

#[test]
fn every_line_of_a_fast_log_is_told_or_counted() {
    let server = TestServer::start();
    let mut reader = server.connect();
    let subscribed = reader.ok("events/subscribe", json!({"topics": ["log"]}));
    let subscription = &subscribed["subscriptionId"];
    let mut other = server.connect();
    let lines = 5_000;
    let broadcast = r#"{"jsonrpc":"2.0","method":"broadcast","params":{"message":"x"}}"#;
    other.send(format!("{broadcast}\n").repeat(lines));
    other.ok("ping", json!({}));
    drop(other);
    // The connection and its end have a line each, too.
    let (mut told, mut dropped) = (0, 0);
    while told + dropped < lines + 2 {
        let message = reader.recv();
        match message["method"].as_str().unwrap() {
            "log/entry" => told += 1,
            "events/dropped" => {
                assert_eq!(&message["params"]["subscriptionId"], subscription);
                dropped += message["params"]["count"].as_u64().unwrap() as usize;
            }
            name => panic!("{name}"),
        }
    }
    assert_eq!(told + dropped, lines + 2);
    reader.nothing_told();
}

#[test]
fn answers_wait_for_a_client_that_reads_late_and_none_is_lost() {
    let server = TestServer::limits("max_outbox = \"128KiB\"");
    let mut client = server.connect();
    let mut other = server.connect();
    // 40 answers of 100 KB each are far more than the queue and the socket take.
    let script = "head -c 100000 /dev/zero | tr '\\0' x";
    let batch: Vec<Value> = (0..40)
        .map(|id| {
            json!({"jsonrpc": "2.0", "id": id, "method": "command/run",
                   "params": {"command": "sh", "args": {"script": script}}})
        })
        .collect();
    // One after another, so that the limit on runs is not in the way.
    let lines: String = batch.iter().map(|request| json!([request]).to_string() + "\n").collect();
    let mut sender = client.second_hand();
    let sending = std::thread::spawn(move || {
        for line in lines.lines() {
            sender.line(line);
        }
    });
    other.ok("ping", json!({}));
    let mut ids = Vec::new();
    for _ in 0..40 {
        let answers = client.recv();
        match answers[0].get("error") {
            None => assert_eq!(answers[0]["result"]["bytes"], 100_000),
            Some(error) => assert_eq!(error["code"], -32008),
        }
        ids.push(answers[0]["id"].as_u64().unwrap());
    }
    sending.join().unwrap();
    ids.sort_unstable();
    assert_eq!(ids, (0..40).collect::<Vec<u64>>());
}
