//! Requests: ids, params, and what of the envelope is refused or ignored.

use serde_json::{Value, json};

use crate::common::{Raw, TestServer, raw::error_of};

/// Sends a line that is no request, and expects -32600 with this id.
fn invalid(client: &mut Raw, line: &str, id: &Value) {
    client.line(line);
    let answer = client.recv();
    assert_eq!(&answer["id"], id, "{line}");
    let error = error_of(answer);
    let got = (&error["code"], &error["data"]["kind"]);
    assert_eq!(got, (&json!(-32600), &json!("invalidRequest")), "{line}: {error}");
}

#[test]
fn an_id_comes_back_byte_for_byte() {
    let server = TestServer::start();
    let mut client = server.connect();
    let long = format!("\"{}\"", "i".repeat(60_000));
    for id in [
        "0",
        "-0",
        "-7",
        "9007199254740993",
        "123456789012345678901234567890",
        r#""""#,
        r#""1""#,
        r#""a\u0062\/c""#,
        r#""日本 \"x\"""#,
        &long,
    ] {
        client.line(format!(r#"{{"jsonrpc":"2.0","id": {id} ,"method":"ping"}}"#));
        assert_eq!(client.read_line(), format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

#[test]
fn an_id_that_is_neither_text_nor_a_whole_number_is_refused() {
    let server = TestServer::start();
    let mut client = server.connect();
    for id in ["null", "1.5", "1.0", "1e3", "true", "{}", "[1]"] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        invalid(&mut client, &line, &Value::Null);
    }
    client.ok("ping", json!({}));
}

#[test]
fn an_id_in_flight_is_refused_with_id_null_and_free_again_afterwards() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let run = json!({"jsonrpc": "2.0", "id": "x", "method": "command/run", "params":
        {"command": "sh", "args": {"script": format!("read x < {}", gate.path())}}});
    client.line(run.to_string());
    invalid(&mut client, r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#, &Value::Null);
    // Another id that only means the same is another id.
    client.line(r#"{"jsonrpc":"2.0","id":"\u0078","method":"ping"}"#);
    assert_eq!(client.read_line(), r#"{"jsonrpc":"2.0","id":"\u0078","result":{}}"#);
    gate.open();
    assert_eq!(client.recv()["result"]["state"], "succeeded");
    client.line(r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#);
    assert_eq!(client.recv()["result"], json!({}));
}

#[test]
fn a_request_without_an_id_is_never_answered() {
    let server = TestServer::start();
    let mut client = server.connect();
    for line in [
        r#"{"jsonrpc":"2.0","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"no/such"}"#,
        r#"{"jsonrpc":"2.0","method":"command/run"}"#,
        r#"{"jsonrpc":"2.0","method":"command/run","params":{"command":"no-such"}}"#,
        r#"{"jsonrpc":"2.0","method":"$/progress","params":[{"new":1}]}"#,
        r#"{"jsonrpc":"2.0","method":"run/cancel","params":{"runId":99}}"#,
    ] {
        client.line(line);
    }
    client.nothing_told();
}

/// Each of these was answered with -32600.
#[test]
fn a_notification_is_never_answered_even_if_it_is_invalid() {
    let server = TestServer::start();
    let mut client = server.connect();
    let deep = "[".repeat(40) + &"]".repeat(40);
    let broken = [
        r#"{"jsonrpc":"2.0","method":"update","params":[1,2,3]}"#,
        r#"{"jsonrpc":"2.0","method":"ping","params":"text"}"#,
        r#"{"jsonrpc":"2.0","method":"ping","params":{"a":1,"a":2}}"#,
        r#"{"jsonrpc":"2.0","method":"ping","params":{"a":[{"b":1,"\u0062":2}]}}"#,
        r#"{"jsonrpc":"2.0","method":"ping","method":"update"}"#,
        r#"{"jsonrpc":"1.0","method":"ping"}"#,
        r#"{"method":"ping"}"#,
        &format!(r#"{{"jsonrpc":"2.0","method":"ping","params":{{"a":{deep}}}}}"#),
        r#"{"jsonrpc":"2.0","method":"command/run","params":{"command":7}}"#,
    ];
    for line in broken {
        client.line(line);
        client.line(format!("[{line}]"));
    }
    client.line(format!("[{}]", broken.join(",")));
    client.line(format!("[{}]", vec![broken[0]; 40].join(",")));
    client.nothing_told();
    // In a batch with requests, only these are answered.
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    client.line(format!("[{},{ping}]", broken.join(",")));
    assert_eq!(client.recv(), json!([{"jsonrpc": "2.0", "id": 1, "result": {}}]));
    // With an id, each is a request, and what is no JSON is no notification.
    client.line(r#"{"jsonrpc":"2.0","id":1,"method":"update","params":[1,2,3]}"#);
    assert_eq!(client.recv()["error"]["code"], -32600);
    client.line(r#"{"jsonrpc":"2.0","method":"ping","params":[1,}"#);
    assert_eq!(client.recv()["error"]["code"], -32700);
}

#[test]
fn a_request_without_an_id_is_carried_out() {
    let server = TestServer::start();
    let mut done = server.fifo("done");
    let mut client = server.connect();
    let script = format!("echo here > {}", done.path());
    let run = json!({"jsonrpc": "2.0", "method": "command/run", "params":
        {"command": "sh", "args": {"script": script}}});
    client.line(run.to_string());
    assert_eq!(done.line(), "here");
    client.nothing_told();
}

#[test]
fn params_are_absent_null_empty_an_object_or_an_array_of_one_object() {
    let server = TestServer::start();
    let mut client = server.connect();
    for params in
        ["", r#","params":null"#, r#","params":{}"#, r#","params":[]"#, r#","params":[{}]"#]
    {
        client.line(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping"{params}}}"#));
        assert_eq!(client.recv()["result"], json!({}), "{params}");
    }
    client.line(
        r#"{"jsonrpc":"2.0","id":1,"method":"command/run","params":[ {"command":"echo","args":{"text":"in an array"}} ]}"#,
    );
    assert_eq!(client.recv()["result"]["output"], "in an array\n");
    for params in ["1", r#""x""#, "true", "[1]", "[null]", "[{},{}]", "[[]]"] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{params}}}"#);
        invalid(&mut client, &line, &json!(1));
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_wherever_it_stands() {
    let server = TestServer::start();
    let mut client = server.connect();
    for (line, id) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","id":2}"#, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"session/close"}"#, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","new":1,"new":1}"#, json!(1)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"command/run","params":{"command":"echo","command":"ks"}}"#,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"command/run","params":{"command":"echo","args":{"text":"a","t\u0065xt":"b"}}}"#,
            json!(1),
        ),
    ] {
        invalid(&mut client, line, &id);
    }
    client.ok("ping", json!({}));
}

#[test]
fn what_is_no_request_of_json_rpc_2_is_refused_with_its_id() {
    let server = TestServer::start();
    let mut client = server.connect();
    for line in ["1", r#""ping""#, "null", "true"] {
        invalid(&mut client, line, &Value::Null);
    }
    for line in [
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":null,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ] {
        invalid(&mut client, line, &json!(1));
    }
    invalid(&mut client, r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, &json!(1));
}

#[test]
fn fields_that_this_version_does_not_know_are_ignored() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.line(r#"{"trace":{"a":[1]},"jsonrpc":"2.0","id":1,"method":"ping","params":{"new":{}},"meta":null}"#);
    assert_eq!(client.recv()["result"], json!({}));
    let row = client.ok(
        "command/run",
        json!({"command": "echo", "args": {"text": "x"}, "priority": 9, "tags": ["a"]}),
    );
    assert_eq!(row["output"], "x\n");
}

#[test]
fn an_unknown_method_and_bad_params_are_told_apart() {
    let server = TestServer::start();
    let mut client = server.connect();
    let error = client.refused("comand/run", json!({}));
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32601), &json!("unknownMethod")));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("comand/run") && message.contains("did you mean command/run?"));
    for (method, params) in [
        ("command/run", json!({})),
        ("command/run", json!({"command": 7})),
        ("command/run", json!({"command": "echo", "args": []})),
        ("command/run", json!({"command": "echo", "wait": "no"})),
        ("run/cancel", json!({"runId": "1"})),
        ("run/cancel", json!({"runId": -1})),
        ("clients/list", json!({"limit": "all"})),
        ("events/subscribe", json!({"topics": ["weather"]})),
        ("server/shutdown", json!({"delayMs": -1})),
        ("initialize", json!({"protocolVersion": "1"})),
    ] {
        let error = client.refused(method, params.clone());
        let got = (&error["code"], &error["data"]["kind"]);
        assert_eq!(got, (&json!(-32602), &json!("invalidParams")), "{method} {params}");
        assert!(error["message"].as_str().unwrap().contains(method), "{error}");
    }
    client.ok("ping", json!({}));
}

#[test]
fn a_quick_request_is_answered_before_a_slow_one_that_came_first() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let script = format!("read x < {}", gate.path());
    let slow = client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
    client.ok("ping", json!({}));
    gate.open();
    assert_eq!(client.answer(slow)["result"]["state"], "succeeded");
}

#[test]
fn an_error_quotes_what_a_client_sent_without_control_characters_and_in_short() {
    let menu = format!(
        "{}\n[commands.pick]\nexec = [\"true\", \"{{one}}\", \"{{count}}\", \"{{long}}\", \"{{on}}\"]\neffect = \"read\"\n\
         [[commands.pick.args]]\nname = \"one\"\ntype = \"enum\"\nchoices = [\"a\", \"b\"]\n\
         [[commands.pick.args]]\nname = \"count\"\ntype = \"int\"\n\
         [[commands.pick.args]]\nname = \"long\"\ntype = \"duration\"\n\
         [[commands.pick.args]]\nname = \"on\"\ntype = \"bool\"\n",
        crate::common::MENU
    );
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    let hostile = [
        "x\u{1b}]0;title\u{7}\u{1b}[2J".to_owned(),
        "a\r\nb\u{9b}31m".to_owned(),
        "\u{202e}abc\u{2066}".to_owned(),
        "`, expected one of `\u{1b}[1m` at line 1 column 1".to_owned(),
        "\u{7}".repeat(9_000),
        "long ".repeat(4_000),
    ];
    for value in &hostile {
        let pick = |name: &str| json!({"command": "pick", "args": {name: value}});
        let unknown = json!({"command": "pick", "args": {value.clone(): 1}});
        for (method, params) in [
            (value.as_str(), json!({})),
            ("command/run", json!({"command": value})),
            ("command/run", unknown),
            ("command/run", pick("one")),
            ("command/run", pick("count")),
            ("command/run", pick("long")),
            ("command/run", pick("on")),
            ("command/run", json!({"command": "pick", "args": value})),
            ("events/subscribe", json!({"topics": [value]})),
            ("runs/list", json!({"state": value})),
            ("runs/list", json!({"state": [value]})),
            ("runs/list", json!({"before": value})),
            ("broadcast", json!({"message": "x", "level": value})),
            ("key/invite", json!({"name": "x", "role": value})),
            ("key/invite", json!({"name": "x", "role": "viewer", "commands": [value]})),
            ("key/revoke", json!({"keyId": value})),
            ("client/kick", json!({"clientId": value})),
            ("initialize", json!({"client": value})),
        ] {
            let id = client.ask(method, params);
            let mut answer = client.recv();
            assert_eq!(answer["id"], id);
            let error = answer["error"].take();
            let text = error["message"].as_str().unwrap_or_else(|| panic!("{method}: {answer}"));
            let control = text.chars().any(topside_shared::text::is_control);
            assert!(!control && text.chars().count() < 500, "{method}: {text:?}");
            let more = error["data"].to_string();
            assert!(more.len() < 1_000, "{method}: {more}");
            let argument = error["data"]["argument"].as_str().unwrap_or_default();
            assert!(!argument.chars().any(topside_shared::text::is_control), "{argument:?}");
        }
    }
    // What is shown is what was sent, readable.
    let error = client.refused("events/subscribe", json!({"topics": ["a\u{1b}[2J"]}));
    assert!(error["message"].as_str().unwrap().ends_with(r#", not "a\u{1b}[2J""#), "{error}");
}
