//! The line client at a terminal when something cuts in: Ctrl-C, a signal, the end of its session.

use rustix::process::Signal;

use crate::common::Place;
use crate::terminal::{Terminal, prompt};

/// Ctrl-C during a run ended the line client, too.
#[test]
fn ctrl_c_cancels_the_run_alone() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter(&format!("wait-for {}", place.path("never").display()));
    terminal.sees("begun");
    terminal.type_text("\u{3}");
    let shown = terminal.sees(&prompt);
    // It named the user and the number of the connection, which may be that of a run.
    assert!(shown.contains("\ntopside: wait-for was cancelled by you\r\n"), "{shown:?}");
    for list in [":runs", "runs"] {
        terminal.enter(list);
        let shown = terminal.sees(&prompt);
        assert!(shown.contains("wait-for (cancelled by you)\r\n"), "{shown:?}");
    }
    terminal.enter("echo on");
    terminal.sees("\non\r\n");
    terminal.sees(&prompt);
    assert_eq!(terminal.quit().1, 130, "the status of the last failure");
}

/// They were run although they may count on the run that was cancelled.
#[test]
fn lines_that_were_typed_during_a_run_are_dropped_at_ctrl_c() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    let wait = format!("wait-for {}", place.path("never").display());
    terminal.type_text(&format!("{wait}\recho late\r"));
    terminal.sees("begun\r\n");
    terminal.type_text("\u{3}");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("topside: what was typed before Ctrl-C was dropped\r\n"), "{shown:?}");
    terminal.enter("echo on");
    let shown = terminal.sees("echo on\r\non\r\n");
    assert!(!shown.contains("late"), "{shown:?}");
    // A line that is typed during a run that ends by itself is still run.
    let go = place.path("go");
    terminal.type_text(&format!("wait-for {}\recho late\r", go.display()));
    terminal.sees("begun\r\n");
    std::fs::write(go, "").unwrap();
    terminal.sees("\r\nlate\r\n");
    terminal.sees(&prompt);
    terminal.quit();
}

/// A second Ctrl-C ended the session, and with it a server inside the program.
#[test]
fn a_second_ctrl_c_gives_up_the_wait_for_a_run_and_keeps_the_session() {
    let place = Place::new();
    let _server = place.serve();
    let go = place.path("go");
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter(&format!("stubborn {}", go.display()));
    terminal.sees("\nbegun\r\n");
    terminal.type_text("\u{3}");
    terminal.sees("^C\r\n");
    terminal.type_text("\u{3}");
    terminal.sees("topside: stubborn was cancelled; its end is not waited for\r\n");
    terminal.sees(&prompt);
    terminal.enter("echo on");
    terminal.sees("\non\r\n");
    std::fs::write(go, "").unwrap();
    terminal.sees(&prompt);
    terminal.quit();
}

/// It said nothing, and after the second Ctrl-C that the run was cancelled.
#[test]
fn a_server_that_does_not_answer_is_reported_and_no_run_is_called_cancelled() {
    let place = Place::new();
    let server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    server.signal(Signal::STOP);
    let name = prompt.trim_end_matches("> ");
    terminal.enter("echo on");
    terminal.sees("topside: no answer for 5 s: still waiting (Ctrl-C gives up)\r\n");
    terminal.type_text("\u{3}");
    terminal.sees("topside: cancelling: Ctrl-C again does not wait\r\n");
    terminal.type_text("\u{3}");
    let unknown = "whether echo was cancelled is not known";
    terminal.sees(&format!("topside: no answer from {name}: {unknown}\r\n"));
    terminal.sees(&prompt);
    server.signal(Signal::CONT);
    terminal.quit();
}

/// A run that was stopped with its server was called cancelled.
#[test]
fn a_cancel_that_the_server_does_not_confirm_is_not_called_one() {
    let place = Place::new();
    let server = place.serve();
    let go = place.path("go");
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter(&format!("wait-for {}", go.display()));
    terminal.sees("begun\r\n");
    server.signal(Signal::STOP);
    terminal.type_text("\u{3}");
    terminal.sees("topside: cancelling: Ctrl-C again does not wait\r\n");
    terminal.type_text("\u{3}");
    terminal.sees(": whether wait-for was cancelled is not known\r\n");
    terminal.sees(&prompt);
    server.signal(Signal::CONT);
    terminal.quit();
}

/// The terminal discards the line that is typed. So Ctrl-C, with which people give up a line, must not end the session.
#[test]
fn ctrl_c_at_the_prompt_discards_the_line_and_a_second_one_ends_the_session() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter("help");
    let help = terminal.sees(&prompt);
    assert!(help.contains("So does Ctrl-C twice at the prompt."), "{help}");
    terminal.type_text("echo half");
    terminal.sees("echo half");
    for _ in 0..2 {
        terminal.type_text("\u{3}");
        terminal.sees("^C\r\ntopside: Ctrl-C again, `quit` or Ctrl-D ends the session\r\n");
        terminal.sees(&prompt);
        // Another line is between the two.
        terminal.enter("echo on");
        terminal.sees("echo on\r\non\r\n");
        terminal.sees(&prompt);
    }
    // A second one ended the session although another line was begun and given up between the two.
    for typed in ["echo half", "x\u{8}", "echo half"] {
        terminal.type_text(&format!("{typed}\u{3}"));
        terminal.sees("^C\r\ntopside: Ctrl-C again, `quit` or Ctrl-D ends the session\r\n");
        terminal.sees(&prompt);
    }
    terminal.type_text("\u{3}");
    let (shown, status) = terminal.end();
    assert_eq!((shown.as_str(), status), ("^C\r\ntopside: session ended\r\n", 130));
}

/// The keys would be typed blindly in the shell that follows.
#[test]
fn a_signal_at_the_prompt_gives_the_terminal_its_mode_back() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let place = Place::new();
        let _server = place.serve();
        let (mut terminal, _) = Terminal::line_client(&place);
        terminal.type_text("half");
        terminal.sees("half");
        assert!(!terminal.gives_lines(), "it gives keys at the prompt");
        terminal.signal(signal);
        assert_eq!(terminal.wait(), status);
        assert!(terminal.gives_lines(), "{signal:?}");
    }
}

/// Only the reason was printed.
#[test]
fn a_lost_session_says_that_the_end_of_its_run_is_not_known() {
    let place = Place::new();
    let mut server = place.serve();
    let (mut terminal, _) = Terminal::line_client(&place);
    terminal.enter(&format!("wait-for {}", place.path("never").display()));
    terminal.sees("begun\r\n");
    server.kill();
    terminal.sees("; whether wait-for went on is not known\r\n");
    terminal.sees("reconnecting; Ctrl-C ends this program\r\n");
    terminal.type_text("\u{3}");
    assert_eq!(terminal.end().1, 130);
}

/// It went to the shell, which ran it.
#[test]
fn the_rest_of_a_line_that_is_typed_when_the_server_stops_does_not_go_to_the_shell() {
    // Enter, Ctrl-D, Ctrl-C.
    for end in [" rm x\r", "\u{4}", "\u{3}"] {
        let place = Place::new();
        let _server = place.serve();
        let script = "trap : INT; \"$0\"; echo \"status $?\"; read -r line; echo \"read $line.\"";
        let mut terminal = Terminal::script(&place, script);
        terminal.sees(&prompt());
        terminal.type_text("water;");
        terminal.sees("water;");
        place.verb(&["shutdown", "--yes", "moving"]).with(0);
        let shown = terminal.sees("topside: press Enter to end\r\n");
        assert!(!shown.contains("status"), "{shown:?}");
        terminal.type_text(end);
        let shown = terminal.sees("status 125\r\n");
        assert!(!shown.contains("read"), "{shown:?}");
        terminal.enter("echo on");
        terminal.sees("read echo on.\r\n");
        terminal.end();
    }
}

/// What was typed during a run went to the shell.
#[test]
fn what_is_typed_during_a_run_that_ends_with_the_server_does_not_go_to_the_shell() {
    let place = Place::new();
    let _server = place.serve();
    let script = "\"$0\"; echo \"status $?\"; read -r line; echo \"read $line.\"";
    let mut terminal = Terminal::script(&place, script);
    terminal.sees(&prompt());
    terminal.enter(&format!("wait-for {}", place.path("never").display()));
    terminal.sees("begun\r\n");
    terminal.type_text("water;");
    terminal.sees("water;");
    place.verb(&["shutdown", "--yes", "moving"]).with(0);
    terminal.sees("topside: press Enter to end\r\n");
    terminal.enter(" rm x");
    terminal.sees("status 125\r\n");
    terminal.enter("echo on");
    terminal.sees("read echo on.\r\n");
    terminal.end();
}

/// A restart of the server ended the prompt.
#[test]
fn the_prompt_reconnects_after_a_restart_of_the_server() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    terminal.sees(&prompt);
    place.verb(&["shutdown", "--restart", "--yes", "new files"]).with(0);
    let shown = terminal.sees("topside: reconnected to ");
    // It was told five times.
    assert_eq!(shown.matches("restart").count(), 1, "{shown}");
    assert!(shown.contains("the server restarts now: new files"), "{shown}");
    assert_eq!(shown.matches("topside: ").count(), 3, "{shown}");
    assert!(shown.contains("reconnecting; Ctrl-C ends this program\r\n"), "{shown}");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("; it was started anew\r\n"), "{shown}");
    terminal.type_text("echo on\r");
    terminal.sees("\non\r\n");
    terminal.sees(&prompt);
    terminal.type_text("quit\r");
    terminal.end();
}

/// It was joined with the line that was half typed before, and run.
#[test]
fn what_is_typed_while_the_prompt_reconnects_is_dropped() {
    let place = Place::new();
    let mut server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.type_text("echo on");
    terminal.sees("echo on");
    server.kill();
    terminal.sees("reconnecting; Ctrl-C ends this program\r\n");
    // Both a line and the beginning of one.
    terminal.type_text(" late\recho half");
    terminal.sees("echo half");
    // It said nothing more until the server was back.
    let shown = terminal.sees("topside: still trying to reconnect: ");
    assert_eq!(shown.matches("topside: ").count(), 1, "{shown:?}");
    terminal.sees("\r\n");
    let _server = place.serve();
    let shown = terminal.sees(&format!("{prompt}echo on"));
    assert!(!shown.contains("still trying"), "each reason once: {shown:?}");
    assert!(
        shown.contains("topside: what was typed while reconnecting was dropped\r\n"),
        "{shown:?}"
    );
    terminal.type_text("ly\r");
    terminal.sees("\r\nonly\r\n");
    terminal.sees(&prompt);
    terminal.quit();
}

/// A script's next lines may depend on those before.
#[test]
fn a_script_ends_with_a_reason_when_the_server_restarts() {
    let place = Place::new();
    let _server = place.serve();
    let text = format!("echo on\nwait-for {}\necho not-run\n", place.path("never").display());
    let mut script = place.start(&[]);
    script.write(&text);
    assert_eq!([script.line(), script.line()], ["on\n", "begun\n"]);
    place.verb(&["shutdown", "--restart", "--yes", "new files"]).with(0);
    let ended = script.end();
    let ended = ended.with(125);
    assert!(ended.err.contains("the server restarts"), "{}", ended.err);
    assert!(!ended.out.contains("not-run"), "{}", ended.out);
}

#[test]
fn ctrl_c_at_a_followed_run_says_that_the_run_goes_on() {
    let place = Place::new();
    let _server = place.serve();
    let go = place.path("go");
    let run = place.run(&["--detach", "wait-for", go.to_str().unwrap()]).with(0);
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter(&format!(":attach {}", run.out.trim()));
    terminal.sees("begun\r\n");
    terminal.type_text("\u{3}");
    let shown = terminal.sees(&prompt);
    assert!(
        shown.starts_with("^C\r\ntopside: run #1 goes on: `:cancel 1` cancels it\r\n"),
        "{shown}"
    );
    std::fs::write(go, "").unwrap();
    terminal.quit();
}
