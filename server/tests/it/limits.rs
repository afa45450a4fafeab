//! Limits on runs, each at its edge.

use serde_json::json;

use crate::common::TestServer;

#[test]
fn the_limit_of_one_client_holds_at_its_edge_and_for_that_client_only() {
    let server = TestServer::limits("max_runs_per_client = 2");
    let gate = server.fifo("gate");
    let script = format!("read x < {}", gate.path());
    let (mut client, mut other) = (server.connect(), server.connect());
    client.start(&script);
    client.start(&script);
    let error = client.refused("command/run", json!({"command": "sh", "args": {"script": script}}));
    assert_eq!(error["code"], -32008);
    let data =
        json!({"kind": "busy", "retryable": true, "limit": "max_runs_per_client", "most": 2});
    assert_eq!(error["data"], data);
    other.start(&script);
    // A built-in takes no place.
    client.run("echo", json!({"text": "x"}));
    client.ok("run/cancel", json!({"runId": 1}));
    client.start(&script);
}

#[test]
fn the_limit_of_all_holds_at_its_edge_over_all_clients() {
    let server = TestServer::limits("max_runs = 3\nadmin_runs = 1");
    let gate = server.fifo("gate");
    let script = format!("read x < {}", gate.path());
    for _ in 0..3 {
        server.connect().start(&script);
    }
    let mut client = server.connect();
    let error = client.refused("command/run", json!({"command": "look"}));
    assert_eq!((&error["data"]["limit"], &error["data"]["most"]), (&json!("max_runs"), &json!(3)));
    client.run("echo", json!({"text": "x"}));
    client.ok("run/cancel", json!({"runId": 2}));
    assert_eq!(client.run("look", json!({}))["output"], "seen");
}

#[test]
fn no_limit_is_no_limit() {
    let server = TestServer::limits("max_runs = 0\nmax_runs_per_client = 0");
    let gate = server.fifo("gate");
    let mut client = server.connect();
    for _ in 0..20 {
        client.start(&format!("read x < {}", gate.path()));
    }
    assert_eq!(client.ok("server/status", json!({}))["runs"]["running"], 20);
}

/// A session could wait for as many answers as it asked for, each with something of an output in hand.
#[test]
fn the_limit_of_waiting_requests_holds_at_its_edge_and_leaves_a_way_out() {
    let server = TestServer::limits("max_waiting = 3");
    let gate = server.fifo("gate");
    let (mut client, mut other) = (server.connect(), server.connect());
    let run = other.start(&format!("read x < {}", gate.path()));
    let attach = json!({"runId": run});
    let waiting: Vec<u64> = (0..3).map(|_| client.ask("run/attach", attach.clone())).collect();
    let error = client.refused("run/attach", attach.clone());
    let data = json!({"kind": "busy", "retryable": true, "limit": "max_waiting", "most": 3});
    assert_eq!((&error["code"], &error["data"]), (&json!(-32008), &data));
    // As an item of a batch, too.
    client.line(format!(
        r#"[{{"jsonrpc":"2.0","id":"a","method":"run/attach","params":{{"runId":{run}}}}}]"#
    ));
    assert_eq!(client.recv()[0]["error"]["data"]["limit"], "max_waiting");
    // The way out, and what others do.
    client.ok("server/status", json!({}));
    client.run("echo", json!({"text": "x"}));
    let cancel = client.ask("run/cancel", attach);
    let mut ended: Vec<u64> = (0..4)
        .map(|_| {
            let answer = client.recv();
            assert_eq!(answer["result"]["state"], "cancelled", "{answer}");
            answer["id"].as_u64().unwrap()
        })
        .collect();
    ended.sort_unstable();
    assert_eq!(ended, [waiting, vec![cancel]].concat());
    client.ok("server/status", json!({}));
}

#[test]
fn a_connection_has_at_most_16_subscriptions() {
    let server = TestServer::start();
    let mut client = server.connect();
    let first =
        client.ok("events/subscribe", json!({"topics": ["server"]}))["subscriptionId"].take();
    for _ in 1..16 {
        client.ok("events/subscribe", json!({"topics": ["server"]}));
    }
    let error = client.refused("events/subscribe", json!({"topics": ["server"]}));
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32008), &json!("busy")));
    client.ok("events/unsubscribe", json!({"subscriptionId": first}));
    client.ok("events/subscribe", json!({"topics": ["server"]}));
}

/// Limits of runs were counted as `busy` alone, which says nothing of what to change.
#[test]
fn rejections_are_counted_by_the_name_of_the_limit() {
    let server = TestServer::limits("max_runs = 1\nadmin_runs = 0");
    let mut client = server.connect();
    let run = client.start("exec sleep 60");
    let script = json!({"command": "sh", "args": {"script": "exit 0"}});
    assert_eq!(client.refused("command/run", script)["data"]["limit"], "max_runs");
    let refusals = client.ok("server/status", json!({}))["refusals"].take();
    assert_eq!((&refusals["busy"], &refusals["max_runs"]), (&json!(1), &json!(1)), "{refusals}");
    client.ok("run/cancel", json!({"runId": run}));
}
