//! `safe_state` functions of workers: called first after each end that was not orderly. One file: the tests share a worker
//! that notes its calls.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::audit::about;
use crate::common::{Raw, SHELL_WORKER, Topsided, eventually, lines, wait_for};

/// A worker that notes its start, each call and its end in the file `noted`. What a call does is its function's name.
fn worker(topsided: &Topsided) -> String {
    let path = |name: &str| topsided.path(name).display().to_string();
    format!(
        r#"{SHELL_WORKER}
        note() {{ echo "$1" >> {noted}; }}
        note start
        while read -r call; do
            method=$(method)
            [ "$method" = cancel ] || note "$method"
            case $method in
                killed) kill -9 $$ ;;
                exit) exit 0 ;;
                fault) echo nonsense; sleep 1000 ;;
                hangs) read -r cancel; sleep 1000 ;;
                waits) read -r cancel; answer '"result":null' ;;
                fails) answer '"error":{{"message":"no water"}}' ;;
                stuck) [ -e {once} ] && answer '"result":null' || {{ touch {once}; sleep 1000; }} ;;
                gated) read -r _ < {gate}; answer '"result":null' ;;
                seal) answer '"result":"closed"' ;;
                pid) answer "\"result\":\"$$\"" ;;
                cancel) ;;
                *) answer '"result":"done"' ;;
            esac
        done
        note end
        {at_end}"#,
        noted = path("noted"),
        once = path("once"),
        gate = path("gate"),
        at_end = "[ -z \"$AT_END\" ] || sh -c \"$AT_END\"",
    )
}

const FUNCTIONS: [&str; 9] =
    ["one", "killed", "exit", "fault", "hangs", "waits", "fails", "seal", "pid"];

/// A menu with that worker, these lines for it, and these for its commands.
fn menu(topsided: &Topsided, of_worker: &str, of_commands: &str) {
    let script = toml::Value::from(worker(topsided));
    let commands: String = FUNCTIONS
        .iter()
        .map(|name| {
            format!("[commands.{name}]\nworker = \"w\"\ntimeout = \"none\"\n{of_commands}\n")
        })
        .collect();
    topsided.write(
        "commands.toml",
        &format!(
            "[workers.w]\nexec = [\"sh\", \"-c\", {script}]\n{of_worker}\n{commands}\
             [commands.look]\nexec = [\"true\"]\neffect = \"read\"\n"
        ),
    );
}

const MAKE_SAFE: &str = "safe_state = { function = \"make_safe\" }";
/// For a worker that has to be killed.
const NO_PATIENCE: &str = "stop_timeout = \"50ms\"";

fn noted(topsided: &Topsided) -> Vec<String> {
    lines(&topsided.path("noted"))
}

fn wait_for_noted(topsided: &Topsided, wanted: &[&str]) {
    wait_for("the calls of the worker", || noted(topsided), |noted| noted == wanted);
}

fn start(client: &mut Raw, command: &str) -> Value {
    client.ok("command/run", json!({"command": command, "wait": false}))["runId"].take()
}

fn kill(pid: &Value) {
    let pid: i32 = pid.as_str().unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn the_safe_state_is_the_first_call_after_each_end_that_was_not_in_order() {
    for end in ["killed", "exit", "fault", "hangs"] {
        let topsided = Topsided::new();
        menu(&topsided, &format!("{MAKE_SAFE}\n{NO_PATIENCE}"), "");
        let server = topsided.start();
        let mut client = server.connect();
        let run = start(&mut client, end);
        if end == "hangs" {
            wait_for_noted(&topsided, &["start", "hangs"]);
            client.ok("run/cancel", json!({"runId": run}));
        }
        // Without a call.
        wait_for_noted(&topsided, &["start", end, "start", "make_safe"]);
        eventually("the worker is safe", || client.run("one", json!({}))["state"] == "succeeded");
        wait_for_noted(&topsided, &["start", end, "start", "make_safe", "one"]);
        let called = || -> Vec<String> {
            let all = about(&topsided.path("state"), "worker w").into_iter();
            let calls = all.filter(|(action, _)| action == "worker/safe-state");
            calls.map(|(_, result)| result).collect()
        };
        // The server does not end in order: the worker would have to end within its patience.
        wait_for("its calls in the audit log", called, |called| *called == ["begins", "reached"]);
    }
}

#[test]
fn an_end_in_order_needs_no_safe_state() {
    let topsided = Topsided::new();
    menu(&topsided, MAKE_SAFE, "");
    let mut server = topsided.start();
    server.connect().run("one", json!({}));
    server.terminate();
    wait_for_noted(&topsided, &["start", "one", "end"]);
    let mut server = topsided.start();
    server.connect().run("one", json!({}));
    server.terminate();
    wait_for_noted(&topsided, &["start", "one", "end", "start", "one", "end"]);
}

#[test]
fn the_server_and_the_worker_are_killed_and_the_next_start_makes_the_worker_safe() {
    let topsided = Topsided::new();
    menu(&topsided, MAKE_SAFE, "");
    let mut server = topsided.start();
    let pid = server.connect().run("pid", json!({}))["output"].take();
    // Whichever is first, the worker has no time for an end of its own.
    server.signal(Signal::STOP);
    kill(&pid);
    server.kill();
    let mut server = topsided.start();
    wait_for_noted(&topsided, &["start", "pid", "start", "make_safe"]);
    assert_eq!(server.connect().run("one", json!({}))["state"], "succeeded");
    server.terminate();
}

#[test]
fn a_worker_that_is_killed_at_the_end_of_the_server_starts_once_more_for_its_safe_state() {
    let topsided = Topsided::new();
    let waits = "stop_timeout = \"3s\"\nenv = { AT_END = \"trap '' TERM; sleep 1000\" }";
    menu(&topsided, &format!("{MAKE_SAFE}\n{waits}"), "");
    let mut server = topsided.start();
    server.connect().run("one", json!({}));
    server.terminate();
    let noted = noted(&topsided);
    assert_eq!(noted[..5], ["start", "one", "end", "start", "make_safe"], "{noted:?}");
    let log = std::fs::read_to_string(topsided.path("state/topsided.log")).unwrap();
    assert!(log.contains("got SIGKILL"), "{log}");
    assert!(!topsided.path("state/workers.json").exists());
}

#[test]
fn the_function_of_a_command_is_called_before_any_other_call_of_the_worker() {
    for end in ["fails", "waits", "killed"] {
        let topsided = Topsided::new();
        let seal = "safe_state = { function = \"seal\" }";
        menu(&topsided, "", &format!("{seal}\nlock = [\"pump\"]\nqueue = 1"));
        let server = topsided.start();
        let (mut client, mut other) = (server.connect(), server.connect());
        let run = start(&mut client, end);
        let next = other.ask("command/run", json!({"command": "one"}));
        if end == "waits" {
            wait_for_noted(&topsided, &["start", "waits"]);
            client.ok("run/cancel", json!({"runId": run}));
        }
        let row = client.ok("run/attach", json!({"runId": run}));
        assert!(["failed", "cancelled"].contains(&row["state"].as_str().unwrap()), "{row}");
        assert!(client.heard().ends_with("closed\n"), "{end}");
        assert_eq!(other.answer(next)["result"]["state"], "succeeded", "{end}");
        let noted: Vec<_> = noted(&topsided).into_iter().filter(|word| word != "start").collect();
        assert_eq!(noted, [end, "seal", "one"]);
    }
}

#[test]
fn the_function_of_a_run_that_a_killed_server_left_is_the_first_call_of_the_next() {
    let topsided = Topsided::new();
    menu(&topsided, "", "safe_state = { function = \"seal\" }");
    let mut server = topsided.start();
    let mut client = server.connect();
    client.run("one", json!({}));
    let run = start(&mut client, "waits");
    wait_for_noted(&topsided, &["start", "one", "waits"]);
    server.kill();
    let mut server = topsided.start();
    eventually("the function was called", || noted(&topsided).ends_with(&["seal".to_owned()]));
    let mut client = server.connect();
    let row = client.ok("run/attach", json!({"runId": run}));
    assert_eq!(row["state"], "lost");
    assert!(client.heard().contains("worker w is called with seal before anything else"));
    assert_eq!(client.run("one", json!({}))["state"], "succeeded");
    eventually("nothing is pending", || !topsided.path("state/workers.json").exists());
    server.terminate();
}

#[test]
fn no_run_starts_before_the_workers_of_a_killed_server_are_safe() {
    let topsided = Topsided::new();
    menu(&topsided, "safe_state = { function = \"gated\" }", "");
    let mut gate = topsided.fifo("gate");
    let mut server = topsided.start();
    let pid = server.connect().run("pid", json!({}))["output"].take();
    server.signal(Signal::STOP);
    kill(&pid);
    server.kill();
    let server = topsided.start();
    let mut client = server.connect();
    let waits = client.ask("command/run", json!({"command": "look"}));
    wait_for_noted(&topsided, &["start", "pid", "start", "gated"]);
    assert_eq!(server.connect().ok("runs/list", json!({"command": "look"}))["runs"], json!([]));
    gate.open();
    assert_eq!(client.answer(waits)["result"]["state"], "succeeded");
}

#[test]
fn a_safe_state_that_fails_is_reported_and_one_that_hangs_is_ended_and_called_again() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[limits]\nhook_timeout = \"5s\"\n");
    menu(
        &topsided,
        &format!("safe_state = {{ function = \"stuck\" }}\n{NO_PATIENCE}"),
        "safe_state = { function = \"fails\" }",
    );
    let mut server = topsided.start();
    let mut client = server.connect();
    let row = client.run("fails", json!({}));
    let output = row["output"].as_str().unwrap();
    let says = "the safe state may not have been reached by fails of worker w: no water";
    assert!(output.contains(says), "{output}");
    assert!(server.says("may not have been reached").contains("by fails of worker w"));
    start(&mut client, "exit");
    assert!(server.says("may not have been reached").contains("by stuck of worker w: it was not"));
    assert!(server.says("safe state reached").contains("stuck"));
}

/// The record of such a worker stayed for ever.
#[test]
fn a_pending_safe_state_of_a_worker_that_the_menu_has_no_more_is_reported_once_and_forgotten() {
    // Without the worker, and without its `safe_state`.
    let without_worker = "[commands.look]\nexec = [\"true\"]\neffect = \"read\"\n";
    for removed in [true, false] {
        let topsided = Topsided::new();
        menu(&topsided, MAKE_SAFE, "");
        let mut server = topsided.start();
        let pid = server.connect().run("pid", json!({}))["output"].take();
        server.signal(Signal::STOP);
        kill(&pid);
        server.kill();
        match removed {
            true => drop(topsided.write("commands.toml", without_worker)),
            false => menu(&topsided, "", ""),
        }
        let mut server = topsided.start();
        server.says(
            "the safe state of worker w may not have been reached: the worker did not end in order",
        );
        eventually("it is forgotten", || !topsided.path("state/workers.json").exists());
        // Runs are not held up by it, and the end of the server is no failure.
        assert_eq!(server.connect().run("look", json!({}))["state"], "succeeded");
        server.terminate();
        let calls = about(&topsided.path("state"), "worker w");
        let failed = calls.iter().filter(|(action, result)| {
            action == "worker/safe-state"
                && result.starts_with("failed: the safe state of worker w")
        });
        assert_eq!(failed.count(), 1, "{calls:?}");
        let mut server = topsided.start();
        server.terminate();
        let log = std::fs::read_to_string(topsided.path("state/topsided.log")).unwrap();
        assert_eq!(
            log.matches("may not have been reached: the worker did not").count(),
            1,
            "{log}"
        );
    }
}
