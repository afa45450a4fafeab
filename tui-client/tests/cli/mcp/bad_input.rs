//! Input that is wrong: each fault has its own error, and nothing waits for ever.

use serde_json::{Value, json};

use super::assistant::{Assistant, REVISIONS, Revision};
use super::place;
use crate::common::Place;

fn error_of(message: &Value) -> (i64, &str) {
    let error = &message["error"];
    (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap())
}

#[test]
fn an_unknown_revision_is_answered_with_those_that_are_supported() {
    let place = place();
    let _server = place.serve();
    let mut assistant = Assistant::new(&place, &[], Revision::Stateless);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2031-01-01",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let request =
        json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": {"_meta": meta}});
    // As the first request, and as a later one.
    for _ in 0..2 {
        assistant.line(&request.to_string());
        let message = assistant.message();
        let (code, sentence) = error_of(&message);
        assert_eq!((code, &message["id"]), (-32022, &json!("a")));
        assert!(sentence.contains("2026-07-28") && sentence.contains("2025-11-25"), "{sentence}");
        assert_eq!(message["error"]["data"]["supported"], json!(["2026-07-28", "2025-11-25"]));
        assistant.tools();
    }
    // `initialize` is answered with a revision that has it, which the client may decline.
    for version in ["2031-01-01", "2026-07-28", "2024-11-05"] {
        let mut running = place.start(&["mcp"]);
        let params = json!({
            "protocolVersion": version, "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        running.write(&format!("{request}\n"));
        assert_eq!(running.json()["result"]["protocolVersion"], "2025-11-25", "{version}");
    }
}

#[test]
fn discover_names_the_revisions_before_anything_else() {
    let place = place();
    let _server = place.serve();
    let mut assistant = Assistant::new(&place, &[], Revision::Stateless);
    let found = assistant.result("server/discover", json!({}));
    assert_eq!(found["supportedVersions"], json!(["2026-07-28", "2025-11-25"]));
    assert!(found["instructions"].as_str().unwrap().contains("never an instruction"), "{found}");
    // One that asks this way may still begin with `initialize`.
    let result = assistant.result(
        "initialize",
        json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        }),
    );
    assert_eq!(result["protocolVersion"], "2025-11-25");
}

#[test]
fn a_line_that_is_no_request_has_its_error() {
    let place = place();
    let _server = place.serve();
    for revision in REVISIONS {
        let mut assistant = Assistant::new(&place, &[], revision);
        for (line, code, part) in [
            ("{", -32700, "not JSON"),
            ("hello", -32700, "not JSON"),
            ("[]", -32600, "batches"),
            ("7", -32600, "not a message"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#, -32600, "`id` must be text"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, -32600, "`id` must be text"),
            (r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#, -32600, "`jsonrpc` must be"),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600, "`method` must be text"),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}"#, -32600, "twice"),
        ] {
            assistant.line(line);
            let message = assistant.message();
            let (found, sentence) = error_of(&message);
            assert_eq!(found, code, "{line}: {message}");
            assert!(sentence.contains(part), "{line}: {sentence}");
        }
        assistant.line(&"x".repeat(3 << 20));
        assert_eq!(error_of(&assistant.message()).0, -32600);
        // What cannot be answered is skipped.
        for line in ["", "  ", r#"{"jsonrpc":"2.0","method":"no/such","params":[]}"#] {
            assistant.line(line);
        }
        assert!(!assistant.commands().is_empty(), "{revision:?}: it goes on");
    }
}

#[test]
fn the_error_of_a_request_that_cannot_be_read_has_its_id() {
    let place = place();
    let _server = place.serve();
    let call = |arguments: &str| {
        format!(
            r#"{{"method":"tools/call","params":{{"name":"hello","arguments":{arguments}}},"jsonrpc":"2.0","id":"last"}}"#
        )
    };
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for revision in REVISIONS {
        let mut assistant = Assistant::new(&place, &[], revision);
        for (line, code) in [
            (call(r#"{"name":NaN}"#), -32700),
            (call(r#"{"name":1e999}"#), -32700),
            (call(r#"{"name":"\ud800"}"#), -32700),
            (call(r#"{"name":"a","name":"b"}"#), -32600),
            (call(&nested(100)), -32600),
            (call(&nested(100_000)), -32600),
            (call(&format!("{{\"name\":\"{}\"}}", "x".repeat(3 << 20))), -32600),
            (
                r#"{"jsonrpc":"2.0","id":"last","method":"tools/call","params":[]}"#.to_owned(),
                -32602,
            ),
            (r#"{"jsonrpc":"1.0","id":"last","method":"tools/list"}"#.to_owned(), -32600),
        ] {
            assistant.line(&line);
            let message = assistant.message();
            assert_eq!(error_of(&message).0, code, "{message}");
            assert_eq!(message["id"], "last", "{message}");
        }
        // The answer to another request is not replaced by such an error.
        let pipe = place.pipe(&format!("{revision:?}"));
        let id = assistant.send("tools/call", json!({"name": "wait", "arguments": {"pipe": pipe}}));
        assistant.line(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x","params":NaN}}"#));
        assert_eq!(assistant.message().get("id"), None);
        std::fs::write(&pipe, "end\n").unwrap();
        assert_eq!(assistant.answer(id)["result"]["isError"], false);
    }
}

#[test]
fn wrong_params_and_unknown_methods_have_their_errors() {
    let place = place();
    let _server = place.serve();
    for revision in REVISIONS {
        let mut assistant = Assistant::new(&place, &[], revision);
        for (method, params, code, part) in [
            ("tools/call", json!({}), -32602, "name"),
            ("tools/call", json!({"name": 7}), -32602, "name"),
            ("tools/call", json!({"name": "hello", "arguments": [1]}), -32602, "arguments"),
            ("tools/call", json!({"name": "hullo"}), -32602, "did you mean hello?"),
            ("tools/call", json!({"name": "hidden"}), -32602, "no tool hidden"),
            ("tools/call", json!({"name": "change"}), -32602, "no tool change"),
            ("tools/call", json!({"name": ""}), -32602, "the name of the tool is empty"),
            ("resources/read", json!({}), -32602, "uri"),
            ("tools/list", json!({"cursor": "next"}), -32602, "no page next"),
            ("resources/list", json!({"cursor": "next"}), -32602, "no page next"),
            ("resources/templates/list", json!({"cursor": ""}), -32602, "no page"),
            ("prompts/list", json!({}), -32601, "there is no method prompts/list"),
            ("resources/subscribe", json!({"uri": "topside://menu"}), -32601, "there is no method"),
            ("no/such", json!({}), -32601, "no/such"),
        ] {
            let error = assistant.error(method, params);
            assert_eq!(error["code"], code, "{method}: {error}");
            assert!(error["message"].as_str().unwrap().contains(part), "{method}: {error}");
        }
    }
}

#[test]
fn a_request_without_initialize_and_without_a_revision_is_told_what_is_missing() {
    let place = place();
    let _server = place.serve();
    let mut running = place.start(&["mcp"]);
    // Notifications before the first request are skipped.
    running.write("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
    running.write("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n");
    let message = running.json();
    let (code, sentence) = error_of(&message);
    assert_eq!(code, -32602);
    assert!(sentence.contains("io.modelcontextprotocol/protocolVersion"), "{sentence}");
}

#[test]
fn two_requests_with_one_id_and_too_many_at_once_have_their_errors() {
    let place = place();
    let _server = place.serve();
    let pipe = place.pipe("pipe");
    let mut assistant = Assistant::local(&place);
    let args = json!({"name": "wait", "arguments": {"pipe": pipe}});
    let request =
        |id: u64| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": args});
    assistant.line(&request(500).to_string());
    assistant.line(&request(500).to_string());
    let message = assistant.message();
    assert_eq!((error_of(&message).0, &message["id"]), (-32600, &Value::Null));
    // That of a cancelled request cannot be used either: its call may still go on.
    assistant.line(&request(499).to_string());
    assistant.notify("notifications/cancelled", json!({"requestId": 499}));
    assistant.line(&request(499).to_string());
    let message = assistant.message();
    assert_eq!((error_of(&message).0, &message["id"]), (-32600, &json!(499)), "{message}");
    for id in 501..601 {
        assistant.line(&request(id).to_string());
    }
    let mut too_many = 0;
    let mut busy = 0;
    // The server takes 8 runs of one client; this program 64 requests.
    while too_many + busy < 93 {
        let message = assistant.message();
        if message.get("error").is_some() {
            let (code, sentence) = error_of(&message);
            assert_eq!(code, -32000);
            assert!(sentence.contains("wait for an answer"), "{sentence}");
            too_many += 1;
        } else {
            assert_eq!(message["result"]["isError"], true, "{message}");
            busy += 1;
        }
    }
    // The assistant goes while runs go on.
    assistant.end().with(0);
}

#[test]
fn without_a_server_each_request_says_so() {
    let place: Place = place();
    for revision in REVISIONS {
        let mut assistant = Assistant::new(&place, &[], revision);
        let error = assistant.error("tools/list", json!({}));
        let sentence = error["message"].as_str().unwrap();
        assert!(sentence.contains("no server runs on this machine"), "{sentence}");
        let called = assistant.call("hello", json!({"name": "x"}));
        assert!(called.sentence().contains("cannot be reached"), "{called:?}");
        let ended = assistant.end().with(0);
        assert!(ended.err.contains("no server runs on this machine"), "{ended:?}");
        assert_eq!(ended.out, "", "standard output has messages only");
    }
}
