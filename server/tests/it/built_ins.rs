//! Built-ins are answers: no run, no number, in no list.

use serde_json::{Value, json};

use crate::audit::{entries, entry, under_strace};
use crate::common::{MENU, Raw, TestServer, Topsided};

/// All that is in an answer.
fn check(answer: &Value, output: &str) {
    let mut answer = answer.clone();
    let took = answer.as_object_mut().unwrap().remove("durationMs").unwrap();
    assert!(took.is_u64(), "{took}");
    assert_eq!(answer, json!({"state": "succeeded", "output": output, "exitCode": 0}));
}

fn echo(client: &mut Raw, more: Value) -> Value {
    let mut params = json!({"command": "echo", "args": {"text": "hi"}});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.ok("command/run", params)
}

#[test]
fn an_answer_has_no_run_takes_no_number_and_is_in_no_list() {
    let server = TestServer::start();
    let (mut client, mut other) = (server.connect(), server.connect());
    other.ok("events/subscribe", json!({"topics": ["clients", "runs"]}));
    for _ in 0..100 {
        check(&echo(&mut client, json!({})), "hi\n");
    }
    assert_eq!(client.ok("runs/list", json!({}))["runs"], json!([]));
    assert_eq!(client.run("runs", json!({"json": true}))["output"], "{\"runs\":[]}\n");
    let status = client.ok("server/status", json!({}));
    assert_eq!(status["runs"], json!({"running": 0, "queued": 0, "started": 0}));
    let id = client.client_id();
    let rows = other.ok("clients/list", json!({}))["clients"].take();
    let row = rows.as_array().unwrap().iter().find(|row| row["clientId"] == id).unwrap();
    assert_eq!(row["runs"], json!([]), "{row}");
    // The first notification about runs is that of the first run.
    assert_eq!(client.run("look", json!({}))["runId"], 1);
    assert_eq!(other.told("run/changed")["runId"], 1);
}

#[test]
fn stream_and_wait_have_no_effect_on_an_answer() {
    let server = TestServer::start();
    let mut client = server.connect();
    for stream in [false, true] {
        for wait in [false, true] {
            check(&echo(&mut client, json!({"stream": stream, "wait": wait})), "hi\n");
            client.nothing_told();
        }
    }
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "command/run",
        "params": {"command": "echo", "args": {"text": "hi"}, "stream": true}});
    client.line(json!([call]).to_string());
    check(&client.recv()[0]["result"], "hi\n");
}

/// It explained itself, and named no command of the box.
#[test]
fn help_without_a_name_is_the_menu() {
    let server = TestServer::start();
    let mut client = server.connect();
    let menu = client.run("menu", json!({}));
    assert!(menu["output"].as_str().unwrap().contains("look"), "{menu}");
    assert_eq!(client.run("help", json!({}))["output"], menu["output"]);
}

/// Each document is that of the method that returns the same.
#[test]
fn a_built_in_answers_with_json_where_it_is_asked_to() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.run("look", json!({}));
    let mut document = |command: &str, mut args: Value| -> Value {
        args["json"] = json!(true);
        let answer = client.run(command, args);
        assert_eq!(answer["exitCode"], 0, "{answer}");
        serde_json::from_str(answer["output"].as_str().unwrap()).unwrap()
    };
    assert_eq!(document("gv", json!({}))["protocolVersion"], 1);
    assert!(document("gt", json!({}))["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(document("gat", json!({}))["runs"]["started"], 1);
    assert_eq!(document("clients", json!({}))["clients"][0]["you"], true);
    assert_eq!(document("runs", json!({"limit": 1}))["runs"][0]["command"], "look");
    assert!(document("log", json!({"match": "run ended"}))["entries"][0]["time"].is_string());
    assert_eq!(document("help", json!({"command": "ks"}))["name"], "shutdown");
    let menu = document("m", json!({}));
    assert_eq!(document("help", json!({})), menu);
    let listed = client.ok("commands/list", json!({}));
    assert_eq!((&menu["revision"], &menu["commands"]), (&listed["revision"], &listed["commands"]));
    // A built-in that does not declare it takes it for no argument of its own.
    let args = json!({"command": "close", "args": {"json": true}});
    assert_eq!(client.refused("command/run", args)["data"]["kind"], "invalidParams");
}

#[test]
fn an_answer_is_subject_to_roles_arguments_confirmation_and_the_length_of_a_line() {
    let server = TestServer::remote("");
    let mut viewer = server.device("tablet", "viewer").connect();
    for command in ["log", "shutdown"] {
        let error = viewer.refused("command/run", json!({"command": command}));
        assert_eq!(
            (&error["data"]["kind"], &error["data"]["needed"]),
            (&json!("forbidden"), &json!("admin"))
        );
    }
    let mut client = server.connect();
    let error = client.refused("command/run", json!({"command": "runs", "args": {"limit": 0}}));
    assert_eq!(
        (&error["data"]["argument"], &error["data"]["rule"]),
        (&json!("limit"), &json!("minimum"))
    );
    let error = client.refused("command/run", json!({"command": "ks"}));
    assert_eq!(error["data"]["kind"], "confirmRequired");
    // A quote takes two bytes in JSON, in the request as in the answer.
    let text = "\"".repeat(30_000);
    check(&client.run("echo", json!({"text": text})), &format!("{text}\n"));
}

#[test]
fn an_answer_that_does_not_fit_in_a_line_is_refused_with_advice() {
    let mut menu = String::new();
    for n in 0..40 {
        let title = "t".repeat(8_000);
        menu += &format!(
            "[commands.long-{n}]\ntitle = \"{title}\"\nexec = [\"true\"]\neffect = \"read\"\n"
        );
    }
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    let error = client.refused("command/run", json!({"command": "m", "args": {"json": true}}));
    assert_eq!(error["data"]["kind"], "tooLarge");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("the answer of `menu` takes 33"), "{message}");
    assert!(
        message.contains("use a method that returns pages, such as commands/list"),
        "{message}"
    );
    // As text it fits: long titles are cut.
    assert_eq!(client.run("m", json!({}))["exitCode"], 0);
    client.ok("ping", json!({}));
}

#[test]
fn the_order_to_shut_down_is_recorded_before_its_effect_and_the_answer_comes_before_the_end() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    let args = json!({"command": "ks", "args": {"reason": "enough"}, "confirm": true});
    check(&client.ok("command/run", args), "the server shuts down now\n");
    assert_eq!(server.exit(), Some(0));
    let entries = entries(&topsided.path("state"));
    let actions: Vec<&str> = entries.iter().map(|line| line["action"].as_str().unwrap()).collect();
    let at = |action: &str| actions.iter().position(|other| *other == action).unwrap();
    assert!(at("command/run") < at("server/shutdown"), "{actions:?}");
    assert!(at("server/shutdown") < at("server/stopped"), "{actions:?}");
    let ordered = &entries[at("command/run")];
    assert_eq!(
        (&ordered["object"], &ordered["result"]),
        (&json!("command shutdown"), &json!("begins"))
    );
    assert!(ordered["argv"].to_string().contains("enough"), "{ordered}");
}

/// What only reads leaves no line: the log would tell of little else.
#[test]
fn an_answer_that_only_reads_is_not_in_the_audit_log() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.run("status", json!({}));
    client.run("work", json!({}));
    let state = server.root().join("state");
    let first = entry(&state, "command/run", |_| true);
    assert_eq!(first["object"], "run #1");
}

#[test]
fn an_admin_shuts_down_by_the_built_in_though_the_audit_log_cannot_be_written() {
    let topsided = Topsided::new();
    let Some(mut server) = under_strace(&topsided, "error=EIO:when=1+") else { return };
    let mut client = server.connect();
    client.refused("command/run", json!({"command": "work"}));
    let answer = client.ok("command/run", json!({"command": "ks", "confirm": true}));
    check(&answer, "the server shuts down now\n");
    server.rest();
}

/// The client reads nothing and leaves: the order stands all the same.
#[test]
fn an_order_to_shut_down_is_carried_out_though_its_client_leaves() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    client.ask("command/run", json!({"command": "ks", "confirm": true}));
    entry(&topsided.path("state"), "command/run", |_| true);
    drop(client);
    assert_eq!(server.exit(), Some(0));
}

#[test]
fn built_ins_answer_while_a_pending_hook_delays_the_first_run() {
    let topsided = Topsided::new();
    let (mut opened, mut closing) = (topsided.fifo("opened"), topsided.fifo("closing"));
    let mut gate = topsided.fifo("gate");
    let menu = format!(
        "{MENU}\n[commands.valve]\nexec = [\"sh\", \"-c\", \"echo up > {}; exec sleep 1000\"]\n\
         safe_state = [\"sh\", \"-c\", \"echo up > {}; read x < {}\"]\n",
        opened.path(),
        closing.path(),
        gate.path()
    );
    topsided.write("commands.toml", &menu);
    let mut server = topsided.start();
    server.connect().ok("command/run", json!({"command": "valve", "wait": false}));
    assert_eq!(opened.line(), "up");
    server.kill();

    let server = topsided.start();
    assert_eq!(closing.line(), "up");
    let mut first = server.connect();
    let waits = first.ask("command/run", json!({"command": "look"}));
    let mut client = server.connect();
    for command in ["menu", "help", "status", "clients", "log", "version", "time"] {
        let answer = client.run(command, json!({}));
        assert_eq!(answer["state"], "succeeded", "{command}: {answer}");
    }
    check(&echo(&mut client, json!({})), "hi\n");
    assert_eq!(client.ok("server/status", json!({}))["runs"]["started"], 0);
    gate.open();
    assert_eq!(first.answer(waits)["result"]["state"], "succeeded");
}
