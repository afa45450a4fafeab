//! Output on its way to a client: complete, in order, cut between characters, and unchanged.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::common::{Raw, TestServer};

/// Streams a script and gives both streams' bytes as they came together, and the pieces.
fn stream(client: &mut Raw, script: &str) -> (Vec<u8>, Vec<Value>) {
    let params = json!({"command": "sh", "args": {"script": script}, "stream": true});
    let id = client.ask("command/run", params);
    let (mut bytes, mut pieces) = (Vec::new(), Vec::new());
    client.told("run/changed");
    loop {
        let message = client.recv();
        if message["id"] == id {
            assert_eq!(message["result"]["bytes"], bytes.len());
            return (bytes, pieces);
        }
        assert_eq!(message["method"], "run/output", "{message}");
        let piece = &message["params"];
        assert_eq!(piece["offset"], bytes.len(), "pieces follow each other");
        bytes.extend(bytes_of(piece));
        pieces.push(piece.clone());
    }
}

fn bytes_of(piece: &Value) -> Vec<u8> {
    match (piece["data"].as_str(), piece["base64"].as_str()) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(text)) => BASE64.decode(text.as_bytes()).unwrap(),
        _ => panic!("neither or both of data and base64: {piece}"),
    }
}

#[test]
fn a_piece_of_output_is_at_most_32_kib_and_cut_between_characters() {
    let server = TestServer::start();
    let mut client = server.connect();
    // Three bytes a character, so that no round number of bytes ends between two.
    let text = "日本語…".repeat(30_000);
    let file = server.root().join("text");
    std::fs::write(&file, &text).unwrap();
    let (bytes, pieces) = stream(&mut client, &format!("cat {}", file.display()));
    assert!(bytes == text.as_bytes());
    for piece in pieces {
        assert!(piece["data"].is_string() && bytes_of(&piece).len() <= 32 * 1024);
    }
}

#[test]
fn a_character_in_two_writes_is_sent_in_one_piece() {
    let server = TestServer::start();
    let mut came = server.fifo("came");
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let script = format!(
        "printf 'a\\346\\227'; echo half > {}; read x < {}; printf '\\245b'",
        came.path(),
        gate.path()
    );
    let params = json!({"command": "sh", "args": {"script": script}, "stream": true});
    let id = client.ask("command/run", params);
    client.told("run/changed");
    assert_eq!(came.line(), "half");
    assert_eq!(client.told("run/output")["data"], "a");
    gate.open();
    let piece = client.told("run/output");
    assert_eq!((&piece["offset"], &piece["data"]), (&json!(1), &json!("日b")));
    client.answer(id);
}

#[test]
fn bytes_that_are_not_utf8_arrive_unchanged() {
    let server = TestServer::start();
    let mut client = server.connect();
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let file = server.root().join("bytes");
    std::fs::write(&file, &all).unwrap();
    let script = format!("cat {}", file.display());
    assert!(stream(&mut client, &script).0 == all);
    let row = client.run("sh", json!({"script": format!("head -c 1000 {}", file.display())}));
    assert_eq!((row.get("output"), &row["truncated"]), (None, &json!(false)));
    let base64 = row["outputBase64"].as_str().unwrap();
    assert!(BASE64.decode(base64.as_bytes()).unwrap() == all[..1000]);
}

#[test]
fn control_characters_and_quotes_arrive_unchanged() {
    let server = TestServer::start();
    let mut client = server.connect();
    let text = "\u{1b}[31mred\u{1b}[0m \"quoted\" \\ \t\r\n\u{0}\u{7f}\u{2028}é";
    let file = server.root().join("text");
    std::fs::write(&file, text).unwrap();
    let script = format!("cat {}", file.display());
    assert_eq!(client.run("sh", json!({"script": script}))["output"], text);
    assert!(stream(&mut client, &script).0 == text.as_bytes());
}

#[test]
fn the_answer_holds_the_longest_tail_of_the_output_whose_json_fits() {
    let server = TestServer::start();
    let mut client = server.connect();
    let of = |client: &mut Raw, bytes: usize| {
        let script = format!("yes abcdefg | tr -d '\\n' | head -c {bytes}");
        client.run("sh", json!({"script": script}))
    };
    // The quotes count.
    let most = 128 * 1024 - 2;
    let row = of(&mut client, most);
    assert_eq!((&row["truncated"], row["output"].as_str().unwrap().len()), (&json!(false), most));
    let row = of(&mut client, most + 1);
    let output = row["output"].as_str().unwrap();
    assert_eq!(
        (&row["truncated"], output.len(), &row["bytes"]),
        (&json!(true), most, &json!(most + 1))
    );
    assert!(output.starts_with("bcdefg"), "the beginning is what is missing");
    // A newline takes two bytes of JSON.
    let row = client.run("sh", json!({"script": "yes '' | head -c 1000000"}));
    assert_eq!(row["output"].as_str().unwrap().len(), most / 2);
}

#[test]
fn both_streams_are_distinguished() {
    let server = TestServer::start();
    let mut client = server.connect();
    let script = "for i in 1 2 3 4 5 6 7 8 9; do echo out; echo err >&2; done";
    let (_, pieces) = stream(&mut client, script);
    for (name, word) in [("stdout", "out\n"), ("stderr", "err\n")] {
        let of = pieces.iter().filter(|piece| piece["stream"] == name);
        let text: String = of.map(|piece| piece["data"].as_str().unwrap()).collect();
        assert_eq!(text, word.repeat(9));
    }
}

#[test]
fn ten_megabytes_are_streamed_completely_to_a_client_that_reads() {
    let server = TestServer::start();
    let mut client = server.connect();
    let (bytes, _) = stream(&mut client, "yes 0123456789abcde | head -c 10000000");
    assert_eq!(bytes.len(), 10_000_000);
    assert!(bytes.chunks(16).all(|line| b"0123456789abcde\n".starts_with(line)));
}
