//! Verbs where something goes wrong on the way: what a script then sees, and what is left behind.

use rustix::process::Signal;

use crate::common::{Ended, Place};
use crate::terminal::Terminal;

const ASK: &str = r#"
[commands.ask]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "read n; echo \"hello $n\""]
"#;

fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("config/commands.d")).unwrap();
    place.write("config/commands.d/ask.toml", ASK);
    place
}

/// It ended with 0 once its input did, however long the server had been gone.
#[test]
fn input_that_waits_for_something_to_send_is_reported_when_the_server_goes() {
    let place = place();
    let mut server = place.serve();
    let mut clients = place.start(&["clients", "--watch"]);
    clients.json();
    let run = place.run(&["--detach", "ask"]).with(0).out;
    let mut input = place.start(&["input", run.trim()]);
    input.write("half a li");
    // What was sent so far shows that it has come to wait for more.
    loop {
        let sent = place.json(&["status"])["requests"].as_u64();
        let clients = place.json(&["clients"])["clients"].clone();
        let mut others = clients.as_array().unwrap().iter().filter(|row| row["you"] != true);
        if sent > Some(0) && others.any(|row| row["bytesIn"].as_u64() > Some(250)) {
            break;
        }
    }
    server.kill();
    let ended = input.end_by_itself().with(125);
    assert!(ended.err.contains("closed without a reason"), "{ended:?}");
}

/// It said "takes no more input" of a run that there is not, that the run was cancelled where it goes on, and
/// nothing at all of a wrong number where standard input was empty.
#[test]
fn input_says_what_the_server_says_and_leaves_the_run_alone() {
    let place = place();
    let _server = place.serve();
    let ended = place.verb(&["input", "7", "--json"]).with(127);
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&said["error"]["code"], ended.err.contains("no run #7")), (&(-32004).into(), true));
    place.run(&["own-status", "0"]).with(0);
    let ended = place.verb(&["input", "1"]).with(127);
    assert!(ended.err.contains("run #1 has ended"), "{ended:?}");

    let run = place.run(&["--detach", "ask"]).with(0).out;
    std::fs::write(place.path("bytes"), b"\xff\n").unwrap();
    let mut command = place.topside(&["input", run.trim()]);
    command.stdin(std::fs::File::open(place.path("bytes")).unwrap());
    // Any bytes are sent as they are.
    let ended: Ended = command.output().unwrap().into();
    assert_eq!(ended.with(0).err, "");
    assert_eq!(place.verb(&["attach", run.trim()]).with(0).bytes, b"hello \xff\n");
}

#[test]
fn what_does_not_exist_has_one_status_and_one_kind() {
    let place = place();
    let _server = place.serve();
    for args in [
        &["kick", "99"][..],
        &["kick", "99", "--yes"],
        &["revoke", "unknown"],
        &["postpone"],
        &["cancel-shutdown"],
        &["cancel", "99"],
    ] {
        let ended = place.verb(&[args, &["--json"]].concat()).with(127);
        let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(said["error"]["data"]["kind"], "notFound", "{args:?}: {said}");
    }
}

#[test]
fn what_does_not_exist_is_refused_with_the_verb_or_command_that_lists_it() {
    let place = place();
    let _server = place.serve();
    for (args, advice) in [
        (&["run", "xyzzyx"][..], "the command `menu` lists them"),
        (&["attach", "99"], "`runs` lists those that you may see"),
        (&["input", "99", "x"], "`runs` lists those that you may see"),
        (&["revoke", "nobody"], "`keys` lists them"),
    ] {
        let ended = place.verb(args).with(127);
        assert!(ended.err.contains(advice), "{args:?}: {ended:?}");
    }
    for (word, advice) in [
        ("doctor", "`topsided doctor`"),
        ("keymap", "`topside config path`"),
        ("check", "`topsided check`"),
        ("start", "`topside serve`"),
    ] {
        let ended = place.verb(&[word]).with(2);
        assert!(ended.err.contains(advice), "{word}: {ended:?}");
    }
    // Others are refused as before.
    assert!(place.verb(&["statuss"]).with(2).err.contains("did you mean status?"));
}

/// `topside run reload` was answered with the keys of the screen.
#[test]
fn an_admin_action_as_a_command_is_answered_with_the_verb_to_type() {
    let place = place();
    let _server = place.serve();
    for (words, verb) in [
        (&["reload"][..], "`topside reload`"),
        (&["kick", "3"], "`topside kick`"),
        (&["wall", "hello"], "`topside broadcast`"),
    ] {
        let ended = place.verb(&[&["run"], words].concat()).with(127);
        assert!(ended.err.contains(verb), "{words:?}: {ended:?}");
    }
}

/// A client that is interrupted or refused was listed as one that vanished.
#[test]
fn a_verb_leaves_in_order_however_it_ends() {
    let place = place();
    let _server = place.serve();
    let mut log = place.start(&["log", "--follow", "-n", "1"]);
    log.json();
    let mut left = || loop {
        let told = log.json();
        if told["message"] == "client disconnected" {
            return told["fields"]["reason"].clone();
        }
    };
    let mut other = place.start(&["clients", "--watch"]);
    other.json();
    other.signal(Signal::INT);
    other.end().with(130);
    assert_eq!(left(), "closed");
    place.verb(&["cancel", "99"]).with(127);
    assert_eq!(left(), "closed");
    place.verb(&["kick", "1"]).with(126);
    assert_eq!(left(), "closed");
}

/// The end of the session may overtake the answer, on a busy machine, and is then taken for it.
#[test]
fn a_device_that_revokes_its_own_key_gets_the_answer() {
    let place = place();
    place.listen();
    let _server = place.serve();
    let admin = |name: &str| {
        let made = place.verb(&["invite", "--name", name, "--role", "admin"]).with(0);
        let device = Place::new();
        device.verb(&["pair", made.out.trim(), "--name", "garden"]).with(0);
        device
    };
    // The last admin key from elsewhere cannot be taken away from there.
    let _other = admin("tablet");
    for n in 0..8 {
        let name = format!("phone{n}");
        let device = admin(&name);
        let done = device.verb(&["revoke", "--on", "garden", &name, "--yes"]).with(0);
        assert!(done.out.starts_with(&format!("revoked {name} (")), "{done:?}");
        device.verb(&["status", "--on", "garden"]).with(125);
    }
}

/// `topside id` ended with 141, as if its reader had gone, and said nothing.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_a_failure_that_is_reported() {
    let place = place();
    let _server = place.serve();
    for verb in ["id", "servers", "status", "runs"] {
        let mut command = place.topside(&[verb]);
        command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let ended: Ended = command.stderr(std::process::Stdio::piped()).output().unwrap().into();
        assert!(ended.with(125).err.contains("standard output cannot be written"), "{verb}");
    }
}

#[test]
fn an_answer_that_does_not_come_is_no() {
    let place = place();
    let _server = place.serve();
    for (typed, status) in [("\u{4}", 126), ("\r", 126), ("nonsense\r", 126), ("\u{3}", 130)] {
        let mut terminal = Terminal::open(&place, &["shutdown"]);
        terminal.sees("to continue: ");
        terminal.type_text(typed);
        let (shown, ended) = terminal.end();
        assert_eq!(ended, status, "{typed:?}");
        // The sentence stands on a line of its own.
        assert!(status == 130 || shown.contains("\ntopside: nothing was done"), "{shown:?}");
    }
    place.verb(&["status"]).with(0);
}

/// Following began with 50 lines at most, however many were asked for.
#[test]
fn following_the_log_begins_with_as_many_lines_as_were_asked_for_and_repeats_none() {
    let place = place();
    let _server = place.serve();
    place.lines(&[], &"own-status 0\n".repeat(120)).with(0);
    let mut log = place.start(&["log", "--follow", "-n", "100"]);
    let mut lines: Vec<_> = (0..100).map(|_| log.json()).collect();
    place.lines(&[], &"own-status 0\n".repeat(20)).with(0);
    lines.extend((0..20).map(|_| log.json()));
    let mut all = place.json(&["log", "-n", "1000"])["entries"].take();
    let all = all.as_array_mut().unwrap();
    // Lines that are followed have no numbers.
    all.iter_mut().for_each(|entry| drop(entry.as_object_mut().unwrap().remove("line")));
    assert!(all.windows(120).any(|some| some == lines), "{lines:?}");
    // The same of those that matter so much: the last of them are long ago.
    let mut first = place.start(&["log", "--follow", "--match", "server started"]);
    assert_eq!(first.json()["message"], "server started");
}

/// `nope` was answered with "a similar subcommand exists: 'notices'".
#[test]
fn a_word_that_is_no_verb_is_answered_with_the_line_that_runs_a_command() {
    let place = Place::new();
    for (word, meant) in [("nope", ":"), ("statsu", ": did you mean status?"), ("kik", ":")] {
        let ended = place.verb(&[word]).with(2);
        let want = format!(
            "error: topside has no verb {word}{meant} `topside run {word}` runs a command of the server, \
             `topside --help` lists the verbs\n"
        );
        assert!(ended.err.starts_with(&want), "{}", ended.err);
    }
    let ended = place.verb(&["run", "--jsn", "x"]).with(2);
    assert!(ended.err.contains("Usage: topside run [OPTIONS] COMMAND [ARGS]..."), "{}", ended.err);
}
