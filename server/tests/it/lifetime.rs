//! How a connection ends: by the client's half-close, its hang-up, `session/close`, or the server.

use serde_json::{Value, json};

use crate::common::{Raw, TestServer};

/// Subscribes to the list of clients, and gives the numbers that are on it.
fn watch_clients(client: &mut Raw) -> Vec<u64> {
    let subscribed = client.ok("events/subscribe", json!({"topics": ["clients", "runs"]}));
    ids(&subscribed["snapshot"]["clients"])
}

fn ids(rows: &Value) -> Vec<u64> {
    rows.as_array().unwrap().iter().map(|row| row["clientId"].as_u64().unwrap()).collect()
}

/// Waits until the list says that this client has left, and gives the reason.
fn left(watcher: &mut Raw, client: u64) -> String {
    loop {
        let message = watcher.recv();
        let gone = message["params"]["left"].as_array();
        if let Some(row) = gone.into_iter().flatten().find(|row| row["clientId"] == client) {
            return row["reason"].as_str().unwrap().to_owned();
        }
    }
}

/// A client joins and leaves, and the watcher is notified of both: the server has read all earlier requests. Returns
/// the number of that client.
fn news(server: &TestServer, watcher: &mut Raw) -> u64 {
    let mut third = server.connect();
    let number = third.client_id();
    // Both at once would cancel out.
    let joined = |message: &Value| {
        let rows = message["params"]["joined"].as_array();
        rows.into_iter().flatten().any(|row| row["clientId"] == number)
    };
    while !joined(&watcher.recv()) {}
    drop(third);
    left(watcher, number);
    number
}

/// A run that a client waits for, which goes on until the gate is opened.
fn slow_run(client: &mut Raw, gate: impl std::fmt::Display) -> u64 {
    let script = format!("read x < {gate}; echo done");
    client.ask("command/run", json!({"command": "sh", "args": {"script": script}}))
}

#[test]
fn after_a_half_close_what_is_in_flight_is_answered_before_the_end() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let id = slow_run(&mut client, gate.path());
    // The last line needs no ending.
    client.send(r#"{"jsonrpc":"2.0","id":"last","method":"ping"}"#);
    client.half_close();
    assert_eq!(client.recv(), json!({"jsonrpc": "2.0", "id": "last", "result": {}}));
    gate.open();
    assert_eq!(client.answer(id)["result"]["output"], "done\n");
    client.eof();
}

#[test]
fn after_a_half_close_a_streamed_run_is_streamed_to_its_end() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let script = format!("read x < {}; echo done", gate.path());
    let params =
        json!({"command": "sh", "args": {"script": script}, "stream": true, "wait": false});
    client.ok("command/run", params);
    client.half_close();
    gate.open();
    assert_eq!(client.told("run/output")["data"], "done\n");
    assert_eq!(client.told("run/changed")["state"], "succeeded");
    client.eof();
}

#[test]
fn a_half_close_without_a_request_ends_the_connection_without_a_byte() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.half_close();
    client.eof();
}

#[test]
fn a_half_close_ends_subscriptions() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut watcher = server.connect();
    watch_clients(&mut watcher);
    let mut client = server.connect();
    watch_clients(&mut client);
    let id = slow_run(&mut client, gate.path());
    // What is told up to here may have come already.
    client.ok("ping", json!({}));
    client.half_close();
    // Only when the half-close has been seen, `left` of a third is told to the watcher alone.
    let number = news(&server, &mut watcher);
    gate.open();
    let rest = client.rest();
    let about_third = |line: &&Value| line["params"].to_string().contains(&format!(":{number},"));
    assert_eq!(rest.iter().find(about_third), None);
    assert_eq!(rest.last().unwrap()["id"], id);
}

#[test]
fn a_client_that_hangs_up_leaves_the_list_and_its_run_goes_on() {
    let server = TestServer::start();
    let mut came = server.fifo("came");
    let mut gate = server.fifo("gate");
    let mut watcher = server.connect();
    let mut client = server.connect();
    let number = client.client_id();
    let script = format!("echo up > {}; read x < {}", came.path(), gate.path());
    client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
    assert_eq!(came.line(), "up");
    assert!(watch_clients(&mut watcher).contains(&number));
    drop(client);
    assert_eq!(left(&mut watcher, number), "gone");
    let rows = watcher.ok("clients/list", json!({}));
    assert_eq!(rows["clients"].as_array().unwrap().len(), 1);
    assert_eq!(watcher.ok("server/status", json!({}))["runs"]["running"], 1);
    gate.open();
    let row = watcher.told("run/changed");
    assert_eq!((&row["state"], &row["clientId"]), (&json!("succeeded"), &json!(number)));
}

#[test]
fn a_client_that_hangs_up_after_a_half_close_leaves_the_list() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut watcher = server.connect();
    let mut client = server.connect();
    let number = client.client_id();
    slow_run(&mut client, gate.path());
    client.ok("ping", json!({}));
    assert!(watch_clients(&mut watcher).contains(&number));
    client.half_close();
    drop(client);
    assert_eq!(left(&mut watcher, number), "gone");
    gate.open();
}

#[test]
fn session_close_is_answered_last_and_later_requests_are_not_taken() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let run = slow_run(&mut client, gate.path());
    let close = client.ask("session/close", json!({}));
    client.ask("ping", json!({}));
    gate.open();
    assert_eq!(client.answer(run)["result"]["output"], "done\n");
    assert_eq!(client.answer(close)["result"], json!({}));
    client.eof();
}

/// Subscriptions went on after `session/close` while a run was still in flight, and what they told
/// could come after the answer that is to be the last.
#[test]
fn session_close_ends_subscriptions() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut watcher = server.connect();
    watch_clients(&mut watcher);
    let mut client = server.connect();
    let run = slow_run(&mut client, gate.path());
    client.ok("events/subscribe", json!({"topics": ["clients"]}));
    // Both lines are read at once: the server has read the second when it answers the first.
    client.line(concat!(
        r#"{"jsonrpc":"2.0","id":"ping","method":"ping"}"#,
        "\n",
        r#"{"jsonrpc":"2.0","id":"close","method":"session/close"}"#
    ));
    while client.recv()["id"] != "ping" {}
    news(&server, &mut watcher);
    gate.open();
    let rest = client.rest();
    let told: Vec<&Value> = rest.iter().filter(|line| line.get("method").is_some()).collect();
    assert!(told.is_empty(), "{told:?}");
    let ids: Vec<&Value> = rest.iter().map(|line| &line["id"]).collect();
    assert_eq!(ids, [&json!(run), &json!("close")]);
}

#[test]
fn the_command_close_ends_the_session_and_says_so_to_those_who_take_notices() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.run("close", json!({}))["state"], "succeeded");
    client.eof();
    let mut client = server.connect_with_notices();
    client.run("close", json!({}));
    assert_eq!(client.told("session/ended")["code"], "closed");
    client.eof();
}

#[test]
fn who_takes_notices_is_told_that_it_broke_the_framing() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    client.send("x".repeat(70_000));
    assert_eq!(client.recv()["error"]["code"], -32007);
    let ended = client.told("session/ended");
    assert_eq!(ended["code"], "protocol");
    assert!(ended["reason"].as_str().unwrap().contains("65536"), "{ended}");
    client.eof();
}

/// Events went on being queued while a session said goodbye to a client that read slowly.
#[test]
fn nothing_follows_session_ended_to_a_client_that_reads_late() {
    let server = TestServer::start();
    let mut watcher = server.connect();
    let mut client = server.connect_with_notices();
    let number = client.client_id();
    client.ok("initialize", json!({"notices": true}));
    client.ok("events/subscribe", json!({"topics": ["clients"]}));
    // More output than the socket takes, and then a line that ends the session.
    let params =
        json!({"command": "sh", "args": {"script": "yes | head -c 3000000"}, "stream": true});
    client.ask("command/run", params);
    watch_clients(&mut watcher);
    loop {
        // Clients are told of too, as their runs begin and end.
        let message = watcher.recv();
        if message["method"] == "run/changed" && message["params"]["state"] == "succeeded" {
            break;
        }
    }
    client.send("x".repeat(70_000));
    // Two rounds of news while the client still reads nothing.
    for _ in 0..2 {
        news(&server, &mut watcher);
    }
    let rest = client.rest();
    let last = rest.last().unwrap();
    assert_eq!(last["method"], "session/ended", "{last}");
    assert_eq!(last["params"]["code"], "protocol");
    assert_eq!(left(&mut watcher, number), "broke the protocol");
}
