//! `topside run` against a real server. One file: each test is one rule of the same verb.

use std::io::Read;
use std::process::Stdio;

use portable_pty::{CommandBuilder, PtySize};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::common::{Ended, Place, text};
use crate::terminal::Terminal;

#[test]
fn the_status_is_the_commands_own_or_128_and_the_signal() {
    let place = Place::new();
    let _server = place.serve();
    place.run(&["own-status", "0"]).with(0);
    place.run(&["own-status", "42"]).with(42);
    place.run(&["own-status", "--status", "7"]).with(7);
    let killed = place.run(&["own-signal"]).with(137);
    assert!(killed.err.contains("was killed by SIGKILL"), "{}", killed.err);
}

#[test]
fn each_stream_goes_to_its_own_and_a_pipe_gets_the_bytes_unchanged() {
    let place = Place::new();
    let _server = place.serve();
    let both = place.run(&["both"]).with(0);
    assert_eq!((both.out.as_str(), both.err.as_str()), ("to out\n", "to err\n"));
    let bytes = place.run(&["bytes"]).with(0);
    assert_eq!(bytes.bytes, b"\xff\x00\x1b[2Jx\n");
}

#[test]
fn output_comes_while_the_command_runs() {
    let place = Place::new();
    let _server = place.serve();
    let file = place.path("go");
    let mut run = place.start(&["run", "wait-for", text(&file)]);
    assert_eq!(run.line(), "begun\n");
    std::fs::write(&file, "").unwrap();
    let ended = run.end().with(0);
    assert_eq!(ended.out, "done\n");
}

#[test]
fn much_output_comes_whole_to_a_reader_that_takes_it_late() {
    let place = Place::new();
    let _server = place.serve();
    let made = place.pipe("made");
    let run = place.start(&["run", "many", "20000000", text(&made)]);
    // Not before the command has made it all.
    assert_eq!(std::fs::read_to_string(made).unwrap(), "all\n");
    let ended = run.end().with(0);
    assert_eq!((ended.bytes.len(), ended.err.as_str()), (20_000_000, ""));
}

#[test]
fn without_a_server_it_says_what_to_do_and_starts_none() {
    let place = Place::new();
    let ended = place.run(&["own-status", "0"]).with(125);
    assert!(ended.err.contains("no server runs on this machine"), "{}", ended.err);
    assert!(ended.err.contains("topside serve"), "{}", ended.err);
    assert!(!place.socket().exists());
}

#[test]
fn an_unknown_command_is_127_with_the_nearest_names() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.run(&["own-statsu", "0"]).with(127);
    assert!(ended.err.contains("own-status"), "{}", ended.err);
    assert_eq!(ended.out, "");
    place.run(&[""]).with(127);
}

#[test]
fn a_saved_server_without_its_flag_is_reported_with_the_corrected_line() {
    let place = Place::new();
    place.verb(&["add", "vm", "--lan", "192.0.2.7"]).with(0);
    let meant = "vm is a saved server: topside run --on vm time 'now and here'";
    let ended = place.run(&["vm", "time", "now and here"]).with(125);
    assert!(ended.err.contains("no server runs on this machine"), "{}", ended.err);
    assert!(ended.err.contains(meant), "{}", ended.err);
    let _server = place.serve();
    let ended = place.run(&["vm", "time", "now and here"]).with(127);
    assert!(ended.err.contains(meant), "{}", ended.err);
    // A word that is neither is an unknown command, and --on has its own answer.
    let ended = place.run(&["vn", "time"]).with(127);
    assert!(!ended.err.contains("saved server"), "{}", ended.err);
    // A shell has no session that `close` could end.
    for word in ["exit", "quit"] {
        let ended = place.run(&[word]).with(127);
        let told = format!("there is no command `{word}`: the command `menu` lists them");
        assert!(ended.err.contains(&told), "{}", ended.err);
    }
}

#[test]
fn wrong_arguments_are_126_and_name_the_argument() {
    let place = Place::new();
    let _server = place.serve();
    for args in [
        &["own-status"][..],
        &["own-status", "x"],
        &["own-status", "999"],
        &["own-status", "1", "2"],
        &["own-status", "--none", "2"],
    ] {
        let ended = place.run(args).with(126);
        assert!(ended.err.contains("status"), "{args:?}: {}", ended.err);
    }
    // Too long for one line of the protocol: told here, not there.
    let long = "x".repeat(70_000);
    let ended = place.run(&["echo", &long]).with(126);
    assert!(ended.err.len() < 1_000, "{}", ended.err);
}

#[test]
fn what_asks_to_be_confirmed_needs_yes() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.run(&["careful"]).with(126);
    assert!(ended.err.contains("--yes"), "{}", ended.err);
    assert_eq!(ended.out, "");
    assert_eq!(place.run(&["--yes", "careful"]).with(0).out, "it was confirmed\n");
}

#[test]
fn topsides_own_arguments_are_2() {
    let place = Place::new();
    for args in [
        &["run"][..],
        &["run", "--bogus", "x"],
        &["run", "--timeout", "soon", "x"],
        &["--bogus"],
        &["--yes", "run", "x"],
        &["bogus"],
        &["connect"],
        // No terminal here to draw on.
        &["connect", "garden"],
    ] {
        let ended = place.verb(args);
        assert!(!ended.with(2).err.is_empty(), "{args:?}");
    }
    for args in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["connect", "--help"],
        &["serve", "--help"],
    ] {
        let ended = place.verb(args);
        assert!(ended.with(0).out.contains("topside"), "{args:?}");
    }
}

#[test]
fn a_refusal_is_json_too_where_json_is_asked_for() {
    let place = Place::new();
    let _server = place.serve();
    let kind_of = |args: &[&str], status: i32| {
        let ended = place.run(&[&["--json"], args].concat()).with(status);
        assert!(!ended.err.is_empty(), "the sentence is for people all the same");
        assert_eq!(ended.out.lines().count(), 1, "{}", ended.out);
        let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        let error = said["error"].clone();
        assert!(!error["message"].as_str().unwrap().is_empty(), "{error}");
        error["data"]["kind"].as_str().map(str::to_owned)
    };
    assert_eq!(kind_of(&["no-such"], 127).as_deref(), Some("notFound"));
    assert_eq!(kind_of(&["careful"], 126).as_deref(), Some("confirmRequired"));
    // What this side finds wrong is not asked of the server.
    assert_eq!(kind_of(&["own-status", "x"], 126), None);
}

#[test]
fn a_flag_of_topside_after_the_command_is_reported_with_its_place() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.run(&["careful", "--yes"]).with(126);
    let told = "--yes goes before the command: topside run --yes careful";
    assert!(ended.err.contains(told), "{}", ended.err);
}

/// The message said that another client had cancelled it.
#[test]
fn a_run_that_ends_with_the_server_says_so() {
    let place = Place::new();
    let mut server = place.serve();
    let file = place.path("never");
    let mut run = place.start(&["run", "wait-for", text(&file)]);
    assert_eq!(run.line(), "begun\n");
    place.run(&["--yes", "ks", "new", "disk"]).with(0);
    let ended = run.end();
    assert!(ended.err.contains(": the server shut down"), "{}", ended.err);
    assert!(ended.err.contains("new disk"), "{}", ended.err);
    assert!(!ended.err.contains("somebody else"), "{}", ended.err);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_terminal_that_cannot_draw_is_a_line_client() {
    let place = Place::new();
    let _server = place.serve();
    let pty = portable_pty::native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_topside"));
    command.cwd(place.path("."));
    for (name, value) in place.environment() {
        command.env(name, value);
    }
    command.env("TERM", "dumb");
    let mut client = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut input = pty.master.take_writer().unwrap();
    std::io::Write::write_all(&mut input, b"echo $((hello)\nclose\n").unwrap();
    let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
    let mut output = pty.master.try_clone_reader().unwrap();
    // The end of a pseudo-terminal is an error on some systems.
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..count]);
    }
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(client.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("TERM=dumb") && !shown.contains('\u{1b}'), "{shown}");
    // The terminal shows a line that is typed before the prompt, and the prompt shows it again.
    assert_eq!(shown.matches("> echo $((hello)").count(), 1, "typed: {shown}");
    assert_eq!(shown.matches("\n$((hello)").count(), 1, "answered: {shown}");
}

#[test]
fn a_time_limit_on_either_side_is_124() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.run(&["slow"]).with(124);
    assert!(ended.err.contains("timed out after "), "{}", ended.err);
    let file = place.path("never");
    let ended = place.run(&["--timeout", "5s", "wait-for", text(&file)]).with(124);
    assert!(ended.err.contains("5s"), "{}", ended.err);
    assert!(place.path("never.ended").exists(), "it was told to end, and had ended");
}

#[test]
fn a_signal_cancels_the_run_before_it_ends_the_program() {
    let place = Place::new();
    let _server = place.serve();
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let file = place.path(&format!("never{status}"));
        let mut run = place.start(&["run", "wait-for", text(&file)]);
        assert_eq!(run.line(), "begun\n");
        run.signal(signal);
        run.end().with(status);
        assert!(place.path(&format!("never{status}.ended")).exists());
    }
}

/// Nothing was said at a terminal.
#[test]
fn ctrl_c_at_a_terminal_says_that_the_run_was_cancelled() {
    let place = Place::new();
    let _server = place.serve();
    let mut terminal = Terminal::open(&place, &["run", "wait-for", text(&place.path("never"))]);
    terminal.sees("begun\r\n");
    terminal.type_text("\u{3}");
    let (shown, status) = terminal.end();
    assert!(shown.ends_with("\ntopside: wait-for was cancelled by you\r\n"), "{shown:?}");
    assert_eq!(status, 130);
}

#[test]
fn a_second_signal_does_not_wait_for_the_run() {
    let place = Place::new();
    let mut server = place.serve();
    let file = place.path("never");
    let mut run = place.start(&["run", "stubborn", text(&file)]);
    assert_eq!(run.line(), "begun\n");
    run.signal(Signal::INT);
    run.signal(Signal::TERM);
    // Whichever of the two the system hands over first.
    let ended = run.end();
    assert!(matches!(ended.status, Some(130 | 143)), "{ended:?}");
    assert!(ended.err.contains("it may still be running"), "{}", ended.err);
    server.kill();
    // The next one has ended what this one left before it runs anything.
    let _next = place.serve();
    place.run(&["own-status", "0"]).with(0);
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_reported_and_is_125() {
    let place = Place::new();
    let _server = place.serve();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = place.topside(&["run", "both"]);
    let ended: Ended = command.stdout(full).stderr(Stdio::piped()).output().unwrap().into();
    assert!(ended.with(125).err.contains("standard output cannot be written"));
}

#[test]
fn a_terminal_is_given_text_and_colours_only() {
    let place = Place::new();
    let _server = place.serve();
    let terminal = portable_pty::native_pty_system().openpty(PtySize::default()).unwrap();
    let mut reader = terminal.master.try_clone_reader().unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_topside"));
    command.cwd(place.path("."));
    command.args(["run", "bytes"]);
    for (name, value) in place.environment() {
        command.env(name, value);
    }
    command.env_remove("NO_COLOR");
    let mut child = terminal.slave.spawn_command(command).unwrap();
    assert!(child.wait().unwrap().success());
    drop(terminal.slave);
    let mut shown = Vec::new();
    // The end of a pseudo-terminal is an error on some systems.
    let _ = reader.read_to_end(&mut shown);
    assert_eq!(String::from_utf8(shown).unwrap(), "\u{fffd}x\r\n");
}

#[test]
fn a_reader_that_goes_ends_the_run_quietly() {
    let place = Place::new();
    let _server = place.serve();
    let file = place.path("ever");
    let mut run = place.start(&["run", "for-ever", text(&file)]);
    assert_eq!(run.line(), "y\n");
    run.break_pipe();
    assert_eq!(run.end().with(141).err, "");
    assert!(place.path("ever.ended").exists());
}

#[test]
fn json_is_one_object_with_the_row_and_the_output() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.run(&["--json", "both"]).with(0);
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(json["command"], "both");
    assert_eq!(json["state"], "succeeded");
    assert_eq!(json["exitCode"], 0);
    assert_eq!(json["truncated"], false);
    let output = json["output"].as_str().unwrap();
    assert!(output.contains("to out\n") && output.contains("to err\n"), "{output}");
    assert_eq!(ended.err, "");

    let ended = place.run(&["--json", "own-status", "3"]).with(3);
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&json["state"], &json["args"]["status"]), (&"failed".into(), &3.into()));

    let ended = place.run(&["--json", "bytes"]).with(0);
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(json["outputBase64"], "/wAbWzJKeAo=");
    assert!(json.get("output").is_none());
}

#[test]
fn a_server_that_dies_under_the_run_is_125() {
    let place = Place::new();
    let mut server = place.serve();
    let file = place.path("never");
    let mut run = place.start(&["run", "wait-for", text(&file)]);
    assert_eq!(run.line(), "begun\n");
    server.kill();
    let ended = run.end().with(125);
    assert!(ended.err.contains("closed without a reason"), "{}", ended.err);
    // The next one has ended what this one left before it runs anything.
    let _next = place.serve();
    place.run(&["own-status", "0"]).with(0);
}

#[test]
fn built_ins_are_called_like_any_command_and_the_server_can_be_shut_down() {
    let place = Place::new();
    let mut server = place.serve();
    assert_eq!(place.run(&["echo", "a", "b"]).with(0).out, "a b\n");
    assert!(place.run(&["m"]).with(0).out.contains("own-status"));
    // There is nothing to detach from, so the answer is printed.
    assert_eq!(place.run(&["--detach", "echo", "a"]).with(0).out, "a\n");
    for flags in [&["--json"][..], &["--json", "--detach"]] {
        let ended = place.run(&[flags, &["echo", "a"]].concat()).with(0);
        let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        let took = answer["durationMs"].clone();
        let whole =
            json!({"state": "succeeded", "output": "a\n", "exitCode": 0, "durationMs": took});
        assert_eq!(answer, whole);
    }
    let document = place.run(&["version", "--json"]).with(0).out;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["name"], "topsided");
    let ended = place.run(&["help", "no-such"]).with(1);
    assert_eq!(ended.out, "");
    assert!(ended.err.contains("no-such"), "{}", ended.err);
    assert!(!place.run(&["runs"]).with(0).out.contains("echo"));
    place.run(&["close"]).with(0);
    place.run(&["ks"]).with(126);
    place.run(&["--yes", "ks"]).with(0);
    assert_eq!(server.wait(), Some(0));
    assert!(!place.socket().exists());
    place.run(&["echo", "x"]).with(125);
}

#[test]
fn a_process_that_a_run_leaves_behind_is_reported() {
    let place = Place::new();
    let _server = place.serve();
    let kill = |ended: &Ended| {
        let pid: i32 = ended.out.trim().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        pid
    };
    let ended = place.run(&["leaves"]).with(0);
    let pid = kill(&ended);
    assert_eq!(ended.err, format!("topside: process {pid} goes on after run #1\n"));
    let ended = place.lines(&[], "leaves\n").with(0);
    let pid = kill(&ended);
    assert_eq!(ended.err, format!("topside: line 1: process {pid} goes on after leaves\n"));
}

#[test]
fn an_output_that_max_output_cut_is_reported() {
    let place = Place::new();
    let _server = place.serve();
    let said = "only the first 1024 bytes of its output are kept, as max_output says";
    let ended = place.run(&["floods"]).with(0);
    assert_eq!(ended.out.len(), 2048);
    assert_eq!(ended.err, format!("topside: run #1: {said}\n"));
    let ended = place.lines(&[], "floods\n").with(0);
    assert_eq!(ended.err, format!("topside: line 1: floods: {said}\n"));
    // A later reader gets what is kept; it was said to be too slow.
    let ended = place.verb(&["attach", "1"]).with(0);
    assert_eq!(ended.out.len(), 1024);
    let gap = "1024 bytes of output of run #1 were skipped: the server keeps no more of it than `max_output` of the command";
    assert_eq!(ended.err, format!("topside: {gap}\ntopside: run #1: {said}\n"));
}

#[test]
fn a_detached_run_continues_without_its_client_and_is_known_by_its_number() {
    let place = Place::new();
    let _server = place.serve();
    let file = place.path("go");
    let begun = place.run(&["--detach", "wait-for", text(&file)]).with(0);
    let number: u64 = begun.out.strip_suffix('\n').unwrap().parse().unwrap();
    assert_eq!(begun.err, "");
    let row = |state: &str| {
        let runs = place.run(&["runs"]).with(0).out;
        let row = runs.lines().find(|line| line.contains("wait-for")).unwrap().to_owned();
        assert!(row.starts_with(&format!("#{number} ")), "{runs}");
        row.contains(state)
    };
    assert!(row("running"), "the run continues without a client that waits");
    std::fs::write(&file, "").unwrap();
    while row("running") {}
    assert!(row("succeeded"));
}

#[test]
fn a_detached_run_that_is_refused_has_the_same_status_as_any_other() {
    let place = Place::new();
    let _server = place.serve();
    let json = place.run(&["--detach", "--json", "own-status", "3"]).with(0);
    let row: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(row["command"], "own-status");
    place.run(&["--detach", "own-statsu"]).with(127);
    place.run(&["--detach", "own-status", "x"]).with(126);
    place.run(&["--detach", "--timeout", "5s", "own-status", "0"]).with(2);
}
