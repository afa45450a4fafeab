//! Faults while windows of a schedule open and close a zone, on a box with hooks. Afterwards each zone that was open is
//! closed, each start is accounted for once, and the hooks of the box have run in turn.

use rustix::process::Signal;
use serde_json::json;

use crate::chaos::{limit_descriptors, rounds};
use crate::common::clock::Clock;
use crate::common::live_runs::{ended, intact};
use crate::common::pids::Pids;
use crate::common::power::Power;
use crate::common::{Disk, MENU, Raw, Spawned, Topsided, eventually, lines};
use crate::schedule_kills::{database, each_instant_is_in_one_row, rows};
use crate::schedules::row;

/// Milliseconds between two starts.
const EVERY: i64 = 300;

/// Writes a menu with the zone, and the hooks of the box.
fn windows(topsided: &Topsided) {
    let note = |what: &str, file: &str| {
        let line = format!("echo {what} >> {}", topsided.path(file).display());
        json!(["sh", "-c", line])
    };
    let open = note("$TOPSIDE_RUN", "opened")[2].as_str().unwrap().to_owned() + "; exec sleep 1000";
    topsided.write(
        "commands.toml",
        &format!(
            "{MENU}\n[commands.zone]\nexec = [\"sh\", \"-c\", {open:?}]\neffect = \"write\"\n\
             timeout = \"none\"\nsafe_state = {}\n[[commands.zone.schedule]]\nname = \"bed\"\n\
             every = \"{EVERY}ms\"\nfor = \"200ms\"\n",
            note("$TOPSIDE_RUN", "closed")
        ),
    );
    let (start, stop) = (note("start", "box"), note("stop", "box"));
    topsided.write(
        "server.toml",
        &format!(
            "[hooks]\non_start = {start}\non_stop = {stop}\ntimeout = \"5s\"\n\
             [limits]\nhook_timeout = \"5s\"\n"
        ),
    );
}

/// Waits until the zone was opened twice more.
fn goes_on(topsided: &Topsided) {
    let opened = || lines(&topsided.path("opened")).len();
    let before = opened();
    eventually("the zone is opened", || opened() >= before + 2);
}

/// Waits until three starts have come due, whatever came of them.
fn three_starts(client: &mut Raw) {
    let mut next = || row(client, "bed")["next"][0].clone();
    for _ in 0..3 {
        let now = next();
        eventually("a start comes due", || next() != now);
    }
}

/// Ends the server in order, and checks what must be true then.
fn end(topsided: &Topsided, server: &mut Spawned) {
    server.signal(Signal::TERM);
    ended(server, 0);
    intact(&topsided.run(&["audit", "verify"]));
    all_is_safe(topsided);
    each_instant_is_in_one_row(&rows(&database(topsided), "bed"), EVERY);
}

fn all_is_safe(topsided: &Topsided) {
    let closed = lines(&topsided.path("closed"));
    for run in lines(&topsided.path("opened")) {
        assert!(closed.contains(&run), "run {run} opened the zone, and it was not closed");
    }
    let hooks = lines(&topsided.path("box"));
    let expected: Vec<&str> = ["start", "stop"].into_iter().cycle().take(hooks.len()).collect();
    assert_eq!(hooks, expected);
    assert_eq!(hooks.len() % 2, 0, "{hooks:?}");
}

#[test]
fn windows_without_descriptors() {
    let topsided = Topsided::new();
    windows(&topsided);
    for _ in 0..rounds() {
        let mut server = topsided.start();
        let mut client = server.connect();
        goes_on(&topsided);
        limit_descriptors(&server, 4);
        three_starts(&mut client);
        limit_descriptors(&server, 4096);
        goes_on(&topsided);
        end(&topsided, &mut server);
    }
}

#[test]
fn windows_without_processes() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    windows(&topsided);
    for _ in 0..rounds() {
        let mut server = topsided.start();
        let mut client = server.connect();
        goes_on(&topsided);
        pids.add(server.pid());
        pids.limit(Some(1));
        three_starts(&mut client);
        pids.limit(None);
        goes_on(&topsided);
        end(&topsided, &mut server);
    }
}

/// The last zone cannot be closed, and `on_stop` cannot run: the next start does both first.
#[test]
fn windows_without_processes_and_shutdown() {
    let topsided = Topsided::new();
    let Some(pids) = Pids::new() else { return };
    windows(&topsided);
    for _ in 0..rounds() {
        let mut server = topsided.start();
        server.connect().run("look", json!({}));
        goes_on(&topsided);
        pids.add(server.pid());
        pids.limit(Some(1));
        server.signal(Signal::TERM);
        ended(&mut server, 1);
        pids.limit(None);
        let mut server = topsided.start();
        goes_on(&topsided);
        end(&topsided, &mut server);
    }
}

#[test]
fn windows_on_a_full_disk() {
    for _ in 0..rounds() {
        let Some(disk) = Disk::new() else { return };
        windows(&disk.topsided);
        let mut server = disk.start();
        let mut client = server.connect();
        goes_on(&disk.topsided);
        disk.fill();
        three_starts(&mut client);
        disk.free();
        goes_on(&disk.topsided);
        server.signal(Signal::TERM);
        ended(&mut server, 0);
        intact(&disk.verb(&["audit", "verify"]));
        all_is_safe(&disk.topsided);
    }
}

#[test]
fn windows_and_power_cut() {
    let topsided = Topsided::new();
    let Some(power) = Power::new(&topsided) else { return };
    windows(&topsided);
    for _ in 0..rounds() {
        let mut server = power.start(&topsided);
        goes_on(&topsided);
        power.cut(&mut server);
        let mut server = power.start(&topsided);
        goes_on(&topsided);
        end(&topsided, &mut server);
    }
}

#[test]
fn windows_and_clock_jump() {
    let topsided = Topsided::new();
    let Some(clock) = Clock::new(&topsided) else { return };
    windows(&topsided);
    for _ in 0..rounds() {
        clock.set("+0");
        let mut server = topsided.start_by(clock.on(topsided.command()));
        let mut client = server.connect();
        goes_on(&topsided);
        for jump in ["+400d", "-400d", "+1d"] {
            clock.set(jump);
            three_starts(&mut client);
        }
        clock.set("+0");
        goes_on(&topsided);
        end(&topsided, &mut server);
    }
}
