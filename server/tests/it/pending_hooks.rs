//! `safe_state` programs that the system has no room for: they stay pending, and run as soon as there is room.

use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::{Value, json};

use crate::common::pids::Pids;
use crate::common::{Fifo, MENU, Raw, Spawned, Topsided, lines};

/// A command with a lock, whose `safe_state` writes its run's number into the file `closed`, and one without.
fn menu(topsided: &Topsided) {
    let closed = topsided.path("closed");
    let command = |name: &str, more: &str| {
        format!(
            "[commands.{name}]\nexec = [\"sh\", \"-c\", \"{{script}}\"]\ntimeout = \"none\"\n{more}\
             safe_state = [\"sh\", \"-c\", \"echo $TOPSIDE_RUN >> {}\"]\n\
             [[commands.{name}.args]]\nname = \"script\"\ntype = \"string\"\n",
            closed.display()
        )
    };
    let (valve, pump) = (command("valve", "lock = [\"water\"]\n"), command("pump", ""));
    topsided.write("commands.toml", &format!("{MENU}\n{valve}{pump}"));
}

fn closed(topsided: &Topsided) -> Vec<String> {
    let mut lines = lines(&topsided.path("closed"));
    lines.sort();
    lines
}

/// Starts a run that does not end, and waits until its program runs.
fn open(client: &mut Raw, command: &str, said: &mut Fifo) -> u64 {
    let script = format!("echo up > {}; exec sleep 1000", said.path());
    let run = json!({"command": command, "args": {"script": script}, "wait": false});
    let run = client.ok("command/run", run)["runId"].as_u64().unwrap();
    assert_eq!(said.line(), "up");
    run
}

fn limit_descriptors(server: &Spawned, most: u64) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let limit = Rlimit { current: Some(most), maximum: Some(4096) };
    prlimit(pid, Resource::Nofile, limit).unwrap();
}

/// The lines of a log that must have none about a panic.
fn without_panic(lines: Vec<String>) -> Vec<String> {
    assert!(lines.iter().all(|line| !line.contains("panic")), "{lines:#?}");
    lines
}

fn lost_row(server: &Spawned) -> Value {
    let page = server.connect().ok("runs/list", json!({"state": "lost"}));
    page["runs"][0].clone()
}

/// Regression: the hook failed with `Too many open files`, and counted as run.
#[test]
fn without_free_descriptors_every_hook_runs() {
    let topsided = Topsided::new();
    menu(&topsided);
    let mut server = topsided.start();
    let mut client = server.connect();
    let runs: Vec<u64> = (0..8)
        .map(|n| open(&mut client, "pump", &mut topsided.fifo(&format!("said{n}"))))
        .collect();
    // Fewer than it has open already.
    limit_descriptors(&server, 4);
    let asked: Vec<u64> =
        runs.iter().map(|run| client.ask("run/cancel", json!({"runId": run}))).collect();
    for _ in asked {
        let answer = client.recv();
        assert_eq!(answer["result"]["state"], "cancelled", "{answer}");
    }
    let mut expected: Vec<String> = runs.iter().map(u64::to_string).collect();
    expected.sort();
    assert_eq!(closed(&topsided), expected);
    limit_descriptors(&server, 4096);
    client.ok("server/shutdown", json!({}));
    let said = without_panic(server.rest());
    assert!(said.iter().all(|line| !line.contains("may not have been reached")), "{said:#?}");
    assert_eq!(server.exit(), Some(0));
}

/// Connects until the server takes no more connections.
fn take_all_descriptors(topsided: &Topsided) -> Vec<OwnedFd> {
    let address = SocketAddrUnix::new(topsided.socket()).unwrap();
    let connect = || {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        // The queue of the listener is full once the server does not accept any more.
        rustix::net::connect(&socket, &address).is_ok().then_some(socket)
    };
    std::iter::from_fn(connect).take(1_000).collect()
}

#[test]
fn with_all_descriptors_taken_by_connections_every_hook_runs() {
    let topsided = Topsided::new();
    menu(&topsided);
    let mut shell = topsided.command_by("sh");
    shell.args(["-c", "ulimit -n 256; exec \"$0\"", env!("CARGO_BIN_EXE_topsided")]);
    let mut server = topsided.start_by(shell);
    let mut client = server.connect();
    let runs: Vec<u64> = (0..8)
        .map(|n| open(&mut client, "pump", &mut topsided.fifo(&format!("said{n}"))))
        .collect();
    let connections = take_all_descriptors(&topsided);
    for run in &runs {
        client.ask("run/cancel", json!({"runId": run}));
    }
    for _ in &runs {
        let answer = client.recv();
        assert_eq!(answer["result"]["state"], "cancelled", "{answer}");
    }
    let mut expected: Vec<String> = runs.iter().map(u64::to_string).collect();
    expected.sort();
    assert_eq!(closed(&topsided), expected);
    drop(connections);
    client.ok("server/shutdown", json!({}));
    without_panic(server.rest());
    assert_eq!(server.exit(), Some(0));
}

#[test]
fn a_hook_without_a_process_keeps_its_lock_and_runs_when_one_is_free() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    menu(&topsided);
    let mut server = topsided.start();
    let mut client = server.connect();
    let run = open(&mut client, "valve", &mut topsided.fifo("said"));
    pids.add(server.pid());
    pids.limit(Some(1));
    let cancelled = client.ask("run/cancel", json!({"runId": run}));
    let line = server.says("stays pending");
    assert!(line.contains(&format!("the safe_state of run #{run} (valve) could not be")), "{line}");
    let mut other = server.connect();
    let error = other.refused("command/run", json!({"command": "valve", "args": {"script": ""}}));
    assert_eq!(error["data"]["lock"], "water", "{error}");
    assert_eq!(closed(&topsided), [""; 0]);
    assert_eq!(other.ok("runs/list", json!({}))["runs"][0]["state"], "running");

    pids.limit(None);
    assert_eq!(client.answer(cancelled)["result"]["state"], "cancelled");
    assert_eq!(closed(&topsided), [run.to_string()]);
    let row = other.run("valve", json!({"script": "exit 0"}));
    assert_eq!(row["state"], "succeeded", "{row}");
    client.ok("server/shutdown", json!({}));
    without_panic(server.rest());
    assert_eq!(server.exit(), Some(0));
}

/// Regression: the server reported success and exited with 0, after two of its threads had panicked.
#[test]
fn a_server_that_ends_with_a_pending_hook_reports_it_and_the_next_start_runs_it() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    menu(&topsided);
    topsided.write("server.toml", "[limits]\nhook_timeout = \"3s\"\n");
    let mut server = topsided.start();
    let mut client = server.connect();
    let run = open(&mut client, "valve", &mut topsided.fifo("said"));
    pids.add(server.pid());
    pids.limit(Some(1));
    server.signal(Signal::TERM);
    let said = without_panic(server.rest());
    let report = format!("the safe_state of run #{run} (valve) has not run");
    assert_eq!(said.iter().filter(|line| line.contains(&report)).count(), 1, "{said:#?}");
    assert_eq!(server.exit(), Some(1));
    assert_eq!(closed(&topsided), [""; 0]);

    let server = topsided.start();
    assert_eq!(server.connect().run("valve", json!({"script": "exit 0"}))["state"], "succeeded");
    assert_eq!(closed(&topsided), [run.to_string()]);
    assert_eq!(lost_row(&server)["runId"], run);
}

#[test]
fn a_server_that_is_ended_at_once_reports_each_pending_hook() {
    let topsided = Topsided::new();
    menu(&topsided);
    let mut server = topsided.start();
    let run = open(&mut server.connect(), "pump", &mut topsided.fifo("said"));
    server.signal(Signal::TERM);
    server.says("server is closing");
    server.signal(Signal::TERM);
    let said = server.rest();
    // The run may have ended, and its hook run, between the two.
    if closed(&topsided).is_empty() {
        let report = format!("the safe_state of run #{run} (pump) has not run");
        assert!(said.iter().any(|line| line.contains(&report)), "{said:#?}");
        assert_eq!(server.exit(), Some(1));
    }
}

#[test]
fn a_hook_that_cannot_be_started_at_the_start_of_the_server_stays_pending_and_is_retried() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    menu(&topsided);
    let mut server = topsided.start();
    let run = open(&mut server.connect(), "valve", &mut topsided.fifo("said"));
    server.kill();

    // Room for the server's own threads alone.
    pids.limit(Some(threads_of_a_server()));
    let mut server = topsided.spawn_by(pids.start(topsided.command()));
    let line = server.says("stays pending");
    assert!(line.contains(&format!("run #{run} (valve)")), "{line}");
    let mut client = server.connect();
    let waits =
        client.ask("command/run", json!({"command": "valve", "args": {"script": "exit 0"}}));
    let row = server.connect().run("version", json!({}));
    assert_eq!(row["state"], "succeeded", "{row}");
    assert_eq!(closed(&topsided), [""; 0]);
    pids.limit(None);
    assert_eq!(client.answer(waits)["result"]["state"], "succeeded");
    assert_eq!(closed(&topsided), [run.to_string()]);
    assert_eq!(lost_row(&server)["runId"], run);
    client.ok("server/shutdown", json!({}));
    without_panic(server.rest());
    assert_eq!(server.exit(), Some(0));
}

#[test]
fn a_server_that_ends_while_a_hook_of_the_server_before_is_pending_reports_it() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    menu(&topsided);
    topsided.write("server.toml", "[limits]\nhook_timeout = \"3s\"\n");
    let mut server = topsided.start();
    let run = open(&mut server.connect(), "valve", &mut topsided.fifo("said"));
    server.kill();
    let threads = threads_of_a_server();
    // In order, and at once.
    for signals in [1, 2] {
        pids.limit(Some(threads));
        let mut server = topsided.spawn_by(pids.start(topsided.command()));
        server.says("stays pending");
        // A thread that ends makes no room for the hook.
        pids.limit(Some(1));
        server.signal(Signal::TERM);
        if signals == 2 {
            server.says("server is closing");
            server.signal(Signal::TERM);
        }
        let said = without_panic(server.rest());
        let report = format!("the safe_state of run #{run} (valve) has not run");
        assert!(said.iter().any(|line| line.contains(&report)), "{said:#?}");
        assert_eq!(server.exit(), Some(1));
        assert_eq!(closed(&topsided), [""; 0]);
    }
    let server = topsided.start();
    server.connect().run("look", json!({}));
    assert_eq!(closed(&topsided), [run.to_string()]);
}

/// The number of threads of a server without clients: the least of some, because a start at times needs one more for a moment.
fn threads_of_a_server() -> u32 {
    (0..8).map(|_| threads_of_one_server()).min().unwrap()
}

fn threads_of_one_server() -> u32 {
    let topsided = Topsided::new();
    let server = topsided.start();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
    threads.trim().parse().unwrap()
}

#[test]
fn a_server_that_cannot_reserve_a_thread_for_hooks_does_not_start_and_says_so() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    // Itself, and the thread that writes the log.
    pids.limit(Some(2));
    let mut server = topsided.spawn_by(pids.start(topsided.command()));
    let said = without_panic(server.rest());
    let reason = "for safe_state programs cannot be reserved";
    assert!(said.iter().any(|line| line.contains(reason)), "{said:#?}");
    assert_eq!(server.exit(), Some(1));
}

/// That is no shortage: it fails as loudly as one that ran, and is not retried.
#[test]
fn a_hook_whose_program_is_gone_has_failed() {
    let topsided = Topsided::new();
    let program = topsided.path("close-valve");
    crate::common::server::write_program(&program, "#!/bin/sh\n");
    let text = format!("[commands.valve]\nexec = [\"false\"]\nsafe_state = [{program:?}]\n");
    topsided.write("commands.toml", &text);
    let server = topsided.start();
    std::fs::remove_file(&program).unwrap();
    let row = server.connect().run("valve", json!({}));
    assert!(row["output"].as_str().unwrap().contains("it could not be run: No such file"), "{row}");
}
