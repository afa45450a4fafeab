//! A command that has to wait for its turn, as the line client and `topside run` tell of it.

use rustix::process::Signal;

use crate::common::{Place, Running, text};

const MENU: &str = r#"
[commands.hold]
effect = "read"
lock = ["relays"]
exec = ["/bin/sh", "-c", "echo begun; read x < $1; exit 0", "sh", "{gate}"]
[[commands.hold.args]]
name = "gate"
type = "string"
required = true

[commands.zone]
effect = "read"
lock = ["relays"]
queue = 1
exec = ["/bin/echo", "watered"]

[commands.now]
effect = "read"
lock = ["relays"]
exec = ["/bin/echo", "done"]
"#;

/// A place whose lock is held by run #1, until the pipe is written to.
fn held(place: &Place) -> (std::path::PathBuf, Running) {
    let gate = place.pipe("gate");
    let mut holder = place.start(&["run", "hold", text(&gate)]);
    assert_eq!(holder.line(), "begun\n");
    (gate, holder)
}

#[test]
fn it_says_that_it_waits_its_place_and_for_whom_and_then_runs() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let (gate, holder) = held(&place);
    let says = "topside: run #2 is queued, place 1: waits for the lock relays, held by #1 hold of ";
    let mut waits = place.start(&["run", "zone"]);
    assert!(waits.said("is queued").starts_with(says));
    // No queue, and a full one.
    let ended = place.run(&["now"]).with(126);
    let says = "now would have to wait for the lock relays, held by #1 hold of ";
    assert!(ended.err.contains(says) && ended.err.contains("has no queue"), "{}", ended.err);
    let ended = place.lines(&[], "zone\n").with(126);
    assert!(ended.err.contains("its queue is full (1 waiting)"), "{}", ended.err);
    let shown = place.run(&["runs"]).with(0).out;
    assert!(shown.contains("zone (place 1: waits for the lock relays, held by #1 hold"), "{shown}");
    std::fs::write(gate, "\n").unwrap();
    assert_eq!(holder.end().with(0).out, "");
    assert_eq!(waits.end().with(0).out, "watered\n");
}

#[test]
fn ctrl_c_and_a_time_limit_end_what_waits() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let (gate, holder) = held(&place);
    let mut waits = place.start(&["run", "zone"]);
    waits.said("is queued, place 1");
    waits.signal(Signal::INT);
    assert_eq!(waits.end().with(130).out, "");
    place.run(&["--timeout", "300ms", "zone"]).with(124);
    let mut lines = place.start(&[]);
    lines.write("zone\n");
    lines.said("is queued, place 1");
    lines.signal(Signal::INT);
    lines.end().with(130);
    let detached = place.run(&["--detach", "zone"]).with(0);
    assert!(detached.err.contains("is queued, place 1"), "{}", detached.err);
    std::fs::write(gate, "\n").unwrap();
    holder.end().with(0);
}
