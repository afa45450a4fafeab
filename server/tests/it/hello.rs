//! The beginning of a session: silence until asked, `initialize`, `ping`.

use serde_json::{Value, json};

use crate::common::{MENU, TestServer};

#[test]
fn the_server_says_nothing_before_the_first_request() {
    let server = TestServer::start();
    let mut silent = server.connect();
    let mut other = server.connect();
    // The server knows the silent one by now.
    assert_eq!(other.ok("clients/list", json!({}))["clients"].as_array().unwrap().len(), 2);
    silent.line(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    assert_eq!(silent.read_line(), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
}

#[test]
fn who_has_not_asked_for_notices_is_told_nothing_even_at_the_end() {
    let server = TestServer::start();
    let mut silent = server.connect();
    silent.ok("ping", json!({}));
    let mut other = server.connect();
    other.run("sh", json!({"script": "echo hello"}));
    other.ok("server/shutdown", json!({"delayMs": 3_600_000, "reason": "later"}));
    other.ok("server/shutdown/cancel", json!({}));
    other.ok("server/shutdown", json!({"reason": "now"}));
    silent.eof();
    other.eof();
}

#[test]
fn initialize_tells_both_sides_who_they_are() {
    let server = TestServer::with(MENU, "[limits]\nmax_runs_per_client = 3\n");
    let mut client = server.connect();
    let answer = client.ok(
        "initialize",
        json!({"protocolVersion": 1, "client": {"name": "probe", "version": "1.2"}}),
    );
    assert_eq!(answer["protocolVersion"], 1);
    assert_eq!(answer["server"]["name"], "topsided");
    assert_eq!(answer["server"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(!answer["server"]["hostname"].as_str().unwrap().is_empty());
    assert_eq!(answer["server"]["bootId"].as_str().unwrap().len(), 16);
    assert!(answer["server"]["startedAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(answer["you"]["clientId"], 1);
    assert_eq!(answer["you"]["address"], format!("pid {}", std::process::id()));
    assert_eq!(answer["you"]["role"], "admin");
    assert_eq!(answer["limits"], json!({"maxLine": 65_536, "maxRuns": 3}));
    assert_eq!(answer.get("closing"), None);
    let rows = client.ok("clients/list", json!({}));
    assert_eq!(rows["clients"][0]["client"], json!({"name": "probe", "version": "1.2"}));
}

/// The box of a user with several of them had the name of its image everywhere.
#[test]
fn the_box_has_the_name_of_server_toml_or_that_of_its_host() {
    let server = TestServer::with(MENU, "");
    let host = rustix::system::uname();
    let named = |server: &TestServer| {
        let answer = server.connect().ok("initialize", json!({}));
        answer["server"]["hostname"].as_str().unwrap().to_owned()
    };
    assert_eq!(named(&server), host.nodename().to_str().unwrap());
    let server = TestServer::with(MENU, "[server]\nname = \"garden shed\"\n");
    assert_eq!(named(&server), "garden shed");
    let status = server.connect().run("status", json!({}));
    let status = status["output"].as_str().unwrap().to_owned();
    assert!(status.contains("on garden shed\n"), "{status}");
}

#[test]
fn a_name_is_cleaned_and_cut() {
    let server = TestServer::start();
    let mut client = server.connect();
    let name = format!("\u{1b}[31mred\u{202e}\n{}", "x".repeat(100));
    client.ok("initialize", json!({"client": {"name": name, "version": "\u{7}1"}}));
    let rows = client.ok("clients/list", json!({}));
    let shown = &rows["clients"][0]["client"];
    assert_eq!(shown["name"], format!("[31mred {}", "x".repeat(56)));
    assert_eq!(shown["version"], "1");
}

#[test]
fn another_version_is_refused_with_the_side_that_is_older() {
    let server = TestServer::start();
    let mut client = server.connect();
    for (version, older, advice) in [
        (0, "the client is older", "update the client"),
        (2, "the server is older", "update the server"),
    ] {
        let error = client.refused("initialize", json!({"protocolVersion": version}));
        assert_eq!(error["code"], -32005);
        assert_eq!(error["data"]["kind"], "unsupportedVersion");
        assert_eq!(error["data"]["supported"], json!([1]));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(older) && message.contains(advice), "{message}");
    }
    client.ok("initialize", json!({"protocolVersion": null}));
}

#[test]
fn notices_are_given_up_as_they_are_asked_for() {
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    client.ok("server/shutdown", json!({"delayMs": 3_600_000}));
    assert_eq!(client.told("server/closing")["phase"], "scheduled");
    client.ok("initialize", json!({}));
    client.ok("server/shutdown/cancel", json!({}));
    client.nothing_told();
}

#[test]
fn every_client_has_a_number_of_its_own() {
    let server = TestServer::start();
    let numbers: Vec<u64> = (0..3).map(|_| server.connect().client_id()).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn two_servers_have_two_boot_ids() {
    let boot = |server: &TestServer| {
        server.connect().ok("initialize", json!({}))["server"]["bootId"].take()
    };
    let (first, second) = (TestServer::start(), TestServer::start());
    assert_ne!(boot(&first), boot(&second));
    assert_ne!(boot(&first), Value::Null);
}
