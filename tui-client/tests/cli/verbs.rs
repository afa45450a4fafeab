//! Each action of the screen as a verb, as a script uses it: against a real server, and with a second client
//! that sees what is done. One file: its tests share the menu, and a test of one verb uses others.

use rustix::process::Signal;

use crate::common::{Place, eventually, text};
use crate::terminal::Terminal;

const ASKS: &str = r#"
[commands.ask]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "printf 'Name: '; read n; echo \"hello $n\"; read more || echo end"]

[commands.login]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "printf 'Name: '; read n; printf 'Password: '; read p; echo; printf 'Again, the name: '; read a; echo \"$n $p $a\""]
"#;

fn place() -> Place {
    let place = Place::new();
    place.listen();
    std::fs::create_dir(place.path("config/commands.d")).unwrap();
    place.write("config/commands.d/asks.toml", ASKS);
    place
}

#[test]
fn lists_are_words_for_people_and_the_wire_s_own_json_for_programs() {
    let place = place();
    let _server = place.serve();
    place.run(&["own-status", "3"]).with(3);

    let status = place.verb(&["status"]).with(0).out;
    assert!(status.contains("server ") && status.contains("listens on  unix "), "{status}");
    // A client that has just ended may be counted for a moment.
    eventually("one client", || place.json(&["status"])["clients"] == 1);
    assert_eq!(place.json(&["status"])["runs"]["started"], 1);

    let clients = place.verb(&["clients"]).with(0).out;
    assert!(clients.contains("same machine") && clients.contains("you"), "{clients}");
    assert_eq!(place.json(&["clients"])["clients"][0]["connection"], "same");

    let menu = place.verb(&["menu"]).with(0).out;
    assert!(
        menu.contains("  own-status  ")
            && menu.contains("(needs arguments)")
            && menu.contains("Server\n"),
        "{menu}"
    );
    let menu = place.json(&["menu"]);
    assert!(menu["commands"].as_array().unwrap().iter().any(|c| c["name"] == "own-status"));

    let runs = place.verb(&["runs"]).with(0).out;
    assert!(runs.contains("failed  3") && runs.contains("own-status"), "{runs}");
    assert_eq!(place.json(&["runs"])["runs"][0]["exitCode"], 3);
    assert_eq!(place.json(&["runs", "--state", "succeeded"])["runs"], serde_json::json!([]));

    let log = place.verb(&["log", "--match", "SERVER STARTED"]).with(0).out;
    assert!(log.ends_with('\n') && log.lines().count() == 1, "{log}");
    assert_eq!(place.json(&["log", "-n", "1", "--level", "info"])["entries"][0]["level"], "info");
    assert_eq!(place.json(&["log", "--level", "error"])["entries"], serde_json::json!([]));
}

#[test]
fn more_rows_than_one_page_all_come() {
    let place = place();
    let _server = place.serve();
    let lines = "own-status 0\n".repeat(120);
    place.lines(&[], &lines).with(0);
    let runs = |limit: &str| place.json(&["runs", "--limit", limit])["runs"].clone();
    assert_eq!(runs("121").as_array().unwrap().len(), 120);
    assert_eq!(runs("7").as_array().unwrap().len(), 7);
    assert_eq!(runs("0").as_array().unwrap().len(), 0);
}

#[test]
fn what_is_refused_has_its_status_and_with_json_the_server_s_own_error() {
    let place = place();
    for verb in ["status", "clients", "menu", "runs", "reload", "cancel-shutdown", "notices"] {
        let ended = place.verb(&[verb]).with(125);
        assert!(ended.err.contains("no server runs on this machine"), "{ended:?}");
    }
    let _server = place.serve();
    for (args, status) in [
        (&["attach", "7"][..], 127),
        (&["cancel", "#7"], 127),
        (&["input", "7", "x"], 127),
        (&["kick", "99", "--yes"], 127),
        (&["kick", "99"], 127),
        (&["revoke", "unknown", "--yes"], 127),
        (&["cancel-shutdown"], 127),
        (&["postpone"], 127),
        (&["broadcast", ""], 126),
        (&["kick", "seven"], 2),
        (&["runs", "--state", "odd"], 2),
        (&["log", "-n", "0"], 2),
        (&["log", "-n", "1001"], 2),
        (&["status", "--on", "nowhere"], 125),
        (&["status", "--via", "lan"], 2),
        (&["test", "--via", "lan"], 2),
        (&["test", "x", "--on", "x"], 2),
        (&["test", "--on", "nowhere"], 125),
        (&["edit", "this machine"], 126),
        (&["postpone", "0"], 2),
    ] {
        let ended = place.verb(args).with(status);
        assert_eq!(ended.out, "", "{args:?}");
        assert!(!ended.err.is_empty(), "{args:?}");
    }
    let ended = place.verb(&["cancel", "7", "--json"]).with(127);
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(said["error"]["code"], -32004);
    let ended = place.verb(&["status", "--on", "nowhere", "--json"]).with(125);
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert!(said["error"]["message"].as_str().unwrap().contains("nowhere"), "{said}");
}

#[test]
fn a_dangerous_verb_without_a_terminal_needs_yes() {
    let place = place();
    let mut server = place.serve();
    let mut other = place.start(&["notices"]);
    let number = |place: &Place| {
        let clients = place.json(&["clients"])["clients"].clone();
        let other = clients.as_array().unwrap().iter().find(|row| row["you"] != true).cloned();
        other.map(|row| row["clientId"].to_string())
    };
    let client = loop {
        if let Some(number) = number(&place) {
            break number;
        }
    };
    for args in [&["kick", &client][..], &["shutdown"], &["revoke", "x"], &["delete", "x"]] {
        if args[0] == "delete" {
            place.verb(&["add", "x"]).with(0);
        }
        if args[0] == "revoke" {
            place.verb(&["invite", "--name", "x", "--role", "viewer"]).with(0);
        }
        let ended = place.verb(args).with(126);
        assert!(ended.err.contains("--yes"), "{ended:?}");
    }
    assert_eq!(number(&place), Some(client.clone()), "still there");
    let sent = place.verb(&["kick", "--yes", &client, "too", "loud"]).with(0);
    assert_eq!(sent.out, format!("#{client} was disconnected\n"));
    assert!(other.said("too loud").contains("disconnected"), "why it ended");
    other.end().with(125);
    place.verb(&["revoke", "x", "--yes"]).with(0);
    place.verb(&["delete", "x", "--yes"]).with(0);
    place.verb(&["shutdown", "--yes"]).with(0);
    assert_eq!(server.wait(), Some(0));
}

/// The question of the menu's command could be answered with --yes alone.
#[test]
fn a_power_off_wants_the_name_of_the_server_in_every_way_of_giving_the_command() {
    let place = place();
    let host = "[host]\npoweroff = ['sh', '-c', 'kill -TERM $PPID']\n";
    place.write("config/server.toml", host);
    let mut server = place.serve();
    let needs_name = "confirmed with the name of the server: use the verb, `shutdown --then poweroff --name SERVER`";
    for args in [
        &["shutdown", "then=poweroff"][..],
        &["--yes", "shutdown", "then=poweroff"],
        &["--yes", "ks", "--then", "poweroff"],
    ] {
        let ended = place.run(args).with(126);
        assert!(ended.err.contains(needs_name), "{ended:?}");
    }
    let ended = place.lines(&["--yes"], "shutdown then=poweroff\n").with(126);
    assert!(ended.err.contains(needs_name), "{ended:?}");
    let ended = place.verb(&["shutdown", "--then", "poweroff", "--yes"]).with(126);
    let name = ended.err.split("pass --name ").nth(1).unwrap().trim().to_owned();
    place.verb(&["status"]).with(0);
    // What ends only the server asks as before.
    let ended = place.run(&["shutdown"]).with(126);
    assert!(ended.err.contains("--yes"), "{ended:?}");
    place.verb(&["shutdown", "--then", "poweroff", "--yes", "--name", &name]).with(0);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_terminal_is_asked_and_only_the_whole_name_ends_a_server() {
    let place = place();
    let mut server = place.serve();
    let hostname = place.json(&["runs"]);
    assert_eq!(hostname["runs"], serde_json::json!([]));
    let mut terminal = Terminal::open(&place, &["shutdown", "moving", "--back", "14:00"]);
    let asked = terminal.sees("to continue: ");
    let name =
        asked.split("Type ").nth(1).unwrap().split(" to continue").next().unwrap().to_owned();
    terminal.enter("y");
    let (shown, status) = terminal.end();
    assert!(shown.contains("nothing was done"), "{shown}");
    assert_eq!(status, 126);
    place.verb(&["status"]).with(0);

    let mut other = place.start(&["notices", "--json"]);
    place.verb(&["broadcast", "hello"]).with(0);
    // Once it is told something it is there.
    while place.json(&["broadcast", "hello"])["delivered"] == 0 {}
    assert_eq!(other.json()["broadcast"]["message"], "hello");
    let mut terminal = Terminal::open(&place, &["shutdown", "moving", "--back", "14:00"]);
    terminal.sees("to continue: ");
    terminal.enter(&name);
    let (_, status) = terminal.end();
    assert_eq!(status, 0);
    let closing = loop {
        let told = other.json();
        if told["closing"].is_object() {
            break told["closing"].clone();
        }
    };
    assert_eq!((&closing["phase"], &closing["reason"]), (&"now".into(), &"moving".into()));
    assert!(closing["back"].as_str().is_some_and(|back| back.ends_with(":00.000Z")), "{closing}");
    other.end().with(125);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn each_change_of_a_shutdown_is_notified_with_its_user() {
    let place = place();
    let _server = place.serve();
    let mut other = place.start(&["notices"]);
    while place.json(&["broadcast", "--level", "warning", "brace"])["delivered"] == 0 {}
    assert!(other.json()["broadcast"]["level"] == "warning");
    let ordered = place
        .verb(&[
            "shutdown",
            "--yes",
            "--in",
            "1h",
            "--back",
            "2099-03-01T20:00:00Z",
            "--restart",
            "new",
            "disk",
        ])
        .with(0);
    assert!(ordered.out.contains("; expected back 2099-03-0"), "{ordered:?}");
    assert!(
        ordered.out.contains("restarts in 59 m") || ordered.out.contains("restarts in 1 h"),
        "{ordered:?}"
    );
    let next = |other: &mut crate::common::Running| loop {
        let told = other.json();
        if told["closing"].is_object() {
            return told["closing"].clone();
        }
    };
    let told = next(&mut other);
    assert_eq!((&told["phase"], &told["reason"]), (&"scheduled".into(), &"new disk".into()));
    assert_eq!(told["restart"], true);
    place.verb(&["postpone", "30m"]).with(0);
    let later = next(&mut other);
    assert!(later["inMs"].as_u64() > told["inMs"].as_u64(), "{later}");
    for field in ["reason", "restart", "then", "back"] {
        assert_eq!(later[field], told[field], "{field}");
    }
    assert_eq!(later["back"], "2099-03-01T20:00:00.000Z");
    let again = place.verb(&["postpone", "1h30m", "--back", "2099-04-01T20:00:00Z"]).with(0);
    assert!(again.out.contains(": new disk; expected back 2099-04-0"), "{again:?}");
    assert_eq!(next(&mut other)["back"], "2099-04-01T20:00:00.000Z");
    place.verb(&["postpone", "5m", "old", "disk"]).with(0);
    let anew = next(&mut other);
    assert_eq!((&anew["reason"], &anew["restart"]), (&"old disk".into(), &true.into()));
    assert_eq!(anew["back"], "2099-04-01T20:00:00.000Z");
    for back in ["tomorrow", "2020-01-01T00:00:00Z"] {
        let refused = place.verb(&["postpone", "--back", back]).with(2);
        assert!(refused.err.contains("--back: the expected return"), "{refused:?}");
    }
    assert!(place.verb(&["status"]).with(0).out.contains("restarts "), "it is due");
    place.verb(&["cancel-shutdown"]).with(0);
    assert_eq!(next(&mut other)["phase"], "cancelled");
    place.verb(&["cancel-shutdown"]).with(127);
    other.signal(Signal::INT);
    other.end().with(130);
}

#[test]
fn watching_gives_a_json_line_for_each_change_and_words_at_a_terminal() {
    let place = place();
    let _server = place.serve();
    let mut clients = place.start(&["clients", "--watch"]);
    assert_eq!(clients.json()["joined"]["you"], true, "who is there first");
    let mut runs = place.start(&["runs", "--watch"]);
    let joined = clients.json();
    assert_eq!(joined["joined"]["connection"], "same");
    let mut log = place.start(&["log", "--follow", "-n", "1"]);
    assert_eq!(log.json()["message"], "client connected");

    // A watcher has subscribed once what is there was printed; of runs there is nothing yet.
    let file = place.path("go");
    let run = place.start(&["run", "wait-for", text(&file)]);
    let row = runs.json();
    assert_eq!((&row["command"], &row["state"]), (&"wait-for".into(), &"running".into()));
    std::fs::write(&file, "").unwrap();
    run.end().with(0);
    let ended = loop {
        let row = runs.json();
        if row["state"] != "running" {
            break row;
        }
    };
    assert_eq!(ended["state"], "succeeded");
    assert!(log.json()["message"].as_str().unwrap().contains("client"));
    log.signal(Signal::INT);
    log.end().with(130);
    let left = loop {
        let line = clients.json();
        if line["left"].is_object() {
            break line;
        }
    };
    assert!(left["left"]["clientId"].is_u64(), "{left}");

    let mut terminal = Terminal::open(&place, &["log", "--follow", "-n", "1"]);
    let shown = terminal.sees("client connected");
    assert!(!shown.contains('{'), "{shown}");
    terminal.type_text("\u{3}");
    assert_eq!(terminal.end().1, 130);
    runs.break_pipe();
    place.run(&["own-status", "0"]).with(0);
    assert_eq!(runs.end().with(141).err, "");
}

#[test]
fn a_terminal_does_not_show_what_is_typed_for_a_run_that_asks_for_a_secret() {
    let place = place();
    let _server = place.serve();
    let mut terminal = Terminal::open(&place, &["run", "login"]);
    terminal.sees("Name: ");
    terminal.enter("ann");
    let shown = terminal.sees("Password: ");
    assert!(shown.contains("ann"), "{shown}");
    terminal.enter("hunter2");
    let shown = terminal.sees("Again, the name: ");
    assert!(!shown.contains("hunter2"), "{shown}");
    terminal.enter("bob");
    let (shown, status) = terminal.end();
    assert!(shown.contains("bob") && shown.contains("ann hunter2 bob"), "{shown}");
    assert_eq!(status, 0);
}

#[test]
fn a_run_is_followed_answered_and_cancelled_by_its_number() {
    let place = place();
    let _server = place.serve();
    let detached = place.run(&["--detach", "ask"]).with(0);
    let run = detached.out.trim();
    let mut follower = place.start(&["attach", run]);
    place.verb(&["input", run, "ann"]).with(0);
    assert_eq!(follower.line(), "Name: hello ann\n");
    let mut more = place.start(&["input", run, "--end"]);
    more.write("half");
    more.end().with(0);
    let ended = follower.end().with(0);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("end\n", ""));
    place.verb(&["input", run, "x"]).with(127);

    let again = place.verb(&["attach", run, "--from", "6"]).with(0);
    assert_eq!(again.out, "hello ann\nend\n");
    let object = place.json(&["attach", run]);
    assert_eq!(
        (&object["state"], &object["output"]),
        (&"succeeded".into(), &"Name: hello ann\nend\n".into())
    );

    let file = place.path("never");
    let run = place.run(&["--detach", "wait-for", text(&file)]).with(0).out;
    let mut follower = place.start(&["attach", run.trim()]);
    assert_eq!(follower.line(), "begun\n");
    // Leaving it does not end it.
    let mut left = place.start(&["attach", run.trim()]);
    assert_eq!(left.line(), "begun\n");
    left.signal(Signal::INT);
    left.end().with(130);
    let said = place.verb(&["cancel", run.trim()]).with(0);
    assert_eq!(said.out, format!("run #{} cancelled\n", run.trim()));
    let told = follower.end().with(1).err;
    let (_, by) = told.split_once("was cancelled by ").expect(&told);
    assert!(by.contains(" (client #"), "{told}");
    // Lists and a later look at it name the same client.
    let remark = format!("(cancelled by {})", by.trim());
    let list = place.verb(&["runs"]).with(0).out;
    assert!(list.contains(&remark), "{list}");
    let later = place.verb(&["attach", run.trim()]).with(1).err;
    assert!(later.contains(by), "{later}");
    place.run(&["own-signal"]).with(137);
}

/// `:invite phone --role operator` was refused: "unexpected argument 'phone' found".
#[test]
fn the_name_of_an_invite_may_stand_alone() {
    let place = place();
    let _server = place.serve();
    let made = place.verb(&["invite", "phone", "--role", "operator"]).with(0);
    assert!(made.err.contains("for phone as operator, once, until "), "{made:?}");
    let nameless = place.verb(&["invite", "--role", "operator"]).with(2);
    assert!(nameless.err.contains("--name <NAME>"), "{nameless:?}");
    place.verb(&["invite", "x", "--name", "y", "--role", "viewer"]).with(2);
}

#[test]
fn an_invite_made_by_a_verb_pairs_and_a_revoked_key_is_out() {
    let place = place();
    let _server = place.serve();
    let made = place.verb(&["invite", "--name", "phone", "--role", "admin", "--qr"]).with(0);
    assert!(made.err.contains("for phone as admin, once, until "), "{made:?}");
    assert!(made.out.contains('\u{2588}'), "a code to scan");
    let phone = Place::new();
    phone.verb(&["pair", made.out.lines().next().unwrap(), "--name", "garden"]).with(0);
    phone.verb(&["status", "--on", "garden"]).with(0);
    phone.verb(&["broadcast", "--on", "garden", "hello"]).with(0);
    let ways = phone.json(&["test", "garden"]);
    assert!(ways["ways"][0]["rttMs"].as_f64().unwrap() > 0.0, "{ways}");

    let mut there = phone.start(&["notices", "--on", "garden"]);
    while place.json(&["broadcast", "hello"])["delivered"] == 0 {}
    there.json();
    assert_eq!(place.json(&["keys"])["keys"].as_array().unwrap().len(), 1 + 1, "invite and key");
    let revoked = place.verb(&["revoke", "phone", "--yes"]).with(0);
    assert!(revoked.out.starts_with("revoked phone (sha256:"), "{revoked:?}");
    assert!(there.said("revoked").contains("topside:"), "it is told why");
    there.end().with(125);
    phone.verb(&["status", "--on", "garden"]).with(125);
    phone.verb(&["test", "garden"]).with(125);

    let token = place
        .verb(&["token", "--name", "cron", "--role", "viewer", "--commands", "status"])
        .with(0);
    let cron = Place::new();
    cron.verb(&["pair", token.out.trim(), "--name", "garden"]).with(0);
    cron.verb(&["run", "--on", "garden", "status"]).with(0);
    cron.verb(&["run", "--on", "garden", "clients"]).with(126);
}

#[test]
fn reload_says_what_changed_or_where_the_mistake_is() {
    let place = place();
    let _server = place.serve();
    assert_eq!(place.verb(&["reload"]).with(0).out, "nothing has changed\n");
    place.write(
        "config/commands.d/more.toml",
        "[commands.more]\nexec = [\"/bin/true\"]\neffect = \"read\"\n",
    );
    assert_eq!(place.verb(&["reload"]).with(0).out, "added: more\n");
    place.run(&["more"]).with(0);
    place.write("config/commands.d/more.toml", "[commands.more]\nexec = 3\n");
    let ended = place.verb(&["reload"]);
    assert_ne!(ended.status, Some(0));
    assert!(ended.err.contains("more.toml:2:"), "{ended:?}");
    place.run(&["more"]).with(0);
}
