//! Help and the palette in the real program.

use super::harness::{Home, Screen, Server};

#[test]
fn help_fits_a_large_terminal_and_a_recent_action_is_first_in_the_palette() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut screen = Screen::topside(&home, (160, 50), &[]);
    screen.connect("running");
    screen.write("?");
    let shown = screen.see_all(&["TYPING", "OUTPUT", "SERVER", "TABS", "TOPSIDE", "Esc closes"]);
    assert!(!shown.contains("↑ ↓ scroll"), "{shown}");
    let line = shown.lines().find(|line| line.contains("Run the line")).unwrap();
    // Which action stands beside it depends on how many there are.
    let beside = line.split_once("Run the line").unwrap().1;
    assert!(beside.chars().any(char::is_alphabetic), "two columns: {line}");
    screen.write("\x1b");
    screen.gone("TYPING");
    screen.write("\x10");
    screen.see("Actions and commands");
    screen.write("status of");
    screen.see("1 of 1");
    screen.write("\r");
    screen.see("r refresh");
    screen.write("\x1b");
    screen.gone("r refresh");
    screen.write("\x10");
    let shown = screen.see_all(&["Actions and commands", "Recent", "Output"]);
    let recent = shown.lines().find(|line| line.contains("Recent")).unwrap();
    assert!(recent.contains("Status of the server") && recent.contains("Alt-S"), "{recent}");
    server.kill();
}
