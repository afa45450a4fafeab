//! A wall clock that is years off, as that of a box without a battery is.

use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::common::program::run;
use crate::common::server::LOOPBACK;
use crate::common::{Device, Spawned, Topsided, require};

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
fn a_clock_that_jumps_by_ten_years_either_way_stops_nothing() {
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
        // Numbers grow whatever the clock says.
        let run = row["runId"].as_u64().unwrap();
        assert!(run > runs, "{run} after {runs}");
        runs = run;
        // An invite is good for its time from when it is made.
        let made =
            admin.ok("key/invite", json!({"name": format!("at {offset}"), "role": "viewer"}));
        let invited = Device::of_invite(made["invite"].as_str().unwrap()).enrol();
        assert_eq!(invited.connect().run("look", json!({}))["output"], "seen");
        admin.ok("broadcast", json!({"message": "hello"}));
        assert_eq!(year(&admin.told("broadcast")["time"]), *years.last().unwrap());
        let due = admin.ok("server/shutdown", json!({"delayMs": 3_600_000}));
        assert!(due["inMs"].as_u64().unwrap() > 3_500_000, "{due}");
        server.signal(Signal::TERM);
        assert_eq!(server.exit(), Some(0));
    }
    let [now, before, after, again] = years[..] else { panic!("{years:?}") };
    assert!(before <= now - 9 && after >= now + 9 && again - now <= 1, "{years:?}");
    let keys = topsided.run(&["keys"]).stdout;
    assert_eq!(keys.lines().filter(|line| line.contains("active")).count(), 4, "{keys}");
}
