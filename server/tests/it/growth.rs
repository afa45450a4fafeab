//! Costs grow in proportion to what is asked for. They are counted, not timed: files that the server reads, and its memory.

use serde_json::json;

use crate::common::live_runs::{cancel, cancelled};
use crate::common::{Raw, Spawned, Topsided, eventually, resident_kb};

/// How often the server has read from a file or a socket so far.
fn reads(server: &Spawned) -> u64 {
    let counts = std::fs::read_to_string(format!("/proc/{}/io", server.pid())).unwrap();
    let line = counts.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap();
    line.parse().unwrap()
}

fn processes() -> u64 {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_str().unwrap().parse::<u32>().is_ok()).count()
        as u64
}

fn start(client: &mut Raw, count: u64) -> Vec<u64> {
    let run = json!({"command": "stay", "wait": false});
    (0..count).map(|_| client.ok("command/run", run.clone())["runId"].as_u64().unwrap()).collect()
}

/// Only the last 1,000 lines were searched.
#[test]
fn a_search_in_the_log_reads_all_files_and_finds_each_line_once() {
    let topsided = Topsided::new();
    let line = |n: u32, text: &str| {
        format!("2026-03-01T09:00:{:02}.{:03}Z info  {text} n={n}\n", n / 1_000, n % 1_000)
    };
    let file = |numbers: std::ops::Range<u32>| -> String {
        let text = |n| if n % 500 == 7 { "Needle found" } else { "nothing" };
        numbers.map(|n| line(n, text(n))).collect()
    };
    let state = topsided.path("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("topsided.log.2"), file(0..2_000)).unwrap();
    std::fs::write(state.join("topsided.log.1"), file(2_000..4_000)).unwrap();
    std::fs::write(state.join("topsided.log"), file(4_000..6_000)).unwrap();
    let server = topsided.start();
    let mut client = server.connect();
    let mut search = |text: &str, lines: u64| -> Vec<String> {
        let found = client.ok("log/tail", json!({"match": text, "lines": lines}));
        let entries = found["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    };
    let all: Vec<String> = (0..12).map(|n| format!("Needle found n={}", n * 500 + 7)).collect();
    assert_eq!(search("needle", 1_000), all);
    assert_eq!(search("needle", 5), all[7..]);
    // This line is in memory and in the file.
    assert_eq!(search("server started", 1_000), ["server started"]);
}

/// Each subscriber held a list of all clients.
#[test]
fn subscribers_that_do_not_read_hold_a_page_of_the_list_each() {
    const CLIENTS: u64 = 2_000;
    const SUBSCRIBERS: u64 = 200;
    let topsided = Topsided::new();
    let server = topsided.start();
    let _crowd: Vec<Raw> = (0..CLIENTS).map(|_| server.connect()).collect();
    let mut last = server.connect();
    last.ok("ping", json!({}));
    let before = resident_kb(server.pid());
    let subscribe = || {
        let mut client = server.connect();
        client.ask("events/subscribe", json!({"topics": ["clients"]}));
        client
    };
    let mut subscribers: Vec<Raw> = (0..SUBSCRIBERS).map(|_| subscribe()).collect();
    eventually("all have subscribed", || {
        let page = last.ok("clients/list", json!({"after": CLIENTS, "limit": SUBSCRIBERS + 1}));
        let rows = page["clients"].as_array().unwrap();
        rows.iter().filter(|row| row["bytesOut"].as_u64() > Some(0)).count() > SUBSCRIBERS as usize
    });
    let each = resident_kb(server.pid()).saturating_sub(before) / SUBSCRIBERS;
    assert!(each <= 40, "{each} KiB for each subscriber");
    // One that reads gets the whole list.
    let reader = subscribers.last_mut().unwrap();
    let mut rows = reader.recv()["result"]["snapshot"]["clients"].as_array().unwrap().len() as u64;
    while rows < CLIENTS + SUBSCRIBERS {
        let changed = reader.told("clients/changed");
        rows += changed["joined"].as_array().unwrap().len() as u64;
    }
}

/// Each cancel read the files of every process four to eight times.
#[test]
fn runs_that_are_cancelled_together_share_the_scans_of_all_processes() {
    const RUNS: u64 = 100;
    let topsided = Topsided::new();
    topsided.write("server.toml", "[limits]\nmax_runs = 0\nmax_runs_per_client = 0\n");
    topsided.write(
        "commands.toml",
        "[commands.stay]\nexec = [\"sleep\", \"1000\"]\ntimeout = \"none\"\n",
    );
    let server = topsided.start();
    let mut client = server.connect();
    let runs = start(&mut client, RUNS);
    let (before, processes) = (reads(&server), processes());
    let asked = cancel(&mut client, &runs);
    cancelled(&mut client, asked);
    let read = reads(&server) - before;
    // One scan reads at least two times from each process.
    assert!(read < RUNS * processes, "{read} reads for {RUNS} runs among {processes} processes");
}
