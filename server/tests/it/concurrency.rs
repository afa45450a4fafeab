//! `max_concurrent`, `queue` and `lock`: which run starts, waits or is refused. One file: its tests share the menu and
//! the checks of places.

use serde_json::{Value, json};
use topside_server::{Call, Calling, Ended, Exclusion, Worker};
use topside_shared::command::Command;

use crate::common::server::LOOPBACK;
use crate::common::{Device, Raw, TestServer, Topsided, eventually};

/// A menu of commands that run a script, each with these lines in its declaration.
fn menu(commands: &[(&str, &str)]) -> String {
    let one = |(name, lines): &(&str, &str)| {
        format!(
            "[commands.{name}]\nexec = [\"sh\", \"-c\", \"{{script}}\"]\neffect = \"write\"\n\
             timeout = \"none\"\n{lines}\n\
             [[commands.{name}.args]]\nname = \"script\"\ntype = \"string\"\ndefault = \"exit 0\"\n"
        )
    };
    commands.iter().map(one).collect()
}

fn script(command: &str, script: &str) -> Value {
    json!({"command": command, "args": {"script": script}, "wait": false})
}

/// Starts, or queues, a script; its row.
fn start(client: &mut Raw, command: &str, text: &str) -> Value {
    client.ok("command/run", script(command, text))
}

/// The place of a queued row, and the run that holds what it waits for.
fn place(row: &Value) -> (&str, &Value, &Value) {
    (row["state"].as_str().unwrap(), &row["place"], &row["waitsFor"][0]["heldBy"][0]["runId"])
}

fn row_of(client: &mut Raw, run: u64) -> Value {
    client.ok("runs/list", json!({"before": run + 1, "limit": 1}))["runs"][0].take()
}

fn output_of(client: &mut Raw, run: u64) -> (String, Value) {
    let id = client.ask("run/attach", json!({"runId": run}));
    let output = client.told("run/output")["data"].as_str().unwrap().to_owned();
    (output, client.answer(id)["result"].take())
}

#[test]
fn the_edges_of_max_concurrent_queue_and_lock_with_who_holds_them() {
    let menu = menu(&[
        ("alone", "max_concurrent = 1"),
        ("two", "max_concurrent = 2\nqueue = 2"),
        ("open", "lock = [\"relays\"]"),
        ("shut", "lock = [\"relays\"]"),
    ]);
    let server = TestServer::with(&menu, "");
    let gate = server.fifo("gate");
    let hold = format!("read x < {}", gate.path());
    let mut client = server.connect();
    let user = start(&mut client, "alone", &hold)["user"].take();
    let error = client.refused("command/run", script("alone", "exit 0"));
    let holder = json!({"runId": 1, "command": "alone", "user": user, "state": "running"});
    let data = json!({"kind": "busy", "retryable": true, "limit": "max_concurrent", "most": 1,
                      "waitsFor": [{"limit": "max_concurrent", "heldBy": [holder]}]});
    assert_eq!((&error["code"], &error["data"]), (&json!(-32008), &data));
    let says = format!(
        "alone would have to wait for the end of #1 alone of {}, and it has no queue: try again later",
        user.as_str().unwrap()
    );
    assert_eq!(error["message"], says);

    // Two at once, two that wait, and no fifth.
    let rows: Vec<Value> = (0..4).map(|_| start(&mut client, "two", &hold)).collect();
    let first = rows[0]["runId"].clone();
    assert_eq!((&rows[0]["state"], &rows[1]["state"]), (&json!("running"), &json!("running")));
    assert_eq!(rows[1].get("place").or(rows[1].get("waitsFor")), None);
    assert_eq!(place(&rows[2]), ("queued", &json!(1), &first));
    assert_eq!(place(&rows[3]), ("queued", &json!(2), &first));
    assert_eq!(rows[2]["waitsFor"][0]["heldBy"][1]["runId"], rows[1]["runId"]);
    let error = client.refused("command/run", script("two", "exit 0"));
    assert_eq!((&error["data"]["limit"], &error["data"]["most"]), (&json!("queue"), &json!(2)));
    assert!(
        error["message"].as_str().unwrap().contains("its queue is full (2 waiting)"),
        "{error}"
    );

    let open = start(&mut client, "open", &hold)["runId"].take();
    let error = client.refused("command/run", script("shut", "exit 0"));
    assert_eq!((&error["code"], &error["data"]["lock"]), (&json!(-32008), &json!("relays")));
    assert_eq!(error["data"]["waitsFor"][0]["heldBy"][0]["runId"], open);
    assert!(error["message"].as_str().unwrap().contains("the lock relays, held by #"), "{error}");
    let status = client.ok("server/status", json!({}));
    assert_eq!(status["runs"], json!({"running": 4, "queued": 2, "started": 4}));
    let refusals = json!({"busy": 3, "max_concurrent": 1, "queue": 1, "lock": 1});
    assert_eq!(status["refusals"], refusals);

    // What ends makes room for the first who waits, and for one more to wait.
    client.ok("run/cancel", json!({"runId": first}));
    client.ok("run/cancel", json!({"runId": open}));
    start(&mut client, "two", &hold);
    assert_eq!(client.run("shut", json!({}))["state"], "succeeded");
}

#[test]
fn the_queue_of_the_server_and_the_runs_of_a_client_are_limited_together() {
    let menu =
        menu(&[("a", "max_concurrent = 1\nqueue = 9"), ("b", "max_concurrent = 1\nqueue = 9")]);
    let server = TestServer::with(&menu, "[limits]\nmax_queued = 2\nmax_runs_per_client = 3\n");
    let gate = server.fifo("gate");
    let hold = format!("read x < {}", gate.path());
    let (mut client, mut other) = (server.connect(), server.connect());
    for command in ["a", "b", "a"] {
        start(&mut client, command, &hold);
    }
    // One that waits is one of the client's own.
    let error = client.refused("command/run", script("b", "exit 0"));
    assert_eq!(error["data"]["limit"], "max_runs_per_client");
    let waits = start(&mut other, "b", &hold)["runId"].take();
    let error = other.refused("command/run", script("a", "exit 0"));
    assert_eq!(
        (&error["data"]["limit"], &error["data"]["most"]),
        (&json!("max_queued"), &json!(2))
    );
    assert_eq!(other.ok("server/status", json!({}))["refusals"]["max_queued"], 1);
    other.ok("run/cancel", json!({"runId": waits}));
    start(&mut other, "a", &hold);
}

#[test]
fn a_queued_run_waits_for_a_slot_and_holds_none() {
    let menu =
        menu(&[("plain", ""), ("lined", "queue = 2"), ("locked", "queue = 2\nlock = [\"l\"]")]);
    let server = TestServer::with(&menu, "[limits]\nmax_runs = 2\nadmin_runs = 0\n");
    let gate = server.fifo("gate");
    let hold = format!("read x < {}", gate.path());
    let mut client = server.connect();
    start(&mut client, "locked", &hold);
    assert_eq!(start(&mut client, "locked", &hold)["state"], "queued");
    let second = start(&mut client, "plain", &hold)["runId"].take();
    let row = start(&mut client, "lined", &hold);
    assert_eq!(row["waitsFor"], json!([{"limit": "max_runs"}]));
    let error = client.refused("command/run", script("plain", "exit 0"));
    assert_eq!((&error["data"]["limit"], &error["data"]["most"]), (&json!("max_runs"), &json!(2)));
    client.ok("events/subscribe", json!({"topics": ["runs"]}));
    client.ok("run/cancel", json!({"runId": second}));
    // Not the one before it, which waits for the lock too.
    loop {
        let told = client.told("run/changed");
        if told["runId"] == row["runId"] && told["state"] == "running" {
            break;
        }
    }
    assert_eq!(row_of(&mut client, 2)["state"], "queued");
}

#[test]
fn commands_with_a_common_lock_never_overlap_for_any_client() {
    let lines = "queue = 1000\n";
    let menu = menu(&[
        ("left", &format!("{lines}lock = [\"a\", \"both\"]")),
        ("right", &format!("{lines}lock = [\"both\", \"b\"]")),
        ("both", &format!("{lines}lock = [\"b\", \"a\"]")),
    ]);
    let limits = "[limits]\nmax_runs = 5\nmax_runs_per_client = 0\nmax_queued = 0\n";
    let server = TestServer::with(&menu, limits);
    let here = server.root().display().to_string();
    // `mkdir` fails where the other is at it.
    let takes = |locks: [&str; 2]| {
        let [a, b] = locks.map(|lock| format!("{here}/{lock}"));
        format!("mkdir {a} || exit 1; mkdir {b} || exit 2; cat $0 $0 2>&-; rmdir {a} && rmdir {b}")
    };
    let scripts = [
        ("left", takes(["a", "both"])),
        ("right", takes(["both", "b"])),
        ("both", takes(["b", "a"])),
    ];
    let clients = (0..4).map(|nth| {
        let mut client = server.connect();
        let scripts = scripts.clone();
        std::thread::spawn(move || {
            let ids: Vec<u64> = (0..24)
                .map(|n| {
                    let (command, text) = &scripts[(n + nth) % 3];
                    client.ask("command/run", json!({"command": command, "args": {"script": text}}))
                })
                .collect();
            for _ in &ids {
                let row = client.recv()["result"].take();
                assert_eq!(
                    (&row["state"], &row["exitCode"]),
                    (&json!("succeeded"), &json!(0)),
                    "{row}"
                );
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    for client in clients {
        client.join().unwrap();
    }
    let status = server.connect().ok("server/status", json!({}));
    assert_eq!(status["runs"], json!({"running": 0, "queued": 0, "started": 96}));
}

#[test]
fn runs_start_in_their_order_and_one_that_is_cancelled_moves_up_those_behind_it() {
    let menu = menu(&[("zone", "max_concurrent = 1\nqueue = 9"), ("other", "")]);
    let server = TestServer::with(&menu, "");
    let mut gate = server.fifo("gate");
    let order = server.root().join("order");
    let (mut client, mut watcher) = (server.connect(), server.connect());
    start(&mut client, "zone", &format!("read x < {}", gate.path()));
    for _ in 0..3 {
        start(&mut client, "zone", &format!("echo $TOPSIDE_RUN >> {}", order.display()));
    }
    let snapshot = watcher.ok("events/subscribe", json!({"topics": ["runs"]}))["snapshot"].take();
    let queued: Vec<_> = snapshot["runs"].as_array().unwrap().iter().skip(1).map(place).collect();
    let one = json!(1);
    assert_eq!(
        queued,
        [("queued", &json!(1), &one), ("queued", &json!(2), &one), ("queued", &json!(3), &one)]
    );
    // Others pass.
    assert_eq!(client.run("other", json!({}))["state"], "succeeded");
    assert_eq!(watcher.told("run/changed")["state"], "running");
    assert_eq!(watcher.told("run/changed")["state"], "succeeded");

    let row = client.ok("run/cancel", json!({"runId": 3}));
    assert_eq!(row["state"], "cancelled");
    for absent in ["exitCode", "signal", "durationMs", "place", "waitsFor"] {
        assert_eq!(row.get(absent), None, "{row}");
    }
    let moved = watcher.told("run/changed");
    assert_eq!((&moved["runId"], &moved["place"]), (&json!(4), &json!(2)));
    let gone = watcher.told("run/changed");
    assert_eq!((&gone["runId"], &gone["state"]), (&json!(3), &json!("cancelled")));
    gate.open();
    let mut told = Vec::new();
    while told.last() != Some(&(json!(4), json!("succeeded"))) {
        let row = watcher.told("run/changed");
        told.push((row["runId"].clone(), row["state"].clone()));
    }
    let states = [
        (1, "succeeded"),
        (4, "queued"),
        (2, "running"),
        (2, "succeeded"),
        (4, "running"),
        (4, "succeeded"),
    ];
    assert_eq!(told, states.map(|(run, state)| (json!(run), json!(state))));
    assert_eq!(std::fs::read_to_string(order).unwrap(), "2\n4\n");
}

#[test]
fn clients_that_stream_or_follow_get_each_place_and_the_start() {
    let server =
        TestServer::with(&menu(&[("zone", "max_concurrent = 1\nqueue = 9\ntitle = \"Z\"")]), "");
    let (mut first, mut second) = (server.fifo("first"), server.fifo("second"));
    let (mut holder, mut client, mut other) =
        (server.connect(), server.connect(), server.connect());
    start(&mut holder, "zone", &format!("read x < {}", first.path()));
    start(&mut holder, "zone", &format!("read x < {}", second.path()));
    let params = json!({"command": "zone", "args": {"script": "echo on"}, "stream": true});
    let id = client.ask("command/run", params);
    let row = client.told("run/changed");
    assert_eq!((place(&row), row.get("durationMs")), (("queued", &json!(2), &json!(1)), None));
    let asked_at = row["startedAt"].clone();
    let attached = other.ask("run/attach", json!({"runId": 3}));
    assert_eq!(place(&other.told("run/changed")), ("queued", &json!(2), &json!(1)));
    // The built-in says so too.
    let shown = holder.run("runs", json!({}))["output"].as_str().unwrap().to_owned();
    assert!(shown.contains("zone (place 2: waits for the end of #1 zone of "), "{shown}");
    let page = holder.ok("runs/list", json!({"state": "queued"}));
    assert_eq!(page["runs"].as_array().unwrap().len(), 2);
    let runs = client.ok("clients/list", json!({}))["clients"][1]["runs"].take();
    assert_eq!(runs, json!([{"runId": 3, "command": "zone", "queued": true}]));

    first.open();
    for told in [&mut client, &mut other] {
        assert_eq!(place(&told.told("run/changed")), ("queued", &json!(1), &json!(2)));
    }
    second.open();
    for (told, id) in [(&mut client, id), (&mut other, attached)] {
        let row = told.told("run/changed");
        assert_eq!((&row["state"], row.get("place")), (&json!("running"), None));
        assert!(row["startedAt"].as_str() > asked_at.as_str(), "{row}");
        assert_eq!(told.told("run/output")["data"], "on\n");
        assert_eq!(told.answer(id)["result"]["state"], "succeeded");
    }
}

#[test]
fn a_lock_is_held_until_the_safe_state_is_reached() {
    let directory = crate::common::server::directory();
    let mut hook = crate::common::Fifo::new(directory.path(), "hook");
    let mut gate = crate::common::Fifo::new(directory.path(), "gate");
    let closes = format!("echo closing > {}; read x < {}", hook.path(), gate.path());
    let safe = format!("lock = [\"relays\"]\nqueue = 1\nsafe_state = [\"sh\", \"-c\", {closes:?}]");
    let menu = menu(&[("valve", &safe), ("next", "lock = [\"relays\"]\nqueue = 1")]);
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    let valve =
        client.ask("command/run", json!({"command": "valve", "args": {"script": "exit 3"}}));
    assert_eq!(hook.line(), "closing");
    let next = start(&mut client, "next", "exit 0");
    assert_eq!(place(&next), ("queued", &json!(1), &json!(1)));
    assert_eq!(row_of(&mut client, 2)["state"], "queued");
    gate.open();
    assert_eq!(client.answer(valve)["result"]["state"], "failed");
    let (mut other, id) = (server.connect(), json!({"runId": 2}));
    assert_eq!(other.ok("run/attach", id)["state"], "succeeded");
}

#[test]
fn after_a_kill_the_hook_comes_before_the_next_that_needs_the_lock_and_what_waited_is_lost() {
    let topsided = Topsided::new();
    let closed = topsided.path("closed");
    let safe = format!("echo closed $TOPSIDE_RUN >> {}", closed.display());
    let lines = format!("lock = [\"relays\"]\nqueue = 3\nsafe_state = [\"sh\", \"-c\", {safe:?}]");
    topsided.write("commands.toml", &menu(&[("valve", &lines)]));
    let mut alive = topsided.fifo("alive");
    let mut server = topsided.start();
    let mut client = server.connect();
    let holds = format!("exec 3> {}; echo up >&3; sleep 1000", alive.path());
    start(&mut client, "valve", &holds);
    assert_eq!(alive.line(), "up");
    assert_eq!(start(&mut client, "valve", "exit 0")["state"], "queued");
    server.kill();
    let server = topsided.start();
    let mut client = server.connect();
    let row = client.run("valve", json!({"script": format!("cat {}", closed.display())}));
    assert_eq!((&row["state"], &row["output"]), (&json!("succeeded"), &json!("closed 1\n")));
    alive.all_gone();
    for run in [1, 2] {
        assert_eq!(row_of(&mut client, run)["state"], "lost");
    }
    assert_eq!(std::fs::read_to_string(&closed).unwrap(), "closed 1\n", "#2 was never started");
}

/// A server with one command that admins and operators may run, whose first run makes all later ones wait.
fn remote() -> (TestServer, Raw) {
    let server = TestServer::with(&menu(&[("zone", "max_concurrent = 1\nqueue = 9")]), LOOPBACK);
    let client = server.connect();
    (server, client)
}

#[test]
fn a_key_that_is_revoked_by_then_starts_nothing() {
    let (server, mut admin) = remote();
    let mut gate = server.fifo("gate");
    start(&mut admin, "zone", &format!("read x < {}", gate.path()));
    let phone = server.device("phone", "operator");
    let made = server.root().join("made");
    let queued = start(&mut phone.connect(), "zone", &format!("touch {}", made.display()));
    assert_eq!((&queued["runId"], &queued["state"]), (&json!(2), &json!("queued")));
    admin.ok("key/revoke", json!({"keyId": phone.pin()}));
    gate.open();
    assert_eq!(admin.ok("run/attach", json!({"runId": 1}))["state"], "succeeded");
    let (output, row) = ended(&mut admin, 2);
    assert_eq!(row["state"], "cancelled");
    assert_eq!(output, "It was not started: phone's key had been revoked by then.\n");
    assert!(!made.exists());
}

#[test]
fn a_key_that_may_no_longer_run_the_command_by_then_starts_nothing() {
    let (server, mut admin) = remote();
    let mut gate = server.fifo("gate");
    start(&mut admin, "zone", &format!("read x < {}", gate.path()));
    let phone = server.device("phone", "operator");
    let mut client = phone.connect();
    start(&mut client, "zone", "exit 0");
    // The same key, enrolled anew as less.
    let made = admin.ok("key/invite", json!({"name": "phone", "role": "viewer"}));
    let stream = Device::of_invite(made["invite"].as_str().unwrap()).tls_stream();
    let params = phone.enrolment(&stream);
    Raw::over(stream).ok("key/enrol", params);
    gate.open();
    assert_eq!(admin.ok("run/attach", json!({"runId": 1}))["state"], "succeeded");
    let (output, row) = ended(&mut admin, 2);
    assert_eq!(row["state"], "cancelled");
    assert_eq!(output, "It was not started: zone needs role operator; you are viewer\n");
}

/// The output and the row of a run that ends by itself, whether it still waits or not.
fn ended(client: &mut Raw, run: u64) -> (String, Value) {
    eventually("the run is not queued", || row_of(client, run)["state"] != "queued");
    output_of(client, run)
}

#[test]
fn a_queued_run_of_on_disconnect_cancel_ends_with_its_client() {
    let menu = menu(&[
        ("bound", "lock = [\"l\"]\nqueue = 9\non_disconnect = \"cancel\""),
        ("free", "lock = [\"l\"]\nqueue = 9"),
    ]);
    let server = TestServer::with(&menu, "");
    let mut gate = server.fifo("gate");
    let mut watcher = server.connect();
    start(&mut watcher, "free", &format!("read x < {}", gate.path()));
    let mut client = server.connect();
    start(&mut client, "bound", "exit 0");
    start(&mut client, "free", "exit 0");
    watcher.ok("events/subscribe", json!({"topics": ["runs"]}));
    drop(client);
    let moved = watcher.told("run/changed");
    assert_eq!((&moved["runId"], &moved["place"]), (&json!(3), &json!(1)));
    let gone = watcher.told("run/changed");
    assert_eq!((&gone["runId"], &gone["state"]), (&json!(2), &json!("cancelled")));
    gate.open();
    assert_eq!(watcher.told("run/changed")["state"], "succeeded");
    let next = watcher.told("run/changed");
    assert_eq!((&next["runId"], &next["state"]), (&json!(3), &json!("running")));
}

#[test]
fn a_server_with_a_full_queue_ends_at_once_and_starts_nothing_of_it() {
    let menu = menu(&[
        ("zone", "lock = [\"l\"]\nqueue = 9\non_shutdown = \"wait\""),
        ("hold", "lock = [\"l\"]"),
    ]);
    let server = TestServer::with(&menu, "[limits]\nmax_queued = 5\nshutdown_wait = 0\n");
    let gate = server.fifo("gate");
    let made = server.root().join("made");
    let mut client = server.connect();
    start(&mut client, "hold", &format!("read x < {}", gate.path()));
    let text = format!("touch {}", made.display());
    let params = json!({"command": "zone", "args": {"script": text}});
    let ids: Vec<u64> = (0..5).map(|_| client.ask("command/run", params.clone())).collect();
    eventually("five runs are queued", || {
        let page = server.connect().ok("runs/list", json!({"state": "queued"}));
        page["runs"].as_array().unwrap().len() == 5
    });
    let error = server.connect().refused("command/run", params);
    assert_eq!(error["data"]["limit"], "max_queued");
    let shutdown = client.ask("server/shutdown", json!({}));
    let mut states = Vec::new();
    for message in client.rest() {
        if message["id"] != shutdown {
            states.push((message["id"].as_u64().unwrap(), message["result"]["state"].clone()));
        }
    }
    states.sort_by_key(|(id, _)| *id);
    let cancelled: Vec<_> = ids.into_iter().map(|id| (id, json!("cancelled"))).collect();
    assert_eq!(states, cancelled);
    assert_eq!(server.ended(), Ended::Stopped);
    assert!(!made.exists());
}

/// A worker that panics where it is told to, and holds a lock.
struct Locked;

impl Worker for Locked {
    fn declaration(&self) -> Command {
        Command { name: "locked".into(), title: "Locked".into(), ..Command::default() }
    }

    fn exclusion(&self) -> Exclusion {
        Exclusion { queue: 1, locks: vec!["relays".into()], ..Exclusion::default() }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            call.cancelled().await;
            panic!("it was told to end");
        })
    }
}

#[test]
fn a_worker_of_another_author_can_hold_a_lock_and_gives_it_back_in_a_panic() {
    let menu = menu(&[("valve", "lock = [\"relays\"]\nqueue = 1")]);
    let server = TestServer::with_config(&menu, "", |config| config.with_worker(Locked));
    let mut client = server.connect();
    client.ok("command/run", json!({"command": "locked", "wait": false}));
    let second = client.ok("command/run", json!({"command": "locked", "wait": false}));
    assert_eq!(place(&second), ("queued", &json!(1), &json!(1)));
    let error = client.refused("command/run", json!({"command": "locked"}));
    assert_eq!(error["data"]["limit"], "queue");
    let valve = client.ask("command/run", json!({"command": "valve"}));
    server.connect().ok("run/cancel", json!({"runId": 2}));
    let row = server.connect().ok("run/cancel", json!({"runId": 1}));
    assert_eq!((&row["state"], &row["exitCode"]), (&json!("cancelled"), &json!(1)));
    assert_eq!(client.answer(valve)["result"]["state"], "succeeded");
}

#[test]
fn a_queued_run_that_cannot_start_fails_with_the_reason() {
    let directory = crate::common::server::directory();
    let gone = directory.path().join("gone");
    crate::common::server::write_program(&gone, "#!/bin/sh\n");
    let text = menu(&[("hold", "lock = [\"l\"]")])
        + &format!("[commands.gone]\nexec = [{gone:?}]\nlock = [\"l\"]\nqueue = 1\n");
    let server = TestServer::with(&text, "");
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    start(&mut client, "hold", &format!("read x < {}", gate.path()));
    let id = client.ask("command/run", json!({"command": "gone"}));
    let mut other = server.connect();
    eventually("the run is queued", || row_of(&mut other, 2)["state"] == "queued");
    std::fs::remove_file(&gone).unwrap();
    gate.open();
    let row = client.answer(id)["result"].take();
    assert_eq!(row["state"], "failed");
    assert!(row["output"].as_str().unwrap().starts_with("It was not started: "), "{row}");
}

#[test]
fn a_function_of_a_resident_worker_and_a_program_share_a_lock() {
    let text = menu(&[("valve", "lock = [\"relays\"]\nqueue = 1")])
        + "[workers.w]\nexec = [\"sh\", \"-c\", \"while read -r call; do :; done\"]\n\
           stop_timeout = \"50ms\"\n\
           [commands.pour]\nworker = \"w\"\nlock = [\"relays\"]\nqueue = 1\ntimeout = \"none\"\n";
    let server = TestServer::with(&text, "");
    let mut client = server.connect();
    let pour = json!({"command": "pour", "wait": false});
    assert_eq!(client.ok("command/run", pour.clone())["state"], "running");
    let valve = client.ask("command/run", json!({"command": "valve"}));
    let mut other = server.connect();
    eventually("one run is queued", || other.ok("server/status", json!({}))["runs"]["queued"] == 1);
    let second = other.ok("command/run", pour.clone());
    assert_eq!(place(&second), ("queued", &json!(2), &json!(1)));
    assert_eq!(other.refused("command/run", pour)["data"]["limit"], "queue");
    other.ok("run/cancel", json!({"runId": 1}));
    assert_eq!(client.answer(valve)["result"]["state"], "succeeded");
}
