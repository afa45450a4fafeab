//! Hooks of the box: `on_start` and `on_stop` of `server.toml`.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::{Fifo, MENU, Spawned, Topsided, eventually, lines};
use crate::metrics::get;

/// A program with its arguments that writes `word` into the file `events`, after `first`.
fn says(topsided: &Topsided, first: &str, word: &str) -> Value {
    let script = format!("{first}\necho {word} >> {}", topsided.path("events").display());
    json!(["sh", "-c", script])
}

fn settings(topsided: &Topsided, hooks: &[(&str, Value)]) {
    let lines = hooks.iter().map(|(key, value)| format!("{key} = {value}\n"));
    topsided.write("server.toml", &format!("[hooks]\n{}", lines.collect::<String>()));
}

/// Hooks that only write their names.
fn both(topsided: &Topsided) {
    let (start, stop) = (says(topsided, "", "start"), says(topsided, "", "stop"));
    settings(topsided, &[("on_start", start), ("on_stop", stop)]);
}

fn events(topsided: &Topsided) -> Vec<String> {
    lines(&topsided.path("events"))
}

fn wait_for(topsided: &Topsided, expected: &[&str]) {
    eventually(&format!("{expected:?}"), || events(topsided) == expected);
}

/// A script that waits until the gate is opened.
fn waits(gate: &Fifo) -> String {
    format!("read x < {}", gate.path())
}

/// A worker that writes when it begins and ends, and a command whose `safe_state` writes too.
fn menu(topsided: &Topsided) {
    let events = topsided.path("events").display().to_string();
    let worker =
        format!("echo worker >> {events}\nwhile read x; do :; done\necho worker-end >> {events}");
    let valve = json!(["sh", "-c", format!("echo run >> {events}\nexec sleep 1000")]);
    topsided.write(
        "commands.toml",
        &format!(
            "{MENU}\n[workers.w]\nexec = {}\n[commands.ask]\nworker = \"w\"\n\
             [commands.valve]\nexec = {valve}\nsafe_state = {}\n",
            json!(["sh", "-c", worker]),
            says(topsided, "", "closed"),
        ),
    );
}

fn stop(server: &mut Spawned) -> Option<i32> {
    server.connect().ok("server/shutdown", json!({}));
    server.exit()
}

fn hooks(server: &Spawned) -> Value {
    server.connect().ok("server/status", json!({}))["hooks"].clone()
}

fn kill(server: &mut Spawned) {
    server.kill();
}

#[test]
fn on_start_ends_before_the_first_worker_and_the_first_run() {
    let topsided = Topsided::new();
    menu(&topsided);
    let mut gate = topsided.fifo("gate");
    settings(&topsided, &[("on_start", says(&topsided, &waits(&gate), "start"))]);
    let mut server = topsided.start();
    let mut client = server.connect();
    let run = client.ask("command/run", json!({"command": "valve", "wait": false}));
    eventually("the hook runs", || hooks(&server)[0]["state"] == "running");
    assert!(events(&topsided).is_empty());
    gate.open();
    assert_eq!(client.answer(run)["error"], Value::Null);
    eventually("all three", || events(&topsided).len() == 3);
    assert_eq!(events(&topsided)[0], "start");
    let status = hooks(&server);
    assert_eq!(
        (&status[0]["name"], &status[0]["state"]),
        (&json!("on_start"), &json!("succeeded"))
    );
    assert_eq!(stop(&mut server), Some(0));
}

#[test]
fn on_stop_runs_after_the_last_run_and_the_last_worker_and_before_the_goodbye() {
    let topsided = Topsided::new();
    menu(&topsided);
    let mut gate = topsided.fifo("gate");
    let stops = says(&topsided, &waits(&gate), "stop");
    settings(&topsided, &[("on_stop", stops)]);
    let mut server = topsided.start();
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    client.ok("command/run", json!({"command": "valve", "wait": false}));
    eventually("the run and the worker", || events(&topsided).len() == 2);
    server.connect().ok("server/shutdown", json!({}));
    eventually("the worker has ended", || events(&topsided).len() == 4);
    // The session is still open.
    client.ok("ping", json!({}));
    gate.open();
    assert_eq!(server.exit(), Some(0));
    assert_eq!(events(&topsided)[2..], ["closed", "worker-end", "stop"]);
    // It has run, so the next start does not run it.
    let mut server = topsided.start();
    server.connect().run("look", json!({}));
    assert_eq!(events(&topsided).iter().filter(|event| *event == "stop").count(), 1);
    gate.open();
    assert_eq!(stop(&mut server), Some(0));
}

#[test]
fn after_kill_9_the_next_start_runs_on_stop_before_on_start() {
    let topsided = Topsided::new();
    both(&topsided);
    let mut server = topsided.start();
    wait_for(&topsided, &["start"]);
    kill(&mut server);
    let mut server = topsided.start();
    wait_for(&topsided, &["start", "stop", "start"]);
    assert_eq!(stop(&mut server), Some(0));
    wait_for(&topsided, &["start", "stop", "start", "stop"]);
}

#[test]
fn a_server_that_ends_at_once_leaves_on_stop_to_the_next_start() {
    let topsided = Topsided::new();
    menu(&topsided);
    both(&topsided);
    let mut server = topsided.start();
    eventually("the worker", || events(&topsided).len() == 2);
    let slow =
        json!({"command": "sh", "args": {"script": "trap '' TERM; sleep 1000"}, "wait": false});
    server.connect().ok("command/run", slow);
    server.signal(Signal::TERM);
    server.says("server is closing");
    server.signal(Signal::TERM);
    let log = server.rest();
    assert!(log.iter().any(|line| line.contains("on_stop of the box has not run")), "{log:#?}");
    assert_eq!(server.exit(), Some(1));
    std::fs::remove_file(topsided.path("events")).unwrap();
    topsided.write("commands.toml", MENU);
    let mut server = topsided.start();
    wait_for(&topsided, &["stop", "start"]);
    assert_eq!(stop(&mut server), Some(0));
}

#[test]
fn a_hook_that_fails_is_reported_everywhere_and_the_server_goes_on() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", MENU);
    let mut gate = topsided.fifo("gate");
    let fails = format!("{}\necho no relay\nexit 3", waits(&gate));
    let hooks_of_box = format!(
        "[metrics]\nlisten = \"127.0.0.1:0\"\n[hooks]\non_start = {}\n",
        json!(["sh", "-c", fails])
    );
    topsided.write("server.toml", &hooks_of_box);
    let mut server = topsided.start();
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    gate.open();
    let notice = client.told("broadcast");
    let message = notice["message"].as_str().unwrap();
    assert!(message.contains("on_start of the box failed"), "{message}");
    assert!(message.contains("exit status: 3"), "{message}");
    assert_eq!(notice["level"], "warning");
    server.says("on_start: no relay");
    server.says("the safe state may not have been reached");
    // Runs start all the same.
    assert_eq!(client.run("look", json!({}))["state"], "succeeded");
    let status = hooks(&server);
    assert_eq!(status[0]["state"], "failed");
    assert!(status[0]["failure"].as_str().unwrap().contains("exit status: 3"), "{status}");
    let listeners = client.ok("server/status", json!({}))["listeners"].clone();
    let http = listeners.as_array().unwrap().iter().find(|at| at["transport"] == "http").unwrap();
    let (_, metrics) = get(http["address"].as_str().unwrap(), "/metrics");
    assert!(metrics.contains("topside_hook_failed{hook=\"on_start\"} 1\n"), "{metrics}");
    let doctor = topsided.run(&["doctor"]).stdout;
    assert!(doctor.contains("the hook on_start failed at"), "{doctor}");
    let shown = topsided.run(&["audit", "show", "--action", "server/hook"]).stdout;
    assert!(shown.contains("begins") && shown.contains("failed: "), "{shown}");
    assert_eq!(stop(&mut server), Some(1));
}

#[test]
fn an_on_stop_that_hangs_is_killed_and_runs_again_at_the_next_start() {
    let topsided = Topsided::new();
    let hangs = json!(["sh", "-c", "sleep 1000"]);
    settings(&topsided, &[("on_stop", hangs), ("timeout", json!("200ms"))]);
    let mut server = topsided.start();
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    server.connect().ok("server/shutdown", json!({}));
    assert_eq!(client.told("server/closing")["phase"], "now");
    let message = client.told("broadcast")["message"].clone();
    assert!(message.as_str().unwrap().contains("it took too long and was killed"), "{message}");
    assert_eq!(server.exit(), Some(1));
    settings(&topsided, &[("on_stop", says(&topsided, "", "stop"))]);
    let mut server = topsided.start();
    wait_for(&topsided, &["stop"]);
    assert_eq!(stop(&mut server), Some(0));
}

/// A box whose settings name no `on_stop` any more.
#[test]
fn a_damaged_record_of_on_stop_is_reported_with_what_to_do() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", MENU);
    std::fs::create_dir_all(topsided.path("state")).unwrap();
    let record = topsided.path("state/on_stop.json");
    std::fs::write(&record, "{\"argv\": [").unwrap();
    let mut server = topsided.start();
    eventually("it is reported", || hooks(&server)[0]["state"] == "failed");
    let failure = hooks(&server)[0]["failure"].as_str().unwrap().to_owned();
    assert!(
        failure.starts_with(&format!("{} is damaged and [hooks] has no on_stop", record.display()))
            && failure.ends_with("make the box safe by hand, then delete this file"),
        "{failure}"
    );
    assert_eq!(server.connect().run("look", json!({}))["state"], "succeeded");
    assert_eq!(stop(&mut server), Some(1));
}

#[test]
fn a_required_hook_that_fails_ends_the_server_and_nothing_starts() {
    let topsided = Topsided::new();
    menu(&topsided);
    let fails = json!(["sh", "-c", "exit 3"]);
    settings(&topsided, &[("on_start", fails), ("required", json!(true))]);
    let mut server = topsided.spawn_by(topsided.command());
    server.says("the server does not start: a hook failed, and `required` is set in [hooks]");
    assert_eq!(server.exit(), Some(1));
    assert!(events(&topsided).is_empty());
}

#[test]
fn a_reload_changes_on_stop_also_for_a_server_that_is_killed() {
    let topsided = Topsided::new();
    settings(&topsided, &[("on_stop", says(&topsided, "", "old"))]);
    let mut server = topsided.start();
    server.connect().run("version", json!({}));
    settings(&topsided, &[("on_stop", says(&topsided, "", "new"))]);
    let done = server.connect().ok("server/reload", json!({}));
    assert_eq!(done["changed"]["settings"], json!(["hooks.on_stop"]));
    kill(&mut server);
    // The program that was in force runs, though the file no longer names it.
    topsided.write("server.toml", "");
    let mut server = topsided.start();
    wait_for(&topsided, &["new"]);
    assert_eq!(stop(&mut server), Some(0));
    let mut server = topsided.start();
    server.connect().run("version", json!({}));
    assert_eq!(stop(&mut server), Some(0));
    assert_eq!(events(&topsided), ["new"]);
}

#[test]
fn check_names_a_hook_that_cannot_run_with_its_place() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[hooks]\non_start = [\"/no/such\", \"x\"]\ntimeuot = \"1s\"\n");
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(78));
    for line in [
        "server.toml:2:13: the program /no/such does not exist",
        "server.toml:3:1: [hooks] has no field `timeuot`",
    ] {
        assert!(said.stderr.contains(line), "{}", said.stderr);
    }
}
