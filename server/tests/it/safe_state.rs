//! `safe_state`: it runs after every run that was started and did not succeed, also after a kill.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Raw, SHELL_WORKER, TestServer, Topsided};

/// A command with a safe state that runs `hook`, then writes a line with the run's number to `closed`.
fn menu(directory: &Path, hook: &str) -> String {
    let closed = directory.join("closed");
    let hook = format!("{hook}echo $TOPSIDE_RUN $TZ >> {}", closed.display());
    format!(
        "[commands.valve]\nexec = [\"sh\", \"-c\", \"{{script}}\"]\nenv = {{ TZ = \"UTC\" }}\n\
         timeout = \"none\"\nstop_timeout = \"1h\"\nsafe_state = [\"sh\", \"-c\", {hook:?}]\n\
         [[commands.valve.args]]\nname = \"script\"\ntype = \"string\"\nrequired = true\n\
         [commands.brief]\nexec = [\"sleep\", \"1000\"]\nenv = {{ TZ = \"UTC\" }}\ntimeout = \"1s\"\n\
         safe_state = [\"sh\", \"-c\", {hook:?}]\n\
         [commands.still]\nexec = [\"sleep\", \"1000\"]\ntimeout = \"none\"\n\
         safe_state = [\"sh\", \"-c\", {hook:?}]\n\
         [commands.gone]\nexec = [\"{gone}\"]\nsafe_state = [\"sh\", \"-c\", {hook:?}]\n",
        gone = directory.join("gone").display(),
    )
}

fn closed(directory: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(directory.join("closed")).unwrap_or_default();
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// A server in a directory that its menu names.
fn server(hook: &str, limits: &str) -> (tempfile::TempDir, TestServer) {
    let directory = crate::common::server::directory();
    let gone = directory.path().join("gone");
    crate::common::server::write_program(&gone, "#!/bin/sh\n");
    let server = TestServer::with(&menu(directory.path(), hook), &format!("[limits]\n{limits}\n"));
    (directory, server)
}

fn valve(client: &mut Raw, script: &str) -> Value {
    client.run("valve", json!({"script": script}))
}

#[test]
fn every_end_but_success_is_followed_by_the_safe_state_once() {
    let (directory, server) = server("", "");
    let here = directory.path();
    let mut client = server.connect();
    assert_eq!(valve(&mut client, "exit 0")["state"], "succeeded");
    assert_eq!(closed(here), [""; 0]);
    assert_eq!(valve(&mut client, "exit 3")["state"], "failed");
    assert_eq!(closed(here), ["2 UTC"]);
    assert_eq!(valve(&mut client, "kill -9 $$")["signal"], 9);
    assert_eq!(client.run("brief", json!({}))["state"], "timedOut");
    let id = client.ask("command/run", json!({"command": "still", "stream": true}));
    assert_eq!(client.told("run/changed")["runId"], 5);
    assert_eq!(server.connect().ok("run/cancel", json!({"runId": 5}))["state"], "cancelled");
    assert_eq!(client.answer(id)["result"]["state"], "cancelled");
    assert_eq!(closed(here), ["2 UTC", "3 UTC", "4 UTC", "5"]);
    // A program that was never started needs no hook.
    std::fs::remove_file(here.join("gone")).unwrap();
    assert_eq!(client.refused("command/run", json!({"command": "gone"}))["code"], -32010);
    assert_eq!(closed(here).len(), 4);
}

#[test]
fn a_run_ends_after_its_safe_state_and_its_output_has_that_of_the_safe_state() {
    let directory = crate::common::server::directory();
    let gate = crate::common::Fifo::new(directory.path(), "gate");
    let mut said = crate::common::Fifo::new(directory.path(), "said");
    let hook = format!("echo closing; echo up > {}; read x < {}; ", said.path(), gate.path());
    let text = menu(directory.path(), &hook);
    std::fs::write(directory.path().join("gone"), "").unwrap();
    let text = text.split("[commands.gone]").next().unwrap().to_owned();
    let server = TestServer::with(&text, "");
    let mut client = server.connect();
    let id = client.ask("command/run", json!({"command": "valve", "args": {"script": "exit 1"}}));
    assert_eq!(said.line(), "up");
    let mut other = server.connect();
    let page = other.ok("runs/list", json!({}));
    assert_eq!(page["runs"][0]["state"], "running");
    let mut gate = gate;
    gate.open();
    let row = client.answer(id)["result"].take();
    assert_eq!((&row["state"], &row["output"]), (&json!("failed"), &json!("closing\n")));
}

#[test]
fn a_failed_safe_state_is_reported_in_the_output_and_the_log() {
    let (directory, server) = server("echo no; exit 7; ", "");
    let mut client = server.connect();
    let output = valve(&mut client, "exit 1")["output"].as_str().unwrap().to_owned();
    assert!(output.starts_with("no\nthe safe state may not have been reached by "), "{output}");
    assert!(output.ends_with(": it ended with exit status: 7\n"), "{output}");
    let found = client.ok("log/tail", json!({"match": "the safe state may not"}));
    let entry = &found["entries"][0];
    assert_eq!((&entry["level"], &entry["fields"]["run"]), (&json!("error"), &json!(1)));
    assert_eq!(closed(directory.path()), [""; 0]);
}

#[test]
fn a_safe_state_over_its_timeout_is_killed_and_reported() {
    let (_directory, server) = server("sleep 1000; ", "hook_timeout = \"200ms\"");
    let mut client = server.connect();
    let output = valve(&mut client, "exit 1")["output"].as_str().unwrap().to_owned();
    assert!(output.ends_with(": it took too long and was killed\n"), "{output}");
}

#[test]
fn safe_states_run_when_the_server_ends() {
    // One that ignores its signal is killed when the time is over, and closed all the same.
    let (directory, server) = server("", "shutdown_timeout = \"300ms\"");
    let mut client = server.connect();
    client.ok("command/run", json!({"command": "still", "wait": false}));
    let script = "trap '' TERM; while :; do sleep 0.01; done";
    let stubborn = json!({"command": "valve", "args": {"script": script}, "stream": true});
    client.ask("command/run", stubborn);
    assert_eq!(client.told("run/changed")["state"], "running");
    client.line(r#"{"jsonrpc":"2.0","id":"end","method":"server/shutdown"}"#);
    server.ended();
    let mut closed = closed(directory.path());
    closed.sort();
    assert_eq!(closed, ["1", "2 UTC"]);
}

#[test]
fn with_safe_state_on_always_a_success_is_followed_by_the_safe_state_too() {
    let directory = crate::common::server::directory();
    let here = directory.path();
    let always = "safe_state_on = \"always\"\nsafe_state = [";
    let menu = menu(here, "").replacen("safe_state = [", always, 1);
    let menu = menu.split("[commands.gone]").next().unwrap();
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    assert_eq!(valve(&mut client, "exit 0")["state"], "succeeded");
    assert_eq!(closed(here), ["1 UTC"]);
    assert_eq!(valve(&mut client, "exit 3")["state"], "failed");
    assert_eq!(closed(here), ["1 UTC", "2 UTC"]);
}

#[test]
fn the_next_start_runs_the_safe_states_of_a_killed_server() {
    let topsided = Topsided::new();
    let here = topsided.path("here");
    std::fs::create_dir(&here).unwrap();
    let mut alive = topsided.fifo("alive");
    let text = menu(&here, "echo closing; ");
    let text = text.split("[commands.gone]").next().unwrap();
    topsided.write("commands.toml", text);
    let mut server = topsided.start();
    let mut client = server.connect();
    assert_eq!(valve(&mut client, "exit 0")["state"], "succeeded");
    let script = format!("printf open; exec 3> {}; echo up >&3; sleep 1000", alive.path());
    let run = json!({"command": "valve", "args": {"script": script}, "wait": false});
    client.ok("command/run", run);
    assert_eq!(alive.line(), "up");
    topsided.wait_for_output(2);
    server.kill();
    assert_eq!(closed(&here), [""; 0]);

    // The menu is another by now; the run keeps what it started with.
    topsided.write("commands.toml", crate::common::MENU);
    let mut server = topsided.start();
    let mut client = server.connect();
    // Nothing is started before it.
    client.run("look", json!({}));
    assert_eq!(closed(&here), ["2 UTC"]);
    alive.all_gone();
    let id = client.ask("run/attach", json!({"runId": 2}));
    let mut output = client.told("run/output")["data"].as_str().unwrap().to_owned();
    output.push_str(client.told("run/output")["data"].as_str().unwrap());
    assert_eq!(output, "openclosing\n");
    assert_eq!(client.answer(id)["result"]["state"], "lost");
    client.ok("server/shutdown", json!({}));
    server.exit();
    // Once, and not at every start.
    topsided.start().connect().run("look", json!({}));
    assert_eq!(closed(&here), ["2 UTC"]);
}

/// Commands of a worker that answers, fails, waits for a cancel and ends by their names; their safe state is that of
/// [`menu`].
fn functions(directory: &Path, hang: &str) -> String {
    let script = format!(
        r#"{SHELL_WORKER}
        while read -r call; do case "$call" in
        *'"fail"'*) answer '"error":{{"code":1,"message":"no"}}' ;;
        *'"hang"'*) {hang} ;;
        *'"die"'*) exit 1 ;;
        *) answer '"result":"ok"' ;;
        esac; done"#
    );
    let hook = format!("echo $TOPSIDE_RUN $TZ >> {}", directory.join("closed").display());
    let commands = ["fine", "fail", "hang", "die"].map(|name| {
        format!("[commands.{name}]\nworker = \"w\"\nsafe_state = [\"sh\", \"-c\", {hook:?}]\n")
    });
    let script = toml::Value::from(script);
    format!(
        "[workers.w]\nexec = [\"sh\", \"-c\", {script}]\nenv = {{ TZ = \"UTC\" }}\n{}",
        commands.concat()
    )
}

#[test]
fn a_workers_function_that_does_not_succeed_is_followed_by_its_safe_state() {
    let directory = crate::common::server::directory();
    let here = directory.path();
    let server = TestServer::with(&functions(here, ":"), "");
    let mut client = server.connect();
    assert_eq!(client.run("fine", json!({}))["state"], "succeeded");
    assert_eq!(closed(here), [""; 0]);
    assert_eq!(client.run("fail", json!({}))["state"], "failed");
    assert_eq!(closed(here), ["2 UTC"]);
    let hang = client.ok("command/run", json!({"command": "hang", "wait": false}));
    assert_eq!(client.ok("run/cancel", json!({"runId": hang["runId"]}))["state"], "cancelled");
    assert_eq!(closed(here), ["2 UTC", "3 UTC"]);
    assert_eq!(client.run("die", json!({}))["state"], "failed");
    assert_eq!(closed(here), ["2 UTC", "3 UTC", "4 UTC"]);
}

#[test]
fn the_next_start_runs_the_safe_state_of_a_workers_function() {
    let topsided = Topsided::new();
    let here = topsided.path("here");
    std::fs::create_dir(&here).unwrap();
    let mut alive = topsided.fifo("alive");
    let hang = format!("exec 3>{}; echo up >&3; exec sleep 1000", alive.path());
    topsided.write("commands.toml", &functions(&here, &hang));
    let mut server = topsided.start();
    server.connect().ok("command/run", json!({"command": "hang", "wait": false}));
    assert_eq!(alive.line(), "up");
    server.kill();
    assert_eq!(closed(&here), [""; 0]);
    // No process is left that could open it again.
    let server = topsided.start();
    server.connect().run("fine", json!({}));
    assert_eq!(closed(&here), ["1 UTC"]);
    alive.all_gone();
}

#[test]
fn the_output_of_a_hook_is_kept_although_it_left_a_process_behind() {
    let (_directory, server) = server("echo CLOSED; sleep 3 & ", "");
    let mut client = server.connect();
    let row = valve(&mut client, "exit 3");
    assert!(row["output"].as_str().unwrap().contains("CLOSED\n"), "{row}");
}

/// Regression: all of them ran before the first was recorded, so those that had ended ran again.
#[test]
fn a_safe_state_that_the_next_start_has_run_is_not_run_again_while_others_are_pending() {
    let topsided = Topsided::new();
    let here = topsided.path("here");
    std::fs::create_dir(&here).unwrap();
    let closed_by = here.join("closed");
    let mut said = topsided.fifo("said");
    let mut gate = topsided.fifo("gate");
    topsided.write(
        "commands.toml",
        &format!(
            "[commands.fast]\nexec = [\"sleep\", \"1000\"]\ntimeout = \"none\"\n\
             safe_state = [\"sh\", \"-c\", \"echo fast >> {closed}\"]\n\
             [commands.slow]\nexec = [\"sleep\", \"1000\"]\ntimeout = \"none\"\n\
             safe_state = [\"sh\", \"-c\", \"echo up > {}; read x < {}; echo slow >> {closed}\"]\n",
            said.path(),
            gate.path(),
            closed = closed_by.display(),
        ),
    );
    let mut server = topsided.start();
    let mut client = server.connect();
    for command in ["slow", "fast"] {
        client.ok("command/run", json!({"command": command, "wait": false}));
    }
    server.kill();

    let mut server = topsided.start();
    assert_eq!(said.line(), "up");
    let line = server.says("run lost");
    assert!(line.contains("run=2"), "{line}");
    server.kill();

    let server = topsided.start();
    // One may be left of the killed server.
    gate.open();
    gate.open();
    let page = server.connect().ok("runs/list", json!({"state": "lost"}));
    assert_eq!(page["runs"].as_array().unwrap().len(), 2);
    assert_eq!(closed(&here).iter().filter(|line| *line == "fast").count(), 1);
}
