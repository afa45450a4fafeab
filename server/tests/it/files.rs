//! Files that clients send for runs, over a real socket.

use std::path::Path;

use data_encoding::BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use topside_server::{Call, Calling, Worker};
use topside_shared::command::{Arg, ArgType, Command, Effect};

use crate::common::server::LOOPBACK;
use crate::common::{Raw, TestServer, Topsided, eventually, wait_for};

const PIECE: usize = 32 * 1024;

pub(crate) const MENU: &str = r#"
[commands.show]
exec = ["sh", "-c", 'cat "$1"; printf "|%s|%s" "$1" "$TOPSIDE_FILES"; stat -c "|%a" "$TOPSIDE_FILES"', "sh", "{file}"]
effect = "read"
[[commands.show.args]]
name = "file"
type = "file"
required = true
max_size = "1MiB"
accept = ["*.txt", "*.csv"]

[commands.hold]
exec = ["sh", "-c", 'cat "$1"; read x < "$2"', "sh", "{file}", "{gate}"]
effect = "read"
timeout = "none"
max_concurrent = 1
[[commands.hold.args]]
name = "file"
type = "file"
required = true
[[commands.hold.args]]
name = "gate"
type = "path"
required = true

[commands.join]
exec = ["sh", "-c", 'cat "$@"', "sh", "{files}"]
effect = "read"
[[commands.join.args]]
name = "files"
type = "file"
multiple = true

[commands.make]
exec = ["sh", "-c", 'cd "$TOPSIDE_FILES"; eval "$1"', "sh", "{script}"]
effect = "read"
results = ["*.csv", "out/*"]
[[commands.make.args]]
name = "script"
type = "string"
"#;

pub(crate) fn sha256(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

pub(crate) fn open(client: &mut Raw, name: &str, content: &[u8]) -> Value {
    client.ok("file/open", json!({"name": name, "size": content.len(), "sha256": sha256(content)}))
}

fn write(client: &mut Raw, id: &Value, offset: usize, piece: &[u8]) -> Value {
    client.ok("file/write", json!({"fileId": id, "offset": offset, "data": BASE64.encode(piece)}))
}

/// Sends a file; its id.
pub(crate) fn send(client: &mut Raw, name: &str, content: &[u8]) -> Value {
    let opened = open(client, name, content);
    let mut from = opened["received"].as_u64().unwrap() as usize;
    for piece in content[from..].chunks(PIECE) {
        from += piece.len();
        assert_eq!(write(client, &opened["fileId"], from - piece.len(), piece)["received"], from);
    }
    assert_eq!(client.ok("file/close", json!({"fileId": opened["fileId"]})), json!({}));
    opened["fileId"].clone()
}

/// The kind and the sentence of a refusal.
pub(crate) fn refused(client: &mut Raw, method: &str, params: Value) -> (String, String) {
    let error = client.refused(method, params);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&error["data"]["kind"]), text(&error["message"]))
}

/// The names of all files below the `files` of a state directory.
pub(crate) fn left(root: &Path) -> Vec<String> {
    fn walk(directory: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                walk(&entry.path(), found);
            } else {
                found.push(entry.path().display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(&root.join("state/files"), &mut found);
    found
}

pub(crate) fn nothing_left(root: &Path) {
    eventually("no file is left", || left(root).is_empty());
}

#[test]
fn a_program_gets_the_path_of_a_file_that_its_client_has_sent() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let content: Vec<u8> = (0..100_000).map(|n| b'a' + (n % 7) as u8).collect();
    let file = send(&mut client, "days of May.txt", &content);
    let row = client.run("show", json!({"file": file}));
    assert_eq!(
        (&row["state"], &row["args"]),
        (&json!("succeeded"), &json!({"file": "days of May.txt"}))
    );
    let output = row["output"].as_str().unwrap();
    let (shown, rest) = output.split_once('|').unwrap();
    assert_eq!(shown.as_bytes(), content);
    let (path, rest) = rest.split_once('|').unwrap();
    let (directory, mode) = rest.split_once('|').unwrap();
    assert_eq!(path, format!("{directory}/file/days of May.txt"));
    assert_eq!(mode, "700\n");
    nothing_left(server.root());
    // A run has used it.
    let (kind, sentence) =
        refused(&mut client, "command/run", json!({"command": "show", "args": {"file": file}}));
    assert_eq!(kind, "notFound", "{sentence}");
}

#[test]
fn an_argument_takes_several_files_of_one_name_in_their_order() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let files: Vec<Value> =
        [b"1", b"2", b"3"].iter().map(|text| send(&mut client, "x", *text)).collect();
    let row = client.run("join", json!({"files": [files[2], files[0], files[1]]}));
    assert_eq!((&row["output"], &row["args"]["files"]), (&json!("312"), &json!(["x", "x", "x"])));
}

#[test]
fn a_file_of_another_kind_or_size_or_with_a_path_for_a_name_is_refused_before_its_first_byte() {
    let server = TestServer::with(&MENU[..MENU.find("[commands.hold]").unwrap()], "");
    let mut client = server.connect();
    let hash = sha256(b"");
    for (name, size, kind, says) in [
        ("../../x.txt", 1, "invalidParams", "is a path"),
        ("a/b.txt", 1, "invalidParams", "is a path"),
        ("..", 1, "invalidParams", "is a directory"),
        ("", 1, "invalidParams", "is empty"),
        ("x\n.txt", 1, "invalidParams", "control characters"),
        ("a.jpg", 1, "invalidParams", "no command that you may run takes the file a.jpg of 1 B"),
        (
            "a.txt",
            1024 * 1024 + 1,
            "invalidParams",
            "no command that you may run takes the file a.txt of 1.0 MiB",
        ),
    ] {
        let params = json!({"name": name, "size": size, "sha256": hash});
        let (was, sentence) = refused(&mut client, "file/open", params);
        assert!(was == kind && sentence.contains(says), "{name}: {was}: {sentence}");
    }
    for hash in ["", "x", &hash.to_uppercase()[..], &format!("{hash}0")] {
        let (kind, sentence) =
            refused(&mut client, "file/open", json!({"name": "a.txt", "size": 1, "sha256": hash}));
        assert_eq!(
            (kind.as_str(), sentence.contains("64 lower-case hex digits")),
            ("invalidParams", true)
        );
    }
    nothing_left(server.root());
}

#[test]
fn a_user_without_a_command_that_takes_a_file_sends_none() {
    let server =
        TestServer::with(&MENU.replace("effect = \"read\"", "effect = \"write\""), LOOPBACK);
    let mut viewer = server.device("tablet", "viewer").connect();
    let params = json!({"name": "a.txt", "size": 1, "sha256": sha256(b"a")});
    let (kind, sentence) = refused(&mut viewer, "file/open", params);
    assert_eq!(
        (kind.as_str(), sentence.as_str()),
        ("forbidden", "no command that you may run takes a file")
    );
    // A file belongs to its user.
    let file = send(&mut server.connect(), "a.txt", b"mine");
    let mut operator = server.device("phone", "operator").connect();
    for (method, params) in [
        ("file/write", json!({"fileId": file, "offset": 0, "data": ""})),
        ("file/close", json!({"fileId": file})),
        ("command/run", json!({"command": "show", "args": {"file": file}})),
    ] {
        assert_eq!(refused(&mut operator, method, params).0, "notFound", "{method}");
    }
}

#[test]
fn pieces_arrive_in_order_and_no_piece_twice() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let content = vec![b'x'; PIECE + 10];
    let file = open(&mut client, "a.txt", &content)["fileId"].clone();
    let piece = |offset: usize, data: &[u8]| json!({"fileId": file, "offset": offset, "data": BASE64.encode(data)});
    let error = client.refused("file/write", piece(5, b"x"));
    assert_eq!(
        (&error["data"]["received"], &error["data"]["argument"]),
        (&json!(0), &json!("offset"))
    );
    assert_eq!(write(&mut client, &file, 0, &content[..PIECE])["received"], PIECE);
    // The answer to the first was lost, for example.
    assert_eq!(write(&mut client, &file, 0, &content[..PIECE])["received"], PIECE);
    let (kind, sentence) = refused(&mut client, "file/write", piece(PIECE, &[b'x'; 11]));
    assert!(kind == "invalidParams" && sentence.contains("the file has 32778 bytes"), "{sentence}");
    let (kind, sentence) = refused(&mut client, "file/write", piece(PIECE, &vec![b'x'; PIECE + 1]));
    assert!(kind == "invalidParams" && sentence.contains("at most 32768 bytes"), "{sentence}");
    let (kind, sentence) = refused(&mut client, "file/close", json!({"fileId": file}));
    assert!(kind == "invalidParams" && sentence.contains("32768 of 32778 bytes"), "{sentence}");
    let (kind, sentence) =
        refused(&mut client, "command/run", json!({"command": "show", "args": {"file": file}}));
    assert!(kind == "invalidParams" && sentence.contains("is not complete"), "{sentence}");
    // Several at once are written in the order of the requests.
    let several = vec![7; PIECE * 6];
    let file = open(&mut client, "b.txt", &several)["fileId"].clone();
    let asked: Vec<u64> = (0..6)
        .map(|at| {
            let data = BASE64.encode(&several[..PIECE]);
            client.ask("file/write", json!({"fileId": file, "offset": at * PIECE, "data": data}))
        })
        .collect();
    // Answers come as the requests end.
    for _ in &asked {
        let answer = client.recv();
        let at = asked.iter().position(|id| answer["id"] == *id).unwrap();
        assert_eq!(answer["result"]["received"], (at + 1) * PIECE, "{answer}");
    }
    assert_eq!(client.ok("file/close", json!({"fileId": file})), json!({}));
}

#[test]
fn a_file_with_another_hash_is_deleted() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let file = open(&mut client, "a.txt", b"good")["fileId"].clone();
    write(&mut client, &file, 0, b"evil");
    let (kind, sentence) = refused(&mut client, "file/close", json!({"fileId": file}));
    assert!(kind == "invalidParams" && sentence.contains("send it again"), "{sentence}");
    nothing_left(server.root());
    assert_eq!(refused(&mut client, "file/close", json!({"fileId": file})).0, "notFound");
}

#[test]
fn another_connection_of_the_same_user_continues_where_the_first_was_cut() {
    let server = TestServer::with(MENU, "");
    let content: Vec<u8> = (0..3 * PIECE).map(|n| (n % 251) as u8).collect();
    let mut first = server.connect();
    let file = open(&mut first, "a.txt", &content)["fileId"].clone();
    write(&mut first, &file, 0, &content[..PIECE]);
    // While it is connected, another one begins anew.
    let mut second = server.connect();
    let other = open(&mut second, "a.txt", &content);
    assert_ne!(other["fileId"], file);
    assert_eq!(other["received"], 0);
    drop(first);
    wait_for(
        "the first connection has ended",
        || second.ok("clients/list", json!({}))["clients"].as_array().unwrap().len(),
        |clients| *clients == 1,
    );
    let mut third = server.connect();
    let opened = open(&mut third, "a.txt", &content);
    assert_eq!(opened["fileId"], file);
    assert_eq!(opened["received"], PIECE);
    let file = send_rest(&mut third, &opened, &content);
    let row = third.run("show", json!({"file": file}));
    assert_eq!(row["state"], "succeeded");
}

fn send_rest(client: &mut Raw, opened: &Value, content: &[u8]) -> Value {
    let from = opened["received"].as_u64().unwrap() as usize;
    for (at, piece) in content[from..].chunks(PIECE).enumerate() {
        write(client, &opened["fileId"], from + at * PIECE, piece);
    }
    client.ok("file/close", json!({"fileId": opened["fileId"]}));
    opened["fileId"].clone()
}

#[test]
fn the_audit_log_has_each_file_with_its_hash() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", MENU);
    let mut server = topsided.start();
    send(&mut server.connect(), "a.txt", b"abc");
    server.terminate();
    let log = std::fs::read_to_string(topsided.path("state/audit.jsonl")).unwrap();
    let line = log.lines().find(|line| line.contains("file/close")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["object"], "file a.txt");
    assert_eq!(line["argv"], json!(["size=3", format!("sha256={}", sha256(b"abc"))]));
}

/// Prints the content of its file.
struct Reads;

impl Worker for Reads {
    fn declaration(&self) -> Command {
        let file =
            Arg { name: "file".into(), kind: ArgType::File, required: true, ..Arg::default() };
        Command {
            name: "reads".into(),
            effect: Effect::Read,
            args: vec![file],
            ..Command::default()
        }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            let text = std::fs::read_to_string(call.text("file").ok_or("no file")?);
            call.line(text.map_err(|error| error.to_string())?).await;
            Ok(())
        })
    }
}

#[test]
fn a_worker_gets_the_path_of_a_file() {
    let server = TestServer::with_config("", "", |config| config.with_worker(Reads));
    let mut client = server.connect();
    let file = send(&mut client, "a.txt", b"for a worker");
    assert_eq!(client.run("reads", json!({"file": file}))["output"], "for a worker\n");
    nothing_left(server.root());
}

#[test]
fn a_wrong_declaration_of_files_is_reported_with_its_place() {
    let topsided = Topsided::new();
    let command = "[commands.x]\nexec = [\"true\", \"{f}\"]\n";
    let file = "[[commands.x.args]]\nname = \"f\"\ntype = \"file\"\nrequired = true\n";
    for (text, says) in [
        (
            format!("{command}{}max_size = \"1KiB\"\n", file.replace("file", "string")),
            "7:12: command `x`: f: `max_size` means nothing for type string: take it out",
        ),
        (
            format!("{command}{file}accept = [\"a/*\"]\n"),
            "7:10: command `x`: f: `a/*` is no wildcard: it is for a name, which has no `/`",
        ),
        (
            format!("{command}{file}choices = [\"a\"]\n"),
            "7:11: command `x`: f: `choices` means nothing for type file: take it out",
        ),
        (
            format!("{command}results = [\"../x\"]\n{file}"),
            "3:12: the wildcard `../x` in `results` of command `x` is wrong: it has `.` or `..` in it",
        ),
        (
            format!("{command}{file}[[commands.x.schedule]]\nname = \"daily\"\nevery = \"1d\"\n"),
            "`f` is a file that a client sends, and a schedule has none: give the program a path instead",
        ),
    ] {
        topsided.write("commands.toml", &text);
        let said = topsided.run(&["check"]);
        assert!(
            said.status == Some(78) && (said.stdout + &said.stderr).contains(says),
            "{says}: {text}"
        );
    }
}
