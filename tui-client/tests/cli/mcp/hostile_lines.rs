//! An assistant that sends lines which no assistant should.

use serde_json::{Value, json};

use super::assistant::{Assistant, REVISIONS};
use super::place;

#[test]
fn a_message_of_100_megabytes_is_refused_and_is_not_kept() {
    let place = place();
    let _server = place.serve();
    let mut assistant = Assistant::local(&place);
    let part = "x".repeat(1 << 20);
    for _ in 0..100 {
        assistant.part(&part);
    }
    assistant.line("");
    let message = assistant.message();
    assert_eq!(message["error"]["code"], -32600, "{message}");
    assert!(message["error"]["message"].as_str().unwrap().contains("at most 1048576 bytes"));
    assert!(!assistant.commands().is_empty(), "it goes on");
    if cfg!(target_os = "linux") {
        let most = assistant.most_memory();
        assert!(most < 200 << 10, "{most} KiB");
    }
}

#[test]
fn a_line_that_stops_half_way_has_its_error() {
    let place = place();
    let _server = place.serve();
    for revision in REVISIONS {
        let mut assistant = Assistant::new(&place, &[], revision);
        assistant.tools();
        assistant.part(r#"{"jsonrpc":"2.0","id":"half","method":"tools/li"#);
        let ended = assistant.end().with(0);
        let message: Value = serde_json::from_str(ended.out.trim_end()).unwrap();
        assert_eq!(message["error"]["code"], -32700, "{message}");
    }
}

#[test]
fn answers_to_nothing_and_many_notifications_change_nothing() {
    let place = place();
    let _server = place.serve();
    for revision in REVISIONS {
        let mut assistant = Assistant::new(&place, &[], revision);
        assistant.tools();
        for id in [json!(0), json!(1), json!(-1), json!("x")] {
            for result in [
                json!({"roots": [{"uri": "file:///"}]}),
                json!({"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "m"}),
                json!({"action": "accept", "content": {"confirm": true}}),
                json!({}),
            ] {
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
                assistant.line(&answer.to_string());
            }
            let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -1, "message": "no"}});
            assistant.line(&error.to_string());
        }
        for number in 0..20_000 {
            let (method, params) = match number % 4 {
                0 => ("notifications/roots/list_changed", json!({})),
                1 => ("notifications/progress", json!({"progressToken": number, "progress": 1})),
                2 => ("notifications/cancelled", json!({"requestId": number + 1_000_000})),
                _ => ("notifications/no-such", json!({"a": number})),
            };
            assistant.notify(method, params);
        }
        assert_eq!(assistant.call("hello", json!({"name": "x"})).output(), "hello x\n");
        assert!(assistant.notices.is_empty(), "{:?}", assistant.notices);
    }
}

#[test]
fn a_request_of_another_assistant_is_not_cancelled() {
    let place = place();
    let _server = place.serve();
    let pipe = place.pipe("pipe");
    let (mut one, mut other) = (Assistant::local(&place), Assistant::local(&place));
    let params = json!({"name": "wait", "arguments": {"pipe": pipe}});
    let id = one.send("tools/call", params);
    let running = || place.json(&["runs", "--state", "running"])["runs"].clone();
    crate::common::eventually("it runs", || running().as_array().unwrap().len() == 1);
    other.notify("notifications/cancelled", json!({"requestId": id}));
    assert!(!other.commands().is_empty(), "it was read");
    std::fs::write(&pipe, "end\n").unwrap();
    assert_eq!(one.answer(id)["result"]["structuredContent"]["state"], "succeeded");
}

#[test]
fn an_argument_that_is_too_large_has_its_sentence() {
    let place = place();
    let _server = place.serve();
    let mut assistant = Assistant::local(&place);
    for (tool, args) in [
        ("wait", json!({"pipe": "x".repeat(900_000)})),
        ("types", json!({"names": vec!["x"; 200_000]})),
        ("run_status", json!({"runId": 1e300})),
        ("hello", json!({"name": {"name": {"name": {}}}})),
    ] {
        let called = assistant.call(tool, args);
        assert!(called.sentence().len() < 1_000, "{}", called.text);
    }
    assert_eq!(assistant.call("hello", json!({"name": "x"})).output(), "hello x\n");
}

/// Standard output has messages and nothing else, also where the program cannot begin.
#[test]
fn what_keeps_the_program_from_beginning_is_on_standard_error() {
    let place = place();
    place.write("config/client.toml", "[[server]\nbroken");
    for args in [&["mcp", "--on", "garden"][..], &["mcp", "--no-such"], &["mcp", "--setup"]] {
        let ended = place.lines(args, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n");
        assert_ne!(ended.status, Some(0), "{args:?}: {ended:?}");
        assert_eq!(ended.out, "", "{args:?}");
        assert!(!ended.err.is_empty(), "{args:?}");
    }
}
