//! The end of a terminal, told by no signal: the leader of the session takes SIGHUP and goes on.

use super::harness::{Home, Screen, Server, eventually, exists};

const MENU: &str = r#"
[commands.long]
exec = ["/bin/sh", "-c", "echo begun; exec sleep 600"]
effect = "read"
"#;

/// As `ssh -t` with a command, or a pane of tmux that runs a script, leaves it.
const LEADER: &str = "trap : HUP; ";

fn runs(home: &Home) -> String {
    let mut command = std::process::Command::new(super::harness::TOPSIDE);
    let output = command.args(["runs", "--json"]).envs(home.env()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Starts a line of the shell, takes its terminal away once `text` is there, and waits for its end.
fn hang_up_at(home: &Home, line: &str, text: &str) {
    let mut screen = Screen::shell(home, (100, 30), &format!("{LEADER}{line}"));
    screen.see(text);
    screen.hang_up();
    screen.ended_without_terminal();
}

/// It read the end of its terminal for ever, and took all of a processor.
#[test]
fn a_screen_ends_with_its_terminal_without_a_signal() {
    let home = Home::new();
    hang_up_at(&home, "$TOPSIDE", "no server here");
    let _server = Server::start(&home);
    hang_up_at(&home, "$TOPSIDE connect 'this machine'", " · connected · ");
}

#[test]
fn a_server_inside_a_screen_that_lost_its_terminal_ends_in_order() {
    let home = Home::with_menu(MENU);
    let mut screen = Screen::shell(&home, (100, 30), &format!("{LEADER}$TOPSIDE"));
    screen.connect("no server here");
    screen.write("long\r");
    screen.see("begun");
    screen.hang_up();
    screen.ended_without_terminal();
    assert!(!exists(&home.socket()));
    // The next one knows how the run ended.
    let _server = Server::start(&home);
    assert!(runs(&home).contains("\"cancelled\""), "{}", runs(&home));
}

#[test]
fn a_run_and_the_line_client_end_with_their_terminal_without_a_signal() {
    let home = Home::with_menu(MENU);
    let _server = Server::start(&home);
    hang_up_at(&home, "$TOPSIDE run long", "begun");
    hang_up_at(&home, "TERM=dumb $TOPSIDE", "one command a line");
    hang_up_at(&home, "mkfifo fifo; exec 3<>fifo; echo long >&3; $TOPSIDE <fifo", "begun");
    // The runs were cancelled: none goes on without its owner.
    eventually("the runs have ended", || !runs(&home).contains("\"running\""));
}

#[test]
fn verbs_that_follow_end_with_their_terminal_without_a_signal() {
    let home = Home::with_menu(MENU);
    let _server = Server::start(&home);
    hang_up_at(&home, "echo following; $TOPSIDE notices", "following");
    hang_up_at(&home, "$TOPSIDE log --follow", "server started");
    hang_up_at(&home, "echo following; $TOPSIDE clients --watch", "following");
    let run = Screen::shell(&home, (100, 30), "$TOPSIDE run long");
    run.see("begun");
    hang_up_at(&home, "$TOPSIDE attach 1", "begun");
}
