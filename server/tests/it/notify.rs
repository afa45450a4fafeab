//! Notifications to people elsewhere: `[[notify]]` of `server.toml`, sent by a program.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use topside_server::{Config, Ended};

use crate::audit::{entries, entry};
use crate::common::server::{LOOPBACK, directory};
use crate::common::{DEADLINE, MENU, Raw, TestServer, Topsided, eventually, lines, wait_for};

/// Pauses that a test does not have to wait for.
fn fast(config: Config) -> Config {
    config.with_notify_pace(Duration::from_millis(50), Duration::ZERO)
}

/// A notifier that adds each event to the file `events` of this directory, and fails while there is a file `down`.
fn notifier(directory: &Path, fields: &str) -> String {
    let shown = directory.display();
    let script = format!(
        "test ! -e {shown}/down || {{ echo no network >&2; exit 7; }}\nevent=$(cat)\n\
         echo \"$event\" >> {shown}/events"
    );
    format!("[[notify]]\n{fields}\nexec = {}\n", json!(["sh", "-c", script]))
}

fn set_down(directory: &Path, is_down: bool) {
    let file = directory.join("down");
    if is_down {
        std::fs::write(file, "").unwrap();
    } else {
        std::fs::remove_file(file).unwrap();
    }
}

fn events(directory: &Path) -> Vec<Value> {
    lines(&directory.join("events"))
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Waits for so many events, and returns them.
#[track_caller]
fn wait_for_events(directory: &Path, count: usize) -> Vec<Value> {
    wait_for("events", || events(directory), |events| events.len() >= count)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

/// A server with such a notifier, and its directory.
fn server(menu: &str, fields: &str) -> (TempDir, TestServer) {
    let at = directory();
    let server = TestServer::with_config(menu, &notifier(at.path(), fields), fast);
    (at, server)
}

fn status(client: &mut Raw) -> Value {
    client.ok("server/status", json!({}))["notifiers"][0].clone()
}

#[test]
fn a_failed_run_and_the_first_success_after_it_are_reported_once_each() {
    let (at, server) = server(MENU, "include_args = true");
    let mut client = server.connect();
    client.run("work", json!({}));
    client.run("work", json!({"script": "exit 3"}));
    client.run("work", json!({}));
    client.run("work", json!({}));
    let events = wait_for_events(at.path(), 2);
    assert_eq!(kinds(&events), ["failed", "recovered"]);
    let failed = &events[0];
    let message = failed["message"].as_str().unwrap();
    assert!(message.starts_with("work: exit 3 (run #2, by "), "{message}");
    assert_eq!((&failed["runId"], &failed["exitCode"]), (&json!(2), &json!(3)));
    assert_eq!((&failed["count"], &failed["args"]["script"]), (&json!(1), &json!("exit 3")));
    assert_eq!((&events[1]["runId"], &events[1]["command"]), (&json!(3), &json!("work")));
    assert_ne!(failed["id"], events[1]["id"]);
    let shown = wait_for("it is sent", || status(&mut client), |row| row["waiting"] == 0);
    assert_eq!((&shown["notifier"], &shown["kind"]), (&json!("exec"), &json!("exec")));
    assert!(shown["sentAt"].is_string() && shown["failure"].is_null(), "{shown}");
}

#[test]
fn a_notifier_gets_the_events_and_commands_that_it_names_and_arguments_only_on_request() {
    let menu = format!(
        "{MENU}\n[commands.slow]\nexec = [\"sleep\", \"1000\"]\ntimeout = \"100ms\"\n\
         [commands.own]\nexec = [\"false\"]\nnotify = [\"failed\"]\n\
         [commands.quiet]\nexec = [\"sleep\", \"1000\"]\ntimeout = \"100ms\"\nnotify = []\n"
    );
    let fields = "on = [\"timedOut\"]\ncommands = [\"slow\", \"own\", \"quiet\", \"work\"]";
    let (at, server) = server(&menu, fields);
    let mut client = server.connect();
    client.run("sh", json!({"script": "exit 1"}));
    client.run("work", json!({"script": "exit 1"}));
    client.run("quiet", json!({}));
    client.run("own", json!({}));
    client.run("slow", json!({}));
    let events = wait_for_events(at.path(), 2);
    assert_eq!(kinds(&events), ["failed", "timedOut"]);
    assert_eq!((&events[0]["command"], &events[1]["command"]), (&json!("own"), &json!("slow")));
    assert!(events[0]["args"].is_null());
}

#[test]
fn a_notifier_that_fails_gets_the_event_once_it_works_and_equal_ones_as_one() {
    let (at, server) = server(MENU, "on = [\"failed\"]");
    let mut client = server.connect();
    set_down(at.path(), true);
    client.run("work", json!({"script": "exit 1"}));
    let failed = wait_for("a failure", || status(&mut client), |row| row["failure"].is_string());
    let failure = failed["failure"].as_str().unwrap();
    assert!(failure.contains("exit status: 7: no network"), "{failure}");
    for _ in 0..3 {
        client.run("work", json!({"script": "exit 2"}));
    }
    let waiting = status(&mut client);
    assert_eq!(waiting["waiting"], 2, "{waiting}");
    set_down(at.path(), false);
    let sent = wait_for("it is sent", || status(&mut client), |row| row["waiting"] == 0);
    assert!(sent["failure"].is_null(), "{sent}");
    let events = events(at.path());
    let counts: Vec<_> = events.iter().map(|event| event["count"].clone()).collect();
    assert_eq!(counts, [json!(1), json!(3)]);
    assert_eq!(events[1]["runId"], 4);
    let log = std::fs::read_to_string(server.root().join("state/topsided.log")).unwrap();
    assert_eq!(log.matches("could not be sent, is kept and sent again").count(), 1, "{log}");
    assert_eq!(log.matches("notifications are sent again").count(), 1);
}

#[test]
fn equal_events_after_one_that_was_sent_are_sent_as_one() {
    let at = directory();
    let settings = notifier(at.path(), "on = [\"failed\"]");
    let server = TestServer::with_config(MENU, &settings, |config| {
        config.with_notify_pace(Duration::from_millis(50), Duration::from_secs(10))
    });
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 1"}));
    wait_for_events(at.path(), 1);
    for _ in 0..5 {
        client.run("work", json!({"script": "exit 1"}));
    }
    client.run("sh", json!({"script": "exit 1"}));
    let events = wait_for_events(at.path(), 3);
    let told: Vec<_> = events.iter().map(|event| (&event["command"], &event["count"])).collect();
    let (work, sh) = (json!("work"), json!("sh"));
    // The first word about another command does not wait.
    assert_eq!(told, [(&work, &json!(1)), (&sh, &json!(1)), (&work, &json!(5))]);
}

#[test]
fn what_waits_is_sent_by_the_next_start_also_after_a_kill() {
    for signal in [Signal::TERM, Signal::KILL] {
        let topsided = Topsided::new();
        let at = topsided.path("notes");
        std::fs::create_dir(&at).unwrap();
        set_down(&at, true);
        topsided.write("server.toml", &notifier(&at, "on = [\"failed\"]"));
        let mut server = topsided.start();
        let mut client = server.connect();
        client.run("work", json!({"script": "exit 3"}));
        wait_for("a failure", || status(&mut client), |row| row["failure"].is_string());
        let kept = topsided.path("state/notify.json");
        eventually("it is on the disk", || lines(&kept).join("").contains("exit 3"));
        server.signal(signal);
        server.exit();
        set_down(&at, false);
        let mut server = topsided.start();
        wait_for_events(&at, 1);
        server.terminate();
        let events = events(&at);
        assert_eq!(kinds(&events), ["failed"], "{events:?}");
        assert!(!lines(&kept).join("").contains("exit 3"));
    }
}

#[test]
fn a_run_that_was_lost_is_reported_by_the_next_start() {
    let topsided = Topsided::new();
    let at = topsided.path("notes");
    std::fs::create_dir(&at).unwrap();
    topsided.write("server.toml", &notifier(&at, "on = [\"lost\"]"));
    let mut server = topsided.start();
    server.connect().start("echo begun; exec sleep 1000");
    topsided.wait_for_output(1);
    server.kill();
    let _server = topsided.start();
    let events = wait_for_events(&at, 1);
    assert_eq!((kinds(&events), &events[0]["runId"]), (vec!["lost"], &json!(1)));
}

#[test]
fn failed_hooks_are_reported_those_of_a_run_and_those_of_the_box() {
    let menu = format!(
        "{MENU}\n[commands.valve]\nexec = [\"false\"]\nsafe_state = [\"sh\", \"-c\", \"exit 4\"]\n"
    );
    let at = directory();
    let settings = notifier(at.path(), "on = [\"hookFailed\"]");
    let settings = format!("{settings}[hooks]\non_start = [\"false\"]\n");
    let server = TestServer::with_config(&menu, &settings, fast);
    server.connect().run("valve", json!({}));
    let events = wait_for_events(at.path(), 2);
    assert_eq!(events[0]["hook"], "on_start");
    assert_eq!((&events[1]["command"], &events[1]["runId"]), (&json!("valve"), &json!(1)));
}

#[test]
fn a_start_of_a_schedule_that_does_not_take_place_is_reported() {
    let menu = "[commands.hold]\nexec = [\"sleep\", \"1000\"]\nmax_concurrent = 1\n\
                [[commands.hold.schedule]]\nname = \"often\"\nevery = \"200ms\"\n";
    let (at, _server) = server(menu, "on = [\"missed\"]");
    let missed = wait_for_events(at.path(), 1).remove(0);
    assert_eq!((&missed["schedule"], &missed["command"]), (&json!("often"), &json!("hold")));
    let message = missed["message"].as_str().unwrap();
    assert!(message.starts_with("schedule often of hold: a start was missed: "), "{message}");
}

#[test]
fn a_start_whose_window_ends_while_it_waits_for_its_turn_is_reported() {
    let menu = "[commands.hold]\nexec = [\"sleep\", \"1000\"]\neffect = \"write\"\nmax_concurrent = 1\nqueue = 100\n\
                [[commands.hold.schedule]]\nname = \"often\"\nevery = \"400ms\"\nfor = \"200ms\"\n";
    let (at, server) = server(menu, "on = [\"missed\"]");
    server.connect().ok("command/run", json!({"command": "hold", "wait": false}));
    let expected =
        "schedule often of hold: a start was missed: it waited for its turn, and did not start";
    // On a slow machine a start can be missed for another reason, too.
    eventually("it is reported", || {
        events(at.path()).iter().any(|event| event["message"] == expected)
    });
}

#[test]
fn a_run_that_waits_for_approval_is_reported() {
    let menu = "[commands.wipe]\nexec = [\"true\"]\neffect = \"write\"\napproval = \"admin\"\n";
    let (at, server) = server(menu, "on = [\"approval\"]");
    let mut client = server.connect();
    let run = client.ok("command/run", json!({"command": "wipe", "wait": false}))["runId"].take();
    let asked = wait_for_events(at.path(), 1).remove(0);
    assert_eq!((&asked["event"], &asked["runId"]), (&json!("approval"), &run));
    let message = asked["message"].as_str().unwrap();
    assert!(message.starts_with("wipe waits for approval by role admin (run #1, by "), "{message}");
}

#[test]
fn a_change_of_the_audit_log_is_reported() {
    let (at, server) = server(MENU, "on = [\"auditBroken\"]");
    let mut client = server.connect();
    client.run("work", json!({}));
    std::fs::remove_file(server.root().join("state/audit.jsonl")).unwrap();
    client.run("work", json!({}));
    let events = wait_for_events(at.path(), 1);
    assert!(events[0]["message"].as_str().unwrap().contains("was removed while the server ran"));
}

#[test]
fn the_end_of_the_server_is_reported_before_it_ends() {
    let (at, server) = server(MENU, "on = [\"closing\"]");
    server.connect().ok("server/shutdown", json!({"reason": "new disk"}));
    assert_eq!(server.ended(), Ended::Stopped);
    let events = events(at.path());
    assert_eq!(kinds(&events), ["closing"]);
    let message = events[0]["message"].as_str().unwrap();
    assert!(message.starts_with("the server shuts down (exit), by "), "{message}");
    assert!(message.ends_with(": new disk"), "{message}");
}

#[test]
fn a_notifier_that_hangs_holds_up_the_end_for_two_seconds_at_most_and_is_killed() {
    let settings = "[[notify]]\non = [\"closing\"]\nexec = [\"sleep\", \"1000\"]\n";
    let server = TestServer::with_config(MENU, settings, fast);
    let begun = Instant::now();
    server.connect().ok("server/shutdown", json!({}));
    assert_eq!(server.ended(), Ended::Stopped);
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(2) && took < DEADLINE, "{took:?}");
    let kept = std::fs::read_to_string(server.root().join("state/notify.json")).unwrap();
    assert!(kept.contains("the server shuts down"), "{kept}");
}

#[test]
fn a_test_says_what_came_of_each_notifier_and_only_an_admin_may_test() {
    let at = directory();
    let settings = format!(
        "{}{}{LOOPBACK}",
        notifier(at.path(), "name = \"works\"\non = []"),
        "[[notify]]\nname = \"fails\"\non = []\nexec = [\"sh\", \"-c\", \"echo no route; exit 5\"]\n"
    );
    let server = TestServer::with_config(MENU, &settings, fast);
    let mut client = server.connect();
    let tested = client.ok("notify/test", json!({}));
    let rows = tested["notifiers"].as_array().unwrap();
    assert_eq!((&rows[0]["notifier"], &rows[0]["failure"]), (&json!("works"), &Value::Null));
    let failure = rows[1]["failure"].as_str().unwrap();
    assert_eq!(failure, "it ended with exit status: 5: no route");
    let one = client.ok("notify/test", json!({"notifier": "works"}));
    assert_eq!(one["notifiers"].as_array().unwrap().len(), 1);
    assert_eq!(kinds(&events(at.path())), ["test", "test"]);
    let refused = client.refused("notify/test", json!({"notifier": "work"}));
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("there is no notifier `work`: did you mean works?"), "{message}");
    let device = server.device("tablet", "operator");
    let refused = device.connect().refused("notify/test", json!({}));
    assert_eq!(refused["data"]["kind"], "forbidden");
    let state = server.root().join("state");
    entry(&state, "notify/test", |entry| entry["object"] == "notifier works");
    let tests = entries(&state).into_iter().filter(|entry| entry["action"] == "notify/test");
    assert_eq!(tests.count(), 2);
}

#[test]
fn a_reload_replaces_the_notifiers() {
    let topsided = Topsided::new();
    let (one, two) = (topsided.path("one"), topsided.path("two"));
    for directory in [&one, &two] {
        std::fs::create_dir(directory).unwrap();
    }
    topsided.write("server.toml", &notifier(&one, "on = [\"failed\"]"));
    let server = topsided.start();
    let mut client = server.connect();
    topsided.write("server.toml", &notifier(&two, "name = \"two\"\non = [\"failed\"]"));
    let reloaded = client.ok("server/reload", json!({}));
    assert_eq!(reloaded["changed"]["settings"], json!(["notify"]));
    client.run("work", json!({"script": "exit 1"}));
    wait_for_events(&two, 1);
    assert!(events(&one).is_empty());
}

#[test]
fn an_error_of_a_notifier_has_its_place_and_an_unknown_command_is_a_remark() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[[notify]]\nexec = [\"true\"]\non = [\"faild\"]\n");
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(78), "{said:?}");
    assert!(said.stderr.contains("server.toml:3:7: `on` of [[notify]] must hold"), "{said:?}");
    topsided.write("commands.toml", "[commands.a]\nexec = [\"true\"]\nnotify = [\"closing\"]\n");
    topsided.write("server.toml", "");
    let said = topsided.run(&["check"]);
    assert!(
        said.stderr
            .contains("commands.toml:3:11: `notify` of command `a` must hold names of events"),
        "{said:?}"
    );
    topsided.write("commands.toml", MENU);
    topsided.write("server.toml", "[[notify]]\nexec = [\"true\"]\ncommands = [\"worc\"]\n");
    let server = topsided.start();
    server.connect().ok("ping", json!({}));
    let log = std::fs::read_to_string(topsided.path("state/topsided.log")).unwrap();
    assert!(
        log.contains(
            "[[notify]] exec names the command `worc`, which is not in the menu: did you mean work?"
        ),
        "{log}"
    );
}
