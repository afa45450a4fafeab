//! Reading the files again while the server serves: all of it or nothing.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::server::write;
use crate::common::{MENU, Raw, SHELL_WORKER, TestServer, Topsided};

fn server_with(menu: &str) -> TestServer {
    TestServer::with(menu, "")
}

fn rewrite(server: &TestServer, name: &str, text: &str) {
    write(&server.root().join("config").join(name), text);
}

fn reload(client: &mut Raw) -> Value {
    client.ok("server/reload", json!({}))
}

fn names(client: &mut Raw) -> Vec<String> {
    let commands = client.ok("commands/list", json!({}))["commands"].take();
    let names = commands.as_array().unwrap().iter();
    names.map(|command| command["name"].as_str().unwrap().to_owned()).collect()
}

const FRESH: &str = "[commands.fresh]\nexec = [\"printf\", \"new\"]\neffect = \"read\"\n";

#[test]
fn a_reload_reports_the_changes_to_its_caller_and_to_subscribers() {
    let server = server_with(&format!("{MENU}\n[commands.old]\nexec = [\"true\"]\n"));
    let (mut admin, mut watcher) = (server.connect(), server.connect());
    let begun = watcher.ok("events/subscribe", json!({"topics": ["server"]}));
    assert_eq!(begun["snapshot"]["server"]["revision"], 1);
    let menu = MENU.replace("title = \"Look\"", "title = \"Look at it\"");
    rewrite(&server, "commands.toml", &format!("{menu}{FRESH}"));
    rewrite(&server, "server.toml", "[limits]\nmax_runs = 3\n[listen]\nport = 0\n");
    let changed = json!({
        "added": ["fresh"], "changed": ["look"], "removed": ["old"],
        "settings": ["limits.max_runs"], "atRestart": ["listen.port"],
    });
    assert_eq!(reload(&mut admin), json!({"revision": 2, "changed": changed}));
    assert_eq!(watcher.told("server/reloaded"), json!({"revision": 2}));
    assert_eq!(admin.ok("commands/list", json!({}))["revision"], 2);
    assert_eq!(admin.run("fresh", json!({}))["output"], "new");
    assert!(!names(&mut admin).contains(&"old".to_owned()));
    // Nothing is different now but what waits.
    let waits = json!({"atRestart": ["listen.port"]});
    assert_eq!(reload(&mut admin), json!({"revision": 2, "changed": waits}));
    rewrite(&server, "server.toml", "[limits]\nmax_runs = 3\n");
    assert_eq!(reload(&mut admin), json!({"revision": 2, "changed": {}}));
    watcher.nothing_told();
}

/// The commands of the starter menu were `removed`, and nothing said why.
#[test]
fn a_reload_says_that_the_first_menu_file_replaces_the_starter_menu() {
    let topsided = Topsided::new();
    std::fs::remove_file(topsided.path("config/commands.toml")).unwrap();
    let server = topsided.start();
    let mut client = server.connect();
    assert_eq!(reload(&mut client)["changed"], json!({}));
    topsided.write("commands.toml", "[commands.own]\nexec = [\"true\"]\n");
    let changed = reload(&mut client)["changed"].take();
    assert_eq!((&changed["added"], &changed["replacesStarter"]), (&json!(["own"]), &json!(true)));
    assert!(reload(&mut client)["changed"].get("replacesStarter").is_none());
}

#[test]
fn limits_hold_at_once() {
    let server = server_with(MENU);
    let gate = server.fifo("gate");
    let script = format!("read x < {}", gate.path());
    let mut client = server.connect();
    client.start(&script);
    rewrite(&server, "server.toml", "[limits]\nmax_runs_per_client = 2\n");
    reload(&mut client);
    client.start(&script);
    let run = json!({"command": "sh", "args": {"script": script}});
    let error = client.refused("command/run", run);
    assert_eq!(error["data"]["limit"], "max_runs_per_client");
}

#[test]
fn a_wrong_file_changes_nothing_and_is_told_with_its_place() {
    let server = server_with(MENU);
    let mut client = server.connect();
    let before = names(&mut client);
    rewrite(&server, "commands.toml", &format!("{FRESH}effekt = \"read\"\n"));
    rewrite(&server, "server.toml", "[limits]\nmax_runs = 1\n");
    let error = client.refused("server/reload", json!({}));
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("nothing was changed: "), "{message}");
    assert!(
        message.contains("commands.toml:4:1: ") && message.contains("did you mean effect?"),
        "{message}"
    );
    let mistake = &error["data"]["mistakes"][0];
    assert_eq!((&error["code"], &mistake["line"]), (&json!(-32602), &json!(4)));
    assert_eq!(mistake["column"], 1);
    assert!(mistake["file"].as_str().unwrap().ends_with("commands.toml"));
    // Not even the file that is sound.
    assert_eq!(names(&mut client), before);
    let gate = server.fifo("gate");
    for _ in 0..2 {
        client.start(&format!("read x < {}", gate.path()));
    }
}

#[test]
fn a_run_keeps_the_definition_that_it_was_asked_for_with() {
    let menu = |word: &str| {
        format!(
            "{MENU}\n[commands.pump]\nexec = [\"sh\", \"-c\", \"echo {word}; cat\"]\nstdin = \"prompt\"\n\
             lock = [\"water\"]\nqueue = 1\n"
        )
    };
    let server = server_with(&menu("old"));
    let mut client = server.connect();
    let first = client.ok("command/run", json!({"command": "pump", "wait": false}));
    let second = client.ok("command/run", json!({"command": "pump", "wait": false}));
    assert_eq!(second["state"], "queued");
    rewrite(&server, "commands.toml", &menu("new"));
    reload(&mut client);
    let ids = [&first, &second].map(|row| row["runId"].clone());
    for id in &ids {
        let attach = client.ask("run/attach", json!({"runId": id}));
        let mut told = client.recv();
        while told["method"] == "run/changed" {
            told = client.recv();
        }
        assert_eq!(told["params"]["data"], "old\n");
        client.ok("run/input", json!({"runId": id, "eof": true}));
        assert_eq!(client.answer(attach)["result"]["state"], "succeeded");
    }
    let third = client.ok("command/run", json!({"command": "pump", "wait": false}));
    let attach = client.ask("run/attach", json!({"runId": third["runId"]}));
    assert_eq!(client.told("run/output")["data"], "new\n");
    client.ok("run/input", json!({"runId": third["runId"], "eof": true}));
    client.answer(attach);
}

/// A worker that answers each call with its process's number and `word`.
fn worker(word: &str, more: &str) -> String {
    let script = format!(
        r#"{SHELL_WORKER}; while read -r call; do answer "\"result\":\"$$ {word}\""; done"#
    );
    let script = toml::Value::from(script);
    format!(
        "[workers.w]\nexec = [\"sh\", \"-c\", {script}]\n[commands.who]\nworker = \"w\"\n{more}"
    )
}

#[test]
fn a_worker_that_is_declared_as_before_goes_on_and_another_one_is_started_anew() {
    let server = server_with(&worker("one", ""));
    let mut client = server.connect();
    let who = |client: &mut Raw| client.run("who", json!({}))["output"].take();
    let first = who(&mut client);
    assert!(first.as_str().unwrap().ends_with(" one\n"), "{first}");
    rewrite(&server, "commands.toml", &worker("one", "title = \"Who\"\n"));
    assert_eq!(reload(&mut client)["changed"], json!({"changed": ["who"]}));
    assert_eq!(who(&mut client), first);
    rewrite(&server, "commands.toml", &worker("two", ""));
    let changed = json!({"changed": ["who"], "workers": ["w"]});
    assert_eq!(reload(&mut client)["changed"], changed);
    let second = who(&mut client);
    assert!(second.as_str().unwrap().ends_with(" two\n"), "{second}");
    // The first one has ended by then.
    let pid = first.as_str().unwrap().split(' ').next().unwrap();
    assert!(!std::path::Path::new("/proc").join(pid).exists());
    rewrite(&server, "commands.toml", MENU);
    let changed = reload(&mut client)["changed"].take();
    assert_eq!((&changed["removed"], &changed["workers"]), (&json!(["who"]), &json!(["w"])));
}

#[test]
fn a_hang_up_signal_has_the_files_read_again_where_no_terminal_has_hung_up() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    client.ok("events/subscribe", json!({"topics": ["server"]}));
    topsided.write("commands.toml", &format!("{MENU}{FRESH}"));
    server.signal(Signal::HUP);
    assert_eq!(client.told("server/reloaded"), json!({"revision": 2}));
    assert_eq!(client.run("fresh", json!({}))["output"], "new");
    topsided.write("commands.toml", "[commands.fresh\n");
    server.signal(Signal::HUP);
    let said = server.says("nothing changed: the files are refused");
    assert!(said.contains("SIGHUP") && said.contains("commands.toml:1:"), "{said}");
    assert_eq!(client.run("fresh", json!({}))["output"], "new");
    // In the middle of another one it still ends in order.
    server.signal(Signal::HUP);
    server.terminate();
}

#[test]
fn a_server_without_descriptors_keeps_its_menu_and_reads_again_when_it_has_some() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let topsided = Topsided::new();
    let server = topsided.start();
    let mut client = server.connect();
    client.run("look", json!({}));
    topsided.write("commands.toml", &format!("{MENU}{FRESH}"));
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let limit = |most| {
        let limit = Rlimit { current: Some(most), maximum: Some(4096) };
        prlimit(pid, Resource::Nofile, limit).unwrap();
    };
    // Fewer than it has open already.
    limit(4);
    let error = client.refused("server/reload", json!({}));
    assert!(error["message"].as_str().unwrap().starts_with("nothing was changed: "), "{error}");
    assert!(!names(&mut client).contains(&"fresh".to_owned()));
    limit(4096);
    assert_eq!(reload(&mut client)["changed"], json!({"added": ["fresh"]}));
}

#[test]
fn a_file_that_is_cut_at_any_byte_is_sound_or_told_with_its_place_and_never_half_taken() {
    let server = server_with(MENU);
    let mut client = server.connect();
    // Comments are many, and a cut in one is like any other.
    let settings = include_str!("../../../config/server.toml");
    let settings = settings.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let settings: String = settings.flat_map(|line| [line, "\n"]).collect();
    for (name, text) in [("commands.toml", MENU), ("server.toml", &*settings)] {
        let before = client.ok("commands/list", json!({}));
        let mut refused = 0;
        for cut in 0..text.len() {
            rewrite(&server, name, &text[..cut]);
            let id = client.ask("server/reload", json!({}));
            let answer = client.answer(id);
            if let Some(error) = answer.get("error") {
                refused += 1;
                let mistake = &error["data"]["mistakes"][0];
                assert!(mistake["line"].is_u64(), "{cut}: {error}");
                assert!(mistake["file"].as_str().unwrap().ends_with(name), "{cut}: {error}");
            }
        }
        assert!(refused > 50, "{refused}");
        rewrite(&server, name, if name == "commands.toml" { MENU } else { "" });
        reload(&mut client);
        let after = client.ok("commands/list", json!({}));
        assert_eq!(before["commands"], after["commands"]);
    }
}
