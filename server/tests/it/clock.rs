//! A wall clock that is years off, as that of a box without a battery is.

use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::common::program::run;
use crate::common::server::LOOPBACK;
use crate::common::{Device, Spawned, Topsided, eventually, require};

/// Starts it with a clock that is so far off.
fn start(topsided: &Topsided, offset: &str) -> Spawned {
    // Not by the program `faketime` itself, which would stand between this and the server.
    let library = run(Command::new("faketime").args(["-f", offset, "printenv", "LD_PRELOAD"]));
    let mut by = topsided.command();
    by.env("LD_PRELOAD", library.stdout.trim()).env("FAKETIME", offset);
    topsided.start_by(by)
}

/// The year that the server believes it is, by what it says.
fn year(time: &serde_json::Value) -> i32 {
    time.as_str().unwrap()[..4].parse().unwrap()
}

#[test]
fn a_clock_that_jumps_by_ten_years_either_way_interrupts_nothing() {
    if !require("faketime") {
        return;
    }
    let topsided = Topsided::new();
    topsided.write("server.toml", LOOPBACK);
    let mut years = Vec::new();
    let mut runs = 0;
    for offset in ["+0d", "-3650d", "+3650d", "+0d"] {
        let mut server = start(&topsided, offset);
        let mut admin = server.connect();
        let welcome = admin.ok("initialize", json!({"notices": true}));
        years.push(year(&welcome["server"]["startedAt"]));
        let row = admin.run("look", json!({}));
        assert_eq!((&row["state"], &row["output"]), (&json!("succeeded"), &json!("seen")));
        assert_eq!(year(&row["startedAt"]), *years.last().unwrap());
        // Numbers grow independent of the clock.
        let run = row["runId"].as_u64().unwrap();
        assert!(run > runs, "{run} after {runs}");
        runs = run;
        // An invite is good for its time from when it is made.
        let made = admin.ok(
            "key/invite",
            json!({"name": format!("at {offset}, run {runs}"), "role": "viewer"}),
        );
        let invited = Device::of_invite(made["invite"].as_str().unwrap()).enrol();
        assert_eq!(invited.connect().run("look", json!({}))["output"], "seen");
        admin.ok("broadcast", json!({"message": "hello"}));
        assert_eq!(year(&admin.told("broadcast")["time"]), *years.last().unwrap());
        let due = admin.ok("server/shutdown", json!({"delayMs": 3_600_000}));
        assert!(due["inMs"].as_u64().unwrap() > 3_500_000, "{due}");
        server.terminate();
    }
    let [now, before, after, again] = years[..] else { panic!("{years:?}") };
    assert!(before <= now - 9 && after >= now + 9 && again - now <= 1, "{years:?}");
    let keys = topsided.run(&["keys"]).stdout;
    assert_eq!(keys.lines().filter(|line| line.contains("active")).count(), 4, "{keys}");
}

/// A command of `topsided` with a wall clock that is this far off; its other clocks are right.
fn with_clock(topsided: &Topsided, offset: &str) -> Command {
    let library = run(Command::new("faketime").args(["-f", offset, "printenv", "LD_PRELOAD"]));
    let mut by = topsided.command();
    by.env("LD_PRELOAD", library.stdout.trim()).env("FAKETIME", offset);
    by.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    by
}

/// One start with a clock 40 days ahead deleted all runs and their output.
#[test]
fn no_clock_that_was_wrong_for_a_while_deletes_a_run_or_its_output() {
    if !require("faketime") {
        return;
    }
    let topsided = Topsided::new();
    let mut made = Vec::new();
    // Ahead and back, and twice ahead; at 1970, as a box without a battery starts; and right again.
    for offset in ["+0d", "+40d", "+0d", "+40d", "+80d", "-20000d", "+0d"] {
        let mut server = topsided.start_by(with_clock(&topsided, offset));
        let mut client = server.connect();
        let row = client.run("look", json!({}));
        made.push(row["runId"].clone());
        assert!(row["durationMs"].as_u64().unwrap() < 60_000, "{row}");
        let runs = client.ok("runs/list", json!({}))["runs"].take();
        let kept =
            |id: &serde_json::Value| runs.as_array().unwrap().iter().any(|row| row["runId"] == *id);
        assert!(made.iter().all(kept), "{offset}: {runs}");
        for id in &made {
            assert!(topsided.path(&format!("state/runs/{id}.out")).exists(), "{offset}: {id}");
        }
        server.terminate();
    }
}

#[test]
fn a_clock_that_is_behind_is_reported_as_wrong() {
    if !require("faketime") {
        return;
    }
    let topsided = Topsided::new();
    let mut server = topsided.start();
    assert_eq!(server.connect().ok("server/status", json!({})).get("clockBehindMs"), None);
    server.signal(Signal::TERM);
    server.exit();
    let mut server = topsided.start_by(with_clock(&topsided, "-40d"));
    let line = server.says("the clock of this machine is behind");
    assert!(line.contains("warn") && line.contains("set the clock"), "{line}");
    let status = server.connect().ok("server/status", json!({}));
    let behind = status["clockBehindMs"].as_u64().unwrap();
    assert!((39 * 86_400_000..41 * 86_400_000).contains(&behind), "{status}");
    let said = run(with_clock(&topsided, "-40d").arg("doctor"));
    assert!(said.stdout.contains("the clock of this machine is behind"), "{said:?}");
}

/// An invite of ten minutes is good for ten minutes, independent of the clock at the next start: one that is behind does
/// not make it good again.
#[test]
fn an_expired_invite_stays_expired_with_a_clock_that_is_behind() {
    if !require("faketime") {
        return;
    }
    let topsided = Topsided::new();
    topsided.write("server.toml", LOOPBACK);
    let mut server = topsided.start();
    let params = json!({"name": "phone", "role": "viewer", "ttlMs": 1});
    server.connect().ok("key/invite", params);
    let keys = |server: &Spawned| server.connect().ok("keys/list", json!({}))["keys"].take();
    eventually("the invite has expired", || keys(&server)[0]["state"] == "expired");
    server.signal(Signal::TERM);
    server.exit();
    let server = topsided.start_by(with_clock(&topsided, "-40d"));
    assert_eq!(keys(&server)[0]["state"], "expired");
}
