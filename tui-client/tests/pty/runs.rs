//! The list of runs: one person's run on another one's screen.

use super::harness::{Home, Server};
use super::session::console;

const MENU: &str = r#"
[commands.fill]
title = "Fill the tank"
category = "Garden"
exec = ["/bin/sh", "-c", "echo filling $0; exec sleep 600", "{litres}"]
effect = "write"
role = "viewer"

[[commands.fill.args]]
name = "litres"
type = "int"
default = 10
"#;

#[test]
fn a_run_of_one_screen_is_found_shown_and_ended_from_another() {
    let home = Home::new();
    let config = home.0.path().join("config");
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("commands.toml"), MENU).unwrap();
    let mut server = Server::start(&home);
    let mut first = console(&home);
    first.write("fill 42\r");
    first.see("filling 42");

    let mut second = console(&home);
    second.write("\x1b[24~");
    second.see_all(&["Ctrl-X ends it", "fill 42", "● running"]);
    second.write("\r");
    // All of the list has gone: a frame comes row by row.
    second.until("its block in place of the list", |screen| {
        let text = screen.contents();
        text.contains("#1 of ") && text.contains("filling 42") && !text.contains("Ctrl-X ends it")
    });
    second.write("\x1b[24~");
    // The list has come.
    second.see("1 of 1");
    second.write("\x18");
    second.see("End run #1?");
    second.write("\t\r");
    for screen in [&first, &second] {
        screen.see("cancelled");
    }
    // Long after, from the list, by the form with its values.
    second.write("\x12");
    second.see_all(&["Fill the tank", "❯ fill 42", "Enter runs"]);
    second.write("\r");
    second.see("● running");
    server.kill();
}
