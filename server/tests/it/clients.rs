//! `broadcast` and `client/kick`.

use serde_json::json;

use crate::common::{Raw, TestServer};

/// A client that takes notices, and its number.
fn client_with_notices(server: &TestServer) -> (Raw, u64) {
    let mut client = server.connect();
    let you = client.ok("initialize", json!({"notices": true}))["you"].take();
    (client, you["clientId"].as_u64().unwrap())
}

#[test]
fn a_broadcast_reaches_all_clients_that_take_notices_and_names_its_sender() {
    let server = TestServer::remote("");
    let phone = server.device("phone", "viewer");
    let mut far = phone.connect();
    far.ok("initialize", json!({"notices": true}));
    let (mut admin, mut near) = (server.connect_with_notices(), server.connect_with_notices());
    let mut quiet = server.connect();
    let message = "the valve is\u{1b}[2J stuck";
    let sent = admin.ok("broadcast", json!({"message": message, "level": "warning"}));
    assert_eq!(sent, json!({"delivered": 3}));
    for client in [&mut far, &mut near, &mut admin] {
        let told = client.told("broadcast");
        assert_eq!(told["message"], "the valve is[2J stuck");
        assert_eq!(told["level"], "warning");
        assert!(told["by"].as_str().unwrap().ends_with(')'), "{told}");
        assert!(told["time"].as_str().unwrap().ends_with('Z'), "{told}");
    }
    quiet.nothing_told();
    let error = far.refused("broadcast", json!({"message": "me too"}));
    assert_eq!((&error["code"], &error["data"]["needed"]), (&json!(-32003), &json!("admin")));
}

#[test]
fn a_broadcast_is_not_empty_and_at_most_2_kib() {
    let server = TestServer::start();
    let mut admin = server.connect_with_notices();
    let whole = "x".repeat(2048);
    admin.ok("broadcast", json!({"message": whole}));
    let told = admin.told("broadcast");
    assert_eq!((&told["message"], &told["level"]), (&json!(whole), &json!("info")));
    let error = admin.refused("broadcast", json!({"message": whole + "x"}));
    assert_eq!((&error["code"], &error["data"]["argument"]), (&json!(-32602), &json!("message")));
    for nothing in ["", "  \u{7} "] {
        assert_eq!(admin.refused("broadcast", json!({"message": nothing}))["code"], -32602);
    }
    admin.nothing_told();
}

#[test]
fn a_disconnected_client_gets_the_reason_and_the_admin_and_can_send_nothing_more() {
    let server = TestServer::start();
    let (mut admin, (mut other, id)) = (server.connect(), client_with_notices(&server));
    let gate = server.fifo("gate");
    let script = format!("read x < {}", gate.path());
    let run = other.start(&script);
    assert_eq!(admin.ok("client/kick", json!({"clientId": id, "reason": "to bed"})), json!({}));
    let ended = other.told("session/ended");
    assert_eq!((&ended["code"], &ended["reason"]), (&json!("kicked"), &json!("to bed")));
    assert!(ended["by"].as_str().unwrap().contains("(#"), "{ended}");
    other.eof();
    // Its run is the server's, and goes on.
    let page = admin.ok("runs/list", json!({"state": "running"}));
    assert_eq!(page["runs"][0]["runId"], run);
    let error = admin.refused("client/kick", json!({"clientId": id}));
    assert_eq!(error["code"], -32004);
}

#[test]
fn a_client_cannot_disconnect_itself_or_give_a_reason_of_501_characters() {
    let server = TestServer::start();
    let ((mut admin, own), (mut other, id)) =
        (client_with_notices(&server), client_with_notices(&server));
    assert_eq!(admin.refused("client/kick", json!({"clientId": own}))["code"], -32602);
    let reason = "ä".repeat(501);
    let error = admin.refused("client/kick", json!({"clientId": id, "reason": reason}));
    assert_eq!((&error["code"], &error["data"]["argument"]), (&json!(-32602), &json!("reason")));
    let reason = "ä".repeat(500);
    admin.ok("client/kick", json!({"clientId": id, "reason": reason}));
    assert_eq!(other.told("session/ended")["reason"], reason);
}

#[test]
fn the_last_line_of_a_client_disconnected_over_tls_is_the_reason() {
    let server = TestServer::remote("");
    let phone = server.device("phone", "operator");
    let mut far = phone.connect();
    let id = far.ok("initialize", json!({"notices": true}))["you"]["clientId"].take();
    let mut admin = server.connect();
    admin.ok("client/kick", json!({"clientId": id, "reason": "lost phone"}));
    let ended = far.told("session/ended");
    assert_eq!((&ended["code"], &ended["reason"]), (&json!("kicked"), &json!("lost phone")));
    far.eof();
    // Its key is as good as before.
    phone.connect().ok("ping", json!({}));
}
