//! Clients of other protocols get an error that names the protocol, and do not wait forever.

use std::net::TcpStream;

use serde_json::Value;

use crate::common::raw::{Raw, Wire, error_of};
use crate::common::{DEADLINE, Device, TestServer};

/// The beginning of a TLS 1.3 handshake that does not end in a line feed.
const HELLO: &[u8] = &[22, 3, 1, 0, 5, 1, 0, 0, 1, 0];

impl Wire for TcpStream {
    fn set_deadline(&self) {
        self.set_read_timeout(Some(DEADLINE)).unwrap();
        self.set_write_timeout(Some(DEADLINE)).unwrap();
    }

    fn half_close(&mut self) {
        self.shutdown(std::net::Shutdown::Write).unwrap();
    }

    fn second_hand(&self) -> Box<dyn Wire> {
        Box::new(self.try_clone().unwrap())
    }
}

/// Expects one line that has this in its sentence, and the end.
fn answered_and_closed(client: &mut Raw, sent: &[u8], word: &str) {
    client.send(sent);
    let answer = client.recv();
    assert_eq!(answer["id"], Value::Null, "{answer}");
    let error = error_of(answer);
    let message = error["message"].as_str().unwrap();
    let shown = String::from_utf8_lossy(sent);
    assert!(message.contains(word) && message.contains("JSON-RPC 2.0"), "{shown}: {message}");
    client.eof();
}

fn requests() -> Vec<(Vec<u8>, &'static str)> {
    let ping = r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#;
    let length = ping.len();
    [
        (format!("Content-Length: {length}\r\n\r\n{ping}"), "headers"),
        (format!("content-length: {length}\r\n\r\n{ping}"), "headers"),
        (format!("Content-Type: text/json\r\nContent-Length: {length}\r\n\r\n{ping}"), "headers"),
        ("GET / HTTP/1.1\r\nHost: box\r\n\r\n".into(), "HTTP"),
        ("HEAD / HTTP/1.1\r\n\r\n".into(), "HTTP"),
        ("OPTIONS * HTTP/1.1\r\n\r\n".into(), "HTTP"),
        ("PROPFIND /x HTTP/1.1\r\n\r\n".into(), "HTTP"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), "HTTP"),
        (format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{ping}\n"), "HTTP"),
    ]
    .map(|(text, word)| (text.into_bytes(), word))
    .into()
}

/// One -32700 a header, and then nothing: the client waited for an answer in its own framing.
#[test]
fn http_and_headers_get_one_sentence_and_are_closed_on_both_transports() {
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer");
    for (sent, word) in requests() {
        answered_and_closed(&mut server.connect(), &sent, word);
        answered_and_closed(&mut device.connect(), &sent, word);
    }
    // Cut anywhere, it is the same.
    let (sent, word) = &requests()[0];
    let mut client = server.connect();
    client.send(&sent[..5]);
    server.connect().ok("ping", serde_json::json!({}));
    answered_and_closed(&mut client, &sent[5..], word);
    // A last line without its ending counts too.
    let mut client = server.connect();
    client.send("GET /");
    client.half_close();
    answered_and_closed(&mut client, b"", "HTTP");
}

#[test]
fn only_the_first_line_is_taken_for_another_protocol() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.ok("ping", serde_json::json!({}));
    client.line("GET / HTTP/1.1");
    assert_eq!(error_of(client.recv())["code"], -32700);
    client.ok("ping", serde_json::json!({}));
}

#[test]
fn tls_on_the_local_socket_gets_an_error_and_is_closed() {
    let server = TestServer::start();
    answered_and_closed(&mut server.connect(), HELLO, "TLS");
    answered_and_closed(&mut server.connect(), &HELLO[..1], "TLS");
}

#[test]
fn plaintext_at_the_tcp_port_gets_an_error_and_is_closed() {
    let server = TestServer::remote("");
    let device: Device = server.device("phone", "viewer");
    let ping = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n".to_vec();
    for sent in [ping, b"GET / HTTP/1.1\r\n\r\n".to_vec(), b"S".to_vec()] {
        answered_and_closed(&mut Raw::over(device.dial()), &sent, "TLS 1.3");
    }
    device.connect().ok("ping", serde_json::json!({}));
}
