//! The command line of Topside, opened by `:`.

use super::harness::{Home, Server};
use super::session::console;

#[test]
fn verbs_of_the_shell_run_behind_a_colon_on_the_screen() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut screen = console(&home);
    screen.write(":kik\r");
    screen.see_all(&[":kik", "✗ ", "kik"]);
    screen.write("\x1b");
    screen.gone(":kik");
    screen.write(":kick --help\r");
    screen.see("Usage: :kick");
    screen.write(":broadcast --le\twarn\thello you\r");
    screen.see_all(&[":broadcast --level warning hello you", "hello you"]);
    screen.write(":shutdown --yes moving\r");
    screen.see("moving");
    assert!(server.succeeded());
}
