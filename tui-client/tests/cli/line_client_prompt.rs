//! The line client at a terminal: its prompt, its own words, and its questions.

use crate::common::Place;
use crate::terminal::Terminal;

/// The prompt of a server on this machine.
fn prompt() -> String {
    let name = rustix::system::uname();
    format!("{}> ", name.nodename().to_str().unwrap())
}

#[test]
fn a_prompt_names_the_server_and_comes_back_after_each_line() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    // A reader of the lines alone has no header that says where this is.
    let shown = terminal.sees(&prompt);
    let greeting = format!("connected to {}(this machine) as ", prompt.replace("> ", " "));
    assert!(shown.contains(&greeting) && shown.contains(", admin"), "{shown}");
    terminal.type_text("echo one\r");
    terminal.sees("\none\r\n");
    terminal.sees(&prompt);
    terminal.type_text("no-such-command\r");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("topside: ") && !shown.contains("line 2"), "{shown}");
    terminal.type_text("help\r");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("`quit`, `exit` or Ctrl-D"), "{shown}");
    terminal.type_text("help echo\r");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("echo") && !shown.contains("Ctrl-D"), "{shown}");
    terminal.type_text("echo on\r");
    terminal.sees("\non\r\n");
    terminal.sees(&prompt);
    terminal.type_text("quit\r");
    assert_eq!(terminal.end().1, 127, "the status of the last failure");
}

#[test]
fn the_line_client_at_a_terminal_asks_before_a_command_that_has_to_be_confirmed() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    terminal.sees(&prompt);
    terminal.type_text("careful\r");
    terminal.sees("[y/N] ");
    terminal.type_text("\r");
    terminal.sees("nothing was done");
    terminal.sees(&prompt);
    terminal.type_text("careful\r");
    terminal.sees("[y/N] ");
    terminal.type_text("y\r");
    terminal.sees("it was confirmed");
    terminal.sees(&prompt);
    terminal.type_text("exit\r");
    terminal.end();
}

/// Ctrl-C during a run ended the line client, too.
#[test]
fn ctrl_c_cancels_the_run_alone_and_ends_an_idle_line_client() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    terminal.sees(&prompt);
    terminal.type_text(&format!("wait-for {}\r", place.path("never").display()));
    terminal.sees("begun");
    terminal.type_text("\u{3}");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("\ntopside: wait-for was cancelled"), "{shown:?}");
    terminal.type_text("echo on\r");
    terminal.sees("\non\r\n");
    terminal.sees(&prompt);
    terminal.type_text("\u{3}");
    assert_eq!(terminal.end().1, 130);
}

#[test]
fn a_notification_has_a_line_of_its_own_between_two_prompts() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    terminal.sees(&prompt);
    place.verb(&["broadcast", "hello"]).with(0);
    let shown = terminal.sees(&prompt);
    assert!(shown.starts_with("\r\n"), "{shown:?}");
    assert!(shown.contains("hello"), "{shown:?}");
    // Ctrl-D
    terminal.type_text("\u{4}");
    assert_eq!(terminal.end().1, 0);
}

#[test]
fn a_line_with_a_colon_runs_a_verb_of_the_shell_on_the_connected_server() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    let mut runs = |line: &str| {
        terminal.sees(&prompt);
        terminal.type_text(&format!("{line}\r"));
        terminal.sees(&format!("{line}\r\n"));
        let shown = terminal.peek(&prompt);
        assert!(!shown.contains("panicked"), "{shown}");
        shown
    };
    let clients = runs(":clients");
    assert!(clients.contains("#1 "), "{clients}");
    assert!(runs(":kick 77").contains("there is no client #77"));
    assert!(runs(":kick").contains("`kick` needs CLIENT"));
    assert!(runs(":keys --on other").contains("this line goes to"));
    assert!(runs(":run echo x").contains("type the command itself"));
    assert!(runs(":kick --help").contains("Usage: :kick"));
    assert!(runs(":help").contains("broadcast"));
    assert!(runs(":servers").len() < 400);
    // Last of the verbs: the message comes back to its sender at any time after the answer, with a prompt of its own.
    assert!(runs(":broadcast hello you").contains("client"));
    terminal.sees("says: hello you");
    terminal.sees(&prompt);
    terminal.type_text(":quit\r");
    terminal.end();
}

#[test]
fn a_verb_asks_for_the_name_of_the_server_before_it_shuts_it_down() {
    let place = Place::new();
    let mut server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    terminal.sees(&prompt);
    terminal.type_text(":shutdown --in 1h moving\r");
    terminal.sees("to continue: ");
    terminal.type_text("y\r");
    terminal.sees("nothing was done");
    terminal.sees(&prompt);
    terminal.type_text(":shutdown moving\r");
    terminal.sees("to continue: ");
    terminal.type_text(&format!("{}\r", prompt.trim_end_matches("> ")));
    let (shown, status) = terminal.end();
    assert_eq!(status, 126, "the status of the last failure: {shown}");
    assert_eq!(server.wait(), Some(0));
}

/// Without a terminal a line with a colon is a command that does not exist, as before.
#[test]
fn a_script_has_no_lines_of_verbs() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.lines(&[], ":clients\nhelp\necho on\n").with(127);
    assert!(ended.err.contains("line 1: "), "{}", ended.err);
    assert!(ended.out.ends_with("on\n") && !ended.out.contains("Ctrl-D"), "{}", ended.out);
}
