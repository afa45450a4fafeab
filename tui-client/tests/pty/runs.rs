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
    let home = Home::with_menu(MENU);
    let mut server = Server::start(&home);
    let mut first = console(&home);
    first.write("fill 42\r");
    first.see("filling 42");

    let mut second = console(&home);
    second.write("\x1b[24~");
    second.see_all(&["Ctrl-X cancel", "fill 42", "● running"]);
    second.write("\r");
    second.see_all(&["Runs › Run #1", "Enter output", "e change and run"]);
    second.write("\r");
    // All of the list has gone: a frame comes row by row.
    second.until("its block in place of the list", |screen| {
        let text = screen.contents();
        text.contains("#1 of ") && text.contains("filling 42") && !text.contains("Ctrl-X cancel")
    });
    second.write("\x1b[24~");
    // The list has come.
    second.see("1 of 1");
    second.write("\x18");
    second.see("Cancel run #1?");
    second.write("\t\r");
    for screen in [&first, &second] {
        screen.see("cancelled");
    }
    // Long after, from the list, by the form with its values.
    second.write("\x12");
    second.see_all(&["Fill the tank", "❯ fill 42", "▐ Run ▌"]);
    second.write("\x13");
    second.see("● running");
    server.kill();
}

const PUMPS: &str = r#"
[commands.pump]
title = "Pump"
category = "Garden"
exec = ["/bin/sh", "-c", "echo pumping $TOPSIDE_RUN; exec sleep 600"]
effect = "write"
role = "viewer"
lock = ["water"]
queue = 3
"#;

#[test]
fn a_run_that_waits_says_its_place_and_who_holds_the_lock_in_its_block_and_in_the_list() {
    let home = Home::with_menu(PUMPS);
    let mut server = Server::start(&home);
    let mut first = console(&home);
    first.write("pump\r");
    first.see("pumping 1");
    first.write("pump\r");
    let waits = "waits for the lock water, held by #1 pump of ";
    first.see_all(&["… place 1", &format!("place 1: {waits}")]);

    let mut second = console(&home);
    second.write("pump\r");
    second.see_all(&["… place 2", &format!("place 2: {waits}")]);
    second.write("\x1b[24~");
    second.see_all(&[
        "Ctrl-X cancel",
        "● running",
        "… place 1",
        "… place 2",
        &format!("#3 {waits}"),
    ]);
    // The other one's, which waits: the list and the block of the one behind it move up.
    second.write("\x1b[B\x18");
    second.see("Cancel run #2?");
    second.write("\t\r");
    first.see("■ cancelled");
    second.until("the move in the list", |screen| {
        let text = screen.contents();
        text.contains("… place 1") && !text.contains("… place 2")
    });
    second.write("\x1b");
    second.see(&format!("place 1: {waits}"));
    // The lock is let go.
    first.write("\x03");
    second.until("its start in the place of its wait", |screen| {
        let text = screen.contents();
        text.contains("pumping 3") && text.contains("● running") && !text.contains("waits for")
    });
    server.kill();
}
