//! How many files of clients the server keeps, how much room they take, and when they are deleted.

use serde_json::{Value, json};

use crate::common::{Raw, TestServer, Topsided, eventually, wait_for};
use crate::files::{MENU, left, nothing_left, open, refused, send, sha256};

#[test]
fn the_quota_is_counted_from_the_first_byte_and_holds_from_two_sides_at_once() {
    let server = TestServer::with(MENU, "[files]\nkeep_bytes = \"100KiB\"\n");
    let mut client = server.connect();
    let request = |size: usize| json!({"name": "a.txt", "size": size, "sha256": sha256(b"")});
    let error = client.refused("file/open", request(100 * 1024 + 1));
    assert_eq!(
        (&error["data"]["kind"], &error["data"]["limit"]),
        (&json!("tooLarge"), &json!("keep_bytes"))
    );
    // Ten ask at once for 30 KiB each: three get it.
    let mut clients: Vec<Raw> = (0..10).map(|_| server.connect()).collect();
    let asked: Vec<u64> =
        clients.iter_mut().map(|one| one.ask("file/open", request(30 * 1024))).collect();
    let mut opened = Vec::new();
    for (one, id) in clients.iter_mut().zip(asked) {
        let answer = one.answer(id);
        match &answer["error"]["data"]["kind"] {
            Value::Null => opened.push(answer["result"]["fileId"].clone()),
            kind => assert_eq!(
                (kind, &answer["error"]["data"]["limit"]),
                (&json!("busy"), &json!("keep_bytes"))
            ),
        }
    }
    assert_eq!(opened.len(), 3);
    // A run holds the room of its files until its end.
    let server = TestServer::with(MENU, "[files]\nkeep_bytes = \"100KiB\"\n");
    let (mut client, mut gate) = (server.connect(), server.fifo("gate"));
    let file = send(&mut client, "a.txt", &[b'x'; 80 * 1024]);
    let run = client.ask("command/run", json!({"command": "hold", "args": {"file": file, "gate": gate.path().to_string()}, "stream": true}));
    client.told("run/changed");
    assert_eq!(client.refused("file/open", request(30 * 1024))["data"]["kind"], "busy");
    gate.open();
    assert_eq!(client.answer(run)["result"]["state"], "succeeded");
    wait_for(
        "the room is free again",
        || {
            let id = client.ask("file/open", request(30 * 1024));
            client.answer(id)["result"]["fileId"].is_u64()
        },
        |opened| *opened,
    );
}

#[test]
fn one_user_has_a_limited_number_of_files() {
    let server = TestServer::with(MENU, "");
    let mut client = server.connect();
    for _ in 0..32 {
        open(&mut client, "a.txt", b"x");
    }
    let error =
        client.refused("file/open", json!({"name": "a.txt", "size": 1, "sha256": sha256(b"x")}));
    assert_eq!(
        (&error["data"]["kind"], &error["data"]["limit"]),
        (&json!("busy"), &json!("max_uploads"))
    );
}

#[test]
fn a_file_that_is_not_used_is_deleted_after_a_time() {
    let server = TestServer::with(MENU, "[files]\nkeep_unused = \"5s\"\n");
    let mut client = server.connect();
    let complete = send(&mut client, "a.txt", b"complete");
    let cut = open(&mut client, "b.txt", b"cut")["fileId"].clone();
    drop(client);
    nothing_left(server.root());
    let mut client = server.connect();
    for file in [complete, cut] {
        assert_eq!(refused(&mut client, "file/close", json!({"fileId": file})).0, "notFound");
    }
}

#[test]
fn a_run_that_is_refused_gives_its_file_back_and_a_queued_one_keeps_it() {
    let menu = MENU.replace("max_concurrent = 1", "max_concurrent = 1\nqueue = 1");
    let server = TestServer::with(&menu, "[files]\nkeep_unused = \"5s\"\n");
    let (mut client, mut gate) = (server.connect(), server.fifo("gate"));
    let unused = open(&mut server.connect(), "a.txt", b"unused");
    assert!(unused["fileId"].is_u64(), "{unused}");
    let mut hold = |text: &[u8]| {
        let file = send(&mut client, "a.txt", text);
        let params = json!({"command": "hold", "args": {"file": file, "gate": gate.path().to_string()}, "wait": false});
        let id = client.ask("command/run", params.clone());
        (client.answer(id), params)
    };
    let (first, _) = hold(b"first");
    let (second, _) = hold(b"second");
    assert_eq!(
        (&first["result"]["state"], &second["result"]["state"]),
        (&json!("running"), &json!("queued"))
    );
    eventually("only the files of the two runs are left", || left(server.root()).len() == 2);
    let (third, again) = hold(b"third");
    assert_eq!(third["error"]["data"]["kind"], "busy");
    gate.open();
    gate.open();
    // Sent again at once, it is still there.
    wait_for(
        "the third starts or waits",
        || {
            let id = client.ask("command/run", again.clone());
            client.answer(id)
        },
        |answer| answer["error"]["data"]["kind"] != "busy",
    );
    gate.open();
    for (run, text) in [(&first, "first"), (&second, "second")] {
        let id = client.ask("run/attach", json!({"runId": run["result"]["runId"]}));
        let row = client.answer(id)["result"].clone();
        assert_eq!((&row["state"], client.heard().as_str()), (&json!("succeeded"), text));
    }
}

#[test]
fn a_start_after_a_kill_deletes_uploads_and_directories_of_runs_and_keeps_results() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", MENU);
    let gate = topsided.fifo("gate");
    let server = topsided.start();
    let mut client = server.connect();
    let kept = client.run("make", json!({"script": "printf one > a.csv"}));
    send(&mut client, "waits.txt", b"waits");
    let file = send(&mut client, "runs.txt", b"runs");
    client.ask("command/run", json!({"command": "hold", "args": {"file": file, "gate": gate.path().to_string()}, "stream": true}));
    client.told("run/changed");
    let root = topsided.path("");
    assert_eq!(left(&root).len(), 2, "{:?}", left(&root));
    server.signal(rustix::process::Signal::KILL);
    drop(server);
    let server = topsided.start();
    let mut client = server.connect();
    client.run("make", json!({"script": "true"}));
    assert_eq!(left(&root), Vec::<String>::new());
    assert_eq!(client.ok("run/file", json!({"runId": kept["runId"], "name": "a.csv"}))["size"], 3);
}
