//! The audit log: its entries, the detection of changes, and its cost.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Raw, TestServer, Topsided, require, wait_for};

/// The entries in this state directory, oldest first, whole lines only.
pub(crate) fn entries(state: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(state.join("audit.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first entry of this action for which this holds, once there is one.
pub(crate) fn entry(state: &Path, action: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let is_it = |line: &Value| line["action"] == action && is_it(line);
    let there = wait_for(
        &format!("an entry of {action}"),
        || entries(state),
        |entries| entries.iter().any(is_it),
    );
    there.into_iter().find(is_it).unwrap()
}

/// Action and result of each entry about this object.
pub(crate) fn about(state: &Path, object: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = entries(state).into_iter().filter(|line| line["object"] == object);
    lines.map(|line| (text(&line["action"]), text(&line["result"]))).collect()
}

pub(crate) fn pair(action: &str, result: &str) -> (String, String) {
    (action.to_owned(), result.to_owned())
}

/// A log of some twenty lines, of a server that has ended.
pub(crate) fn some() -> Topsided {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    for _ in 0..8 {
        client.run("work", json!({}));
    }
    server.terminate();
    topsided
}

/// What `topsided audit verify` says, and its exit status.
pub(crate) fn verify(topsided: &Topsided) -> (Option<i32>, String) {
    let said = topsided.run(&["audit", "verify"]);
    (said.status, said.stdout + &said.stderr)
}

#[test]
fn every_change_is_recorded_with_its_actor_and_result_and_queries_are_not() {
    let topsided = Topsided::new();
    topsided.write("server.toml", crate::common::server::LOOPBACK);
    let state = topsided.path("state");
    let mut server = topsided.start();
    let mut client = server.connect();
    client.run("look", json!({}));
    client.run("version", json!({}));
    let row = client.run("work", json!({"script": "exit 3"}));
    let object = format!("run #{}", row["runId"]);
    assert_eq!(row["state"], "failed");
    let begins = entry(&state, "command/run", |_| true);
    assert_eq!(begins["object"], json!(object), "looking is not told: {begins}");
    assert_eq!(begins["argv"], json!(["work", "script=exit 3"]));
    assert_eq!(begins["result"], "begins");
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!((&begins["who"]["uid"], &begins["who"]["role"]), (&json!(uid), &json!("admin")));
    let pid = std::process::id();
    assert_eq!(begins["address"], json!(format!("pid {pid}")));
    assert!(begins["bootId"].is_string() && begins["time"].is_string(), "{begins}");
    entry(&state, "run/ended", |line| line["result"] == "exit 3" && line["object"] == object);

    let made = client.ok("key/invite", json!({"name": "phone", "role": "operator"}));
    let key = made["key"]["keyId"].as_str().unwrap().to_owned();
    client.ok("key/revoke", json!({"keyId": key}));
    entry(&state, "key/revoke", |line| line["result"] == "done");
    assert_eq!(
        about(&state, &key),
        [
            pair("key/invite", "begins"),
            pair("key/invite", "done"),
            pair("key/revoke", "begins"),
            pair("key/revoke", "done"),
        ]
    );
    let made = client.ok("key/invite", json!({"name": "tablet", "role": "viewer"}));
    let invite = made["invite"].as_str().unwrap().to_owned();
    let log = std::fs::read_to_string(state.join("audit.jsonl")).unwrap();
    assert!(log.contains("name=tablet") && !log.contains(&invite), "an invite is a key");
    entry(&state, "session/begun", |line| line["result"] == "same machine");

    client.ok("server/shutdown", json!({"reason": "enough"}));
    assert_eq!(server.exit(), Some(0));
    let log = entries(&state);
    let last: Vec<&str> =
        log.iter().rev().take(3).map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(last, ["server/stopped", "session/ended", "server/shutdown"]);
    let boot = &log[0]["bootId"];
    assert!(log.iter().all(|line| line["bootId"] == *boot), "one start, one name");
    let mode = std::fs::metadata(state.join("audit.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // The verbs that edit the files of a server that does not run.
    let invited = topsided.run(&["revoke", "tablet"]);
    assert_eq!(invited.status, Some(0), "{}", invited.stderr);
    let log = entries(&state);
    let [begins, done] = &log[log.len() - 2..] else { panic!("{log:?}") };
    assert_eq!((&begins["action"], &begins["result"]), (&json!("key/revoke"), &json!("begins")));
    assert_eq!((&done["result"], &done["bootId"]), (&json!("done"), &Value::Null));
    assert_eq!(
        verify(&topsided),
        (Some(0), format!("Audit log intact: entries 1 to {}\n", log.len()))
    );
}

#[test]
fn a_secret_is_masked() {
    let topsided = Topsided::new();
    topsided.write(
        "commands.toml",
        "[commands.set]\nexec = [\"true\"]\n[[commands.set.args]]\nname = \"word\"\ntype = \"secret\"\n\
         env = \"WORD\"\n",
    );
    let server = topsided.start();
    server.connect().run("set", json!({"word": "hunter2"}));
    let begins = entry(&topsided.path("state"), "command/run", |_| true);
    assert_eq!(begins["argv"], json!(["set", "word=***"]));
    let log = std::fs::read_to_string(topsided.path("state/audit.jsonl")).unwrap();
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn network_sign_ins_are_recorded_and_refused_ones_are_counted() {
    let server = TestServer::remote("");
    let state = server.root().join("state");
    let phone = server.device("phone", "viewer");
    drop(phone.connect());
    let stranger = phone.stranger().at(7);
    assert!(stranger.refusal().is_some() && stranger.refusal().is_some());
    let begun = entry(&state, "session/begun", |line| line["who"]["key"] == json!(phone.pin()));
    assert_eq!((&begun["who"]["name"], &begun["who"]["role"]), (&json!("phone"), &json!("viewer")));
    assert!(begun["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{begun}");
    entry(&state, "session/ended", |line| line["who"]["key"] == json!(phone.pin()));
    assert_eq!(entry(&state, "key/enrol", |_| true)["object"], json!(phone.pin()));
    server.stop.in_order("", "the test");
    server.ended();
    let refused: Vec<Value> =
        entries(&state).into_iter().filter(|line| line["action"] == "key/refused").collect();
    let [refused] = &refused[..] else { panic!("one line a source: {refused:?}") };
    assert_eq!((&refused["object"], &refused["address"]), (&json!("unknown"), &json!("127.0.0.7")));
    assert_eq!(refused["result"], "2 times within a minute");
}

#[test]
fn an_entry_that_is_edited_removed_or_cut_is_named_by_its_number() {
    let topsided = some();
    let file = topsided.path("state/audit.jsonl");
    let good = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let last = lines.len();
    assert!(last > 16, "{good}");
    assert_eq!(verify(&topsided), (Some(0), format!("Audit log intact: entries 1 to {last}\n")));
    let put = |lines: &[String]| {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&file, text).unwrap();
    };
    let owned = || -> Vec<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
    let named = |seq: usize, what: &str, change: String| {
        let (status, said) = verify(&topsided);
        assert_eq!(status, Some(1), "{change}: {said}");
        assert!(said.contains(&format!("seq {seq} in ")), "{change}: {said}");
        assert!(said.contains(what), "{change}: {said}");
    };
    for n in 1..=last {
        let mut edited = owned();
        edited[n - 1] = edited[n - 1].replace("\"result\":\"", "\"result\":\"not ");
        put(&edited);
        named(n, "the line was changed", format!("line {n} edited"));

        let mut edited = owned();
        let at = edited[n - 1].len() - 10;
        edited[n - 1].replace_range(at..at + 4, "0f1e");
        put(&edited);
        named(n, "the line was changed", format!("line {n} names another before it"));

        let mut edited = owned();
        edited.remove(n - 1);
        put(&edited);
        named(n, "the line is missing", format!("line {n} removed"));

        let mut edited = owned();
        let half = edited[n - 1].len() / 2;
        edited[n - 1].truncate(half);
        put(&edited);
        named(n, "the line cannot be read", format!("line {n} cut"));

        let mut edited = owned();
        edited.insert(n - 1, edited[n.max(2) - 2].clone());
        put(&edited);
        named(if n == 1 { 2 } else { n }, "another line", format!("a line put before {n}"));
    }
    std::fs::write(&file, &good[..good.len() - 1]).unwrap();
    named(last, "the line is cut", "the last line's ending cut".to_owned());
    std::fs::remove_file(&file).unwrap();
    named(1, "the line is missing", "all removed".to_owned());
}

/// What was taken away at the end is not forgotten by going on.
#[test]
fn lines_cut_off_before_a_start_are_reported_after_it() {
    let topsided = some();
    let file = topsided.path("state/audit.jsonl");
    let good = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let short: String = lines[..lines.len() - 3].iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, short).unwrap();
    let mut server = topsided.start();
    server.says("the end of the audit log was changed");
    server.connect().run("work", json!({}));
    let (status, said) = verify(&topsided);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&format!("seq {} in ", lines.len() - 2)), "{said}");
}

#[test]
fn a_torn_last_line_is_set_aside_and_recorded() {
    let topsided = some();
    let file = topsided.path("state/audit.jsonl");
    let before = entries(&topsided.path("state")).len();
    let mut opened = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
    opened.write_all(b"{\"seq\":99,\"ti").unwrap();
    let (status, said) = verify(&topsided);
    assert_eq!((status, said.contains("the line is cut")), (Some(1), true), "{said}");
    let server = topsided.start();
    server.connect().run("work", json!({}));
    let torn = entry(&topsided.path("state"), "audit/torn", |_| true);
    assert_eq!(torn["seq"], json!(before + 1));
    let aside = topsided.path("state").join(torn["object"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "{\"seq\":99,\"ti");
    assert_eq!(verify(&topsided).0, Some(0));
}

#[test]
fn show_prints_the_entries_that_match() {
    let topsided = some();
    let show = |args: &[&str]| {
        let said = topsided.run(&[&["audit", "show"], args].concat());
        assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""), "{args:?}");
        said.stdout
    };
    let all = entries(&topsided.path("state")).len();
    assert_eq!(show(&[]).lines().count(), all);
    assert_eq!(
        show(&["--json"]),
        std::fs::read_to_string(topsided.path("state/audit.jsonl")).unwrap()
    );
    let runs = show(&["--action", "command/run"]);
    assert_eq!(runs.lines().count(), 8);
    assert!(runs.lines().all(|line| line.ends_with("work \"script=exit 0\": begins")), "{runs}");
    assert_eq!(show(&["--action", "command"]), runs);
    assert_eq!(show(&["--action", "comm"]), "");
    assert_eq!(show(&["--who", "topsided"]).lines().count(), 2);
    let uid = rustix::process::geteuid().as_raw().to_string();
    assert_eq!(show(&["--who", &uid, "--action", "run"]).lines().count(), 8);
    assert_eq!(show(&["--since", "1d"]).lines().count(), all);
    assert_eq!(show(&["--since", "2999-01-01T00:00:00Z"]), "");
    let said = topsided.run(&["audit", "show", "--since", "yesterday"]);
    assert_eq!(said.status, Some(2));
    assert!(said.stderr.contains("a duration such as 30s, 5m or 1h30m"), "{}", said.stderr);
}

/// The server under strace, which does this to the syncs of the audit log.
pub(crate) fn under_strace(topsided: &Topsided, inject: &str) -> Option<crate::common::Spawned> {
    if !require("strace") {
        return None;
    }
    let mut command = topsided.command_by("strace");
    let inject = format!("inject=fdatasync:{inject}");
    command.args(["-f", "-qq", "-e", "trace=fdatasync", "-e", &inject, "-o"]);
    command.arg(topsided.path("trace")).arg(env!("CARGO_BIN_EXE_topsided"));
    Some(topsided.start_by(command))
}

#[test]
fn waiting_runs_share_a_sync_and_queries_wait_for_none() {
    let topsided = Topsided::new();
    let Some(mut server) = under_strace(&topsided, "delay_enter=400000") else { return };
    let mut client = server.connect();
    let ask =
        |client: &mut Raw, command: &str| client.ask("command/run", json!({"command": command}));
    let runs: Vec<u64> = (0..7).map(|_| ask(&mut client, "work")).collect();
    let (look, ping) = (ask(&mut client, "look"), client.ask("ping", json!({})));
    let mut answered = Vec::new();
    while answered.len() < 9 {
        answered.push(client.recv()["id"].as_u64().unwrap());
    }
    let mut first = answered[..2].to_vec();
    first.sort_unstable();
    assert_eq!(first, [look, ping], "{answered:?}, where {runs:?} wait for the disk");
    client.ok("server/shutdown", json!({}));
    server.rest();
    let trace = std::fs::read_to_string(topsided.path("trace")).unwrap();
    let syncs = trace.lines().filter(|line| line.contains("fdatasync(")).count();
    // One for the first, one for all requests in the meantime, and a few for entries without a waiting request.
    assert!(syncs <= 6, "{trace}");
}

#[test]
fn disconnecting_a_client_and_a_broadcast_are_recorded() {
    let topsided = Topsided::new();
    let state = topsided.path("state");
    let server = topsided.start();
    let (mut admin, mut other) = (server.connect(), server.connect());
    let whom = other.client_id();
    other.run("version", json!({}));
    admin.ok("broadcast", json!({"message": "mind the gate", "level": "warning"}));
    admin.ok("client/kick", json!({"clientId": whom, "reason": "out"}));
    let kick = entry(&state, "client/kick", |_| true);
    assert_eq!(
        (&kick["object"], &kick["result"]),
        (&json!(format!("client #{whom}")), &json!("begins"))
    );
    assert_eq!(kick["argv"][1], "reason=out");
    let told = entry(&state, "broadcast", |_| true);
    assert_eq!(told["argv"], json!(["level=warning", "message=mind the gate"]));
    entry(&state, "session/ended", |line| line["object"] == format!("client #{whom}"));
}
