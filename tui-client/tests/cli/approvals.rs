//! Approvals as verbs: a paired device asks for a run, and the user of the box decides about it.

use crate::common::{Place, Running};
use crate::remote_server::Box;
use crate::terminal::Terminal;

const MENU: &str = r#"
[commands.wipe]
effect = "write"
approval = "admin"
confirm = "Wipe {disk}?"
exec = ["/bin/echo", "wiped", "{disk}"]
[[commands.wipe.args]]
name = "disk"
type = "string"
required = true
"#;

/// A box, and a device that may ask for runs.
fn box_and_device() -> (Box, Place) {
    let there = Box::with(Place::with_menu(MENU));
    let device = there.paired();
    (there, device)
}

fn asks(device: &Place) -> Running {
    let mut run = device.start(&["run", "--on", "garden", "--yes", "wipe", "sdb"]);
    let says = run.said("waits for approval");
    assert!(says.starts_with("topside: run #1 waits for approval by role admin, "), "{says}");
    assert!(says.trim_end().ends_with(" left"), "{says}");
    run
}

#[test]
fn a_run_says_that_it_waits_who_approved_it_and_runs() {
    let (there, device) = box_and_device();
    assert_eq!(there.place.verb(&["approvals"]).with(0).out, "no run waits for approval\n");
    let run = asks(&device);
    let listed = there.place.verb(&["approvals"]).with(0).out;
    for text in ["#1", "admin", "phone", "may decide", "wipe sdb", "Wipe sdb?"] {
        assert!(listed.contains(text), "{text}: {listed}");
    }
    // The user who asks sees it too, and cannot decide.
    let own = device.verb(&["approvals", "--on", "garden"]).with(0).out;
    assert!(own.contains("wipe sdb") && !own.contains("may decide"), "{own}");
    let own = device.verb(&["approve", "1", "--on", "garden"]).with(126);
    assert!(own.err.contains("another user must approve or refuse it"), "{own:?}");
    let json = there.place.json(&["approvals"]);
    assert_eq!(json["approvals"][0]["approval"]["state"], "waiting");
    let done = there.place.verb(&["approve", "#1"]).with(0).out;
    assert_eq!(done, "run #1 of wipe, for phone, is approved\n");
    let ended = run.end().with(0);
    assert_eq!(ended.out, "wiped sdb\n");
    assert!(ended.err.contains("topside: run #1 is approved by "), "{ended:?}");
    let late = there.place.verb(&["refuse", "1"]).with(127);
    assert!(
        late.err.contains("run #1 does not wait for approval any more: approved by"),
        "{late:?}"
    );
    let runs = there.place.verb(&["runs"]).with(0).out;
    assert!(runs.contains("approved by"), "{runs}");
}

#[test]
fn a_refused_run_prints_the_reason_and_gives_126() {
    let (there, device) = box_and_device();
    let run = asks(&device);
    let row = there.place.json(&["refuse", "1", "--reason", "not on Monday"]);
    assert_eq!(row["approval"]["reason"], "not on Monday");
    let ended = run.end().with(126);
    assert_eq!(ended.out, "");
    assert!(ended.err.contains("It was not started: refused by "), "{ended:?}");
    assert!(ended.err.contains(": not on Monday\n"), "{ended:?}");
    assert!(ended.err.ends_with("topside: run #1 was refused\n"), "{ended:?}");
}

#[test]
fn an_expired_run_gives_126_and_a_detached_one_prints_its_number() {
    let place = Place::with_menu(MENU);
    place.write("config/server.toml", "[limits]\napproval_timeout = \"200ms\"\n");
    let _server = place.serve();
    let ended = place.run(&["--yes", "wipe", "sdb"]).with(126);
    assert!(ended.err.contains("It was not started: not approved within 200 ms\n"), "{ended:?}");
    assert!(ended.err.ends_with("topside: run #1 was not approved\n"), "{ended:?}");
    let ended = place.run(&["--yes", "--detach", "wipe", "sdb"]).with(0);
    assert_eq!(ended.out, "2\n");
    assert!(ended.err.contains("run #2 waits for approval by role admin"), "{ended:?}");
}

#[test]
fn the_line_client_lists_and_decides() {
    let (there, device) = box_and_device();
    let run = asks(&device);
    let mut terminal = Terminal::dumb(&there.place, &[]);
    terminal.sees("> ");
    terminal.enter(":approvals");
    terminal.sees("wipe sdb");
    terminal.enter(":refuse 1 --reason later");
    terminal.sees("run #1 of wipe, for phone, is refused");
    terminal.enter(":quit");
    terminal.end();
    run.end().with(126);
}
