//! Files that a run leaves as its results, over a real socket.

use data_encoding::BASE64;
use serde_json::json;

use crate::common::server::LOOPBACK;
use crate::common::{Raw, TestServer, require, wait_for};
use crate::files::{MENU, nothing_left, refused, sha256};

#[test]
fn the_regular_files_that_a_run_leaves_are_its_results() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let script = "mkdir -p out/deep; printf one > a.csv; printf two > out/b; printf no > out/deep/c; printf no > d.txt; \
                  printf no > .e.csv; ln -s /etc/passwd f.csv; ln /proc/self/mounts g.csv 2>/dev/null; mkfifo h.csv; \
                  printf x > i.csv; ln i.csv out/i; ln -s / out/root; mkdir j.csv; \
                  mknod k.csv c 1 3 2>/dev/null; mknod l.csv b 7 0 2>/dev/null; \
                  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"m.csv\")' 2>/dev/null";
    let has_python = require("python3");
    let row = client.run("make", json!({"script": script}));
    let file = |name: &str, content: &[u8]| json!({"name": name, "size": content.len(), "sha256": sha256(content)});
    assert_eq!(row["files"], json!([file("a.csv", b"one"), file("out/b", b"two")]), "{row}");
    let output = row["output"].as_str().unwrap();
    for (name, why) in [
        ("f.csv", "it is a link"),
        ("h.csv", "it is no regular file"),
        ("i.csv", "it is a link to another file"),
        ("out/i", "it is a link to another file"),
        ("out/root", "it is a link"),
        // Only root can make a device.
        ("k.csv", "it is no regular file"),
        ("l.csv", "it is no regular file"),
        ("m.csv", "it is no regular file"),
    ] {
        let is_device = ["k.csv", "l.csv"].contains(&name);
        if is_device && !rustix::process::geteuid().is_root() || name == "m.csv" && !has_python {
            continue;
        }
        let line = format!("the result {name} is not kept: {why}\n");
        assert!(output.contains(&line), "{line} in {output}");
    }
    nothing_left(server.root());
    let run = &row["runId"];
    let content = |client: &mut Raw, name: &str| {
        let piece = client.ok("run/file", json!({"runId": run, "name": name}));
        BASE64.decode(piece["data"].as_str().unwrap().as_bytes()).unwrap()
    };
    assert_eq!(content(&mut client, "a.csv"), b"one");
    assert_eq!(content(&mut client, "out/b"), b"two");
    let piece = client.ok("run/file", json!({"runId": run, "name": "out/b", "from": 1}));
    assert_eq!(piece, json!({"size": 3, "sha256": sha256(b"two"), "data": BASE64.encode(b"wo")}));
    assert_eq!(
        client.ok("run/file", json!({"runId": run, "name": "out/b", "from": 3}))["data"],
        ""
    );
    for (params, kind) in [
        (json!({"runId": run, "name": "out/b", "from": 4}), "invalidParams"),
        (json!({"runId": run, "name": "../a.csv"}), "notFound"),
        (json!({"runId": run, "name": "d.txt"}), "notFound"),
        (json!({"runId": 99, "name": "a.csv"}), "notFound"),
    ] {
        assert_eq!(refused(&mut client, "run/file", params.clone()).0, kind, "{params}");
    }
    // They are in the list, too.
    assert_eq!(client.ok("runs/list", json!({}))["runs"][0]["files"], row["files"]);
}

#[test]
fn a_result_of_several_pieces_arrives_unchanged() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    let row = client.run("make", json!({"script": "head -c 200000 /dev/urandom > big.csv"}));
    let (mut content, mut from) = (Vec::new(), 0);
    while from < 200_000 {
        let piece =
            client.ok("run/file", json!({"runId": row["runId"], "name": "big.csv", "from": from}));
        let bytes = BASE64.decode(piece["data"].as_str().unwrap().as_bytes()).unwrap();
        assert!(!bytes.is_empty());
        from += bytes.len();
        content.extend(bytes);
    }
    assert_eq!(row["files"][0]["sha256"], sha256(&content));
}

#[test]
fn who_may_not_see_a_run_gets_none_of_its_results() {
    let server =
        TestServer::with(&MENU.replace("effect = \"read\"", "effect = \"write\""), LOOPBACK);
    let row = server.connect().run("make", json!({"script": "printf one > a.csv"}));
    let params = json!({"runId": row["runId"], "name": "a.csv"});
    let mut operator = server.device("phone", "operator").connect();
    assert_eq!(operator.ok("run/file", params.clone())["size"], 3);
    let mut viewer = server.device("tablet", "viewer").connect();
    assert_eq!(refused(&mut viewer, "run/file", params).0, "notFound");
}

#[test]
fn results_are_deleted_with_their_run_and_count_as_its_space() {
    let server = TestServer::with(MENU, "[runs]\nkeep_bytes = \"1MiB\"\n");
    let mut client = server.connect();
    let script = "head -c 400000 /dev/zero > a.csv";
    let first = client.run("make", json!({"script": script}));
    let runs = server.root().join("state/runs");
    let directory = runs.join(format!("{}.files", first["runId"]));
    assert!(directory.is_dir());
    client.run("make", json!({"script": script}));
    wait_for(
        "the oldest run is deleted with its results",
        || {
            client.run("make", json!({"script": script}));
            directory.exists()
        },
        |exists| !exists,
    );
    // One that never fits is not kept, and deletes no other run.
    let row = client.run("make", json!({"script": "head -c 1100000 /dev/zero > a.csv"}));
    assert_eq!(row.get("files"), None);
    assert!(
        row["output"].as_str().unwrap().contains("does not fit in `keep_bytes` of [runs]"),
        "{row}"
    );
}
