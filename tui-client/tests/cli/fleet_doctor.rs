//! What `topsided doctor` says of the hub, and clocks that differ from the hub's.

use std::process::Command;

use serde_json::Value;
use topside_shared::Time;

use crate::common::{Place, eventually, text};
use crate::hub_server::Hub;
use crate::remote_server::Box;
use crate::require::require;

/// Gives a program a clock that differs by this offset.
fn set_clock(command: &mut Command, offset: &str) {
    // Not by the program `faketime` itself, whose clock would end with it.
    let library = Command::new("faketime").args(["-f", offset, "printenv", "LD_PRELOAD"]).output();
    let library = String::from_utf8(library.unwrap().stdout).unwrap();
    command.env("LD_PRELOAD", library.trim()).env("FAKETIME", offset);
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}

/// Invites seemed to have expired, and nothing said why.
#[test]
fn doctor_reports_a_clock_that_differs_from_the_hubs() {
    if !require("faketime") {
        return;
    }
    let Some(hub) = Hub::new() else { return };
    let garden = Box::with(Place::new());
    hub.join(&garden);
    for (offset, want) in [
        ("+10m", "the clock of the box is 10 m 00 s ahead of that of the hub"),
        ("-10m", "the clock of the box is 10 m 00 s behind that of the hub"),
    ] {
        let mut doctor = garden.place.topside(&["serve", "doctor"]);
        set_clock(&mut doctor, offset);
        let told = String::from_utf8(doctor.output().unwrap().stdout).unwrap();
        let line = told.lines().find(|line| line.contains("hub clock")).unwrap();
        // The box is a moment before or after the hub.
        let want = [want.to_owned(), want.replace("10 m 00 s", "9 m 59 s")];
        assert!(line.starts_with("warn") && want.iter().any(|want| line.contains(want)), "{told}");
    }
}

/// Every box seemed to be away where the clock of the device was ahead, and a killed one at the hub where it was behind.
#[test]
fn the_list_of_boxes_is_right_on_a_device_with_a_wrong_clock() {
    if !require("faketime") {
        return;
    }
    let Some(hub) = Hub::new() else { return };
    let garden = Box::with(Place::new());
    hub.join(&garden);
    garden.place.verb(&["shutdown", "--in", "1h", "--yes"]).with(0);
    let admin = hub.admin();
    eventually("the shutdown is announced", || {
        admin.json(&["fleet", "boxes"])["boxes"][0]["shutdown"].is_string()
    });
    for (offset, hours) in [("+3h", 3), ("-3h", -3)] {
        let mut list = admin.topside(&["fleet", "boxes", "--json"]);
        set_clock(&mut list, offset);
        let told: Value = serde_json::from_slice(&list.output().unwrap().stdout).unwrap();
        let row = &told["boxes"][0];
        assert_eq!(row["state"], "hub", "{told}");
        let time = |field: &str| row[field].as_str().unwrap().parse::<Time>().unwrap();
        let ahead = time("seenAt").as_millis() - Time::now().as_millis() - hours * 3_600_000;
        assert!(ahead.abs() < 60_000, "{ahead} ms: {told}");
        let left = time("shutdown").millis_since(time("seenAt"));
        assert!((3_500_000..=3_600_000).contains(&left), "{left} ms: {told}");
    }
}

/// Nothing was said of the clock, and nothing of why.
#[test]
fn doctor_tells_how_a_hub_of_an_earlier_version_gets_the_permission_for_its_clock() {
    let Some(mut hub) = Hub::new() else { return };
    let config = hub.dir.path().join("hub/nats-server.conf");
    let new = std::fs::read_to_string(&config).unwrap();
    let mut old = new.clone();
    for subject in ["$KV.*.clock.*", "$JS.API.DIRECT.GET.*.$KV.*.clock.*"] {
        assert!(old.contains(&format!("\"{subject}\", ")), "{old}");
        old = old.replace(&format!("\"{subject}\", "), "");
    }
    // What the admin of the hub has added stays.
    let added = "# a line of the admin\n";
    hub.stop();
    std::fs::write(&config, format!("{old}{added}")).unwrap();
    hub.start("hub");
    let garden = Box::with(Place::new());
    hub.join(&garden);
    let clock = |says: &str| {
        let told = garden.place.verb(&["serve", "doctor"]).out;
        let mut lines = told.lines().filter(|line| line.contains("hub clock"));
        let (line, more) = (lines.next().unwrap_or_default(), lines.next());
        assert!(line.contains(says) && more.is_none(), "{told}");
        line.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(clock("`sudo topsided hub update /etc/topside-hub`"), "warn");

    let dir = hub.dir.path().join("hub");
    let update = |says: &str| {
        let told = Place::new().verb(&["serve", "hub", "update", text(&dir)]).with(0).out;
        assert!(told.contains(says), "{told}");
    };
    update("systemctl restart topside-hub");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), format!("{new}{added}"));
    update("has the permissions of this version\n");
    hub.stop();
    hub.start("hub");
    hub.is_joined(&garden);
    assert_eq!(clock("the clocks of the box and of the hub agree within "), "ok");

    // A configuration that is not by `hub init` is left alone.
    let other = new.replace("authorization {", "authorization  {");
    std::fs::write(&config, &other).unwrap();
    let told = Place::new().verb(&["serve", "hub", "update", text(&dir)]).with(1).err;
    assert!(told.contains("has no block `authorization { .. }`"), "{told}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), other);
}
