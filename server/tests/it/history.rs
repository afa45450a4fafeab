//! Runs that ended, and runs of a server that ended: listed, followed, kept.

use serde_json::{Value, json};

use crate::common::server::LOOPBACK;
use crate::common::{Device, Raw, TestServer, Topsided, wait_for};

fn ids(page: &Value) -> Vec<u64> {
    let rows = page["runs"].as_array().unwrap();
    rows.iter().map(|row| row["runId"].as_u64().unwrap()).collect()
}

/// Follows a run from an offset: the bytes, the gaps and the last row.
fn attach(client: &mut Raw, run: u64, from: u64) -> (String, Vec<(u64, u64)>, Value) {
    let id = client.ask("run/attach", json!({"runId": run, "from": from}));
    let (mut text, mut gaps, mut at) = (String::new(), Vec::new(), from);
    loop {
        let message = client.recv();
        if message["id"] == id {
            assert!(message.get("error").is_none(), "{message}");
            return (text, gaps, message["result"].clone());
        }
        let params = &message["params"];
        assert_eq!((&params["runId"], &params["offset"]), (&json!(run), &json!(at)));
        match message["method"].as_str().unwrap() {
            "run/output" => {
                let data = params["data"].as_str().unwrap();
                at += data.len() as u64;
                text.push_str(data);
            }
            "run/gap" => {
                let bytes = params["bytes"].as_u64().unwrap();
                gaps.push((at, bytes));
                at += bytes;
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn runs_are_listed_newest_first_by_page_and_by_what_they_are() {
    let server = TestServer::start();
    let gate = server.fifo("gate");
    let mut client = server.connect();
    let user = client.ok("initialize", json!({}))["you"]["user"].take();
    for n in 1..=3 {
        client.run("look", json!({"text": n.to_string()}));
    }
    client.run("sh", json!({"script": "exit 4"}));
    client.run("look", json!({"text": "5"}));
    client.run("echo", json!({"text": "no run"}));
    let live = client.start(&format!("read x < {}", gate.path()));
    let all = client.ok("runs/list", json!({}));
    assert_eq!((ids(&all), all.get("next")), (vec![6, 5, 4, 3, 2, 1], None));
    assert_eq!((&all["runs"][0]["state"], live), (&json!("running"), 6));
    let failed = &all["runs"][2];
    assert_eq!((&failed["state"], &failed["exitCode"]), (&json!("failed"), &json!(4)));
    assert_eq!(failed["args"], json!({"script": "exit 4"}));
    assert_eq!((&failed["user"], &failed["clientId"]), (&user, &json!(1)));
    assert!(failed["durationMs"].is_u64() && failed["endedAt"].is_string());

    let page = client.ok("runs/list", json!({"limit": 4}));
    assert_eq!((ids(&page), &page["next"]), (vec![6, 5, 4, 3], &json!(3)));
    let page = client.ok("runs/list", json!({"limit": 4, "before": 3}));
    assert_eq!((ids(&page), page.get("next")), (vec![2, 1], None));
    for (filter, want) in [
        (json!({"state": "running"}), vec![6]),
        (json!({"state": "succeeded", "command": "look"}), vec![5, 3, 2, 1]),
        (json!({"state": "failed"}), vec![4]),
        (json!({"command": "sh"}), vec![6, 4]),
        (json!({"command": "echo"}), vec![]),
        (json!({"user": user, "before": 3}), vec![2, 1]),
        (json!({"user": "no-such-user"}), vec![]),
        (json!({"state": "lost"}), vec![]),
    ] {
        assert_eq!(ids(&client.ok("runs/list", filter.clone())), want, "{filter}");
    }
    for wrong in [json!({"limit": 0}), json!({"limit": 501})] {
        assert_eq!(client.refused("runs/list", wrong)["data"]["argument"], "limit");
    }
    let shown = client.run("runs", json!({}))["output"].as_str().unwrap().to_owned();
    assert_eq!(shown.lines().count(), 7, "{shown}");
    drop(gate);
}

#[test]
fn long_arguments_make_shorter_pages_and_no_row_is_left_out() {
    let server = TestServer::start();
    let mut client = server.connect();
    let script = format!("exit 0 # {}", "x".repeat(30_000));
    for _ in 0..12 {
        client.run("sh", json!({"script": script}));
    }
    let (mut seen, mut before) = (Vec::new(), json!(null));
    loop {
        let page = client.ok("runs/list", json!({"limit": 500, "before": before}));
        assert!(!ids(&page).is_empty());
        seen.extend(ids(&page));
        match page.get("next") {
            Some(next) => before = next.clone(),
            None => break,
        }
    }
    assert_eq!(seen, (1..=12).rev().collect::<Vec<u64>>());
}

#[test]
fn a_run_is_followed_from_any_offset_while_it_goes_on_and_after() {
    let server = TestServer::start();
    let (mut said, mut gate) = (server.fifo("said"), server.fifo("gate"));
    let mut first = server.connect();
    let script = format!(
        "printf one; echo said > {}; read x < {}; printf two >&2",
        said.path(),
        gate.path()
    );
    let run = first.start(&script);
    drop(first);
    assert_eq!(said.line(), "said");
    let mut client = server.connect();
    let id = client.ask("run/attach", json!({"runId": run, "from": 1}));
    let piece = client.told("run/output");
    assert_eq!(piece, json!({"runId": run, "offset": 1, "stream": "stdout", "data": "ne"}));
    gate.open();
    let piece = client.told("run/output");
    assert_eq!(piece, json!({"runId": run, "offset": 3, "stream": "stderr", "data": "two"}));
    let row = client.answer(id)["result"].take();
    assert_eq!((&row["state"], &row["bytes"]), (&json!("succeeded"), &json!(6)));

    for from in 0..=6 {
        let (text, gaps, after) = attach(&mut client, run, from);
        assert_eq!((text.as_str(), gaps.len()), (&"onetwo"[from as usize..], 0));
        assert_eq!(after, row);
    }
    let error = client.refused("run/attach", json!({"runId": run, "from": 7}));
    assert_eq!(
        error["message"],
        format!("`from` is 7, and the output of run #{run} has 6 bytes so far")
    );
    assert_eq!(client.refused("run/attach", json!({"runId": 99}))["code"], -32004);
}

#[test]
fn output_that_was_not_kept_is_a_gap_for_later_readers() {
    let menu = "[commands.flood]\nexec = [\"sh\", \"-c\", \"yes abcdefg | head -c 3000000\"]\n\
                max_output = \"1MiB\"\n";
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    client.run("flood", json!({}));
    let (text, gaps, row) = attach(&mut client, 1, 0);
    let whole = "abcdefg\n".repeat(375_000);
    assert_eq!((text.len(), row["bytes"].as_u64().unwrap()), (1 << 20, 3_000_000));
    assert!(whole.starts_with(&text));
    assert_eq!(gaps, [(1 << 20, 3_000_000 - (1 << 20))]);
    let (text, gaps, _) = attach(&mut client, 1, 2_000_000);
    assert_eq!((text.len(), gaps), (0, vec![(2_000_000, 1_000_000)]));
}

/// The message said that the reader was too slow.
#[test]
fn a_gap_names_max_output_or_the_disk() {
    let menu = "[commands.flood]\nexec = [\"sh\", \"-c\", \"yes | head -c 2048\"]\nmax_output = \"1KiB\"\n";
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    client.run("flood", json!({}));
    let mut only_gap = || {
        client.ok("run/attach", json!({"runId": 1}));
        client.heard();
        let gap = client.told("run/gap");
        client.nothing_told();
        (gap["offset"].clone(), gap["reason"].clone())
    };
    assert_eq!(only_gap(), (json!(1024), json!("maxOutput")));
    std::fs::remove_file(server.root().join("state/runs/1.out")).unwrap();
    assert_eq!(only_gap(), (json!(0), json!("lost")));
}

/// Nothing said why an output was shorter than what the program had written.
#[test]
fn a_row_says_where_max_output_cut_its_output() {
    let flood = |name: &str, limit: &str| {
        format!("[commands.{name}]\nexec = [\"sh\", \"-c\", \"yes | head -c 2048\"]\n{limit}\n")
    };
    let topsided = Topsided::new();
    let menu = [
        flood("cut", "max_output = \"1KiB\""),
        flood("fits", "max_output = \"2KiB\""),
        flood("nothing", "max_output = \"0B\""),
    ];
    topsided.write("commands.toml", &menu.concat());
    let mut server = topsided.start();
    let mut client = server.connect();
    let want = [("cut", json!(1024)), ("fits", Value::Null), ("nothing", json!(0))];
    for (name, cut) in &want {
        let row = client.run(name, json!({}));
        assert_eq!((&row["bytes"], &row["cutAt"]), (&json!(2048), cut), "{row}");
    }
    let words = client.run("runs", json!({}))["output"].as_str().unwrap().to_owned();
    assert!(
        words.contains("only the first 1024 bytes of its output are kept, as max_output says"),
        "{words}"
    );
    server.terminate();
    let server = topsided.start();
    let rows = server.connect().ok("runs/list", json!({}))["runs"].take();
    for (row, (name, cut)) in rows.as_array().unwrap().iter().rev().zip(&want) {
        assert_eq!((&row["command"], &row["cutAt"]), (&json!(name), cut));
    }
}

#[test]
fn runs_survive_a_restart_and_their_numbers_continue() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    client.run("sh", json!({"script": "echo out; echo err >&2; exit 3"}));
    client.run("echo", json!({"text": "no run"}));
    let row = client.ok("runs/list", json!({"before": 2}))["runs"][0].take();
    client.ok("server/shutdown", json!({}));
    assert_eq!(server.exit(), Some(0));

    let server = topsided.start();
    let mut client = server.connect();
    let page = client.ok("runs/list", json!({}));
    assert_eq!(page["runs"], json!([row]));
    let (text, gaps, after) = attach(&mut client, 1, 0);
    assert!(text == "out\nerr\n" || text == "err\nout\n", "{text}");
    assert_eq!((gaps.len(), &after), (0, &row));
    assert_eq!(client.run("look", json!({}))["runId"], 2);
}

#[test]
fn old_runs_are_deleted_by_the_settings() {
    let server = TestServer::with(crate::common::MENU, "[runs]\nkeep = 0\nkeep_bytes = \"1MiB\"\n");
    let mut client = server.connect();
    for _ in 0..6 {
        client.run("sh", json!({"script": "head -c 300000 /dev/zero | tr '\\0' x"}));
    }
    client.run("look", json!({}));
    // The files of a run go after its row.
    let look = || {
        let mut kept = ids(&client.ok("runs/list", json!({})));
        kept.sort_unstable();
        let files = std::fs::read_dir(server.root().join("state/runs")).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<u64> =
            files.filter_map(|name| name.strip_suffix(".out")?.parse().ok()).collect();
        files.sort_unstable();
        (files, kept)
    };
    // Three outputs and the database fit.
    let deleted = |(files, kept): &(Vec<u64>, Vec<u64>)| files == kept && kept.len() <= 4;
    let (_, kept) = wait_for("the files of the rows alone", look, deleted);
    assert!(kept == [4, 5, 6, 7] || kept == [5, 6, 7], "{kept:?}");
    assert_eq!(client.refused("run/attach", json!({"runId": 1}))["code"], -32004);
}

#[test]
fn ended_runs_are_listed_only_for_clients_that_may_see_them() {
    let server = TestServer::with(crate::common::MENU, LOOPBACK);
    let mut admin = server.connect();
    admin.run("sh", json!({"script": "exit 0"}));
    admin.run("work", json!({}));
    admin.run("look", json!({}));
    let token = json!({"name": "cron", "role": "viewer", "lasting": true, "commands": ["look"]});
    let token = admin.ok("key/invite", token)["invite"].as_str().unwrap().to_owned();
    let mut limited = Device::of_invite(&token).connect();
    let own = limited.run("look", json!({}))["runId"].as_u64().unwrap();
    for (client, sees) in [
        (&mut limited, vec![own]),
        (&mut server.device("eye", "viewer").connect(), vec![own, 3]),
        (&mut server.device("op", "operator").connect(), vec![own, 3, 2]),
        (&mut admin, vec![own, 3, 2, 1]),
    ] {
        assert_eq!(ids(&client.ok("runs/list", json!({}))), sees);
        for run in [1, 2, 3, own] {
            if sees.contains(&run) {
                attach(client, run, 0);
            } else {
                let error = client.refused("run/attach", json!({"runId": run}));
                assert_eq!(error["data"]["kind"], "notFound");
            }
        }
    }
}

#[test]
fn a_run_of_a_killed_server_is_lost_with_its_output_so_far() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut alive = topsided.fifo("alive");
    let mut client = server.connect();
    let script = format!("printf begun; exec 3> {}; echo up >&3; sleep 1000", alive.path());
    let run = client.start(&script);
    assert_eq!(alive.line(), "up");
    topsided.wait_for_output(run);
    server.kill();

    let server = topsided.start();
    let mut client = server.connect();
    let (text, gaps, row) = attach(&mut client, run, 0);
    assert_eq!((text.as_str(), gaps.len()), ("begun", 0));
    assert_eq!((&row["state"], &row["bytes"]), (&json!("lost"), &json!(5)));
    assert!(row["endedAt"].is_string() && row.get("durationMs").is_none());
    let next = client.run("look", json!({}))["runId"].as_u64().unwrap();
    assert!(next > run);
    // What it had started is gone too.
    alive.all_gone();
}

#[test]
fn the_built_ins_work_without_a_history() {
    let topsided = Topsided::new();
    std::fs::create_dir_all(topsided.path("state")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(topsided.path("state"), mode).unwrap();
    topsided.write("../state/runs.db", "this is no database");
    let mut server = topsided.start();
    let mut client = server.connect();
    for command in ["version", "status", "runs", "log"] {
        let row = client.run(command, json!({}));
        assert_eq!(row["exitCode"], if command == "runs" { 1 } else { 0 }, "{row}");
    }
    let error = client.refused("command/run", json!({"command": "look"}));
    let said = error["message"].as_str().unwrap();
    assert!(
        said.contains("runs cannot be written down") && said.contains("not a database"),
        "{said}"
    );
    client.ok("command/run", json!({"command": "shutdown", "args": {}, "confirm": true}));
    assert_eq!(server.exit(), Some(0));
}
