//! A worker that starts again on request, or at a reload after a change of its files; and cancelled and parallel calls.

use serde_json::{Value, json};

use crate::audit::entry;
use crate::common::server::{LOOPBACK, write, write_program};
use crate::common::{Raw, SHELL_WORKER, TestServer, Topsided, eventually, lines, wait_for};

/// A worker that answers each call with `word` and its pid.
fn program(word: &str) -> String {
    format!(
        "#!/bin/sh\n{SHELL_WORKER}\nwhile read -r call; do answer '\"result\":\"{word} '$$'\"'; done\n"
    )
}

const COMMAND: &str = "[commands.one]\nworker = \"w\"\n";

fn output(client: &mut Raw) -> String {
    client.run("one", json!({}))["output"].as_str().unwrap().to_owned()
}

/// The workers that were changed by a reload.
fn reload(client: &mut Raw) -> Value {
    client.ok("server/reload", json!({}))["changed"]["workers"].take()
}

#[test]
fn a_reload_starts_a_worker_again_whose_program_script_or_watched_file_has_changed() {
    let topsided = Topsided::new();
    let (program_path, other) = (topsided.path("bin/worker"), topsided.path("bin/zones.json"));
    write(&other, "{}");
    for exec in [
        format!("[\"{}\"]", program_path.display()),
        format!("[\"sh\", \"{}\"]", program_path.display()),
    ] {
        write_program(&program_path, &program("first"));
        let menu = format!(
            "[workers.w]\nexec = {exec}\ncwd = \"{}\"\nwatch = [\"zones.json\"]\n{COMMAND}",
            topsided.path("bin").display()
        );
        topsided.write("commands.toml", &menu);
        let mut server = topsided.start();
        let mut client = server.connect();
        let first = output(&mut client);
        assert!(first.starts_with("first "), "{first}");
        assert_eq!(reload(&mut client), Value::Null);
        assert_eq!(output(&mut client), first);

        write_program(&program_path, &program("second"));
        assert_eq!(reload(&mut client), json!(["w"]));
        let second = output(&mut client);
        assert!(second.starts_with("second "), "{second}");

        std::fs::write(&other, "{\"zones\":8}").unwrap();
        assert_eq!(reload(&mut client), json!(["w"]));
        let third = output(&mut client);
        assert!(third.starts_with("second ") && third != second, "{third}");
        assert_eq!(reload(&mut client), Value::Null);
        server.terminate();
    }
}

#[test]
fn a_watched_file_that_is_missing_relative_or_written_by_others_is_an_error() {
    let topsided = Topsided::new();
    let open = topsided.path("open");
    write(&open, "");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(&open, mode).unwrap();
    for (file, says) in [
        (
            "/nowhere/zones.json".to_owned(),
            "there is no file /nowhere/zones.json, which `watch` names",
        ),
        (
            "zones.json".to_owned(),
            "`zones.json` in `watch` must be an absolute path, or worker `w` needs",
        ),
        (open.display().to_string(), "may be written by every user"),
    ] {
        topsided.write(
            "commands.toml",
            &format!("[workers.w]\nexec = [\"true\"]\nwatch = [\"{file}\"]\n{COMMAND}"),
        );
        let said = topsided.run(&["check"]);
        assert!(
            said.stderr.contains("commands.toml:3:10:") && said.stderr.contains(says),
            "{said:?}"
        );
    }
}

#[test]
fn an_admin_restarts_a_worker() {
    let topsided = Topsided::new();
    let program_path = topsided.path("worker");
    write_program(&program_path, &program("up"));
    topsided.write(
        "commands.toml",
        &format!("[workers.w]\nexec = [\"{}\"]\n{COMMAND}", program_path.display()),
    );
    let mut server = topsided.start();
    let mut client = server.connect();
    let first = output(&mut client);
    let restarted = client.ok("worker/restart", json!({"worker": "w"}));
    assert_eq!(restarted, json!({"name": "w", "standing": "running; restarted once"}));
    let second = output(&mut client);
    assert!(second.starts_with("up ") && second != first, "{first} {second}");
    let recorded = entry(&topsided.path("state"), "worker/restart", |_| true);
    assert_eq!(recorded["object"], "worker w");
    entry(&topsided.path("state"), "worker/ended", |line| line["result"] == "in order");
    let refused = client.refused("worker/restart", json!({"worker": "v"}));
    assert_eq!(refused["message"], "there is no worker `v`");
    server.terminate();
}

/// One that waits for its next start is started at once.
#[test]
fn a_restart_does_not_wait_for_the_pause_of_a_worker_that_failed() {
    let topsided = Topsided::new();
    let noted = topsided.path("noted");
    let script = toml::Value::from(format!("echo up >> {}; exit 1", noted.display()));
    topsided.write(
        "commands.toml",
        &format!("[workers.w]\nexec = [\"sh\", \"-c\", {script}]\n{COMMAND}"),
    );
    let server = topsided.start();
    let mut client = server.connect();
    // The pause is half a minute by then.
    for starts in 2..12 {
        client.ok("worker/restart", json!({"worker": "w"}));
        eventually("the next start", || lines(&noted).len() >= starts);
    }
}

#[test]
fn only_an_admin_restarts_a_worker() {
    let server = TestServer::with("[workers.w]\nexec = [\"cat\"]\n", LOOPBACK);
    let tablet = server.device("tablet", "operator");
    let refused = tablet.connect().refused("worker/restart", json!({"worker": "w"}));
    assert_eq!(refused["message"], "restarting a worker needs role admin; you are operator");
}

/// A worker of the shell that answers a call only after the word `go` was written into the file of its function's name.
fn gated(topsided: &Topsided, lines: &str) {
    let script = format!(
        r#"{SHELL_WORKER}
        while read -r call; do
            method=$(method)
            echo "$method" >> {noted}
            [ "$method" = cancel ] && continue
            (while ! [ -e {gates}/"$method" ]; do sleep 0.02; done; answer "\"result\":\"$$\"") &
        done"#,
        noted = topsided.path("noted").display(),
        gates = topsided.path("").display(),
    );
    let script = toml::Value::from(script);
    topsided.write(
        "commands.toml",
        &format!(
            "[workers.w]\nexec = [\"sh\", \"-c\", {script}]\nstop_timeout = \"1ms\"\n{lines}\n\
             [commands.long]\nworker = \"w\"\n[commands.short]\nworker = \"w\"\n"
        ),
    );
}

fn start(client: &mut Raw, command: &str) -> Value {
    client.ok("command/run", json!({"command": command, "wait": false}))["runId"].take()
}

#[test]
fn a_long_call_does_not_block_others_of_a_worker_that_takes_many() {
    let topsided = Topsided::new();
    gated(&topsided, "calls = \"many\"");
    std::fs::write(topsided.path("short"), "").unwrap();
    let server = topsided.start();
    let mut client = server.connect();
    let long = start(&mut client, "long");
    for _ in 0..3 {
        assert_eq!(client.run("short", json!({}))["state"], "succeeded");
    }
    std::fs::write(topsided.path("long"), "").unwrap();
    assert_eq!(client.ok("run/attach", json!({"runId": long}))["state"], "succeeded");
}

#[test]
fn a_cancelled_call_may_take_its_time_where_the_worker_or_the_command_says_so() {
    for (of_worker, of_command) in [("on_cancel = \"wait\"", ""), ("", "on_cancel = \"wait\"")] {
        let topsided = Topsided::new();
        gated(&topsided, &format!("calls = \"many\"\n{of_worker}"));
        let menu = topsided.path("config/commands.toml");
        let text = std::fs::read_to_string(&menu).unwrap();
        let of_long = format!("[commands.long]\n{of_command}\n");
        std::fs::write(&menu, text.replace("[commands.long]\n", &of_long)).unwrap();
        std::fs::write(topsided.path("short"), "").unwrap();
        let server = topsided.start();
        let (mut client, mut other) = (server.connect(), server.connect());
        let pid = client.run("short", json!({}))["output"].take();
        let long = start(&mut client, "long");
        let noted = topsided.path("noted");
        wait_for("the call", || lines(&noted), |noted| noted.ends_with(&["long".into()]));
        let cancel = other.ask("run/cancel", json!({"runId": long}));
        wait_for("the cancel", || lines(&noted), |noted| noted.ends_with(&["cancel".into()]));
        // Each of these takes longer than `stop_timeout`.
        for _ in 0..5 {
            assert_eq!(client.run("short", json!({}))["output"], pid);
        }
        std::fs::write(topsided.path("long"), "").unwrap();
        let row = other.answer(cancel)["result"].take();
        assert_eq!((&row["state"], &row["exitCode"]), (&json!("cancelled"), &json!(0)));
        // It is the same process.
        assert_eq!(client.run("short", json!({}))["output"], pid);
    }
}

#[test]
fn two_numbers_of_calls_at_once_are_an_error() {
    let topsided = Topsided::new();
    let menu = "[workers.w]\nexec = [\"true\"]\nmax_concurrent = 2\ncalls = \"one\"\n";
    topsided.write("commands.toml", menu);
    let said = topsided.run(&["check"]).stderr;
    assert!(
        said.contains("4:9: worker `w` gets one call at a time by `calls`, and more by"),
        "{said}"
    );
}
