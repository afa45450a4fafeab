//! The line client at a terminal: its prompt, its own words, and its questions.

use crate::common::Place;
use crate::terminal::{Terminal, prompt};

#[test]
fn a_prompt_names_the_server_and_comes_back_after_each_line() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    // A reader of the lines alone has no header that says where this is.
    let shown = terminal.sees(&prompt);
    let greeting = format!("connected to {}(this machine) as ", prompt.replace("> ", " "));
    assert!(shown.contains(&greeting) && shown.contains(", admin, client #1\r\n"), "{shown}");
    assert!(
        shown.contains("type one command a line; `help` says more, `quit` ends\r\n"),
        "{shown}"
    );
    terminal.enter("echo one");
    terminal.sees("\none\r\n");
    terminal.sees(&prompt);
    terminal.enter("no-such-command");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("topside: ") && !shown.contains("line 2"), "{shown}");
    terminal.enter("help");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("`quit`, `exit` or Ctrl-D"), "{shown}");
    terminal.enter("help echo");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("echo") && !shown.contains("Ctrl-D"), "{shown}");
    terminal.enter("echo on");
    terminal.sees("\non\r\n");
    terminal.sees(&prompt);
    assert_eq!(terminal.quit().1, 127, "the status of the last failure");
}

#[test]
fn the_line_client_at_a_terminal_asks_before_a_command_that_has_to_be_confirmed() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter("careful");
    terminal.sees("[y/N] ");
    terminal.enter("");
    terminal.sees("nothing was done");
    terminal.sees(&prompt);
    terminal.enter("careful");
    terminal.sees("[y/N] ");
    terminal.enter("y");
    terminal.sees("it was confirmed");
    terminal.sees(&prompt);
    terminal.enter("exit");
    terminal.end();
}

#[test]
fn a_notification_takes_the_place_of_the_prompt() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    // An empty prompt stayed above each notification.
    let (back, blank) = ("\u{8}".repeat(prompt.len()), " ".repeat(prompt.len()));
    for _ in 0..2 {
        place.verb(&["broadcast", "hello"]).with(0);
        let shown = terminal.sees(&prompt);
        assert!(shown.starts_with(&format!("{back}{blank}{back}topside: ")), "{shown:?}");
        assert!(shown.ends_with(&format!("says: hello\r\n{prompt}")), "{shown:?}");
    }
    // So does what was typed, with the cursor inside of it.
    terminal.type_text("ab\u{1b}[D");
    terminal.sees("ab\u{8}");
    place.verb(&["broadcast", "hello"]).with(0);
    let shown = terminal.sees(&format!("{prompt}ab\u{8}"));
    assert!(
        shown.starts_with(&format!("{back}\u{8}{blank}  {back}\u{8}\u{8}topside: ")),
        "{shown:?}"
    );
    terminal.type_text("\u{5}\u{15}");
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
        terminal.enter(line);
        terminal.sees(&format!("{line}\r\n"));
        let shown = terminal.peek(&prompt);
        assert!(!shown.contains("panicked"), "{shown}");
        shown
    };
    let clients = runs(":clients");
    assert!(clients.contains("#1 "), "{clients}");
    assert!(runs(":kick 77").contains("there is no client #77"));
    assert!(runs(":kick").contains("`kick` needs CLIENT"));
    assert!(runs(":kcik 3").contains("there is no verb `kcik`: `:help` lists them"));
    assert!(runs(":").contains("type a verb after `:`; `:help` lists them"));
    assert!(runs(":pair x").contains("`pair` is for a shell: use `topside pair` in a shell"));
    assert!(runs(":keys --on other").contains("this line goes to"));
    assert!(runs(":run echo x").contains("type the command itself"));
    assert!(runs(":kick --help").contains("Usage: :kick"));
    assert!(runs(":help").contains("broadcast"));
    assert!(runs(":servers").len() < 400);
    // `:help` names these, and they were refused.
    assert!(runs(":add pond --lan 192.0.2.7").contains("saved pond"));
    assert!(runs(":servers").contains("192.0.2.7"));
    assert!(runs(":delete pond --yes").contains("forgot pond"));
    // Last of the verbs: the message comes back to its sender at any time after the answer, with a prompt of its own.
    assert!(runs(":broadcast hello you").contains("client"));
    terminal.sees("says: hello you");
    terminal.sees(&prompt);
    terminal.enter(":quit");
    terminal.end();
}

#[test]
fn a_verb_asks_for_the_name_of_the_server_before_it_shuts_it_down() {
    let place = Place::new();
    let mut server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter(":shutdown --in 1h moving");
    terminal.sees("to continue: ");
    terminal.enter("y");
    terminal.sees("nothing was done");
    terminal.sees(&prompt);
    terminal.enter(":shutdown moving");
    terminal.sees("to continue: ");
    terminal.enter(prompt.trim_end_matches("> "));
    let (shown, status) = terminal.end();
    assert_eq!(status, 126, "the status of the last failure: {shown}");
    assert_eq!(server.wait(), Some(0));
}

/// A script did not know them.
#[test]
fn a_script_has_verbs_and_quit_and_is_never_asked() {
    let place = Place::new();
    let _server = place.serve();
    let ended = place.lines(&[], ":clients\nhelp\necho on\nquit\necho never\n").with(0);
    assert!(ended.out.starts_with("#1 ") || ended.out.contains("#1 "), "{}", ended.out);
    assert!(ended.out.ends_with("on\n") && !ended.out.contains("Ctrl-D"), "{}", ended.out);
    assert_eq!(ended.err, "");
    // `help` is the command of the server.
    assert!(ended.out.contains("`help NAME` explains a command and its arguments\n"));
    // The next line is no answer, and is still run.
    let ended = place.lines(&[], ":shutdown\necho on\n:kick 77\n:quit\necho never\n").with(127);
    assert_eq!(ended.out, "on\n");
    let [ask, kick] = ended.err.lines().collect::<Vec<_>>()[..] else { panic!("{ended:?}") };
    assert!(ask.starts_with("topside: line 1: ") && ask.contains("pass --yes"), "{ask}");
    assert!(kick.starts_with("topside: line 3: there is no client #77"), "{kick}");
}

/// Nothing said that a command without output had ended.
#[test]
fn a_success_without_output_is_said_at_a_terminal_alone() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter("own-status 0");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("\r\ntopside: own-status succeeded, without output\r\n"), "{shown:?}");
    terminal.enter("echo on");
    assert!(!terminal.sees(&prompt).contains("succeeded"));
    terminal.quit();
    assert_eq!(place.lines(&[], "own-status 0\n").with(0).err, "");
}

/// It was refused, with the advice to type another line.
#[test]
fn connect_is_a_line_client_where_no_screen_can_be_drawn() {
    let place = Place::new();
    let _server = place.serve();
    let mut terminal = Terminal::dumb(&place, &["connect", "this machine"]);
    terminal.sees("connected to ");
    terminal.sees(&prompt());
    assert_eq!(terminal.quit().1, 0);
    let help = place.verb(&["--help"]).with(0).out;
    assert!(help.contains("line client"), "{help}");
}

/// The greeting was printed before the error.
#[test]
fn a_broken_menu_is_reported_without_a_greeting() {
    let place = Place::with_menu("[commands.x]\nexce = []\n");
    let (shown, status) = Terminal::dumb(&place, &[]).end();
    assert!(shown.starts_with("topside: ") && shown.contains("commands.toml"), "{shown}");
    assert!(!shown.contains("one command a line"), "{shown}");
    assert_eq!(status, 125);
}

/// Each verb left two lines in the log.
#[test]
fn the_log_of_a_prompt_has_one_line_for_each_connection() {
    let place = Place::new();
    let _server = place.serve();
    place.verb(&["status"]).with(0);
    let has_ended = |entry: &serde_json::Value| {
        entry["message"] == "client disconnected" && entry["fields"]["client"] == 1
    };
    // The server notes the end of a connection after the verb has ended.
    while !place.json(&["log"])["entries"].as_array().unwrap().iter().any(has_ended) {}
    let (mut terminal, prompt) = Terminal::line_client(&place);
    for line in [":log", "log"] {
        terminal.enter(line);
        let shown = terminal.sees(&prompt);
        let first: Vec<&str> = shown.lines().filter(|line| line.contains(" client=1 ")).collect();
        let [only] = first.as_slice() else { panic!("{shown}") };
        assert!(only.contains("client disconnected"), "{only}");
        assert!(only.contains(" address=") && only.contains(" connected_for="), "{only}");
    }
    terminal.quit();
}

#[test]
fn tab_completes_commands_arguments_and_verbs() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    terminal.sees(&prompt);
    // One fits.
    terminal.type_text("care\t");
    terminal.sees("careful ");
    terminal.type_text("\u{15}");
    // Several begin alike: what they share, and then the list.
    terminal.type_text(":re\t");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("\r\n  reload") && shown.contains("  revoke"), "{shown}");
    terminal.sees(":re");
    terminal.type_text("load\r");
    terminal.sees(&prompt);
    // Many are listed by name.
    terminal.type_text("\u{15}:\t");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("  status, clients, menu, "), "{shown}");
    // An optional flag is listed, and not typed.
    terminal.type_text("\u{15}status \t");
    let shown = terminal.sees(&format!("{prompt}status "));
    assert!(shown.contains("\r\n  --json  "), "{shown}");
    // Nor is what several flags begin with.
    terminal.type_text("\u{15}set-word \tann");
    let shown = terminal.sees(&format!("{prompt}set-word ann"));
    assert!(shown.contains("\r\n  --user  "), "{shown}");
    terminal.type_text("\u{15}");
    // The server knows its clients.
    let mut other = Terminal::dumb(&place, &[]);
    other.sees(&prompt);
    let clients = place.json(&["clients"]);
    let [_, row, _] = &clients["clients"].as_array().unwrap()[..] else { panic!("{clients}") };
    terminal.type_text(":kick \t");
    terminal.sees(&format!(":kick {} ", row["clientId"]));
    terminal.type_text("\u{15}quit\r");
    terminal.end();
}

/// A line with its exit status followed, as if it were another mistake.
#[test]
fn the_answer_of_a_builtin_that_says_what_is_wrong_is_not_followed_by_its_status() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter("help nosuch");
    terminal.sees("help nosuch\r\n");
    let shown = terminal.sees(&prompt);
    assert!(shown.contains("nosuch") && !shown.contains("exit status"), "{shown:?}");
    assert_eq!(terminal.quit().1, 1, "the status of the last failure");
}

/// Tab proposed runs that had ended, and nothing named those that go on.
#[test]
fn cancel_proposes_and_names_only_runs_that_go_on() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    let mut runs = |line: &str| {
        terminal.enter(line);
        terminal.sees(&format!("{line}\r\n"));
        terminal.sees(&prompt)
    };
    assert!(runs(":runs").starts_with("no runs yet\r\n"));
    assert!(runs(":cancel").contains("`cancel` needs the number of a run; nothing runs\r\n"));
    let echo = runs("own-status 0");
    assert!(echo.contains("succeeded"), "{echo}");
    assert!(runs(":runs --state failed").starts_with("no such runs\r\n"));
    place.run(&["--detach", "wait-for", place.path("never").to_str().unwrap()]).with(0);
    for verb in ["cancel", "attach"] {
        let shown = runs(&format!(":{verb}"));
        let sentence = format!("`{verb}` needs the number of a run: #2 wait-for, running\r\n");
        assert!(shown.contains(&sentence), "{shown}");
    }
    terminal.type_text(":cancel \t");
    terminal.sees(":cancel 2 ");
    terminal.type_text("\r");
    terminal.sees("cancelled\r\n");
    terminal.sees(&prompt);
    terminal.quit();
}

/// Up showed the secret.
#[test]
fn a_line_with_a_secret_is_not_brought_back() {
    let place = Place::new();
    let _server = place.serve();
    let (mut terminal, prompt) = Terminal::line_client(&place);
    terminal.enter("echo on");
    terminal.sees(&prompt);
    terminal.enter("set-word --user ann --word topsecret");
    terminal.sees("\r\n9\r\n");
    terminal.sees(&prompt);
    terminal.type_text("\u{1b}[A");
    terminal.sees("echo on");
    terminal.type_text("ce\r");
    terminal.sees("\r\nonce\r\n");
    terminal.sees(&prompt);
    terminal.quit();
}

/// The terminal made spaces of it, and the escape sequences of the keys were sent to the server.
#[test]
fn a_line_is_edited_with_the_keys_of_the_input_box() {
    let place = Place::new();
    let _server = place.serve();
    let prompt = prompt();
    let mut terminal = Terminal::dumb(&place, &[]);
    terminal.sees(&prompt);
    terminal.type_text("echo wto\u{1b}[D\u{8}\u{1b}[C\u{8}o\u{1}\u{5}\r");
    terminal.sees("\r\nwo\r\n");
    terminal.sees(&prompt);
    // Up, and the earlier line again.
    terminal.type_text("\u{1b}[A");
    terminal.sees("echo wo");
    terminal.type_text("!\r");
    terminal.sees("\r\nwo!\r\n");
    terminal.sees(&prompt);
    // A notification does not lose what is typed.
    terminal.type_text("echo half");
    terminal.sees("echo half");
    place.verb(&["broadcast", "hello"]).with(0);
    terminal.sees("hello");
    terminal.sees(&format!("{prompt}echo half"));
    terminal.type_text(" done\r");
    terminal.sees("\r\nhalf done\r\n");
    terminal.sees(&prompt);
    // An empty line, and one of spaces.
    terminal.type_text("\r  \r");
    let shown = terminal.sees(&prompt);
    assert_eq!(shown, format!("\r\n{prompt}"));
    terminal.type_text("quit\r");
    let (_, status) = terminal.end();
    assert_eq!(status, 0);
}
