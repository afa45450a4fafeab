//! Reboot and power off: the box is a directory with a boot id, and the program a script.

use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::program::run;
use crate::common::{Spawned, Topsided, lines};

const HOUR_MS: u64 = 3_600_000;

/// A box with this boot id.
fn set_boot_id(topsided: &Topsided, id: &str) -> PathBuf {
    let file = topsided.path("box/proc/sys/kernel/random/boot_id");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, format!("{id}\n")).unwrap();
    file
}

fn settings(topsided: &Topsided, host: &[(&str, Value)]) {
    let lines: String = host.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let on_stop = json!(["sh", "-c", format!("echo stop >> {}", events(topsided).display())]);
    topsided.write("server.toml", &format!("[hooks]\non_stop = {on_stop}\n[host]\n{lines}"));
}

fn events(topsided: &Topsided) -> PathBuf {
    topsided.path("events")
}

/// A program that starts the box anew with this boot id: it ends the server, as the system does.
fn reboots(topsided: &Topsided, id: &str) -> Value {
    let file = topsided.path("box/proc/sys/kernel/random/boot_id");
    let (file, events) = (file.display(), events(topsided).display().to_string());
    json!(["sh", "-c", format!("echo {id} > {file}; echo reboot >> {events}; kill -TERM $PPID")])
}

/// The server of this box.
fn command(topsided: &Topsided) -> Command {
    let mut command = topsided.command();
    command.env("TOPSIDE_BOX_ROOT", topsided.path("box"));
    command
}

fn start(topsided: &Topsided) -> Spawned {
    topsided.start_by(command(topsided))
}

fn boot_id(server: &Spawned) -> Value {
    server.connect().ok("initialize", json!({}))["server"]["boxBootId"].clone()
}

fn last_reboot(server: &Spawned) -> Value {
    server.connect().ok("server/status", json!({}))["lastReboot"].clone()
}

/// Entries of the audit log with this action.
fn entries(topsided: &Topsided, action: &str) -> Vec<Value> {
    let entries = crate::audit::entries(&topsided.path("state")).into_iter();
    entries.filter(|entry| entry["action"] == action).collect()
}

#[test]
fn a_reboot_runs_its_program_last_and_the_next_start_knows_that_the_box_was_rebooted() {
    let topsided = Topsided::new();
    set_boot_id(&topsided, "one");
    settings(&topsided, &[("reboot", reboots(&topsided, "two"))]);
    let mut server = start(&topsided);
    assert_eq!(boot_id(&server), "one");
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    let order = json!({"then": "reboot", "delayMs": 50, "reason": "new kernel"});
    client.ok("server/shutdown", order.clone());
    let closing = client.told("server/closing");
    assert_eq!((&closing["phase"], &closing["then"]), (&json!("scheduled"), &json!("reboot")));
    // No earlier one was measured, and older clients must not take it for a restart of the server.
    assert_eq!((closing.get("usualMs"), &closing["restart"]), (None, &json!(false)));
    assert_eq!(client.told("server/closing")["phase"], "now");
    let ended = client.told("session/ended");
    // A client that does not know `then` reconnects too.
    assert_eq!((&ended["code"], &ended["then"]), (&json!("restart"), &json!("reboot")));
    client.eof();
    assert_eq!(server.exit(), Some(0));
    assert_eq!(lines(&events(&topsided)), ["stop", "reboot"]);

    settings(&topsided, &[("reboot", reboots(&topsided, "three"))]);
    let mut server = start(&topsided);
    assert_eq!(boot_id(&server), "two");
    let last = last_reboot(&server);
    assert_eq!((&last["then"], &last["done"]), (&json!("reboot"), &json!(true)));
    let took = last["tookMs"].as_u64().unwrap();
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    client.ok("server/shutdown", json!({"then": "reboot", "delayMs": HOUR_MS}));
    assert_eq!(client.told("server/closing")["usualMs"], took);
    client.ok("server/shutdown/cancel", json!({}));
    let ordered = entries(&topsided, "server/shutdown");
    assert!(ordered[0]["argv"].as_array().unwrap().contains(&json!("then=reboot")), "{ordered:?}");
    let of_box = entries(&topsided, "box/reboot");
    assert_eq!(of_box.len(), 2, "the order and its result: {of_box:?}");
    assert_eq!(of_box[0]["argv"][0].as_str().map(|sh| sh.ends_with("/sh")), Some(true));
    assert!(of_box[1]["result"].as_str().unwrap().starts_with("the box was rebooted in "));
    server.terminate();
}

#[test]
fn a_box_whose_program_fails_keeps_its_server_which_says_why() {
    let topsided = Topsided::new();
    set_boot_id(&topsided, "one");
    let fails = json!(["sh", "-c", "echo no power here >&2; exit 3"]);
    settings(&topsided, &[("reboot", fails.clone()), ("poweroff", fails)]);
    let mut server = start(&topsided);
    for (then, words) in [("reboot", "did not reboot"), ("poweroff", "did not power off")] {
        server.connect().ok("server/shutdown", json!({"then": then}));
        server.says(&format!("the box {words}"));
        server.says("server started");
        let line = server.says(&format!("the box {words}"));
        assert!(line.contains("ended with exit status 3: no power here"), "{line}");
        let last = last_reboot(&server);
        assert_eq!((&last["then"], &last["done"]), (&json!(then), &json!(false)));
        assert!(last["failure"].as_str().unwrap().contains("no power here"), "{last}");
        assert_eq!(boot_id(&server), "one");
    }
    server.terminate();
}

#[test]
fn a_box_that_is_still_up_after_the_time_limit_keeps_its_server() {
    let topsided = Topsided::new();
    set_boot_id(&topsided, "one");
    settings(&topsided, &[("reboot", json!(["true"])), ("timeout", json!("50ms"))]);
    let mut server = start(&topsided);
    server.connect().ok("server/shutdown", json!({"then": "reboot"}));
    server.says("server started");
    let failure = last_reboot(&server)["failure"].clone();
    assert!(failure.as_str().unwrap().contains("the box was still up"), "{failure}");
    server.terminate();
}

#[test]
fn a_signal_stops_the_server_and_the_reboot_that_was_to_follow() {
    let topsided = Topsided::new();
    set_boot_id(&topsided, "one");
    let mut gate = topsided.fifo("gate");
    let waits = json!([
        "sh",
        "-c",
        format!("echo stop >> {}; read x < {}", events(&topsided).display(), gate.path())
    ]);
    let reboot = reboots(&topsided, "two");
    topsided
        .write("server.toml", &format!("[hooks]\non_stop = {waits}\n[host]\nreboot = {reboot}\n"));
    let mut server = start(&topsided);
    server.connect().ok("server/shutdown", json!({"then": "reboot"}));
    crate::common::eventually("on_stop runs", || !lines(&events(&topsided)).is_empty());
    server.signal(Signal::TERM);
    server.says("server does not start again");
    gate.open();
    assert_eq!(server.exit(), Some(0));
    assert_eq!(lines(&events(&topsided)), ["stop"]);
}

#[test]
fn what_the_box_cannot_do_is_refused_before_any_client_is_warned() {
    let topsided = Topsided::new();
    set_boot_id(&topsided, "one");
    // Named as the program of the system, it is judged like that.
    let systemctl = topsided.path("bin/systemctl");
    crate::common::server::write_program(&systemctl, "#!/bin/sh\nexit 9\n");
    let argv = json!([systemctl.display().to_string(), "reboot"]);
    settings(&topsided, &[("reboot", argv)]);
    let mark = topsided.path("box/run/.containerenv");
    std::fs::create_dir_all(mark.parent().unwrap()).unwrap();
    std::fs::write(&mark, "").unwrap();
    let mut server = start(&topsided);
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    let error = client.refused("server/shutdown", json!({"then": "reboot", "delayMs": HOUR_MS}));
    assert_eq!(error["data"]["kind"], "spawnFailed");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("in a container (/run/.containerenv exists)"), "{message}");
    let error = client.refused("server/shutdown", json!({"then": "poweroff"}));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("`exit`, `restart` or `reboot`; `poweroff` in [host]"), "{message}");
    client.nothing_told();
    // What is not set is not offered either.
    let shutdown = client.command("shutdown");
    let args = shutdown["args"].as_array().unwrap();
    let then = args.iter().find(|arg| arg["name"] == "then").unwrap();
    assert_eq!(then["choices"], json!(["reboot"]));
    let params = json!({"command": "ks", "args": {"then": "reboot"}, "confirm": true});
    let answer = client.ok("command/run", params);
    assert_eq!(answer["state"], "failed");
    assert!(answer["output"].as_str().unwrap().contains("in a container"), "{answer}");
    server.terminate();
    let said = run(command(&topsided).arg("doctor")).stdout;
    assert!(said.contains("host") && said.contains("in a container"), "{said}");
}

#[test]
fn a_reboot_that_is_no_longer_possible_when_it_is_due_is_cancelled_with_the_cause() {
    let topsided = Topsided::new();
    set_boot_id(&topsided, "one");
    settings(&topsided, &[("reboot", reboots(&topsided, "two"))]);
    let mut server = start(&topsided);
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    client.ok("server/shutdown", json!({"then": "reboot", "delayMs": 3000}));
    // The server would not start after the reboot.
    topsided.write("server.toml", "[host]\nreboot = [\"no-such-program\"]\n");
    assert_eq!(client.told("server/closing")["phase"], "scheduled");
    let closing = client.told("server/closing");
    assert_eq!(closing["phase"], "cancelled");
    assert!(closing["reason"].as_str().unwrap().contains("no-such-program"), "{closing}");
    server.terminate();
}
