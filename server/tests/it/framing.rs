//! Lines: their caps, their endings, and what is no JSON.

use serde_json::{Value, json};

use crate::common::{Raw, TestServer, raw::error_of};

const CAP: usize = 65_536;

/// A `ping` whose line has exactly `length` bytes.
fn ping_of(length: usize) -> String {
    let head = r#"{"jsonrpc":"2.0","id":"p","method":"ping","params":{"pad":""#;
    let tail = r#""}}"#;
    format!("{head}{}{tail}", "x".repeat(length - head.len() - tail.len()))
}

fn pong() -> Value {
    json!({"jsonrpc": "2.0", "id": "p", "result": {}})
}

/// Expects the refusal of a line that is too long, and the end.
fn too_large_then_end(client: &mut Raw) {
    let answer = client.recv();
    assert_eq!(answer["id"], Value::Null);
    let error = error_of(answer);
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32007), &json!("tooLarge")));
    client.eof();
}

#[test]
fn a_line_at_the_cap_is_answered_with_either_ending() {
    let server = TestServer::start();
    let mut client = server.connect();
    for ending in ["\n", "\r\n"] {
        client.send(ping_of(CAP) + ending);
        assert_eq!(client.recv(), pong());
    }
}

#[test]
fn a_line_one_byte_over_the_cap_is_refused_with_id_null_and_ends_the_connection() {
    let server = TestServer::start();
    // Without an ending too: the cap holds while reading.
    for ending in ["\n", "\r\n", ""] {
        let mut client = server.connect();
        client.send(ping_of(CAP + 1) + ending);
        too_large_then_end(&mut client);
    }
    let mut client = server.connect();
    client.ok("ping", json!({}));
}

#[test]
fn lines_before_one_that_is_too_long_are_answered_first() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send(format!("{}\n{}\n", ping_of(100), ping_of(CAP + 1)));
    assert_eq!(client.recv(), pong());
    too_large_then_end(&mut client);
}

#[test]
fn the_refusal_of_a_long_line_arrives_although_the_client_goes_on_sending() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("x".repeat(900 * 1024));
    too_large_then_end(&mut client);
}

#[test]
fn the_cap_holds_byte_by_byte_too() {
    let server = TestServer::start();
    let mut client = server.connect();
    for byte in ping_of(CAP).bytes().chain(*b"\r\n") {
        client.send([byte]);
    }
    assert_eq!(client.recv(), pong());
    for byte in ping_of(CAP + 1).bytes().take(CAP + 1) {
        client.send([byte]);
    }
    too_large_then_end(&mut client);
}

#[test]
fn a_request_may_be_cut_at_every_byte() {
    let server = TestServer::start();
    let mut client = server.connect();
    let mut other = server.connect();
    let line = format!(
        "{}\r\n",
        r#"{"jsonrpc":"2.0","id":"é","method":"command/run","params":{"command":"echo","args":{"text":"日本"}}}"#
    );
    for cut in 1..line.len() {
        client.send(&line.as_bytes()[..cut]);
        // The server has turned to its sockets in between.
        other.ok("ping", json!({}));
        client.send(&line.as_bytes()[cut..]);
        let answer = client.recv();
        assert_eq!((&answer["id"], &answer["result"]["output"]), (&json!("é"), &json!("日本\n")));
    }
}

#[test]
fn blank_lines_are_skipped() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send(format!("\n\r\n  \n\t\r\n\n{}\n\n", ping_of(80)));
    assert_eq!(client.recv(), pong());
    client.nothing_told();
}

#[test]
fn many_requests_in_one_write_are_all_answered() {
    let server = TestServer::start();
    let mut client = server.connect();
    let lines: String = (0..500)
        .map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n"))
        .collect();
    client.send(lines);
    for id in 0..500 {
        assert_eq!(client.recv(), json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    }
}

#[test]
fn what_is_no_json_is_answered_with_id_null_and_the_connection_stays() {
    let server = TestServer::start();
    let mut client = server.connect();
    for bad in [
        &b"hello"[..],
        b"{",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} {}",
        b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\xFF\"}",
        b"\xEF\xBB\xBF{}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\ud800\"}",
        b"{'jsonrpc':'2.0'}",
        b"\0",
    ] {
        client.send([bad, b"\n"].concat());
        let answer = client.recv();
        assert_eq!(answer["id"], Value::Null);
        let error = error_of(answer);
        let got = (&error["code"], &error["data"]["kind"]);
        assert_eq!(got, (&json!(-32700), &json!("parse")), "{}", String::from_utf8_lossy(bad));
    }
    client.ok("ping", json!({}));
}

#[test]
fn nesting_passes_at_32_levels_and_not_at_33() {
    let server = TestServer::start();
    let mut client = server.connect();
    // The request and its params are two levels.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 2), "]".repeat(levels - 2));
        format!(r#"{{"jsonrpc":"2.0","id":"p","method":"ping","params":{{"x":{open}{close}}}}}"#)
    };
    client.line(nested(32));
    assert_eq!(client.recv(), pong());
    client.line(nested(33));
    let answer = client.recv();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32700)));
    // Thousands of levels are no deeper trouble, and brackets in a string are no levels.
    client.line(nested(30_000));
    assert_eq!(client.recv()["error"]["code"], -32700);
    let text = "[".repeat(100);
    assert_eq!(client.run("echo", json!({"text": text}))["output"], format!("{text}\n"));
}

#[test]
fn a_request_with_any_byte_changed_gets_one_answer_at_most_and_harms_no_other_client() {
    let server = TestServer::start();
    let mut client = server.connect();
    let whole =
        br#"{"jsonrpc":"2.0","id":"a\u0062","method":"clients/list","params":[{"limit":1}]}"#;
    for at in 0..whole.len() {
        for byte in *b"\0\r \"\\{}[]:,x0\x80\xff" {
            let mut line = whole.to_vec();
            line[at] = byte;
            client.send([&line[..], b"\n", ping_of(80).as_bytes(), b"\n"].concat());
            let first = client.recv();
            if first != pong() {
                assert!(first.get("result").is_some() || error_of(first)["code"].is_i64());
                assert_eq!(client.recv(), pong());
            }
        }
    }
}
