//! Workers: programs that are started once and get calls as lines. One file, for its tests share the
//! menus of such workers.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::{Raw, SHELL_WORKER, TestServer, Topsided, require};

/// A menu with the worker `name`, which Python runs from this file of the examples, and more lines.
fn menu(name: &str, file: &str, lines: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(file);
    format!("[workers.{name}]\nexec = [\"python3\", \"{}\"]\n{lines}", path.display())
}

/// A menu with a worker that is this script of the shell, and a command for what each call is about.
fn shell(script: &str, lines: &str) -> String {
    let script = toml::Value::from(script);
    format!(
        "[workers.w]\nexec = [\"sh\", \"-c\", {script}]\n{lines}\n\
         [commands.one]\nworker = \"w\"\n[commands.two]\nworker = \"w\"\n\
         [commands.sh]\nexec = [\"sh\", \"-c\", \"{{script}}\"]\n\
         [[commands.sh.args]]\nname = \"script\"\ntype = \"string\"\n"
    )
}

/// Runs a command to its end and gives its state and output.
fn ended(client: &mut Raw, command: &str, args: Value) -> (String, String) {
    let row = client.run(command, args);
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("state"), text("output"))
}

const GARDEN: &str = r#"
[commands.water]
worker = "garden"
effect = "write"
[[commands.water.args]]
name = "zone"
type = "int"
required = true
maximum = 8
[[commands.water.args]]
name = "minutes"
type = "int"

[commands.garden]
worker = "garden"
function = "report"
effect = "read"
output = "json"

[commands.count]
worker = "garden"
effect = "read"
[[commands.count.args]]
name = "to"
type = "int"
required = true

[commands.lost]
worker = "garden"
"#;

#[test]
fn functions_of_plain_python_are_commands_and_keep_their_state() {
    if !require("python3") {
        return;
    }
    let server = TestServer::with(&menu("garden", "worker.py", GARDEN), "");
    let mut client = server.connect();
    let succeeded = |output: &str| ("succeeded".to_owned(), output.to_owned());
    // An argument that is not given is not sent: the function's own default serves.
    let said = ended(&mut client, "water", json!({"zone": 3}));
    assert_eq!(said, succeeded("zone 3: 5 minutes since the start\n"));
    let said = ended(&mut client, "water", json!({"zone": 3, "minutes": 2}));
    assert_eq!(said, succeeded("zone 3: 7 minutes since the start\n"));
    assert_eq!(ended(&mut client, "garden", json!({})), succeeded("{\"3\":7}\n"));
    assert_eq!(ended(&mut client, "count", json!({"to": 3})), succeeded("1\n2\n3\n"));

    let (state, output) = ended(&mut client, "count", json!({"to": 1001}));
    assert_eq!((&*state, &*output), ("failed", "ValueError: no caller waits for so long\n"));
    let row = client.run("lost", json!({}));
    assert_eq!((&row["exitCode"], &row["output"]), (&json!(1), &json!("KeyError: 'lost'\n")));
    let refused = client.refused("command/run", json!({"command": "water", "args": {"zone": 9}}));
    assert_eq!(refused["data"]["rule"], "maximum");
}

const KILN: &str = r#"
max_concurrent = 8
stop_timeout = "1m"
[commands.fire]
worker = "kiln"
[[commands.fire.args]]
name = "degrees"
type = "int"
required = true
"#;

/// Starts a run with its output, and gives its number once it has said something.
fn fire(client: &mut Raw, degrees: u64) -> (u64, Value) {
    let args = json!({"degrees": degrees});
    let id = client.ask("command/run", json!({"command": "fire", "args": args, "stream": true}));
    let run = client.told("run/changed")["runId"].take();
    let said = client.told("run/output")["data"].take();
    assert!(said.as_str().unwrap().starts_with(&format!("{degrees} degrees for ")), "{said}");
    (id, run)
}

#[test]
fn calls_run_in_parallel_and_a_cancelled_one_ends_in_order() {
    if !require("python3") {
        return;
    }
    let server = TestServer::with(&menu("kiln", "worker_threads.py", KILN), "");
    let (mut first, mut second) = (server.connect(), server.connect());
    let (one, one_run) = fire(&mut first, 900);
    let (two, two_run) = fire(&mut second, 1200);
    let mut third = server.connect();
    for (client, id, run) in [(&mut first, one, one_run), (&mut second, two, two_run)] {
        assert_eq!(third.ok("run/cancel", json!({"runId": run}))["state"], "cancelled");
        assert_eq!(client.told("run/output")["data"], "cooling\n");
        let row = client.answer(id)["result"].take();
        assert_eq!((&row["state"], &row["exitCode"]), (&json!("cancelled"), &json!(0)));
    }
}

#[test]
fn a_timeout_reaches_the_worker_like_a_cancel() {
    if !require("python3") {
        return;
    }
    let lines = KILN.replace("[commands.fire]", "[commands.fire]\ntimeout = \"500ms\"");
    let server = TestServer::with(&menu("kiln", "worker_threads.py", &lines), "");
    let (state, output) = ended(&mut server.connect(), "fire", json!({"degrees": 9}));
    assert_eq!(state, "timedOut");
    assert!(output.ends_with("cooling\n"), "{output}");
}

#[test]
fn a_cancelled_call_that_does_not_end_restarts_the_worker_and_fails_its_other_calls() {
    let server_root = crate::common::server::directory();
    let mut came = crate::common::Fifo::new(server_root.path(), "came");
    // The first process says which call has come, and never answers one; what it starts is in its group.
    // The next one counts the calls that it gets.
    let script = format!(
        "{SHELL_WORKER}; if mkdir {}; then exec 3>{}; sleep 1000 & \
         while read -r call; do echo \"$call\" >&3; done; wait; fi; n=0; \
         while read -r call; do n=$((n+1)); answer \"\\\"result\\\":\\\"my call $n\\\"\"; done",
        server_root.path().join("first").display(),
        came.path()
    );
    let menu = shell(&script, "max_concurrent = 2\nstop_timeout = \"50ms\"");
    let server = TestServer::with(&menu, "");
    let (mut first, mut second) = (server.connect(), server.connect());
    let one = first.ok("command/run", json!({"command": "one", "wait": false}))["runId"].take();
    let two = second.ask("command/run", json!({"command": "two"}));
    let mut sent = || serde_json::from_str::<Value>(&came.line()).unwrap()["method"].take();
    assert_eq!((sent(), sent()), (json!("one"), json!("two")));
    assert_eq!(first.ok("run/cancel", json!({"runId": one}))["state"], "cancelled");
    let row = second.answer(two)["result"].take();
    assert_eq!(row["state"], "failed");
    let output = row["output"].as_str().unwrap();
    let says = format!("the worker w ended before it answered: run #{one} was asked to end");
    assert!(output.starts_with(&says) && output.contains("not sent again"), "{output}");
    came.all_gone();
    assert_eq!(ended(&mut first, "two", json!({})), ("succeeded".into(), "my call 1\n".into()));
}

#[test]
fn a_worker_with_more_output_than_is_read_can_still_be_cancelled_and_ended() {
    let output = r#"{\"method\":\"output\",\"params\":{\"id\":$(id),\"text\":\"x\"}}"#;
    let script = format!("{SHELL_WORKER}; read -r call; yes \"{output}\"");
    let server = TestServer::with(&shell(&script, "stop_timeout = \"50ms\""), "");
    let (mut client, mut other) = (server.connect(), server.connect());
    let params = json!({"command": "one", "stream": true});
    client.ask("command/run", params);
    let run = client.told("run/changed")["runId"].take();
    // It reads no more: a run does not wait for it.
    assert!(client.told("run/output")["data"].as_str().unwrap().starts_with('x'));
    assert_eq!(other.ok("run/cancel", json!({"runId": run}))["state"], "cancelled");
}

#[test]
fn a_call_that_waits_for_its_turn_is_cancelled_without_the_worker() {
    let root = crate::common::server::directory();
    let mut gate = crate::common::Fifo::new(root.path(), "gate");
    let mut came = crate::common::Fifo::new(root.path(), "came");
    let script = format!(
        "{SHELL_WORKER}; exec 3>{}; while read -r call; do echo \"$call\" >&3; read -r _ <{}; \
         answer '\"result\":\"done\"'; done",
        came.path(),
        gate.path()
    );
    let server = TestServer::with(&shell(&script, ""), "");
    let (mut first, mut second) = (server.connect(), server.connect());
    let one = first.ask("command/run", json!({"command": "one"}));
    let sent: Value = serde_json::from_str(&came.line()).unwrap();
    assert_eq!((&sent["method"], &sent["params"]), (&json!("one"), &json!({})));
    assert_eq!((&sent["jsonrpc"], &sent["role"]), (&json!("2.0"), &json!("admin")));
    assert!(sent["user"].is_string());
    let two = second.ok("command/run", json!({"command": "two", "wait": false}))["runId"].take();
    assert_eq!(second.ok("run/cancel", json!({"runId": two}))["state"], "cancelled");
    gate.open();
    let row = first.answer(one)["result"].take();
    assert_eq!((&row["state"], &row["output"]), (&json!("succeeded"), &json!("done\n")));
}

#[test]
fn a_worker_that_breaks_the_protocol_is_logged_and_restarted() {
    for (line, says) in [
        ("echo hello", "it wrote a line that is refused, for the line is not JSON"),
        (
            "echo '{\"id\":0,\"result\":1}'",
            "it wrote an answer to call 0, which has ended or was never sent",
        ),
        ("head -c 300000 /dev/zero | tr '\\0' x; echo", "it wrote a line of more than 256 KiB"),
        ("exec >&-; sleep 1000", "it closed its standard output"),
        ("exit 3", "it ended with exit status 3"),
        ("kill -9 $$", "it was killed by SIGKILL"),
    ] {
        let script =
            format!("{SHELL_WORKER}; read -r call; echo 'last words' >&2; {line}; sleep 1000");
        let topsided = Topsided::new();
        topsided.write("commands.toml", &shell(&script, "stop_timeout = \"50ms\""));
        let mut server = topsided.start();
        let mut client = server.connect();
        let (state, output) = ended(&mut client, "one", json!({}));
        assert_eq!(state, "failed");
        let said = format!("the worker w ended before it answered: {says}");
        assert!(output.starts_with(&said), "{output}");
        assert!(server.says("worker's standard error").contains("last words"));
        assert!(server.says("worker ended").contains(says));
        // Until it runs again a call is refused in words, and then it is taken.
        let (_, output) = ended(&mut client, "two", json!({}));
        let down = output.starts_with(&format!("the worker w does not run: {says}"));
        assert!(down || output.starts_with("the worker w ended before"), "{output}");
        server.says("worker started");
    }
}

#[test]
fn status_has_the_state_of_each_worker() {
    let topsided = Topsided::new();
    let script = "read -r call; exit 3";
    topsided.write("commands.toml", &shell(script, ""));
    let mut server = topsided.start();
    let mut client = server.connect();
    let standing = |client: &mut Raw| {
        let (_, output) = ended(client, "status", json!({}));
        let line = output.lines().find_map(|line| line.strip_prefix("worker "));
        line.unwrap_or_else(|| panic!("{output}")).trim().to_owned()
    };
    server.says("worker started");
    assert_eq!(standing(&mut client), "w: running");
    ended(&mut client, "one", json!({}));
    let said = standing(&mut client);
    let down = said.starts_with("w: restarting in 1 s: it ended with exit status 3");
    // Within a quarter of a second it may run again.
    assert!(down || said.starts_with("w: running; restarted once"), "{said}");
    server.says("worker started");
    assert_eq!(standing(&mut client), "w: running; restarted once");
    let workers = json!([{"name": "w", "standing": "running; restarted once"}]);
    assert_eq!(client.ok("server/status", json!({}))["workers"], workers);
}

#[test]
fn a_worker_that_cannot_be_started_says_why() {
    let root = crate::common::server::directory();
    let script = root.path().join("worker");
    let interpreter = root.path().join("interpreter");
    std::os::unix::fs::symlink("/bin/sh", &interpreter).unwrap();
    let line = format!("#!{}\n", interpreter.display());
    crate::common::server::write_program(&script, &line);
    let menu =
        format!("[workers.w]\nexec = [\"{}\"]\n[commands.one]\nworker = \"w\"\n", script.display());
    // It was there when the menu was loaded.
    let server = TestServer::with_config(&menu, "", |config| {
        std::fs::remove_file(&interpreter).unwrap();
        config
    });
    let (state, output) = ended(&mut server.connect(), "one", json!({}));
    assert_eq!(state, "failed");
    assert!(output.contains("the worker w does not run: the program"), "{output}");
    assert!(output.contains("needs an interpreter") && output.contains("is started again within"));
}

#[test]
fn a_worker_ends_with_its_server_in_order_and_gets_the_clean_environment_alone() {
    let topsided = Topsided::new();
    let mut gone = topsided.fifo("gone");
    // After the end of its input it has time to say goodbye.
    let script = format!(
        "{SHELL_WORKER}; exec 3>{}; env >&2; read -r call; answer '\"result\":null'; \
         while read -r call; do :; done; echo goodbye >&3",
        gone.path()
    );
    let lines = "stop_timeout = \"1m\"\nenv = { GARDEN = \"north\" }";
    topsided.write("commands.toml", &shell(&script, lines));
    let mut command = topsided.command();
    command.env("SECRET_OF_THE_SERVER", "yes");
    let mut server = topsided.start_by(command);
    assert_eq!(ended(&mut server.connect(), "one", json!({})), ("succeeded".into(), String::new()));
    server.signal(Signal::TERM);
    assert_eq!(gone.line(), "goodbye");
    gone.all_gone();
    assert_eq!(server.exit(), Some(0));
    let log = std::fs::read_to_string(topsided.path("state/topsided.log")).unwrap();
    assert!(log.contains("GARDEN=north") && log.contains("LANG=C.UTF-8"), "{log}");
    // By these two it is found if its server is killed; it acts for no user.
    assert!(log.contains("TOPSIDE_RUN=0") && log.contains("TOPSIDE_INSTANCE="), "{log}");
    assert_eq!(log.matches("TOPSIDE_").count(), 2, "{log}");
    assert!(!log.contains("SECRET_OF_THE_SERVER"), "{log}");
    assert!(log.contains("worker stopped"), "{log}");
}

#[test]
fn no_worker_outlives_a_server_that_is_ended_at_once() {
    let topsided = Topsided::new();
    let mut alive = topsided.fifo("alive");
    let script = format!("trap '' TERM; exec 3>{}; echo up >&3; sleep 1000", alive.path());
    topsided.write("commands.toml", &shell(&script, "stop_timeout = \"1h\""));
    let mut server = topsided.start();
    assert_eq!(alive.line(), "up");
    server.signal(Signal::TERM);
    server.says("server is closing");
    server.signal(Signal::TERM);
    assert_eq!(server.exit(), Some(1));
    alive.all_gone();
}

#[test]
fn a_worker_whose_server_was_killed_ends_with_its_input() {
    let topsided = Topsided::new();
    let mut alive = topsided.fifo("alive");
    let script = format!("exec 3>{}; echo up >&3; while read -r call; do :; done", alive.path());
    topsided.write("commands.toml", &shell(&script, ""));
    let mut server = topsided.start();
    assert_eq!(alive.line(), "up");
    server.kill();
    alive.all_gone();
}

#[test]
fn a_worker_that_outlives_its_killed_server_is_killed_before_the_next_one_is_started() {
    let topsided = Topsided::new();
    let mut first = topsided.fifo("first");
    let path = first.path().to_string();
    let script = format!("exec 3>{path}; echo up >&3; exec sleep 1000");
    let menu = topsided.write("commands.toml", &shell(&script, ""));
    let mut server = topsided.start();
    assert_eq!(first.line(), "up");
    server.kill();
    let mut second = topsided.fifo("second");
    let text = std::fs::read_to_string(&menu).unwrap();
    std::fs::write(&menu, text.replace(&path, &second.path().to_string())).unwrap();
    let _server = topsided.start();
    assert_eq!(second.line(), "up");
    first.all_gone();
}

#[test]
fn a_worker_that_does_not_end_is_killed_at_the_servers_deadline() {
    let topsided = Topsided::new();
    let mut alive = topsided.fifo("alive");
    let script = format!("trap '' TERM; exec 3>{}; echo up >&3; sleep 1000", alive.path());
    topsided.write("commands.toml", &shell(&script, "stop_timeout = \"1h\""));
    topsided.write("server.toml", "[limits]\nshutdown_timeout = \"10ms\"\n");
    let mut server = topsided.start();
    assert_eq!(alive.line(), "up");
    server.terminate();
    alive.all_gone();
}

#[test]
fn a_run_of_a_worker_counts_for_max_runs() {
    let menu = shell("while read -r call; do :; done", "stop_timeout = \"10ms\"");
    let server = TestServer::with(&menu, "[limits]\nmax_runs = 1\nadmin_runs = 0\n");
    let mut client = server.connect();
    let one = client.ok("command/run", json!({"command": "one", "wait": false}))["runId"].take();
    let error = client.refused("command/run", json!({"command": "sh", "args": {"script": ""}}));
    assert_eq!(error["data"]["limit"], "max_runs");
    client.ok("run/cancel", json!({"runId": one}));
    client.run("sh", json!({"script": ""}));
}

#[test]
fn a_flood_on_standard_error_is_limited_and_counted() {
    let topsided = Topsided::new();
    let script = "yes 'a \u{1b}[2Jline' | head -n 60 >&2; while read -r call; do :; done";
    topsided.write("commands.toml", &shell(script, ""));
    let mut server = topsided.start();
    let line = server.says("worker's standard error");
    assert!(line.contains("a [2Jline") && !line.contains('\u{1b}'), "{line}");
    server.signal(Signal::TERM);
    assert!(server.says("more to its standard error").contains("lines=10"));
    assert_eq!(server.exit(), Some(0));
    let log = std::fs::read_to_string(topsided.path("state/topsided.log")).unwrap();
    assert_eq!(log.matches("worker's standard error").count(), 50);
}

const WORKER: &str = include_str!("../../examples/worker.py");

/// A user copies one file: so each example has a copy of what makes functions commands.
#[test]
fn the_examples_of_workers_have_the_same_end() {
    let end = |text: &'static str| text.split_once("for any table of functions.\n").unwrap().1;
    let (_, begin) = WORKER.split_once("\n# The protocol has").unwrap();
    let (begin, _) = begin.split_once("\n\n").unwrap();
    for other in [
        include_str!("../../examples/worker_threads.py"),
        include_str!("../../../examples/sprinkler/worker.py"),
    ] {
        assert_eq!(end(other), end(WORKER));
        assert!(other.contains(begin));
    }
    // Before that it is short enough to be read on the way to one's own functions.
    assert!(end(WORKER).lines().count() < 240);
}
