//! Questions at a terminal: yes or no, the name of a server, a secret.

use crate::common::Place;
use crate::terminal::Terminal;

const MENU: &str = r#"
[commands.login]
effect = "write"
exec = ["/bin/sh", "-c", "echo \"$1 has ${#WORD} characters\"", "sh", "{user}"]
[[commands.login.args]]
name = "user"
type = "string"
required = true
[[commands.login.args]]
name = "password"
type = "secret"
env = "WORD"
required = true
min_length = 4

[commands.login-twice]
effect = "write"
confirm = "Let {user} in?"
exec = ["/bin/sh", "-c", "echo \"$1 has ${#OLD} and ${#NEW}\"", "sh", "{user}"]
[[commands.login-twice.args]]
name = "old"
type = "secret"
env = "OLD"
required = true
[[commands.login-twice.args]]
name = "new"
type = "secret"
env = "NEW"
required = true
[[commands.login-twice.args]]
name = "user"
type = "string"
required = true

[commands.careful]
effect = "write"
confirm = "Really?"
exec = ["/bin/echo", "it was confirmed"]

[commands.count]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "echo ready; echo $(wc -c) bytes"]

[commands.approved]
effect = "write"
approval = "admin"
exec = ["/bin/echo", "it was approved"]
"#;

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";
const RULE: &str = "password (text of at least 4 characters; not shown): ";
/// The questions of `login-twice --user ann`, and answers.
const LOGIN_TWICE: [(&str, &str); 3] =
    [("old (not shown): ", "abc"), ("new (not shown): ", "abcdef"), ("Let ann in? [y/N] ", "y")];

/// Ctrl-C at the question of a command ended the session. At the question of a verb it left the cursor behind the question.
#[test]
fn ctrl_c_at_a_question_of_the_line_client_is_a_no() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    for (line, question) in [
        ("careful", "Really? [y/N] "),
        ("login ann", RULE),
        (":shutdown", "to continue: "),
        (":add pond --lan 192.0.2.7\r:delete pond", "its pin? [y/N] "),
    ] {
        terminal.enter(line);
        terminal.sees(question);
        terminal.type_text(CTRL_C);
        let shown = terminal.sees(&prompt);
        // A terminal without echo does not show the key.
        let shown = shown.trim_start_matches("^C");
        assert_eq!(shown, format!("\r\ntopside: nothing was done\r\n{prompt}"), "{line}");
    }
    terminal.enter("careful");
    terminal.sees("Really? [y/N] ");
    terminal.type_text(CTRL_D);
    terminal.sees("\r\ntopside: nothing was done\r\n");
    terminal.sees(&prompt);
    terminal.type_text(CTRL_D);
    assert_eq!(terminal.end(), ("\r\ntopside: session ended\r\n".to_owned(), 126));
}

/// A `y` that was typed ahead answered the question before it was asked.
#[test]
fn what_was_typed_before_a_question_is_no_answer() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    for (lines, question) in [
        ("careful\ry\r", "Really? [y/N] "),
        ("login ann\rhunter2\r", RULE),
        (":add pond --lan 192.0.2.7\r:delete pond\ry\r", "its pin? [y/N] "),
    ] {
        terminal.type_text(lines);
        let shown = terminal.sees(question);
        let dropped = "topside: what was typed before this question was dropped\r\n";
        assert!(shown.contains(dropped), "{shown:?}");
        terminal.enter("");
        terminal.sees("topside: nothing was done\r\n");
        terminal.sees(&prompt);
    }
    // Nothing is said where nothing was typed.
    terminal.enter("careful");
    assert!(!terminal.sees("Really? [y/N] ").contains("dropped"));
    terminal.enter("y");
    terminal.sees("it was confirmed\r\n");
    terminal.sees(&prompt);
    terminal.quit();
}

/// Ctrl-D ends the input of the program; it ended the session too.
#[test]
fn ctrl_d_during_a_run_ends_the_input_of_the_run_alone() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    for _ in 0..2 {
        terminal.enter("count");
        terminal.sees("ready\r\n");
        terminal.enter("abc");
        terminal.type_text(CTRL_D);
        terminal.sees("4 bytes\r\n");
        terminal.sees(&prompt);
    }
    terminal.type_text(CTRL_D);
    assert_eq!(terminal.end().1, 0);
}

#[test]
fn the_line_client_asks_for_a_secret_that_the_line_lacks() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    for (typed, want) in [
        ("hunter2", "ann has 7 characters\r\n"),
        ("hun", "topside: password must have at least 4 characters\r\n"),
        ("", "topside: nothing was done\r\n"),
        ("--x=y 'z", "ann has 8 characters\r\n"),
    ] {
        terminal.enter("login ann");
        terminal.sees(RULE);
        terminal.enter(typed);
        let shown = terminal.sees(&prompt);
        assert!(shown.ends_with(&format!("{want}{prompt}")), "{typed}: {shown:?}");
        assert!(typed.is_empty() || !shown.contains(typed), "{shown:?}");
    }
    // The echo is on again.
    terminal.enter("echo on");
    terminal.sees("echo on\r\non\r\n");
    terminal.sees(&prompt);
    // Other mistakes come first, and a secret that the line gives is not asked for.
    terminal.enter("login");
    terminal.sees("topside: login needs user: text\r\n");
    terminal.sees(&prompt);
    terminal.enter("login ann --password hunter22");
    terminal.sees("ann has 8 characters");
    terminal.sees(&prompt);
    // One after the other, then the question of the command.
    terminal.enter("login-twice --user ann");
    terminal.answer(&LOGIN_TWICE);
    terminal.sees("ann has 3 and 6\r\n");
    terminal.sees(&prompt);
    terminal.quit();
}

#[test]
fn topside_run_asks_for_a_secret_and_for_a_yes_at_a_terminal() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let mut terminal = Terminal::open(&place, &["run", "login-twice", "--user", "ann"]);
    terminal.answer(&LOGIN_TWICE);
    let (shown, status) = terminal.end();
    assert!(shown.ends_with("ann has 3 and 6\r\n") && !shown.contains("abc"), "{shown:?}");
    assert_eq!(status, 0);
    for (line, question, typed, want) in [
        ("careful", "Really? [y/N] ", "n\r", 126),
        ("careful", "Really? [y/N] ", CTRL_D, 126),
        ("careful", "Really? [y/N] ", CTRL_C, 130),
        ("login ann", RULE, "\r", 126),
        ("login ann", RULE, CTRL_C, 130),
    ] {
        let words: Vec<&str> = std::iter::once("run").chain(line.split(' ')).collect();
        let mut terminal = Terminal::open(&place, &words);
        terminal.sees(question);
        terminal.type_text(typed);
        let (shown, status) = terminal.end();
        assert!(shown.ends_with("\r\ntopside: nothing was done\r\n"), "{line}: {shown:?}");
        assert_eq!(status, want, "{line} {typed:?}");
    }
}

/// Both asked for a y only, where the verb and the screen want the name.
#[test]
fn the_command_that_shuts_the_server_down_wants_its_name_typed() {
    let place = Place::with_menu(MENU);
    let mut server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    let name = prompt.trim_end_matches("> ");
    let question = format!(" Type {name} to continue: ");
    terminal.enter("ks");
    terminal.sees(&question);
    terminal.enter("y");
    terminal.sees("topside: nothing was done\r\n");
    terminal.sees(&prompt);
    terminal.quit();
    let mut terminal = Terminal::open(&place, &["run", "shutdown"]);
    terminal.sees(&question);
    terminal.enter("y");
    assert_eq!(terminal.end().1, 126);
    let mut terminal = Terminal::open(&place, &["run", "shutdown"]);
    terminal.sees(&question);
    terminal.enter(name);
    assert_eq!(terminal.end().1, 0);
    assert_eq!(server.wait(), Some(0));
}

/// The question named no run, so its reader did not know what it would end.
#[test]
fn the_question_before_a_shutdown_names_the_runs_that_end_with_it() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let (mut counting, _) = Terminal::line_client(&place);
    counting.enter("count");
    counting.sees("ready\r\n");
    let user = place.json(&["runs"])["runs"][0]["user"].as_str().unwrap().to_owned();
    let runs = format!(" This run ends with it: count #1 ({user}). Type ");
    for args in [&["shutdown"][..], &["run", "shutdown"]] {
        let mut terminal = Terminal::open(&place, args);
        terminal.sees(&runs);
        terminal.enter("no");
        assert_eq!(terminal.end().1, 126, "{args:?}");
    }
    let (mut terminal, prompt) = Terminal::line_client(&place);
    for line in ["shutdown", ":shutdown"] {
        terminal.enter(line);
        terminal.sees(&runs);
        terminal.enter("no");
        terminal.sees(&prompt);
    }
    terminal.quit();
    // Its own client sees why the run ended.
    place.verb(&["shutdown", "--yes"]).with(0);
    counting.sees(": the server shut down");
}

#[test]
fn without_a_terminal_a_missing_secret_is_refused_with_what_to_do() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let ended = place.run(&["login", "ann"]).with(126);
    let want = "topside: login needs password, a secret, and without a terminal it cannot be asked for: \
                give the whole line to `topside` on its standard input\n";
    assert_eq!(ended.err, want);
    let ended = place.lines(&[], "login ann\n").with(126);
    let want = "topside: line 1: login needs password: text of at least 4 characters; \
                at a terminal it is asked for; here, give it in the line\n";
    assert_eq!(ended.err, want);
    let ended = place.lines(&[], "login ann hunter2\n").with(0);
    assert_eq!(ended.out, "ann has 7 characters\n");
}

/// "^CIt was not started: .." was followed by a second line that said the same.
#[test]
fn a_cancelled_request_for_approval_is_reported_once_below_the_ctrl_c() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter("approved");
    terminal.sees("left\r\n");
    terminal.type_text(CTRL_C);
    let shown = terminal.sees(&prompt);
    assert!(shown.starts_with("^C\r\nIt was not started: cancelled by "), "{shown:?}");
    assert_eq!(shown.matches("cancelled by").count(), 1, "{shown:?}");
    terminal.quit();

    let mut terminal = Terminal::open(&place, &["run", "approved"]);
    terminal.sees("left\r\n");
    terminal.type_text(CTRL_C);
    let (shown, status) = terminal.end();
    assert!(shown.starts_with("^C\r\nIt was not started: "), "{shown:?}");
    assert_eq!((shown.matches("cancelled by").count(), status), (1, 130), "{shown:?}");
}
