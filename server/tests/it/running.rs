//! Runs: waited for, streamed or only started; their ends; timeout and cancel.

use serde_json::{Value, json};

use crate::common::{Raw, TestServer};

fn params(script: &str, stream: bool, wait: bool) -> Value {
    json!({"command": "sh", "args": {"script": script}, "stream": stream, "wait": wait})
}

#[test]
fn a_run_that_is_waited_for_is_answered_with_its_row_and_its_output() {
    let server = TestServer::start();
    let mut client = server.connect();
    let me = client.ok("initialize", json!({}))["you"].take();
    let row = client.run("sh", json!({"script": "echo out; echo err >&2; exit 3"}));
    assert_eq!(row["runId"], 1);
    assert_eq!(row["command"], "sh");
    assert_eq!(row["args"], json!({"script": "echo out; echo err >&2; exit 3"}));
    assert_eq!((&row["user"], &row["clientId"]), (&me["user"], &me["clientId"]));
    assert_eq!((&row["state"], &row["exitCode"]), (&json!("failed"), &json!(3)));
    assert_eq!(row.get("signal"), None);
    assert_eq!(row["bytes"], 8);
    assert_eq!(row["truncated"], false);
    let output = row["output"].as_str().unwrap();
    assert!(output == "out\nerr\n" || output == "err\nout\n", "{output}");
    for time in ["startedAt", "endedAt"] {
        let text = row[time].as_str().unwrap();
        // RFC 3339 in UTC with milliseconds.
        assert_eq!((text.len(), text.ends_with('Z')), ("2024-01-01T00:00:00.000Z".len(), true));
    }
    assert!(row["startedAt"].as_str() <= row["endedAt"].as_str());
    assert!(row["durationMs"].is_u64());
    client.nothing_told();
}

#[test]
fn a_streamed_run_begins_with_its_row_and_ends_with_its_answer() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let script = format!("printf one; read x < {}; printf two >&2", gate.path());
    let id = client.ask("command/run", params(&script, true, true));
    let row = client.told("run/changed");
    assert_eq!((&row["runId"], &row["state"]), (&json!(1), &json!("running")));
    assert_eq!(row.get("endedAt"), None);
    let output = |offset: u64, stream: &str, data: &str| json!({"runId": 1, "offset": offset, "stream": stream, "data": data});
    assert_eq!(client.told("run/output"), output(0, "stdout", "one"));
    gate.open();
    assert_eq!(client.told("run/output"), output(3, "stderr", "two"));
    let answer = client.recv();
    assert_eq!(answer["id"], id);
    let row = &answer["result"];
    assert_eq!((&row["state"], &row["bytes"]), (&json!("succeeded"), &json!(6)));
    assert_eq!((row.get("output"), row.get("truncated")), (None, None));
    client.nothing_told();
}

#[test]
fn a_run_that_is_not_waited_for_is_answered_at_once() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let row = client.ok("command/run", params(&format!("read x < {}", gate.path()), false, false));
    assert_eq!((&row["state"], row.get("output")), (&json!("running"), None));
    client.ok("events/subscribe", json!({"topics": ["runs"]}));
    gate.open();
    assert_eq!(client.told("run/changed")["state"], "succeeded");
    client.nothing_told();
}

#[test]
fn a_run_that_is_streamed_and_not_waited_for_ends_with_its_row() {
    let server = TestServer::start();
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    let script = format!("read x < {}; echo out; exit 9", gate.path());
    assert_eq!(client.ok("command/run", params(&script, true, false))["state"], "running");
    gate.open();
    assert_eq!(client.told("run/output")["data"], "out\n");
    let row = client.told("run/changed");
    assert_eq!((&row["state"], &row["exitCode"]), (&json!("failed"), &json!(9)));
    client.nothing_told();
}

#[test]
fn built_ins_have_exit_status_0_or_1_and_an_error_is_their_output() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.run("look", json!({}));
    let row = client.run("echo", json!({"text": "a  b"}));
    assert_eq!((&row["exitCode"], &row["output"]), (&json!(0), &json!("a  b\n")));
    let row = client.run("help", json!({"command": "no-such"}));
    assert_eq!((&row["state"], &row["exitCode"]), (&json!("failed"), &json!(1)));
    assert!(row["output"].as_str().unwrap().contains("no-such"));
    for (name, holds) in [
        ("gv", env!("CARGO_PKG_VERSION")),
        ("gt", ":"),
        ("clients", "you"),
        ("gat", "listens on"),
        ("rlf", "client connected"),
        ("runs", "succeeded"),
        ("m", "shutdown"),
    ] {
        let output = client.run(name, json!({}))["output"].as_str().unwrap().to_owned();
        assert!(output.contains(holds), "{name}: {output}");
    }
}

#[test]
fn a_run_that_a_signal_ended_has_the_signal_and_no_exit_status() {
    let server = TestServer::start();
    let mut client = server.connect();
    let row = client.run("sh", json!({"script": "kill -9 $$"}));
    assert_eq!((&row["state"], &row["signal"]), (&json!("failed"), &json!(9)));
    assert_eq!(row.get("exitCode"), None);
}

#[test]
fn other_exit_statuses_count_as_success_where_the_menu_says_so() {
    let menu = "[commands.odd]\nexec = [\"sh\", \"-c\", \"exit 3\"]\nsuccess_exit_codes = [0, 3]\n";
    let server = TestServer::with(menu, "");
    let row = server.connect().run("odd", json!({}));
    assert_eq!((&row["state"], &row["exitCode"]), (&json!("succeeded"), &json!(3)));
}

#[test]
fn a_run_over_its_time_is_ended_with_all_it_started() {
    let menu = r#"
[commands.slow]
exec = ["sh", "-c", "{script}"]
timeout = "5s"
[[commands.slow.args]]
name = "script"
type = "string"
"#;
    let server = TestServer::with(menu, "");
    let mut alive = server.fifo("alive");
    let script = format!("exec 3> {}; sleep 1000 & echo begun; sleep 1000", alive.path());
    let row = server.connect().run("slow", json!({"script": script}));
    assert_eq!((&row["state"], &row["output"]), (&json!("timedOut"), &json!("begun\n")));
    assert_eq!(row["signal"], 15);
    assert!(row["durationMs"].as_u64().unwrap() >= 5000);
    alive.all_gone();
}

fn begin(client: &mut Raw, script: &str) -> u64 {
    let id = client.ask("command/run", params(script, true, true));
    assert_eq!(client.told("run/changed")["state"], "running");
    id
}

#[test]
fn a_cancelled_run_is_answered_when_it_has_ended_with_all_it_started() {
    let server = TestServer::start();
    let mut alive = server.fifo("alive");
    let mut client = server.connect();
    let script = format!("exec 3> {}; (sleep 1000) & echo up >&3; wait", alive.path());
    let waiting = begin(&mut client, &script);
    assert_eq!(alive.line(), "up");
    let cancel = client.ask("run/cancel", json!({"runId": 1}));
    let mut rows: Vec<Value> = vec![client.recv(), client.recv()];
    rows.sort_by_key(|row| row["id"].as_u64());
    assert_eq!((&rows[0]["id"], &rows[1]["id"]), (&json!(waiting), &json!(cancel)));
    for row in rows {
        assert_eq!(
            (&row["result"]["state"], &row["result"]["signal"]),
            (&json!("cancelled"), &json!(15))
        );
        assert!(row["result"]["endedAt"].is_string());
    }
    alive.all_gone();
}

#[test]
fn a_cancelled_run_may_end_in_its_own_way_and_is_cancelled_all_the_same() {
    let server = TestServer::start();
    let mut up = server.fifo("up");
    let mut client = server.connect();
    // The child says that it is up: before its exec, the signal could still be lost in the shell.
    let child = format!("sh -c 'echo up > {}; exec sleep 1000'", up.path());
    let script = format!("trap 'echo tidy; exit 0' TERM; {child} & wait");
    let run = client.ask("command/run", params(&script, false, true));
    assert_eq!(up.line(), "up");
    let mut other = server.connect();
    let row = other.ok("run/cancel", json!({"runId": 1}));
    assert_eq!((&row["state"], &row["exitCode"]), (&json!("cancelled"), &json!(0)));
    let answer = client.answer(run);
    assert_eq!(answer["result"]["output"], "tidy\n");
}

#[test]
fn a_run_that_ignores_its_signal_is_killed() {
    let menu = r#"
[commands.stubborn]
exec = ["sh", "-c", "{script}"]
stop_signal = "SIGINT"
stop_timeout = "50ms"
[[commands.stubborn.args]]
name = "script"
type = "string"
"#;
    let server = TestServer::with(menu, "");
    let mut up = server.fifo("up");
    let mut client = server.connect();
    let script = format!("trap '' INT TERM; exec 3> {}; echo up >&3; sleep 1000", up.path());
    let params = json!({"command": "stubborn", "args": {"script": script}, "wait": false});
    client.ok("command/run", params);
    assert_eq!(up.line(), "up");
    let row = client.ok("run/cancel", json!({"runId": 1}));
    assert_eq!((&row["state"], &row["signal"]), (&json!("cancelled"), &json!(9)));
    up.all_gone();
}

#[test]
fn a_run_that_does_not_go_on_cannot_be_cancelled() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.run("sh", json!({"script": "exit 0"}));
    for run in [1, 2, u64::MAX] {
        let error = client.refused("run/cancel", json!({"runId": run}));
        assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32004), &json!("notFound")));
        assert!(error["message"].as_str().unwrap().contains(&format!("#{run}")));
    }
}

#[test]
fn the_first_change_of_a_stream_tells_which_request_started_the_run() {
    let server = TestServer::start();
    let mut client = server.connect();
    for id in [json!(77), json!("a \"b\""), json!(u64::MAX)] {
        let params = json!({"command": "look", "stream": true});
        let ask = json!({"jsonrpc": "2.0", "id": id, "method": "command/run", "params": params});
        client.line(ask.to_string());
        let changed = client.told("run/changed");
        assert_eq!((&changed["requestId"], &changed["state"]), (&id, &json!("running")));
        client.told("run/output");
        assert_eq!(client.recv()["id"], id);
    }
    // Without waiting, it is the first one, too; and of several only that.
    let mut params = params("exit 0", true, false);
    let id = client.ask("command/run", params.clone());
    client.answer(id);
    assert_eq!(client.told("run/changed")["requestId"], id);
    // A notification has no id.
    params["wait"] = true.into();
    let ask = json!({"jsonrpc": "2.0", "method": "command/run", "params": params});
    client.line(ask.to_string());
    assert!(client.told("run/changed").get("requestId").is_none());
}

#[test]
fn the_row_of_a_run_tells_who_cancelled_it_and_how_its_owner_came_in() {
    let server = TestServer::remote("");
    let user = server.connect().ok("initialize", json!({}))["you"]["user"].take();
    let mut local = server.connect();
    let by = format!("{} (#{})", user.as_str().unwrap(), local.client_id());
    let mut phone = server.device("phone", "operator").connect();
    let run = phone.ok(
        "command/run",
        json!({"command": "work", "wait": false,
        "args": {"script": "exec sleep 3600"}}),
    );
    assert_eq!((&run["owner"], run.get("endedBy")), (&json!("key"), None));
    let row = local.ok("run/cancel", json!({"runId": run["runId"]}));
    assert_eq!((&row["endedBy"], &row["owner"]), (&json!(by), &json!("key")));
    // Written down, it is the same.
    let row = phone.ok("runs/list", json!({}))["runs"][0].take();
    assert_eq!((&row["endedBy"], &row["owner"]), (&json!(by), &json!("key")));
    let row = local.run("look", json!({}));
    assert_eq!((row.get("endedBy"), &row["owner"]), (None, &json!("local")));
}

#[test]
fn the_owner_of_a_run_is_notified_who_cancelled_it() {
    let server = TestServer::start();
    let mut owner = server.connect_with_notices();
    owner.ok("events/subscribe", json!({"topics": ["runs"]}));
    let params = json!({"command": "work", "stream": true, "args": {"script": "exec sleep 3600"}});
    let id = owner.ask("command/run", params);
    let run = owner.told("run/changed");
    let mut other = server.connect();
    let user = other.ok("initialize", json!({}))["you"]["user"].take();
    let by = format!("{} (#{})", user.as_str().unwrap(), other.client_id());
    other.ok("run/cancel", json!({"runId": run["runId"]}));
    assert_eq!(owner.answer(id)["result"]["endedBy"], by);
    loop {
        let changed = owner.told("run/changed");
        if changed["state"] == "cancelled" {
            assert_eq!(changed["endedBy"], by);
            break;
        }
    }
}

#[test]
fn runs_of_one_client_go_on_side_by_side() {
    let server = TestServer::start();
    let (mut first, mut second) = (server.fifo("first"), server.fifo("second"));
    let mut client = server.connect();
    let of = |gate: &crate::common::Fifo| params(&format!("read x < {}", gate.path()), false, true);
    let a = client.ask("command/run", of(&first));
    let b = client.ask("command/run", of(&second));
    second.open();
    client.answer(b);
    first.open();
    client.answer(a);
}

#[test]
fn a_run_has_a_clean_environment_that_says_who_asked() {
    let server = TestServer::start();
    let mut client = server.connect();
    let user = client.ok("initialize", json!({}))["you"]["user"].take();
    let output = client.run(
        "sh",
        json!({"script": "env | sort | grep TOPSIDE_ | grep -v INSTANCE; read x || echo eof"}),
    );
    let want = format!(
        "TOPSIDE_ROLE=admin\nTOPSIDE_RUN=1\nTOPSIDE_USER={}\neof\n",
        user.as_str().unwrap()
    );
    assert_eq!(output["output"], want);
}
