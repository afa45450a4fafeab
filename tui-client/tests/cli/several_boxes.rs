//! `topside run` on several boxes: each a real server with a state of its own, paired with one client. One file: its
//! tests share the boxes and their menu.

use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::json;

use crate::common::{Ended, Place, eventually, text};
use crate::remote_server::{Box, pair, saved};
use crate::terminal::Terminal;

/// What all boxes of these tests can do. `NAME` is the box, `DIR` the directory of the test.
const MENU: &str = r#"
[commands.state]
effect = "read"
exec = ["/bin/sh", "-c", "cat DIR/state.NAME; echo warn >&2; exit $(cat DIR/exit.NAME)"]

[commands.write-down]
effect = "write"
exec = ["/bin/sh", "-c", "echo NAME >> DIR/log; exit $(cat DIR/exit.NAME)"]

[commands.wait]
effect = "read"
exec = ["/bin/sh", "-c", "trap 'echo ended; exit 3' TERM; echo NAME waits; echo begun > DIR/begun.NAME; while :; do sleep 0.02; done"]

# Says that it was asked to end, and goes on.
[commands.stubborn]
effect = "read"
stop_timeout = "1m"
exec = ["/bin/sh", "-c", "trap 'echo > DIR/asked.NAME' TERM; echo > DIR/begun.NAME; while [ ! -e DIR/go ]; do sleep 0.02; done"]

[commands.hold]
effect = "read"
exec = ["/bin/sh", "-c", "echo begin >> DIR/turns; echo > DIR/begun.NAME; while [ ! -e DIR/go.NAME ]; do sleep 0.02; done; echo end >> DIR/turns"]

[commands.flood]
effect = "read"
exec = ["/bin/sh", "-c", "head -c 2000000 /dev/zero | tr '\\0' x; echo end"]

[commands.words]
effect = "read"
exec = ["/bin/sh", "-c", "wc -w < $0", "{file}"]
[[commands.words.args]]
name = "file"
type = "file"
required = true
accept = ["*.txt"]

[commands.asks]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "read line || echo nothing to read"]
"#;

const DRAIN: &str = r#"
[commands.drain]
effect = "destructive"
confirm = "Drain zone {zone}?"
exec = ["/bin/sh", "-c", "echo NAME $1 >> DIR/log", "sh", "{zone}"]
[[commands.drain.args]]
name = "zone"
type = "int"
default = 7
"#;

/// Boxes, and a client that is paired with each as admin.
struct Fleet {
    client: Place,
    boxes: Vec<Box>,
}

impl Fleet {
    /// The names of the boxes; one with `!` can drain.
    fn new(names: &[&str]) -> Self {
        let client = Place::new();
        let boxes = names.iter().map(|name| {
            let (menu, name) = match name.strip_suffix('!') {
                Some(name) => (format!("{MENU}{DRAIN}"), name),
                None => (MENU.to_owned(), *name),
            };
            let menu = menu.replace("DIR", text(&client.path("."))).replace("NAME", name);
            let each = Box::with(Place::with_menu(&menu));
            let invite = each.verb(&["invite", "--name", "laptop", "--role", "admin"]);
            pair(&client, &[&invite, "--name", name]).with(0);
            client.write(&format!("state.{name}"), "fine\n");
            client.write(&format!("exit.{name}"), "0\n");
            each
        });
        let boxes = boxes.collect();
        Self { client, boxes }
    }

    /// Waits until a run has written these files.
    fn wait_for(&self, names: &[&str]) {
        for name in names {
            eventually(&format!("{name} is written"), || self.client.path(name).exists());
        }
    }

    /// `topside run --on LIST ..`.
    fn run(&self, list: &str, args: &[&str]) -> Ended {
        self.client.run(&[&["--on", list], args].concat())
    }

    /// The boxes on which `write-down` or `drain` ran, in their order.
    fn log(&self) -> String {
        std::fs::read_to_string(self.client.path("log")).unwrap_or_default()
    }

    fn tag(&self, name: &str, tags: &str) {
        self.client.verb(&["edit", name, "--tags", tags]).with(0);
    }
}

#[test]
fn a_file_goes_to_each_box() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.client.write("poem.txt", "roses are red\n");
    fleet.client.write("poem.pdf", "roses are red\n");
    let path = |name: &str| format!("file=@{}", text(&fleet.client.path(name)));
    let ended = fleet.run("a,b", &["words", &path("poem.txt")]).with(0);
    assert_eq!(ended.out, "✓ 2 alike  a b\n  3\n");
    let ended = fleet.run("a,b", &["words", &path("poem.pdf")]).with(126);
    let said = format!("{}{}", ended.out, ended.err);
    assert!(said.contains("must be a file like *.txt, not poem.pdf"), "{ended:?}");
}

#[test]
fn boxes_that_did_the_same_are_one_group_and_the_streams_are_kept_apart() {
    let fleet = Fleet::new(&["a", "b", "c", "d"]);
    fleet.client.write("state.b", "odd\n");
    fleet.client.write("exit.d", "3");
    let ended = fleet.run("d,a,b,c", &["state"]).with(3);
    assert_eq!(
        ended.out, "✓ 2 alike  a c\n  fine\n✓ 1  b\n  odd\n✗ 1 exit 3  d\n  fine\n",
        "{ended:?}"
    );
    assert_eq!(
        ended.err, "✓ 2 alike  a c\n  warn\n✓ 1  b\n  warn\n✗ 1 exit 3  d\n  warn\n",
        "{ended:?}"
    );
    // One plain name is as it always was.
    let one = fleet.run("d", &["state"]).with(3);
    assert_eq!((one.out.as_str(), one.err.as_str()), ("fine\n", "warn\n"));
    // A program that reads its input gets the end of it.
    let ended = fleet.run("a,b", &["asks"]).with(0);
    assert_eq!(ended.out, "✓ 2 alike  a b\n  nothing to read\n");
}

#[test]
fn the_answers_of_a_built_in_are_grouped_and_its_failure_is_on_standard_error() {
    let fleet = Fleet::new(&["a", "b"]);
    assert_eq!(fleet.run("a,b", &["echo", "hi"]).with(0).out, "✓ 2 alike  a b\n  hi\n");
    let ended = fleet.run("a,b", &["help", "no-such"]).with(1);
    assert_eq!(ended.out, "✗ 2 alike, exit 1  a b\n");
    assert!(ended.err.contains("no-such"), "{ended:?}");
    let ended = fleet.client.run(&["--json", "--on", "a,b", "echo", "hi"]).with(0);
    for line in ended.out.lines().take(2) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["state"], &line["exitCode"]), (&json!("succeeded"), &json!(0)), "{line}");
        assert_eq!((&line["stdout"], &line["stderr"]), (&json!("hi\n"), &json!("")), "{line}");
        assert_eq!((line.get("runId"), line.get("output")), (None, None), "{line}");
    }
}

#[test]
fn boxes_that_cannot_be_reached_are_shown_with_their_reason_and_hold_up_no_other() {
    let mut fleet = Fleet::new(&["live", "dead", "strict"]);
    fleet.boxes[1].server.kill();
    fleet.boxes[2].verb(&["revoke", "laptop"]);
    // Accepts connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let pin = format!("sha256:{}", "1".repeat(64));
    let port = port.to_string();
    fleet
        .client
        .verb(&["add", "silent", "--lan", "127.0.0.1", "--port", &port, "--pin", &pin])
        .with(0);
    fleet.client.verb(&["add", "stranger", "--lan", "127.0.0.1"]).with(0);
    let mut run = fleet.client.start(&["run", "--json", "--on", "all", "state"]);
    let lines: Vec<_> = (0..5).map(|_| run.json()).collect();
    let counts = json!({
        "boxes": 5, "succeeded": 1, "failed": 0, "refused": 0, "unreachable": 4, "notStarted": 0, "status": 125
    });
    assert_eq!(run.json(), json!({ "summary": counts }));
    run.end().with(125);
    // The boxes that answer do not wait for the one that does not.
    assert_eq!(lines[4]["box"], "silent", "{lines:?}");
    let of = |name: &str| lines.iter().find(|line| line["box"] == name).unwrap();
    let live = of("live");
    assert_eq!((&live["outcome"], &live["status"]), (&json!("ended"), &json!(0)));
    assert_eq!((&live["state"], &live["exitCode"]), (&json!("succeeded"), &json!(0)));
    assert_eq!((&live["stdout"], &live["stderr"]), (&json!("fine\n"), &json!("warn\n")));
    for (name, says) in [
        ("dead", "nothing listens at 127.0.0.1:"),
        ("strict", "was revoked"),
        ("silent", "has not answered for 10 s"),
        ("stranger", "stranger is not paired"),
    ] {
        let line = of(name);
        assert_eq!((&line["outcome"], &line["status"]), (&json!("unreachable"), &json!(125)));
        assert!(line["error"]["message"].as_str().unwrap().contains(says), "{line}");
    }
    let ended = fleet.run("live,dead", &["state"]).with(125);
    assert!(
        ended.out.starts_with("✓ 1  live\n  fine\n○ 1 not reached  dead\n  nothing listens at"),
        "{ended:?}"
    );
}

#[test]
fn an_ambiguous_list_of_boxes_sends_nothing() {
    let fleet = Fleet::new(&["a"]);
    fleet.tag("a", "garden");
    for (list, says) in [
        ("a,bb", "there is no saved server bb"),
        ("tag:gardn", "no saved server or box of a fleet has the tag gardn: did you mean"),
        ("a,,", "a name is empty"),
    ] {
        let ended = fleet.run(list, &["write-down"]).with(2);
        assert!(ended.err.contains(says) && ended.err.lines().count() == 1, "{ended:?}");
    }
    let ended = fleet.run("a,tag:garden", &["--detach", "write-down"]).with(2);
    assert!(ended.err.contains("--detach is for one box"), "{ended:?}");
    fleet.client.run(&["--serial", "write-down"]).with(2);
    let ended = fleet.client.verb(&["status", "--on", "tag:garden"]).with(125);
    assert!(ended.err.contains("only `topside run` takes several"), "{ended:?}");
    let mut file = saved(&fleet.client);
    file.push_str("[[server]]\nname = 'b'\ntags = 'garden'\n");
    fleet.client.write("config/client.toml", &file);
    let ended = fleet.run("tag:garden", &["write-down"]).with(2);
    assert!(ended.err.contains("tags is a list of texts in quotes"), "{ended:?}");
    assert_eq!(fleet.log(), "");
}

#[test]
fn one_after_the_other_in_the_order_given_until_as_many_have_failed_as_may() {
    let mut fleet = Fleet::new(&["a", "b", "c", "d"]);
    fleet.run("c,a,d,b", &["--serial", "write-down"]).with(0);
    assert_eq!(fleet.log(), "c\na\nd\nb\n");
    fleet.client.write("exit.c", "4");
    fleet.client.write("log", "");
    let ended = fleet.run("b,c,d,a", &["--serial", "--max-fail", "1", "write-down"]).with(4);
    assert_eq!(fleet.log(), "b\nc\n");
    let rest = "○ 2 not started  d a\n  as many boxes had failed as --max-fail allows\n";
    assert_eq!(ended.out, format!("✓ 1  b\n✗ 1 exit 4  c\n{rest}"));
    // A box that cannot be reached has failed when it is its turn.
    fleet.boxes[0].server.kill();
    fleet.client.write("log", "");
    let ended = fleet.run("b,a,d", &["--serial", "--max-fail=1", "--json", "write-down"]).with(125);
    assert_eq!(fleet.log(), "b\n");
    let boxes = ended.out.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{} {} {}", line["box"], line["outcome"], line["status"])
    });
    let boxes: Vec<String> = boxes.collect();
    let want = [
        "\"b\" \"ended\" 0",
        "\"a\" \"unreachable\" 125",
        "\"d\" \"notStarted\" null",
        "null null null",
    ];
    assert_eq!(boxes, want);
    // Side by side, no box that changes anything is started after a box could not be reached.
    fleet.client.write("log", "");
    fleet.run("b,a,d", &["--max-fail=1", "write-down"]).with(125);
    assert_eq!(fleet.log(), "");
}

#[test]
fn with_a_number_or_a_part_that_many_run_at_a_time() {
    let fleet = Fleet::new(&["a", "b", "c", "d"]);
    for serial in [&["--serial", "50%"][..], &["--serial", "2"], &["--serial=2"]] {
        for name in ["a", "b", "c", "d"] {
            drop(std::fs::remove_file(fleet.client.path(&format!("begun.{name}"))));
            drop(std::fs::remove_file(fleet.client.path(&format!("go.{name}"))));
        }
        fleet.client.write("turns", "");
        let run = fleet.client.start(&[&["run", "--on", "all"], serial, &["hold"]].concat());
        fleet.wait_for(&["begun.a", "begun.b"]);
        // The end of any of them lets the next one start.
        fleet.client.write("go.b", "");
        fleet.wait_for(&["begun.c"]);
        ["go.a", "go.c", "go.d"].iter().for_each(|name| fleet.client.write(name, ""));
        run.end().with(0);
        let turns = std::fs::read_to_string(fleet.client.path("turns")).unwrap();
        let (mut now, mut most) = (0, 0);
        for turn in turns.lines() {
            now = if turn == "begin" { now + 1 } else { now - 1 };
            most = most.max(now);
        }
        assert_eq!((turns.lines().count(), most), (8, 2), "{serial:?}: {turns}");
    }
    for serial in ["--serial=0", "--serial=101%", "--serial=few"] {
        let ended = fleet.run("all", &[serial, "write-down"]).with(2);
        assert!(ended.err.contains("a number of boxes, such as 5, or a part"), "{ended:?}");
    }
    assert_eq!(fleet.log(), "");
}

#[test]
fn ctrl_c_cancels_the_runs_everywhere_and_says_what_each_did() {
    let fleet = Fleet::new(&["a", "b"]);
    let run = fleet.client.start(&["run", "--on", "all", "wait"]);
    fleet.wait_for(&["begun.a", "begun.b"]);
    run.signal(Signal::INT);
    let ended = run.end_by_itself().with(130);
    let want = "✗ 1 cancelled  a\n  a waits\n  ended\n✗ 1 cancelled  b\n  b waits\n  ended\n";
    assert_eq!(ended.out, want, "{ended:?}");
    for each in &fleet.boxes {
        assert_eq!(each.place.json(&["runs"])["runs"][0]["state"], "cancelled");
    }
}

#[test]
fn a_run_that_takes_longer_than_the_time_limit_is_cancelled_on_its_box() {
    let fleet = Fleet::new(&["a", "b"]);
    let ended = fleet.run("a,b", &["--timeout", "5s", "wait"]).with(124);
    assert!(
        ended.out.contains("✗ 1 took longer than --timeout  a\n  a waits\n  ended\n"),
        "{ended:?}"
    );
}

#[test]
fn each_box_answers_by_its_own_menu_and_its_own_roles() {
    let fleet = Fleet::new(&["a!", "b"]);
    let ended = fleet.run("a,b", &["--yes", "drain", "3"]).with(127);
    assert_eq!(fleet.log(), "a 3\n");
    assert!(ended.out.contains("✓ 1  a\n"), "{ended:?}");
    assert!(ended.out.contains("✗ 1 refused  b\n  "), "{ended:?}");
    assert!(ended.out.contains("drain"), "{ended:?}");
    let other = Box::with(Place::with_menu(DRAIN));
    let invite = other.verb(&["invite", "--name", "laptop", "--role", "viewer"]);
    pair(&fleet.client, &[&invite, "--name", "viewed"]).with(0);
    let ended = fleet.run("viewed,a", &["--yes", "drain", "4"]).with(126);
    assert!(
        ended.out.contains("✗ 1 refused  viewed\n") && ended.out.contains("admin"),
        "{ended:?}"
    );
    let ended = fleet.run("a,b", &["drain", "four", "--yes"]).with(127);
    assert!(ended.out.contains("✗ 1 refused  a\n"), "{ended:?}");
    assert_eq!(fleet.log(), "a 3\na 4\n");
}

#[test]
fn a_destructive_command_wants_the_number_of_its_targets() {
    let mut fleet = Fleet::new(&["a!", "b!", "c", "d!"]);
    fleet.boxes[3].server.kill();
    for name in ["a", "b", "c", "d"] {
        fleet.tag(name, "wet");
    }
    // Without a terminal.
    let ended = fleet.run("a,b", &["drain"]).with(126);
    assert!(
        ended.err.contains(
            "drain has to be confirmed for 2 boxes:\n  2 destructive  a b\n    Drain zone 7?\n"
        ),
        "{ended:?}"
    );
    assert!(
        ended.err.contains("Standard input is no terminal: give --yes to confirm it"),
        "{ended:?}"
    );
    assert_eq!(ended.out, "○ 2 not started  a b\n  it was not confirmed\n");
    let ended = fleet.run("tag:wet", &["--yes", "drain"]).with(126);
    assert!(
        ended.err.contains(
            "give --yes=N to confirm it, with the number of boxes that --on tag:wet names"
        ),
        "{ended:?}"
    );
    let ended = fleet.run("tag:wet", &["--yes=3", "drain"]).with(126);
    assert!(ended.err.contains("--yes=3 is for 3 boxes, and --on tag:wet names 4"), "{ended:?}");
    fleet.client.run(&["--yes=2", "--on", "a", "drain"]).with(2);
    assert_eq!(fleet.log(), "");
    fleet.run("tag:wet", &["--yes=4", "--serial", "drain", "1"]).with(125);
    fleet.run("a", &["--yes=1", "drain", "2"]).with(0);
    assert_eq!(fleet.log(), "a 1\nb 1\na 2\n");
    fleet.client.write("log", "");

    // At a terminal the list is shown, and what is not the number is a no.
    for (typed, log, status) in
        [("\r", "", 126), ("y\r", "", 126), ("3\r", "", 126), ("2\r", "a 5\nb 5\n", 125)]
    {
        let list = if status == 125 { "tag:wet" } else { "a,b,c" };
        let args = ["run", "--on", list, "--serial", "drain", "5"];
        let mut terminal = Terminal::open(&fleet.client, &args);
        let shown = terminal.sees("Type 2 to run it on 2 boxes; anything else runs it on none: ");
        assert!(shown.contains("  2 destructive  a b\r\n    Drain zone 5?\r\n"), "{shown}");
        assert!(shown.contains("Not among them:\r\n  c: "), "{shown}");
        assert_eq!(shown.contains("\r\n  d: nothing listens at"), status == 125, "{shown}");
        terminal.type_text(typed);
        let (shown, ended) = terminal.end();
        assert_eq!(ended, status, "{shown}");
        assert_eq!(fleet.log(), log);
        assert_eq!(shown.contains("✓ 2 alike  a b\r\n"), status == 125, "{shown}");
    }

    // Ctrl-C is a no.
    fleet.client.write("log", "");
    let mut terminal = Terminal::open(&fleet.client, &["run", "--on", "a,b", "drain"]);
    terminal.sees("runs it on none: ");
    terminal.type_text("\u{3}");
    let (shown, status) = terminal.end();
    assert_eq!((status, fleet.log().as_str()), (130, ""), "{shown}");
    assert!(shown.contains("○ 2 not started  a b\r\n"), "{shown}");
}

/// One of two saved servers with one key was left out without a word.
#[test]
fn a_server_that_is_left_out_of_a_list_because_of_its_key_is_named() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.client.verb(&["duplicate", "a", "again"]).with(0);
    let ended = fleet.run("a,b,again", &["write-down"]).with(0);
    assert_eq!(fleet.log().lines().filter(|line| *line == "a").count(), 1);
    let sentence =
        "topside: again has the key of a: they are one server, and the command runs there once\n";
    assert!(ended.err.starts_with(sentence), "{}", ended.err);
}

#[test]
fn what_is_kept_of_long_output_is_its_end() {
    let fleet = Fleet::new(&["a", "b"]);
    let ended = fleet.run("all", &["flood"]).with(0);
    assert!(
        ended.out.starts_with("✓ 2 alike  a b\n  xxx") && ended.out.ends_with("xend\n"),
        "{}",
        ended.out.len()
    );
    assert!(ended.out.len() < 600 * 1024, "{}", ended.out.len());
    assert!(
        ended.err.contains("of the output are not shown: `topside attach --on a 1` shows all"),
        "{}",
        ended.err
    );
}

#[test]
fn a_terminal_shows_how_many_boxes_are_done() {
    let mut fleet = Fleet::new(&["a", "b"]);
    fleet.boxes[1].server.kill();
    let terminal = Terminal::open(&fleet.client, &["run", "--on", "a,b", "state"]);
    let (shown, status) = terminal.end();
    assert!(shown.contains("\r\u{1b}[0K2 of 2, 1 failed\r\u{1b}[0K"), "{shown:?}");
    assert!(shown.contains("✓ 1  a\r\n  fine\r\n  warn\r\n○ 1 not reached  b\r\n"), "{shown:?}");
    assert_eq!(status, 125);
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_run_that_does_not_end() {
    let fleet = Fleet::new(&["a", "b"]);
    let run = fleet.client.start(&["run", "--on", "a,b", "stubborn"]);
    fleet.wait_for(&["begun.a", "begun.b"]);
    run.signal(Signal::INT);
    fleet.wait_for(&["asked.a", "asked.b"]);
    run.signal(Signal::INT);
    let ended = run.end_by_itself().with(130);
    assert!(ended.out.starts_with("✗ 2 not waited for  a b\n"), "{ended:?}");
    assert!(
        ended
            .err
            .contains("topside: a: run #1 may still be running: `topside cancel --on a 1` ends it"),
        "{ended:?}"
    );
    fleet.client.write("go", "");
    // Until they have ended, the servers would wait for them.
    fleet.boxes.iter().for_each(|each| drop(each.place.verb(&["attach", "1"])));
}

#[test]
fn a_box_whose_server_dies_during_its_run_does_not_hide_what_the_others_did() {
    let mut fleet = Fleet::new(&["a", "b"]);
    let run = fleet.client.start(&["run", "--on", "a,b", "stubborn"]);
    fleet.wait_for(&["begun.a", "begun.b"]);
    fleet.boxes[1].server.kill();
    fleet.client.write("go", "");
    let ended = run.end_by_itself().with(125);
    assert!(ended.out.starts_with("✓ 1  a\n✗ 1 session lost  b\n  "), "{ended:?}");
    assert!(ended.out.contains("whether the command went on is not known"), "{ended:?}");
}

#[test]
fn a_session_that_ends_while_the_user_is_asked_is_begun_again() {
    let fleet = Fleet::new(&["a!", "b!"]);
    let mut terminal = Terminal::open(&fleet.client, &["run", "--on", "a,b", "drain", "6"]);
    terminal.sees("runs it on none: ");
    let clients = fleet.boxes[0].place.json(&["clients"])["clients"].clone();
    let waiting = clients.as_array().unwrap().iter().find(|row| row["user"] == "laptop").unwrap();
    let open = terminal.sockets();
    fleet.boxes[0].place.verb(&["kick", &waiting["clientId"].to_string(), "--yes"]).with(0);
    // The client knows of the end once it has closed its connection.
    eventually("the connection is closed", || terminal.sockets() != open);
    terminal.enter("2");
    let (shown, status) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains("✓ 2 alike  a b\r\n"), "{shown}");
    assert_eq!(fleet.log().lines().count(), 2);
}

#[test]
fn a_box_where_the_command_only_reads_does_not_wait_for_the_confirmation() {
    let fleet = Fleet::new(&["a!", "b"]);
    let reads = "[commands.drain]\neffect = \"read\"\nexec = [\"echo\", \"drained already\"]\n";
    fleet.boxes[1].place.write_menu(reads);
    fleet.boxes[1].place.verb(&["reload"]).with(0);
    let ended = fleet.run("a,b", &["drain"]).with(126);
    assert!(ended.err.contains("confirmed for 1 box:\n  1 destructive  a\n"), "{ended:?}");
    let want = "✓ 1  b\n  drained already\n○ 1 not started  a\n  it was not confirmed\n";
    assert_eq!((ended.out.as_str(), fleet.log().as_str()), (want, ""));
}

#[test]
fn many_boxes_are_reached_some_at_a_time() {
    let fleet = Fleet::new(&["a"]);
    let mut file = saved(&fleet.client);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for number in 100..300 {
        let pin = format!("sha256:{}{number}", "0".repeat(61));
        file.push_str(&format!(
            "[[server]]\nname = \"x{number}\"\nlan = \"127.0.0.1\"\nport = {closed}\npin = \"{pin}\"\n"
        ));
    }
    fleet.client.write("config/client.toml", &file);
    let ended = fleet.run("all", &["state"]).with(125);
    assert!(ended.out.starts_with("✓ 1  a\n  fine\n○ 200 not reached  x100 x101"), "{ended:?}");
}
