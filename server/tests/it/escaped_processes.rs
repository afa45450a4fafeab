//! Processes that leave a run's group: which are ended with it, and which are reported.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{XattrFlags, setxattr};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::common::{
    Fifo, Raw, Spawned, TestServer, Topsided, eventually, require, require_root, skipped,
};

/// A grandchild in a session of its own that says `up` and stays; `by` starts it.
fn grandchild(by: &str, alive: &Fifo) -> String {
    format!("{by} sh -c 'exec 3>{}; echo up $$ >&3; exec sleep 1000'", alive.path())
}

fn up(alive: &mut Fifo) -> u32 {
    alive.line().strip_prefix("up ").unwrap().parse().unwrap()
}

fn ended(client: &mut Raw, run: u64) -> Value {
    let id = client.ask("run/attach", json!({"runId": run}));
    client.answer(id)["result"].take()
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_cancel_ends_processes_that_left_the_group() {
    if !require("setsid") {
        return;
    }
    let server = TestServer::start();
    let mut client = server.connect();
    for (by, output) in [
        // Known by its parent and its environment.
        ("setsid", ">/dev/null 2>&1"),
        // By its parent alone.
        ("setsid env -i", ">/dev/null 2>&1"),
    ] {
        let mut alive = server.fifo(&by.replace(' ', ""));
        let run = client.start(&format!("{} {output} & wait", grandchild(by, &alive)));
        up(&mut alive);
        client.ok("run/cancel", json!({"runId": run}));
        alive.all_gone();
        let row = ended(&mut client, run);
        assert_eq!((&row["state"], row.get("escaped")), (&json!("cancelled"), None), "{by}");
    }
    // Its parent is gone: known by its environment, and by the pipe that it holds.
    for by in ["setsid", "setsid env -i"] {
        let mut alive = server.fifo(&format!("alone{}", by.len()));
        let run = client.start(&format!("({} &); exec sleep 1000", grandchild(by, &alive)));
        up(&mut alive);
        client.ok("run/cancel", json!({"runId": run}));
        alive.all_gone();
        assert_eq!(ended(&mut client, run)["state"], "cancelled", "{by}");
    }
}

#[test]
fn a_time_out_kills_processes_that_left_the_group_and_ignore_signals() {
    if !require("setsid") {
        return;
    }
    let menu = "[commands.deaf]\nexec = [\"sh\", \"-c\", \"{script}\"]\ntimeout = \"5s\"\nstop_timeout = \"100ms\"\n\
                [[commands.deaf.args]]\nname = \"script\"\ntype = \"string\"\n";
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    let mut alive = server.fifo("alive");
    let child = grandchild("trap '' TERM; setsid", &alive);
    let row = client.run("deaf", json!({"script": format!("{child} >/dev/null 2>&1")}));
    assert_eq!((&row["state"], row.get("escaped")), (&json!("timedOut"), None));
    up(&mut alive);
    alive.all_gone();
}

#[test]
fn processes_that_outlive_a_run_that_ended_by_itself_are_left_alone_and_reported() {
    if !require("setsid") {
        return;
    }
    let server = TestServer::start();
    let mut client = server.connect_with_notices();
    for (name, by, after) in [
        ("daemon", "setsid", "exit 0"),
        ("child", "", "exit 0"),
        // One that failed has not said that it may be ended either.
        ("failed", "setsid", "exit 3"),
    ] {
        let mut alive = server.fifo(name);
        let mut said = server.fifo(&format!("{name}-said"));
        let child = grandchild(by, &alive);
        let script = format!("{child} >/dev/null 2>&1 & read x < {}; {after}", said.path());
        let id = client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
        let pid = up(&mut alive);
        // While a process executes a program, its environment cannot be read.
        let comm = format!("/proc/{pid}/comm");
        eventually("the program is executed", || fs::read_to_string(&comm).unwrap() == "sleep\n");
        said.open();
        let row = client.answer(id)["result"].take();
        assert_eq!(row["escaped"], json!([pid]), "{name}: {row}");
        let run = row["runId"].as_u64().unwrap();
        let listed = client.ok("runs/list", json!({"before": run + 1}))["runs"][0].take();
        assert_eq!(listed["escaped"], json!([pid]), "{name}");
        let words = client.run("runs", json!({}))["output"].as_str().unwrap().to_owned();
        assert!(words.contains(&format!("process {pid} goes on")), "{words}");
        kill(pid);
        alive.all_gone();
    }
    let row = client.run("sh", json!({"script": "sleep 0 & wait; exit 0"}));
    assert_eq!(row.get("escaped"), None, "who has ended is not told of");
}

#[test]
fn a_process_known_only_by_its_pipe_is_killed_at_the_next_start() {
    if !require("setsid") {
        return;
    }
    let topsided = Topsided::new();
    let mut alive = topsided.fifo("alive");
    let mut server = topsided.start();
    let mut client = server.connect();
    let child = grandchild("setsid env -i", &alive);
    // Its parent and the first process are gone before the server is.
    let run = client.start(&format!("({child} &); exit 0"));
    up(&mut alive);
    server.kill();
    let server = topsided.start();
    let row = ended(&mut server.connect(), run);
    assert_eq!(row["state"], "lost");
    alive.all_gone();
}

/// A cgroup of the test's own, marked as systemd marks one that it delegates.
struct Delegated(PathBuf);

impl Delegated {
    /// Such a cgroup, or a test that says what it needs and is skipped.
    fn required() -> Option<Self> {
        if !require_root() || !require("setsid") {
            return None;
        }
        let group = Self::new();
        if group.is_none() {
            skipped("a writable cgroup v2");
        }
        group
    }

    fn new() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
        let root = Path::new(mount.split(' ').nth(1)?);
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("topside-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = root.join(own).join(name);
        fs::create_dir(&path).ok()?;
        let group = Self(path);
        setxattr(&group.0, "trusted.delegate", b"1", XattrFlags::empty()).ok()?;
        Some(group)
    }

    /// Starts a server in this group.
    fn start(&self, topsided: &Topsided) -> Spawned {
        let mut command = topsided.command_by("sh");
        let join = format!(
            "echo $$ > {}/cgroup.procs; exec {}",
            self.0.display(),
            env!("CARGO_BIN_EXE_topsided")
        );
        command.args(["-c", &join]);
        topsided.start_by(command)
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// A process that left all that it could be known by before its run had a cgroup was found by nothing.
#[test]
fn a_process_that_leaves_at_once_is_reported_with_a_cgroup() {
    let Some(group) = Delegated::required() else { return };
    let topsided = Topsided::new();
    let mut server = group.start(&topsided);
    let mut client = server.connect();
    for round in 0..10 {
        let mut alive = topsided.fifo(&format!("alive{round}"));
        let child = grandchild("setsid env -i", &alive);
        let script = format!("({child} <&- >&- 2>&- &); exit 0");
        let id = client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
        let pid = up(&mut alive);
        let row = client.answer(id)["result"].take();
        assert_eq!((&row["state"], &row["escaped"]), (&json!("succeeded"), &json!([pid])), "{row}");
        kill(pid);
        alive.all_gone();
    }
    server.terminate();
}

#[test]
fn no_process_leaves_a_cgroup() {
    let Some(group) = Delegated::required() else { return };
    let topsided = Topsided::new();
    let mut alive = topsided.fifo("alive");
    let mut gate = topsided.fifo("gate");
    let mut server = group.start(&topsided);
    let mut client = server.connect();
    let child = grandchild("setsid env -i", &alive);
    let script = format!("read x < {}; ({child} >/dev/null 2>&1 &); exec sleep 1000", gate.path());
    let run = client.start(&script);
    let own = group.0.join(format!("run-{run}"));
    eventually("a process is in the run's cgroup", || {
        fs::read_to_string(own.join("cgroup.procs")).is_ok_and(|pids| !pids.is_empty())
    });
    gate.open();
    up(&mut alive);
    client.ok("run/cancel", json!({"runId": run}));
    alive.all_gone();
    let row = ended(&mut client, run);
    assert_eq!((&row["state"], row.get("escaped")), (&json!("cancelled"), None));
    assert!(!own.exists(), "the group of an ended run stays");
    server.terminate();
}
