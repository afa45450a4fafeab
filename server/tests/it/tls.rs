//! The protocol over TLS: the same bytes, and the ends that TLS tells apart.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::tls::Tls;
use crate::common::{Raw, TestServer};

/// Waits until the list holds so many clients, the asking one included.
fn wait_for_clients(server: &TestServer, count: usize) {
    let mut admin = server.connect();
    let mut rows =
        admin.ok("events/subscribe", json!({"topics": ["clients"]}))["snapshot"]["clients"]
            .as_array()
            .unwrap()
            .len();
    while rows != count {
        let told = admin.told("clients/changed");
        let some = |field: &str| told[field].as_array().map_or(0, Vec::len);
        rows = rows + some("joined") - some("left");
    }
}

/// Trap 1: rustls's default server resumes sessions without asking its verifier.
#[test]
fn a_revoked_key_does_not_come_back_by_resuming_its_session() {
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer").resuming();
    for _ in 0..2 {
        let mut stream = device.tls_stream();
        stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").unwrap();
        let mut answer = [0; 64];
        assert!(stream.read(&mut answer).unwrap() > 0);
        assert_eq!(stream.conn.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
    server.connect().ok("key/revoke", json!({"keyId": device.pin()}));
    assert!(device.refusal().is_some());
}

/// A certificate is public, so a client that shows a copy must also sign with its key.
#[test]
fn a_copied_certificate_is_refused() {
    let server = TestServer::remote("");
    let device = server.device("phone", "admin");
    assert_eq!(device.thief().refusal(), Some(rustls::AlertDescription::DecryptError));
    let refusals = server.connect().ok("server/status", json!({}))["refusals"].take();
    assert_eq!(refusals["key"], 1, "{refusals}");
    drop(device.connect());
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let server = TestServer::remote("");
    let device = server.device("phone", "admin");
    assert_eq!(
        device.without_certificate().refusal(),
        Some(rustls::AlertDescription::CertificateRequired)
    );
}

#[test]
fn close_notify_says_no_more_requests_and_a_last_line_without_an_end_counts() {
    let server = TestServer::remote("");
    let mut client = server.device("phone", "admin").connect();
    client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n");
    client.send("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"command/run\",\"params\":{\"command\":\"look\"}}");
    client.half_close();
    let answers: Vec<Value> = client.rest();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[1]["result"]["output"], "seen");
}

#[test]
fn an_end_without_close_notify_is_gone_and_a_partial_line_is_dropped() {
    let server = TestServer::remote("");
    let device = server.device("phone", "admin");
    let mut stream = device.tls_stream();
    stream
        .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/shutdown\",\"params\":{}}")
        .unwrap();
    stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{ended:?}: {rest:?}");
    wait_for_clients(&server, 1);
}

#[test]
fn any_split_of_the_bytes_means_the_same() {
    let server = TestServer::remote("");
    let device = server.device("phone", "admin");
    let mut stream = device.tls_stream();
    // One byte a record.
    for byte in b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n" {
        stream.write_all(&[*byte]).unwrap();
        stream.flush().unwrap();
    }
    let mut answer = [0; 256];
    let count = stream.read(&mut answer).unwrap();
    assert_eq!(&answer[..count], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
}

#[test]
fn a_shutdown_reaches_clients_over_tcp_and_ends_in_order() {
    let server = TestServer::remote("");
    let mut remote = server.device("phone", "viewer").connect_with_notices();
    let mut local = server.connect();
    local.ok("server/shutdown", json!({"reason": "moving"}));
    assert_eq!(remote.told("server/closing")["phase"], "now");
    let ended = remote.told("session/ended");
    assert_eq!((&ended["code"], &ended["reason"]), (&json!("shutdown"), &json!("moving")));
    remote.eof();
    server.ended();
}

#[test]
fn pending_handshakes_do_not_delay_the_shutdown() {
    let server = TestServer::remote("handshake_timeout = 0\nshutdown_timeout = 0");
    let device = server.device("phone", "viewer");
    let mut stalled = device.dial();
    // The server has accepted it once it has accepted a later one.
    drop(device.connect());
    server.connect().ok("server/shutdown", json!({}));
    server.ended();
    assert_eq!(stalled.read(&mut [0; 1]).unwrap_or(0), 0);
}

/// Trap 6: a peer that stops reading must neither take memory without end nor hang the close.
#[test]
fn a_client_that_does_not_read_is_ended_as_a_slow_reader() {
    let server = TestServer::remote("write_timeout = \"200ms\"\nmax_outbox = \"128KiB\"");
    let mut slow = server.device("phone", "admin").connect();
    let number = slow.client_id();
    let script = "exec yes 0123456789012345678901234567890123456789";
    slow.ask("command/run", json!({"command": "sh", "args": {"script": script}, "stream": true}));
    let mut admin = server.connect();
    admin.ok("events/subscribe", json!({"topics": ["clients"]}));
    loop {
        let told = admin.told("clients/changed");
        let left = told["left"].as_array().cloned().unwrap_or_default();
        // The connection that enrolled its key leaves too.
        if let Some(left) = left.iter().find(|left| left["clientId"] == number) {
            assert_eq!(left["reason"], "slow reader", "{told}");
            let refusals = server.connect().ok("server/status", json!({}))["refusals"].take();
            assert_eq!(refusals["write_timeout"], 1, "{refusals}");
            break;
        }
    }
}

#[test]
fn much_output_arrives_whole_over_tls() {
    let server = TestServer::remote("");
    let mut client = server.device("phone", "admin").connect();
    let script = "seq 1 200000";
    let id = client
        .ask("command/run", json!({"command": "sh", "args": {"script": script}, "stream": true}));
    let mut text = String::new();
    loop {
        let message = client.recv();
        if message["id"] == id {
            break;
        }
        if message["method"] == "run/output" {
            text.push_str(message["params"]["data"].as_str().unwrap());
        }
    }
    let want: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    assert!(text == want, "{} bytes instead of {}", text.len(), want.len());
}

/// Waits until `watch`, which is subscribed to the clients, is told that this client `joined` or `left`; how long that
/// took.
fn told_after(watch: &mut Raw, what: &str, number: u64) -> Duration {
    let began = Instant::now();
    loop {
        let told = watch.told("clients/changed");
        let rows = told[what].as_array().cloned().unwrap_or_default();
        if rows.iter().any(|row| row["clientId"] == number) {
            return began.elapsed();
        }
    }
}

/// What a client may have open when it leaves, as requests of its own.
fn open_requests(run: u64, fifo: &str) -> [(&'static str, Value); 4] {
    let script = json!({"script": format!("read x < {fifo}")});
    [
        (
            "a stream",
            json!({"method": "command/run", "params": {"command": "sh", "args": script, "stream": true}}),
        ),
        (
            "a run that is waited for",
            json!({"method": "command/run", "params": {"command": "sh", "args": script}}),
        ),
        ("another stream", json!({"method": "run/attach", "params": {"runId": run}})),
        (
            "a subscription",
            json!({"method": "events/subscribe", "params": {"topics": ["clients", "runs"]}}),
        ),
    ]
}

/// A client that said `close_notify` and closed its socket stayed in the list for 82 s while it had a silent stream.
#[test]
fn a_client_that_leaves_is_gone_soon_with_any_request_open() {
    let server = TestServer::remote("");
    let device = server.device("phone", "admin");
    let fifo = server.fifo("silent");
    let script = format!("read x < {}", fifo.path());
    let run = server.connect().start(&script);
    let mut watch = server.connect();
    watch.ok("events/subscribe", json!({"topics": ["clients"]}));
    for says_so in [true, false] {
        for (what, request) in open_requests(run, &fifo.path().to_string()) {
            let mut client = device.connect();
            let number = client.client_id();
            client.ask(request["method"].as_str().unwrap(), request["params"].clone());
            // It has been carried out when a later request is answered.
            let ping = client.ask("ping", json!({}));
            while client.recv()["id"] != ping {}
            // Of a client that joins and leaves between two notifications nothing is told.
            told_after(&mut watch, "joined", number);
            if says_so {
                client.half_close();
            }
            drop(client);
            let took = told_after(&mut watch, "left", number);
            assert!(took < Duration::from_secs(30), "{what}, close_notify {says_so}: {took:?}");
        }
    }
}

/// The same client may stay and read: then what it asked for is answered, however long that takes.
#[test]
fn a_client_that_closes_its_sending_direction_and_stays_is_answered() {
    let server = TestServer::remote("");
    let device = server.device("phone", "admin");
    let mut fifo = server.fifo("slow");
    let mut stream: Tls = device.tls_stream();
    let script = format!("read x < {}; printf done", fifo.path());
    let params = json!({"command": "sh", "args": {"script": script}, "stream": true});
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "command/run", "params": params});
    stream.write_all(format!("{request}\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("run/changed"), "{line}");
    let stream = lines.get_mut();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
    // Several checks of the server pass meanwhile: each of its probes arrives here and is ignored.
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut admin = server.connect();
    while Instant::now() < deadline {
        let clients = admin.ok("clients/list", json!({}))["clients"].take();
        let rows = clients.as_array().unwrap();
        assert!(rows.iter().any(|row| row["user"] == "phone"), "{clients}");
    }
    fifo.open();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"data\":\"done\""), "{rest}");
    assert!(rest.contains("\"state\":\"succeeded\""), "{rest}");
}

#[test]
fn on_disconnect_follows_at_once_when_a_client_with_a_silent_stream_leaves() {
    let menu = "[commands.hold]\ntitle = \"Hold\"\nexec = [\"sleep\", \"1000\"]\non_disconnect = \"cancel\"\n";
    let server = TestServer::with(menu, crate::common::server::LOOPBACK);
    let mut client = server.device("phone", "admin").connect();
    client.ask("command/run", json!({"command": "hold", "stream": true}));
    let run = client.told("run/changed")["runId"].clone();
    let mut watch = server.connect();
    client.half_close();
    drop(client);
    let began = Instant::now();
    let row = watch.ok("run/attach", json!({"runId": run}));
    assert_eq!(row["state"], "cancelled", "{row}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
