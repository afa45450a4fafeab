//! Subscriptions: a snapshot, then every change, none twice and none lost.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::common::{Raw, TestServer};

/// A list of clients kept up to date from what a subscription tells.
#[derive(Default)]
struct Followed {
    rows: BTreeMap<u64, Value>,
}

impl Followed {
    fn from(subscribed: &Value) -> Self {
        let mut followed = Self::default();
        followed.join(&subscribed["snapshot"]["clients"]);
        followed
    }

    fn join(&mut self, rows: &Value) {
        for row in rows.as_array().unwrap() {
            let before = self.rows.insert(row["clientId"].as_u64().unwrap(), row.clone());
            assert!(before.is_none(), "told twice: {row}");
        }
    }

    /// Takes one `clients/changed` in; each must make sense after those before.
    fn take(&mut self, changed: &Value) {
        for row in changed["left"].as_array().unwrap() {
            let known = self.rows.remove(&row["clientId"].as_u64().unwrap());
            assert!(known.is_some(), "left without having been there: {row}");
        }
        self.join(&changed["joined"]);
        for row in changed["updated"].as_array().unwrap() {
            let known = self.rows.insert(row["clientId"].as_u64().unwrap(), row.clone());
            assert!(known.is_some(), "updated without having been there: {row}");
        }
    }
}

#[test]
fn a_snapshot_and_the_changes_after_it_are_the_list_while_clients_come_and_go() {
    let server = TestServer::start();
    // Some stay, so that snapshots differ.
    let mut staying: Vec<Raw> = Vec::new();
    let socket = server.socket();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut client = Raw::connect(socket);
                    client.ok("initialize", json!({"client": {"name": "passer-by"}}));
                }
            });
        }
        let mut subscribers = Vec::new();
        for _ in 0..10 {
            let mut client = server.connect();
            let subscribed = client.ok("events/subscribe", json!({"topics": ["clients"]}));
            subscribers.push((Followed::from(&subscribed), client));
            let mut stays = server.connect();
            stays.ok("ping", json!({}));
            staying.push(stays);
        }
        for (mut followed, mut client) in subscribers {
            // In the end only those stay who stay.
            while followed.rows.len() != 20 || !names(&followed).is_empty() {
                followed.take(&client.told("clients/changed"));
            }
            staying.push(client);
        }
    });
    let mut client = staying.pop().unwrap();
    let listed = client.ok("clients/list", json!({}))["clients"].as_array().unwrap().len();
    assert_eq!(listed, 20);
}

fn names(followed: &Followed) -> Vec<&Value> {
    followed.rows.values().filter_map(|row| row.get("client")).collect()
}

#[test]
fn changes_say_who_joined_what_changed_and_who_left() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut watcher = server.connect();
    let subscribed = watcher.ok("events/subscribe", json!({"topics": ["clients"]}));
    let own = &subscribed["snapshot"]["clients"][0];
    assert_eq!((&own["clientId"], &own["you"]), (&json!(1), &json!(true)));
    assert_eq!(own["connection"], "same");
    assert_eq!(subscribed["snapshot"].as_object().unwrap().len(), 1);

    let mut client = server.connect();
    let joined = watcher.told("clients/changed")["joined"][0].take();
    assert_eq!((&joined["clientId"], &joined["you"]), (&json!(2), &json!(false)));
    assert_eq!((&joined["role"], joined.get("client")), (&json!("admin"), None));

    client.ok("initialize", json!({"client": {"name": "n", "version": "1"}}));
    let updated = watcher.told("clients/changed")["updated"][0].take();
    assert_eq!(updated["client"], json!({"name": "n", "version": "1"}));

    client.start(&format!("read x < {}", gate.path()));
    let updated = watcher.told("clients/changed")["updated"][0].take();
    assert_eq!(updated["runs"], json!([{"runId": 1, "command": "sh"}]));
    gate.open();
    let updated = watcher.told("clients/changed")["updated"][0].take();
    assert_eq!(updated["runs"], json!([]));

    client.ok("session/close", json!({}));
    client.eof();
    let left = watcher.told("clients/changed")["left"].take();
    assert_eq!(left, json!([{"clientId": 2, "reason": "closed"}]));
}

#[test]
fn a_request_alone_causes_no_notification() {
    let server = TestServer::start();
    let mut watcher = server.connect();
    let mut client = server.connect();
    client.ok("ping", json!({}));
    watcher.ok("events/subscribe", json!({"topics": ["clients"]}));
    // Only idle times change by these.
    for _ in 0..10 {
        client.ok("ping", json!({}));
    }
    drop(client);
    let changed = watcher.told("clients/changed");
    assert_eq!(changed["updated"], json!([]));
    assert_eq!(changed["left"][0]["clientId"], 2);
}

#[test]
fn a_list_too_long_for_one_line_goes_on_as_joined() {
    let server = TestServer::start();
    let crowd: Vec<Raw> = (0..450).map(|_| server.connect()).collect();
    let mut watcher = server.connect();
    let subscribed = watcher.ok("events/subscribe", json!({"topics": ["clients"]}));
    let mut followed = Followed::from(&subscribed);
    let first = followed.rows.len();
    assert!(first < crowd.len());
    while followed.rows.len() < crowd.len() + 1 {
        let line = watcher.told("clients/changed");
        assert!(line.to_string().len() < 256 * 1024);
        followed.take(&line);
    }
    drop(crowd);
    while followed.rows.len() > 1 {
        followed.take(&watcher.told("clients/changed"));
    }
}

#[test]
fn runs_are_published_at_start_and_end_and_the_snapshot_has_live_ones() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    client.run("sh", json!({"script": "exit 0"}));
    client.start(&format!("read x < {}", gate.path()));
    let mut watcher = server.connect();
    let subscribed = watcher.ok("events/subscribe", json!({"topics": ["runs"]}));
    let runs = subscribed["snapshot"]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((&runs[0]["runId"], &runs[0]["state"]), (&json!(2), &json!("running")));
    client.run("look", json!({}));
    assert_eq!(watcher.told("run/changed")["state"], "running");
    let row = watcher.told("run/changed");
    assert_eq!(
        (&row["runId"], &row["command"], &row["bytes"]),
        (&json!(3), &json!("look"), &json!(4))
    );
    gate.open();
    assert_eq!(watcher.told("run/changed")["runId"], 2);
}

#[test]
fn the_log_is_published_from_the_snapshot_on() {
    let server = TestServer::start();
    let mut watcher = server.connect();
    let subscribed = watcher.ok("events/subscribe", json!({"topics": ["log"]}));
    let snapshot = subscribed["snapshot"]["log"].as_array().unwrap();
    let messages: Vec<&str> =
        snapshot.iter().map(|entry| entry["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["server started", "client connected"]);
    let mut client = server.connect();
    client.ok("commands/list", json!({}));
    let entry = watcher.told("log/entry");
    assert_eq!((&entry["message"], &entry["level"]), (&json!("client connected"), &json!("info")));
    assert_eq!(entry["fields"]["client"], 2);
    client.run("look", json!({"text": "x"}));
    let entry = watcher.told("log/entry");
    assert_eq!(entry["message"], "run ended");
    assert_eq!(entry["fields"]["command"], "look");
}

#[test]
fn one_subscription_may_have_several_topics_and_each_is_snapshot_once() {
    let server = TestServer::start();
    let mut client = server.connect();
    let topics = json!(["server", "log", "runs", "clients", "clients"]);
    let subscribed = client.ok("events/subscribe", json!({"topics": topics}));
    let snapshot = &subscribed["snapshot"];
    assert_eq!(snapshot["server"], json!({"revision": 1}));
    assert_eq!(snapshot["runs"], json!([]));
    assert_eq!(snapshot["clients"].as_array().unwrap().len(), 1);
    let error = client.refused("events/subscribe", json!({"topics": []}));
    assert_eq!(error["code"], -32602);
}

#[test]
fn after_events_unsubscribe_there_are_no_notifications() {
    let server = TestServer::start();
    let mut watcher = server.connect();
    let mut other = server.connect();
    let id = watcher.ok("events/subscribe", json!({"topics": ["runs"]}))["subscriptionId"].take();
    let error = other.refused("events/unsubscribe", json!({"subscriptionId": id}));
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32004), &json!("notFound")));
    watcher.ok("events/unsubscribe", json!({"subscriptionId": id}));
    other.run("sh", json!({"script": "exit 0"}));
    watcher.nothing_told();
    watcher.refused("events/unsubscribe", json!({"subscriptionId": id}));
}

/// A snapshot of runs with long arguments did not fit one line. It was refused, and the subscription stayed: its client
/// never got the number to end it.
#[test]
fn runs_too_long_for_one_line_follow_the_snapshot() {
    let server = TestServer::start();
    let gate = server.fifo("gate");
    let mut client = server.connect();
    let script = format!("read x < {} # {}", gate.path(), "x".repeat(30_000));
    let mut other = server.connect();
    for starter in [&mut client, &mut other] {
        for _ in 0..5 {
            starter.start(&script);
        }
    }
    let mut watcher = server.connect();
    let subscribed = watcher.ok("events/subscribe", json!({"topics": ["runs", "clients", "log"]}));
    let mut runs: Vec<u64> = Vec::new();
    for row in subscribed["snapshot"]["runs"].as_array().unwrap() {
        runs.push(row["runId"].as_u64().unwrap());
    }
    while runs.len() < 10 {
        let row = watcher.told("run/changed");
        assert_eq!(row["state"], "running");
        runs.push(row["runId"].as_u64().unwrap());
    }
    assert_eq!(runs, (1..=10).collect::<Vec<u64>>());
    client.ok("run/cancel", json!({"runId": 1}));
    while watcher.recv()["params"]["state"] != "cancelled" {}
}
