//! Kills the server at random moments during runs: rows, output, `safe_state` and processes at the next start.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::common::{Chance, MENU, Raw, SHELL_WORKER, Topsided};

/// Runs at once.
const RUNS: u64 = 20;

/// How often it is killed: a few times here, and as often as `just crash` says.
fn rounds() -> u64 {
    let asked = std::env::var("TOPSIDE_CRASH_ROUNDS").ok();
    asked.map_or(4, |rounds| rounds.parse().expect("TOPSIDE_CRASH_ROUNDS is a number"))
}

/// The output of a run: numbered lines.
fn lines(bytes: usize) -> String {
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&format!("line {n}\n"));
    }
    text
}

/// Programs of several kinds, all of which hold `alive` open in every process they start.
fn script(kind: u64, alive: &str) -> String {
    let count = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done";
    match kind % 4 {
        // Goes on for as long as it is let.
        0 => format!("exec 3>>{alive}; {count}; exec sleep 1000"),
        // Ends by itself.
        1 => "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done".to_owned(),
        // Has a child in a session of its own.
        2 => format!("exec 3>>{alive}; setsid sh -c 'sleep 1000; :' & {count}; wait"),
        // Has a child that hears no signal but the last.
        _ => {
            format!("exec 3>>{alive}; (trap '' TERM HUP; sleep 1000; :) & {count}; exec sleep 1000")
        }
    }
}

fn follow(client: &mut Raw, run: u64) -> (String, Value) {
    let id = client.ask("run/attach", json!({"runId": run}));
    let mut text = String::new();
    loop {
        let message = client.recv();
        if message["id"] == id {
            return (text, message["result"].clone());
        }
        assert_eq!(message["method"], "run/output", "{message}");
        assert_eq!(message["params"]["offset"], text.len());
        text.push_str(message["params"]["data"].as_str().unwrap());
    }
}

#[test]
fn after_a_kill_rows_and_output_agree_and_every_safe_state_was_run() {
    let topsided = Topsided::new();
    let closed = topsided.path("closed");
    let hook = format!("echo $TOPSIDE_RUN >> {}", closed.display());
    topsided.write(
        "commands.toml",
        &format!("{MENU}\n[commands.valve]\nexec = [\"sh\", \"-c\", \"{{script}}\"]\ntimeout = \"none\"\n\
                  safe_state = [\"sh\", \"-c\", \"{hook}\"]\n\
                  [[commands.valve.args]]\nname = \"script\"\ntype = \"string\"\n"),
    );
    topsided.write("server.toml", "[limits]\nmax_runs = 0\nmax_runs_per_client = 0\n");
    let mut alive = topsided.fifo("alive");
    let mut chance = Chance(rounds());
    let mut last = 0;
    for round in 0..rounds() {
        let mut server = topsided.start();
        let mut client = server.connect();
        let kind = chance.below(4);
        for n in 0..RUNS {
            let script = script(kind + n, &alive.path().to_string());
            let params = json!({"command": "valve", "args": {"script": script}, "stream": true, "wait": false});
            client.ask("command/run", params);
        }
        // The moment is so many lines of the server's later; each run gives two at least.
        for _ in 0..chance.below(2 * RUNS) {
            client.recv();
        }
        server.kill();

        let mut server = topsided.start();
        let mut client = server.connect();
        let page = client.ok("runs/list", json!({"limit": 500}));
        let rows: BTreeMap<u64, Value> = page["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["runId"].as_u64().unwrap(), row.clone()))
            .filter(|(id, _)| *id > last)
            .collect();
        let hooks = std::fs::read_to_string(&closed).unwrap_or_default();
        for (id, row) in &rows {
            let (text, after) = follow(&mut client, *id);
            assert_eq!(&after, row, "round {round}");
            assert_eq!(row["bytes"], text.len(), "round {round}: {row}");
            assert!(lines(text.len()).starts_with(&text), "round {round}: {row}");
            let hook_runs = hooks.lines().filter(|line| *line == id.to_string()).count();
            match row["state"].as_str().unwrap() {
                // Twice only where it was killed in it, and these were not.
                "lost" => {
                    assert_eq!((hook_runs, row.get("exitCode")), (1, None), "round {round}: {row}");
                }
                "succeeded" => {
                    assert_eq!((hook_runs, text.lines().count()), (0, 500), "round {round}");
                }
                state => panic!("round {round}: {state}"),
            }
        }
        // The pipe is at its end once all processes that had it open are gone.
        alive.all_gone();
        let next = client.run("look", json!({}))["runId"].as_u64().unwrap();
        assert!(rows.keys().all(|id| *id < next));
        last = next;
        client.ok("server/shutdown", json!({}));
        assert_eq!(server.exit(), Some(0));
    }
}

#[test]
fn a_process_that_cleared_its_environment_is_found_by_its_group() {
    let topsided = Topsided::new();
    let mut alive = topsided.fifo("alive");
    let mut server = topsided.start();
    let mut client = server.connect();
    let child = "env -i sh -c 'echo up >&3; sleep 1000; :'";
    let run = client.start(&format!("exec 3>{}; {child} & exec sleep 1000", alive.path()));
    assert_eq!(alive.line(), "up");
    // What is written down after the process's number.
    client.run("look", json!({}));
    server.kill();
    let server = topsided.start();
    let mut client = server.connect();
    let row = client.ok("runs/list", json!({"before": run + 1}))["runs"][0].take();
    assert_eq!((&row["runId"], &row["state"]), (&json!(run), &json!("lost")));
    alive.all_gone();
}

/// A worker that notes its starts and calls; `valve` is open until it is cancelled.
const WORKER: &str = r#"note start
while read -r call; do
    method=$(method)
    note "$method"
    [ "$method" != valve ] || read -r cancel
    [ "$method" = cancel ] || answer '"result":null'
done"#;

/// A menu of two commands that windows open and close all the time, and hooks of the box.
fn windows(topsided: &Topsided) {
    let path = |name: &str| topsided.path(name).display().to_string();
    let note =
        |what: &str, file: &str| format!("[\"sh\", \"-c\", \"echo {what} >> {}\"]", path(file));
    let worker =
        format!("{SHELL_WORKER}\nnote() {{ echo \"$1\" >> {}; }}\n{WORKER}", path("calls"));
    let schedule = |command: &str, every: &str| {
        format!(
            "[[commands.{command}.schedule]]\nname = \"{command}\"\nevery = \"{every}\"\nfor = \"100ms\"\n"
        )
    };
    topsided.write(
        "commands.toml",
        &format!(
            "{MENU}\n[workers.w]\nexec = [\"sh\", \"-c\", {worker}]\nsafe_state = {{ function = \"make_safe\" }}\n\
             [commands.valve]\nworker = \"w\"\neffect = \"write\"\nsafe_state = {{ function = \"seal\" }}\n{valve}\
             [commands.zone]\nexec = [\"sh\", \"-c\", \"echo $TOPSIDE_RUN >> {opened}; exec sleep 1000\"]\n\
             effect = \"write\"\nsafe_state = {closes}\n{zone}",
            worker = toml::Value::from(worker),
            valve = schedule("valve", "170ms"),
            opened = path("opened"),
            closes = note("$TOPSIDE_RUN", "closed"),
            zone = schedule("zone", "150ms"),
        ),
    );
    let (start, stop) = (note("start", "box"), note("stop", "box"));
    topsided.write("server.toml", &format!("[hooks]\non_start = {start}\non_stop = {stop}\n"));
}

fn in_file(topsided: &Topsided, name: &str) -> Vec<String> {
    crate::common::lines(&topsided.path(name))
}

#[test]
fn after_a_kill_in_windows_the_box_the_worker_and_every_run_are_made_safe() {
    let topsided = Topsided::new();
    windows(&topsided);
    let mut chance = Chance(rounds());
    for round in 0..rounds() {
        let mut server = topsided.start();
        let mut client = server.connect();
        client.run("look", json!({}));
        client.ok("events/subscribe", json!({"topics": ["schedules", "runs"]}));
        for _ in 0..3 + chance.below(20) {
            client.recv();
        }
        let calls = in_file(&topsided, "calls").len();
        server.kill();

        let mut server = topsided.start();
        // It starts once all of them are safe.
        assert_eq!(server.connect().run("look", json!({}))["state"], "succeeded");
        let after = in_file(&topsided, "calls").split_off(calls);
        // The killed server may have sent one more call, and its end.
        let starts: Vec<usize> = (0..after.len()).filter(|at| after[*at] == "start").collect();
        assert_eq!(starts.len(), 1, "round {round}: {after:?}");
        assert_eq!(after[starts[0] + 1], "make_safe", "round {round}: {after:?}");
        let opened = in_file(&topsided, "opened");
        server.terminate();
        let closed = in_file(&topsided, "closed");
        for run in opened.iter().chain(&in_file(&topsided, "opened")) {
            assert!(closed.contains(run), "round {round}: run {run} is open");
        }
        let hooks = in_file(&topsided, "box");
        let expected: Vec<&str> = ["start", "stop"].into_iter().cycle().take(hooks.len()).collect();
        assert_eq!(hooks, expected, "round {round}");
        assert_eq!(hooks.len() as u64, 4 * (round + 1));
    }
}
