//! What `topsided doctor` says of the hub.

use std::process::Command;

use crate::common::Place;
use crate::hub_server::Hub;
use crate::remote_server::Box;
use crate::require::require;

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
        // Not by the program `faketime` itself, whose clock would end with it.
        let library =
            Command::new("faketime").args(["-f", offset, "printenv", "LD_PRELOAD"]).output();
        let library = String::from_utf8(library.unwrap().stdout).unwrap();
        let mut doctor = garden.place.topside(&["serve", "doctor"]);
        doctor.env("LD_PRELOAD", library.trim()).env("FAKETIME", offset);
        doctor.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let told = String::from_utf8(doctor.output().unwrap().stdout).unwrap();
        let line = told.lines().find(|line| line.contains("hub clock")).unwrap();
        // The box is a moment before or after the hub.
        let want = [want.to_owned(), want.replace("10 m 00 s", "9 m 59 s")];
        assert!(line.starts_with("warn") && want.iter().any(|want| line.contains(want)), "{told}");
    }
}
