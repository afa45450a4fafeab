//! The line client against a real server, and with the server inside it.

use rustix::process::Signal;

use crate::common::{Place, text};

#[test]
fn commands_run_one_after_the_other_and_the_last_line_needs_no_end() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.lines(&[], "echo one\n\n   \nboth\r\necho three").with(0);
    assert_eq!(ended.out, "one\nto out\nthree\n");
    assert_eq!(ended.err, "to err\n");
}

#[test]
fn the_status_is_that_of_the_last_failure_and_the_rest_is_still_run() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.lines(&[], "help no-such\necho on\n").with(1);
    assert_eq!(ended.out, "on\n");
    assert!(ended.err.contains("line 1: help ended with exit status 1"), "{}", ended.err);
    let ended = place.lines(&[], "own-status 3\nown-status 4\necho on\n").with(4);
    assert_eq!(ended.out, "on\n");
    place.lines(&[], "").with(0);
}

#[test]
fn each_mistake_is_reported_with_its_line_and_the_next_line_is_run() {
    let place = Place::new();
    let _server = place.serve();
    for (line, status, want) in [
        ("uptmie-of-box", 127, "uptmie-of-box"),
        ("kick 4", 127, "type `:kick`, or use the clients view (F2)"),
        ("own-status", 126, "status"),
        ("own-status x", 126, "status"),
        ("own-status 1 2", 126, "own-status"),
        ("echo 'open", 126, "not closed"),
        ("careful", 126, "--yes"),
    ] {
        let ended = place.lines(&[], &format!("echo before\n{line}\necho after\n")).with(status);
        assert_eq!(ended.out, "before\nafter\n", "{line}");
        let [sentence] = ended.err.lines().collect::<Vec<_>>()[..] else { panic!("{ended:?}") };
        assert!(sentence.starts_with("topside: line 2: "), "{sentence}");
        assert!(sentence.contains(want), "{sentence}");
    }
}

#[test]
fn a_line_that_is_no_text_or_too_long_is_reported_and_skipped() {
    let place = Place::new();
    let _server = place.serve();
    let long = format!("echo {}\necho after\n", "x".repeat(100_000));
    let ended = place.lines(&[], &long).with(126);
    assert_eq!(ended.out, "after\n");
    assert!(ended.err.contains("line 1: longer than 65536 bytes"), "{}", ended.err);
}

#[test]
fn a_byte_order_mark_at_the_start_of_a_pipe_is_no_part_of_the_first_command() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.lines(&[], "\u{feff}echo one\r\necho two\r\n").with(0);
    assert_eq!(ended.out, "one\ntwo\n");
    let ended = place.lines(&[], b"\xff\xfee\0c\0h\0o\0\n\0").with(125);
    assert!(ended.err.contains("it is UTF-16; write it as UTF-8"), "{ended:?}");
}

#[test]
fn yes_confirms() {
    let place = Place::new();
    let _server = place.serve();
    assert_eq!(place.lines(&["--yes"], "careful\n").with(0).out, "it was confirmed\n");
}

#[test]
fn a_line_that_begins_with_a_hash_is_a_remark() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.lines(&[], "# water the garden\n  # twice\necho # one\n").with(0);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("# one\n", ""));
}

#[test]
fn a_secret_is_in_no_mistake_that_is_reported() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.lines(&[], "set-word ann hunter2hunter2\n").with(0);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("14\n", ""));
    for line in [
        "set-word ann hunter2",
        "set-word ann hunter2hunter2 hunter2",
        "set-word ann --hunter2hunter2",
        "set-word hunter2hunter2 ann",
        "set-word ann 'hunter2hunter2",
        "set-word ann word=hunter2",
    ] {
        let ended = place.lines(&[], line).with(126);
        assert!(ended.err.starts_with("topside: line 1: "), "{}", ended.err);
        assert!(!ended.err.contains("hunter2"), "{line}: {}", ended.err);
    }
    let ended = place.run(&["--json", "set-word", "ann", "hunter2hunter2"]).with(0);
    assert!(ended.out.contains("\"word\":\"***\"") && !ended.out.contains("hunter2"));
}

#[test]
fn answers_come_before_the_input_ends() {
    let place = Place::new();
    let _server = place.serve();
    let mut client = place.start(&[]);
    client.write("echo one\n");
    assert_eq!(client.line(), "one\n");
    client.write("m\n");
    assert!(!client.line().is_empty());
    client.end().with(0);
}

#[test]
fn close_ends_the_session_and_what_follows_is_not_run() {
    let place = Place::new();
    let _server = place.serve();
    let mut client = place.start(&[]);
    client.write("echo one\nclose\necho two\n");
    let ended = client.end_by_itself().with(0);
    assert_eq!(ended.out, "one\n");
}

#[test]
fn a_shutdown_by_another_client_is_printed_with_its_reason_and_ends_with_125() {
    let place = Place::new();
    let mut server = place.serve();
    let mut client = place.start(&[]);
    client.write("echo ready\n");
    assert_eq!(client.line(), "ready\n");
    place.run(&["--yes", "ks", "1", "moving", "house"]).with(0);
    let notice = client.said("shuts down in");
    assert!(notice.contains("moving house"), "{notice}");
    let ended = client.end_by_itself().with(125);
    assert!(ended.err.contains("shuts down now: moving house"), "{}", ended.err);
    assert!(ended.err.contains("the server was shut down by"), "{}", ended.err);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_shutdown_ordered_here_is_no_failure() {
    let place = Place::new();
    let mut server = place.serve();
    let ended = place.lines(&["--yes"], "ks enough of this\necho never\n").with(0);
    assert!(ended.err.contains("enough of this"), "{}", ended.err);
    assert!(!ended.out.contains("never"), "{}", ended.out);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_server_that_dies_is_reported_at_once() {
    let place = Place::new();
    let mut server = place.serve();
    let mut client = place.start(&[]);
    client.write("echo ready\n");
    assert_eq!(client.line(), "ready\n");
    server.kill();
    let ended = client.end_by_itself().with(125);
    assert!(ended.err.contains("closed without a reason"), "{}", ended.err);
}

#[test]
fn where_no_server_runs_it_holds_one_and_leaves_nothing() {
    let place = Place::new();
    let mut client = place.start(&[]);
    client.write("echo one\n");
    assert_eq!(client.line(), "one\n");
    assert!(place.socket().exists());
    // It is a server like any other.
    assert_eq!(place.run(&["echo", "two"]).with(0).out, "two\n");
    client.write("own-status 5\n");
    client.end().with(5);
    assert!(!place.socket().exists());
    place.run(&["echo", "x"]).with(125);
}

#[test]
fn the_server_inside_it_serves_no_metrics() {
    let place = Place::new();
    // One that served them would not start: the port is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    place.write("config/server.toml", &format!("[metrics]\nlisten = \"{address}\"\n"));
    let ended = place.lines(&[], "status\n").with(0);
    assert!(ended.out.contains("listens on") && !ended.out.contains("http"), "{}", ended.out);
}

#[test]
fn the_server_inside_it_can_be_shut_down_like_any_other() {
    let place = Place::new();
    let ended = place.lines(&["--yes"], "echo one\nks 0 enough\n").with(0);
    assert!(ended.out.starts_with("one\n"), "{}", ended.out);
    assert!(ended.err.contains("the server was shut down by"), "{}", ended.err);
    assert!(!place.socket().exists());
}

#[test]
fn the_end_of_its_server_is_sent_to_other_clients() {
    let place = Place::new();
    let mut holder = place.start(&[]);
    holder.write("echo one\n");
    assert_eq!(holder.line(), "one\n");
    let mut other = place.start(&[]);
    other.write("echo two\n");
    assert_eq!(other.line(), "two\n");
    holder.end().with(0);
    let ended = other.end_by_itself().with(125);
    assert!(ended.err.contains("the program that held the server was closed"), "{}", ended.err);
}

#[test]
fn a_signal_ends_it_in_order_with_its_run_and_its_server() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let place = Place::new();
        let file = place.path("never");
        let mut holder = place.start(&[]);
        holder.write(&format!("wait-for {}\n", text(&file)));
        assert_eq!(holder.line(), "begun\n");
        let mut other = place.start(&[]);
        other.write("echo two\n");
        assert_eq!(other.line(), "two\n");
        holder.signal(signal);
        holder.end_by_itself().with(status);
        assert!(place.path("never.ended").exists(), "its run was ended");
        other.said("the program that held the server was closed");
        other.end_by_itself().with(125);
        assert!(!place.socket().exists());
    }
}

#[test]
fn a_broken_menu_is_reported_with_its_place_and_nothing_is_started() {
    let place = Place::new();
    std::fs::write(place.path("config/commands.toml"), "[commands.x]\nexce = []\n").unwrap();
    let ended = place.lines(&[], "echo one\n").with(125);
    assert!(ended.err.contains("commands.toml") && ended.err.contains('2'), "{}", ended.err);
    assert!(!place.socket().exists());
}

#[test]
fn a_reader_that_goes_ends_it_quietly() {
    let place = Place::new();
    let _server = place.serve();
    let file = place.path("ever");
    let mut client = place.start(&[]);
    client.write(&format!("for-ever {}\n", text(&file)));
    assert_eq!(client.line(), "y\n");
    client.break_pipe();
    let ended = client.end_by_itself().with(141);
    assert_eq!(ended.err, "");
    assert!(place.path("ever.ended").exists());
}
