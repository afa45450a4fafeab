//! Faults during 20 live runs with pending hooks, one by one and in pairs. Afterwards every hook has run, no row is
//! lost, the audit log is intact, and no client was told what is not so.
//!
//! Without processes there are no threads either: Linux counts both together (`pids.max`), so that is one fault here.

use std::path::PathBuf;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::{Value, json};

use crate::common::clock::Clock;
use crate::common::live_runs::{RUNS, Watched, cancel, cancelled, ended, intact, says_the_truth};
use crate::common::pids::Pids;
use crate::common::power::Power;
use crate::common::{Device, Disk, Spawned, Topsided, eventually};

/// How often each fault is injected: once here, and as often as `just chaos` says.
pub(crate) fn rounds() -> u64 {
    let asked = std::env::var("TOPSIDE_CHAOS_ROUNDS").ok();
    asked.map_or(1, |rounds| rounds.parse().expect("TOPSIDE_CHAOS_ROUNDS is a number"))
}

pub(crate) fn limit_descriptors(server: &Spawned, most: u64) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let limit = Rlimit { current: Some(most), maximum: Some(4096) };
    prlimit(pid, Resource::Nofile, limit).unwrap();
}

#[test]
fn no_descriptors() {
    let topsided = Topsided::new();
    let mut watched = Watched::new(&topsided, "", rounds());
    for _ in 0..rounds() {
        let mut server = topsided.start();
        let (mut client, mut other) = (server.connect(), server.connect());
        other.ok("initialize", json!({"notices": true}));
        let runs = watched.open(&mut client, "valve");
        limit_descriptors(&server, 4);
        let asked = cancel(&mut client, &runs);
        says_the_truth(&mut other);
        cancelled(&mut client, asked);
        other.nothing_told();
        limit_descriptors(&server, 4096);
        watched.all_is_well(&mut server);
    }
}

#[test]
fn no_processes_and_no_threads_and_cancel() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    let mut watched = Watched::new(&topsided, "", rounds());
    for _ in 0..rounds() {
        let mut server = topsided.start();
        let (mut client, mut other) = (server.connect(), server.connect());
        other.ok("initialize", json!({"notices": true}));
        let runs = watched.open(&mut client, "valve");
        pids.add(server.pid());
        pids.limit(Some(1));
        let asked = cancel(&mut client, &runs);
        server.says("stays pending");
        says_the_truth(&mut other);
        other.nothing_told();
        assert!(runs.iter().all(|run| !watched.closed(*run)));
        pids.limit(None);
        cancelled(&mut client, asked);
        watched.all_is_well(&mut server);
    }
}

#[test]
fn no_processes_and_shutdown() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    let mut watched = Watched::new(&topsided, "hook_timeout = \"3s\"\n", rounds());
    for _ in 0..rounds() {
        let mut server = topsided.start();
        let runs = watched.open(&mut server.connect(), "valve");
        pids.add(server.pid());
        pids.limit(Some(1));
        server.signal(Signal::TERM);
        ended(&mut server, 1);
        assert!(runs.iter().all(|run| !watched.closed(*run)));
        pids.limit(None);
        let mut server = topsided.start();
        server.connect().run("look", json!({}));
        watched.all_is_well(&mut server);
    }
}

/// A worker that notes its starts and calls.
const WORKER: &str = r#"
[workers.w]
exec = ["sh", "-c", 'echo $$ > PID; while read -r call; do echo "$call" >> CALLS; echo "{\"id\":0,\"result\":null}"; done']
safe_state = { function = "make_safe" }
"#;

#[test]
fn no_processes_and_a_killed_worker() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    let mut watched = Watched::new(&topsided, "", rounds());
    let path = |name: &str| topsided.path(name).display().to_string();
    let menu = std::fs::read_to_string(path("config/commands.toml")).unwrap();
    let worker = WORKER.replace("PID", &path("pid")).replace("CALLS", &path("calls"));
    topsided.write("commands.toml", &format!("{menu}{worker}"));
    for round in 1..=rounds() {
        let mut server = topsided.start();
        let mut client = server.connect();
        let runs = watched.open(&mut client, "valve");
        pids.add(server.pid());
        pids.limit(Some(1));
        let worker = std::fs::read_to_string(path("pid")).unwrap().trim().parse().unwrap();
        rustix::process::kill_process(Pid::from_raw(worker).unwrap(), Signal::KILL).unwrap();
        server.says("it was killed by SIGKILL");
        // It cannot be started.
        server.says("worker ended");
        says_the_truth(&mut client);
        pids.limit(None);
        let calls = || crate::common::lines(&topsided.path("calls"));
        eventually("the safe state is called", || calls().len() as u64 == round);
        assert!(calls().iter().all(|call| call.contains("make_safe")));
        let asked = cancel(&mut client, &runs);
        cancelled(&mut client, asked);
        watched.all_is_well(&mut server);
    }
}

#[test]
fn full_disk_and_cancel() {
    for _ in 0..rounds() {
        // A disk of its own for each round: what many rounds leave behind would fill it.
        let Some(disk) = Disk::new() else { return };
        let mut watched = Watched::new(&disk.topsided, "", 1);
        let mut server = disk.start();
        let mut client = server.connect();
        let runs = watched.open(&mut client, "valve");
        disk.fill();
        let asked = cancel(&mut client, &runs);
        cancelled(&mut client, asked);
        let mut other = server.connect();
        says_the_truth(&mut other);
        disk.free();
        assert_eq!(client.run("look", json!({}))["state"], "succeeded");
        watched.all_closed(&server);
        client.ok("server/shutdown", json!({}));
        ended(&mut server, 0);
        intact(&disk.verb(&["audit", "verify"]));
    }
}

#[test]
fn full_disk_and_kill() {
    for _ in 0..rounds() {
        // A disk of its own for each round: what many rounds leave behind would fill it.
        let Some(disk) = Disk::new() else { return };
        let mut watched = Watched::new(&disk.topsided, "", 1);
        let mut server = disk.start();
        watched.open(&mut server.connect(), "valve");
        disk.fill();
        server.kill();
        let mut server = disk.start();
        let mut client = server.connect();
        says_the_truth(&mut client);
        disk.free();
        assert_eq!(client.run("look", json!({}))["state"], "succeeded");
        watched.all_closed(&server);
        client.ok("server/shutdown", json!({}));
        ended(&mut server, 0);
        intact(&disk.verb(&["audit", "verify"]));
    }
}

#[test]
fn power_cut() {
    let topsided = Topsided::new();
    let Some(power) = Power::new(&topsided) else { return };
    let mut watched = Watched::new(&topsided, "", rounds());
    for round in 0..rounds() {
        let mut server = power.start(&topsided);
        let mut client = server.connect();
        let runs = watched.open(&mut client, "valve");
        // At any moment of their ends.
        let asked = cancel(&mut client, &runs[..usize::try_from(round % RUNS).unwrap()]);
        for _ in 0..asked.len() / 2 {
            client.recv();
        }
        power.cut(&mut server);
        let mut server = power.start(&topsided);
        server.connect().run("look", json!({}));
        watched.all_is_well(&mut server);
    }
}

#[test]
fn clock_jump_and_countdown() {
    let topsided = Topsided::new();
    let Some(clock) = Clock::new(&topsided) else { return };
    let mut watched = Watched::new(&topsided, "", rounds());
    for _ in 0..rounds() {
        clock.set("+0");
        let mut server = topsided.start_by(clock.on(topsided.command()));
        let (mut client, mut other) = (server.connect(), server.connect());
        let runs = watched.open(&mut client, "valve");
        other.ok("initialize", json!({"notices": true}));
        client.ok("server/shutdown", json!({"delayMs": 3_600_000}));
        assert_eq!(other.told("server/closing")["phase"], "scheduled");
        for jump in ["+400d", "-400d", "+1d"] {
            clock.set(jump);
            says_the_truth(&mut client);
            other.nothing_told();
            let mut newcomer = server.connect();
            newcomer.ok("initialize", json!({"notices": true}));
            let due = newcomer.told("server/closing");
            let left = due["inMs"].as_u64().unwrap();
            assert!((3_000_000..=3_600_000).contains(&left), "{jump}: {due}");
        }
        client.ok("server/shutdown/cancel", json!({}));
        let asked = cancel(&mut client, &runs);
        cancelled(&mut client, asked);
        clock.set("-30d");
        watched.all_is_well(&mut server);
    }
}

#[test]
fn removed_files() {
    let topsided = Topsided::new();
    let mut watched = Watched::new(&topsided, "", rounds());
    for _ in 0..rounds() {
        let mut server = topsided.start();
        let (mut client, mut other) = (server.connect(), server.connect());
        other.ok("initialize", json!({"notices": true}));
        let runs = watched.open(&mut client, "valve");
        let remove = |path: PathBuf| drop(std::fs::remove_file(path));
        remove(topsided.socket());
        remove(topsided.path("state/topsided.log"));
        let asked = cancel(&mut client, &runs[..10]);
        cancelled(&mut client, asked);
        drop(std::fs::remove_dir_all(topsided.path("run")));
        says_the_truth(&mut other);
        other.nothing_told();
        let asked = cancel(&mut client, &runs[10..]);
        cancelled(&mut client, asked);
        server.signal(Signal::TERM);
        ended(&mut server, 0);
        let mut server = topsided.start();
        watched.all_is_well(&mut server);
    }
}

#[test]
fn revoke_and_reconnect() {
    let topsided = Topsided::new();
    let mut watched = Watched::new(&topsided, "", rounds());
    for round in 0..rounds() {
        let mut server = topsided.start();
        let mut admin = server.connect();
        let name = format!("phone-{round}");
        let made = admin.ok("key/invite", json!({"name": name, "role": "operator"}));
        let device = Device::of_invite(made["invite"].as_str().unwrap()).enrol();
        let mut client = device.connect();
        watched.open(&mut client, "tied");
        let pin = device.pin().to_string();
        let reconnects = std::thread::spawn(move || {
            eventually("a revoked key is not let in", || !device.is_let_in());
        });
        admin.ok("key/revoke", json!({"keyId": pin}));
        reconnects.join().unwrap();
        client.rest_of_a_lost_connection();
        for run in watched.runs.clone() {
            watched.wait_for(&format!("closed/{run}"));
        }
        says_the_truth(&mut admin);
        // The last of their rows are final when none of them lives.
        eventually("all runs have ended", || {
            admin.ok("server/status", json!({}))["runs"]["running"] == 0
        });
        watched.all_is_well(&mut server);
    }
}

#[test]
fn reload_and_shutdown() {
    let topsided = Topsided::new();
    let mut watched = Watched::new(&topsided, "", rounds());
    for round in 0..rounds() {
        let mut server = topsided.start();
        let mut client = server.connect();
        watched.open(&mut client, "valve");
        server.signal(Signal::HUP);
        let answers = round % 2 == 0;
        let id = client.ask("server/shutdown", json!({}));
        if answers {
            server.signal(Signal::HUP);
        }
        assert!(client.answer(id).get("error").is_none());
        ended(&mut server, 0);
        let mut server = topsided.start();
        watched.all_is_well(&mut server);
    }
}

/// The answer of a server that was killed never comes, but what it did tell stays true.
#[test]
fn kill_during_cancel() {
    let topsided = Topsided::new();
    let mut watched = Watched::new(&topsided, "", rounds());
    for _ in 0..rounds() {
        let mut server = topsided.start();
        let mut client = server.connect();
        let runs = watched.open(&mut client, "valve");
        cancel(&mut client, &runs);
        let told: Vec<Value> = (0..watched.chance.below(RUNS)).map(|_| client.recv()).collect();
        server.kill();
        let mut server = topsided.start();
        let mut client = server.connect();
        client.run("look", json!({}));
        for answer in told {
            let run = answer["result"]["runId"].as_u64().unwrap();
            let page = client.ok("runs/list", json!({"before": run + 1, "limit": 1}));
            assert_eq!(page["runs"][0]["state"], "cancelled", "{answer}");
        }
        watched.all_is_well(&mut server);
    }
}
