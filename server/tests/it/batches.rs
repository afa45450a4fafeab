//! Batches: in order, one line back, and nothing in them streams.

use serde_json::{Value, json};

use crate::common::{TestServer, raw::error_of};

fn item(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

fn run(id: impl Into<Value>, script: &str) -> Value {
    item(id, "command/run", json!({"command": "sh", "args": {"script": script}}))
}

#[test]
fn thirty_two_requests_are_carried_out_in_order_and_answered_by_one_line() {
    let server = TestServer::start();
    let mut client = server.connect();
    let file = server.root().join("order");
    // Were they begun together, the first would be the last to write.
    let batch: Vec<Value> = (0..32)
        .map(|n| {
            let slow = if n == 0 { "i=0; while [ $i -lt 9999 ]; do i=$((i+1)); done;" } else { "" };
            run(n, &format!("{slow} printf '%s ' {n} >> {}", file.display()))
        })
        .collect();
    client.line(Value::from(batch).to_string());
    let answers = client.recv();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 32);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], n);
        assert_eq!(answer["result"]["state"], "succeeded");
    }
    let order: Vec<String> = (0..32).map(|n| format!("{n} ")).collect();
    assert_eq!(std::fs::read_to_string(file).unwrap(), order.concat());
    client.nothing_told();
}

#[test]
fn a_batch_of_33_or_of_none_is_one_refusal_and_nothing_is_carried_out() {
    let server = TestServer::start();
    let mut client = server.connect();
    let file = server.root().join("done");
    let touch = format!("touch {}", file.display());
    let batch: Vec<Value> = (0..33).map(|n| run(n, &touch)).collect();
    for batch in [Value::from(batch), json!([])] {
        client.line(batch.to_string());
        let answer = client.recv();
        assert_eq!(answer["id"], Value::Null);
        assert_eq!(error_of(answer)["code"], -32600);
    }
    client.nothing_told();
    assert!(!file.exists());
}

#[test]
fn a_batch_of_notifications_is_carried_out_and_not_answered() {
    let server = TestServer::start();
    let mut client = server.connect();
    let mut done = server.fifo("done");
    let mut quiet = run(1, &format!("echo here > {}", done.path()));
    quiet.as_object_mut().unwrap().remove("id");
    client.line(json!([quiet, {"jsonrpc": "2.0", "method": "no/such"}]).to_string());
    assert_eq!(done.line(), "here");
    client.nothing_told();
    client.line(
        json!([{"jsonrpc": "2.0", "method": "ping"}, item(7, "ping", json!({}))]).to_string(),
    );
    assert_eq!(client.recv(), json!([{"jsonrpc": "2.0", "id": 7, "result": {}}]));
}

#[test]
fn an_item_that_is_no_request_spoils_only_itself() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.line(
        r#"[1, {"jsonrpc":"2.0","id":2,"method":"ping"}, [], {"jsonrpc":"2.0","id":4,"method":"ping","x":1,"x":2}, {"jsonrpc":"2.0","id":5,"method":"no/such"}, {"jsonrpc":"2.0","id":2,"method":"ping"}, {"jsonrpc":"2.0","id":null,"method":"ping"}]"#,
    );
    let answers = client.recv();
    let got: Vec<(Value, Value)> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["id"].clone(), answer["error"]["code"].clone()))
        .collect();
    let refused = |id: Value, code: i64| (id, json!(code));
    assert_eq!(
        got,
        [
            refused(Value::Null, -32600),
            (json!(2), Value::Null),
            refused(Value::Null, -32600),
            refused(json!(4), -32600),
            refused(json!(5), -32601),
            refused(Value::Null, -32600),
            refused(Value::Null, -32600),
        ]
    );
}

#[test]
fn nothing_in_a_batch_streams() {
    let server = TestServer::start();
    let mut client = server.connect();
    let mut streaming = run(1, "echo out");
    streaming["params"]["stream"] = true.into();
    let mut started = run(2, "echo later");
    started["params"]["stream"] = true.into();
    started["params"]["wait"] = false.into();
    client.line(json!([streaming, started]).to_string());
    let answers = client.recv();
    assert_eq!(answers[0]["result"]["output"], "out\n");
    assert_eq!(answers[1]["id"], 2);
    client.nothing_told();
}

#[test]
fn answers_that_do_not_fit_together_say_so_one_by_one() {
    let server = TestServer::start();
    let mut client = server.connect();
    let big = "head -c 100000 /dev/zero | tr '\\0' x";
    let batch = json!([run(1, big), run(2, big), run(3, big), item(4, "ping", json!({}))]);
    client.line(batch.to_string());
    let line = client.read_line();
    assert!(line.len() < 256 * 1024, "{}", line.len());
    let answers: Value = serde_json::from_str(&line).unwrap();
    for fits in [0, 1] {
        assert_eq!(answers[fits]["result"]["output"].as_str().unwrap().len(), 100_000);
    }
    let error = error_of(answers[2].clone());
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32007), &json!("tooLarge")));
    assert_eq!(answers[2]["id"], 3);
    assert_eq!(answers[3], json!({"jsonrpc": "2.0", "id": 4, "result": {}}));
}

/// Refusals carry the ids of their requests, and an id can be as long as a line: they used to go over
/// the cap of a line together.
#[test]
fn a_batch_with_a_very_long_id_stays_within_the_longest_line() {
    let server = TestServer::start();
    let mut client = server.connect();
    let of = |bytes: usize| format!("head -c {bytes} /dev/zero | tr '\\0' x");
    let long = "i".repeat(60_000);
    let batch =
        json!([run(1, &of(130_000)), run(2, &of(110_000)), item(&*long, "ping", json!({}))]);
    client.line(batch.to_string());
    let line = client.read_line();
    assert!(line.len() < 256 * 1024, "{}", line.len());
    let answers: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 3);
    assert_eq!(answers[2]["id"], long);
}

#[test]
fn a_session_closed_in_a_batch_answers_the_whole_batch_and_ends() {
    let server = TestServer::start();
    let mut client = server.connect();
    let batch = json!([item(1, "session/close", json!({})), item(2, "ping", json!({}))]);
    client.line(batch.to_string());
    assert_eq!(
        client.recv(),
        json!([{"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 2, "result": {}}])
    );
    client.eof();
}
