//! `examples/sprinkler` with its simulator of relays: whatever ends, all valves are closed.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::common::clock::Clock;
use crate::common::program::run;
use crate::common::server::write_program;
use crate::common::{Raw, Spawned, Topsided, eventually, require, wait_for};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/sprinkler");

/// The example in directories of its own; none: a program that it needs is missing. `change` may change the menu.
fn sprinkler(change: impl Fn(String) -> String) -> Option<Topsided> {
    if !require("python3") {
        return None;
    }
    let topsided = Topsided::new();
    let at = |text: String| {
        let below = |path: &str| topsided.path(path).display().to_string();
        text.replace("/opt/sprinkler", &below("opt")).replace("/var/lib/topside", &below("valves"))
    };
    let read = |name: &str| std::fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
    std::fs::create_dir(topsided.path("valves")).unwrap();
    for program in ["worker.py", "relays.py"] {
        write_program(&topsided.path("opt").join(program), &read(program));
    }
    topsided.write("commands.toml", &at(change(read("commands.toml"))));
    topsided.write("server.toml", &at(read("server.toml")));
    Some(topsided)
}

fn open_valves(topsided: &Topsided) -> Vec<u64> {
    let text = std::fs::read(topsided.path("valves/relays.json"));
    let state: Value = text.map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap());
    serde_json::from_value(state["open"].clone()).unwrap_or_default()
}

#[track_caller]
fn wait_for_valves(topsided: &Topsided, wanted: &[u64]) {
    wait_for("the open valves", || open_valves(topsided), |open| open == wanted);
}

fn start_zone(client: &mut Raw, relay: u64) -> Value {
    let params = json!({"command": "zone", "args": {"relay": relay}, "wait": false});
    client.ok("command/run", params)["runId"].take()
}

fn worker_pid(server: &mut Spawned) -> Pid {
    let line = server.says("worker started");
    let pid = line.split_whitespace().find_map(|word| word.strip_prefix("pid=")).unwrap();
    Pid::from_raw(pid.parse().unwrap()).unwrap()
}

#[test]
fn each_end_leaves_every_valve_closed() {
    for end in ["stop", "cancel", "close-all", "restart", "kill worker", "kill server", "kill both"]
    {
        let Some(topsided) = sprinkler(|menu| menu) else { return };
        let mut server = topsided.start();
        let worker = worker_pid(&mut server);
        let mut client = server.connect();
        let run = start_zone(&mut client, 3);
        // The next one waits for its turn, in case the end frees the lock.
        let waits = start_zone(&mut client, 4);
        wait_for_valves(&topsided, &[3]);
        let is_over = ["stop", "kill server", "kill both"].contains(&end);
        if !is_over {
            client.ok("run/cancel", json!({"runId": waits}));
        }
        match end {
            "stop" => server.terminate(),
            "cancel" => {
                assert_eq!(client.ok("run/cancel", json!({"runId": run}))["state"], "cancelled");
            }
            "close-all" => {
                assert_eq!(client.run("close-all", json!({}))["state"], "succeeded");
            }
            "restart" => drop(client.ok("worker/restart", json!({"worker": "sprinkler"}))),
            "kill worker" => kill_process(worker, Signal::KILL).unwrap(),
            _ => {
                if end == "kill both" {
                    // So that it can neither close valves nor start another worker.
                    server.signal(Signal::STOP);
                    kill_process(worker, Signal::KILL).unwrap();
                }
                server.kill();
            }
        }
        if end == "kill both" {
            assert_eq!(open_valves(&topsided), [3]);
            server = topsided.start();
        }
        wait_for_valves(&topsided, &[]);
        if is_over && end != "kill both" {
            server = topsided.start();
        }
        let mut client = server.connect();
        eventually("the next worker answers", || {
            client.run("valves", json!({}))["output"] == "open: none\n"
        });
        assert_eq!(open_valves(&topsided), [0; 0], "{end}");
        server.terminate();
    }
}

#[test]
fn one_zone_is_open_at_a_time() {
    let Some(topsided) = sprinkler(|menu| menu) else { return };
    let mut server = topsided.start();
    let mut client = server.connect();
    let runs: Vec<Value> = (1..=3).map(|relay| start_zone(&mut client, relay)).collect();
    for (run, relay) in runs.iter().zip(1..) {
        wait_for_valves(&topsided, &[relay]);
        assert_eq!(client.run("valves", json!({}))["output"], format!("open: {relay}\n"));
        client.ok("run/cancel", json!({"runId": run}));
    }
    wait_for_valves(&topsided, &[]);
    server.terminate();
}

/// Hour and minute, and the day of the month, in two minutes.
fn in_two_minutes() -> (String, u64) {
    let said = run(std::process::Command::new("date").args(["-d", "2 minutes", "+%H:%M %d"]));
    let (time, day) = said.stdout.trim().split_once(' ').unwrap();
    (time.to_owned(), day.parse().unwrap())
}

#[test]
fn a_window_of_the_active_plan_continues_after_a_restart_and_after_a_kill_in_the_middle() {
    let (time, day) = in_two_minutes();
    let window = format!("times = {{ \"{time}\" = \"2h\" }}");
    let Some(topsided) = sprinkler(|menu| {
        menu.lines()
            .map(|line| if line.starts_with("times") { &window } else { line })
            .collect::<Vec<_>>()
            .join("\n")
    }) else {
        return;
    };
    let Some(clock) = Clock::new(&topsided) else { return };
    // The beds on even days, the lawn on odd ones.
    let valve = if day % 2 == 0 { 1 } else { 2 };
    let start = || topsided.start_by(clock.on(topsided.command()));
    let mut server = start();
    let mut client = server.connect();
    // No plan is active.
    assert_eq!(client.run("valves", json!({}))["output"], "open: none\n");
    client.ok("schedule/plan", json!({"plan": "summer"}));
    server.terminate();
    assert_eq!(open_valves(&topsided), [0; 0]);

    clock.set("+3m");
    let mut server = start();
    let worker = worker_pid(&mut server);
    wait_for_valves(&topsided, &[valve]);
    server.signal(Signal::STOP);
    kill_process(worker, Signal::KILL).unwrap();
    server.kill();

    clock.set("+5m");
    let mut server = start();
    server.says("safe state reached");
    wait_for_valves(&topsided, &[valve]);
    let page = server.connect().ok(
        "runs/list",
        json!({"user": format!("schedule:summer-{}", if valve == 1 { "beds" } else { "lawn" })}),
    );
    let states: Vec<&Value> =
        page["runs"].as_array().unwrap().iter().map(|run| &run["state"]).collect();
    assert_eq!(states[..2], [&json!("running"), &json!("lost")], "{page}");
    server.terminate();
    assert_eq!(open_valves(&topsided), [0; 0]);
}

/// What the tutorial tells the reader to save is what the folder has.
/// The name of a function may not be that of a built-in.
#[test]
fn the_menu_that_the_worker_declares_passes_the_check() {
    let Some(topsided) = sprinkler(|menu| menu) else { return };
    let declared = run(std::process::Command::new(topsided.path("opt/worker.py")).arg("--declare"));
    topsided.write("commands.toml", &declared.stdout);
    let checked = topsided.run(&["check"]);
    assert_eq!(
        checked.stdout, "Configuration OK: 3 commands, in place of the starter menu\n",
        "{checked:?}"
    );
}

#[test]
fn the_tutorial_of_the_sprinkler_has_its_files() {
    let readme = include_str!("../../../examples/sprinkler/README.md");
    for file in [
        include_str!("../../../examples/sprinkler/commands.toml"),
        include_str!("../../../examples/sprinkler/server.toml"),
    ] {
        assert!(readme.contains(&format!("\n{file}```\n")), "{file}");
    }
}
