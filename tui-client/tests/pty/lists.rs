//! Lists in a real terminal, by keyboard and by mouse: filter, open, back, a row, a mark, a state, the wheel.

use super::harness::{Home, Screen, Server};
use super::session::console;

const MENU: &str = r#"
[commands.water]
title = "Open a valve"
category = "Garden"
exec = ["/bin/echo", "water", "{zone}"]
effect = "write"
[[commands.water.args]]
name = "zone"
type = "int"
required = true

[commands.broken]
category = "Garden"
exec = ["/bin/sh", "-c", "exit 4"]
effect = "write"
"#;

/// A console in which two runs succeeded and one failed.
fn after_three_runs() -> (Home, Server, Screen) {
    let home = Home::with_menu(MENU);
    let server = Server::start(&home);
    let mut screen = console(&home);
    for (line, output) in
        [("water 1", "✓ succeeded"), ("broken", "✗ exit 4"), ("water 2", "water 2")]
    {
        screen.write(&format!("{line}\r"));
        screen.see(output);
    }
    screen.until("the end of the last one", |screen| {
        screen.contents().matches("✓ succeeded").count() == 2
    });
    (home, server, screen)
}

#[test]
fn a_list_is_filtered_after_a_slash_opened_and_left_by_keyboard() {
    let (_home, _server, mut screen) = after_three_runs();
    screen.write("\x1b[24~");
    screen.see_all(&["RUN", "STATE", "COMMAND", "STARTED", "1 of 3", "/ filter"]);
    // Letters move.
    screen.write("j");
    screen.see("2 of 3");
    screen.write("G");
    screen.see("3 of 3");
    screen.write("g");
    screen.see("1 of 3");
    screen.write("/water 1");
    screen.see_all(&["1 of 1", "Enter keep filter", "Esc no filter"]);
    screen.write("\r");
    screen.see("Enter details");
    screen.write("\r");
    let shown = screen.see_all(&["Runs › Run #1", "took", "e change and run", "Esc back"]);
    assert!(shown.contains("just now") || shown.contains(" min ago"), "{shown}");
    // Esc leaves the details, then the filter, then the list.
    screen.write("\x1b");
    screen.gone("Runs › Run #1");
    screen.see("1 of 1");
    screen.write("\x1b");
    screen.see("1 of 3");
    screen.write("\t\t");
    screen.see_all(&["[failed]", "broken", "1 of 1"]);
    screen.write("\t\t\t");
    screen.see_all(&["[all]", "1 of 3"]);
    screen.write("\x1b");
    // All of the list has gone: a frame comes row by row.
    screen.gone("Esc closes");
    // Again with changes: the line is in the input.
    screen.write("\x1b[24~");
    screen.see("1 of 3");
    screen.write("\r");
    screen.see("Runs › Run #3");
    screen.write("e");
    screen.gone("Runs");
    screen.write("\x7f7\r");
    screen.see_all(&["❯ water 7", "water 7"]);
}

#[test]
fn a_row_is_chosen_and_opened_and_a_state_is_chosen_by_mouse() {
    let (_home, _server, mut screen) = after_three_runs();
    screen.write("\x1b[24~");
    screen.see("1 of 3");
    screen.click("#1 ");
    screen.see("3 of 3");
    screen.click("#1 ");
    screen.see_all(&["Runs › Run #1", "Esc back"]);
    screen.click("Esc back");
    screen.gone("Runs › Run #1");
    screen.click(" failed ");
    screen.see_all(&["[failed]", "1 of 1"]);
    screen.click(" all ");
    screen.see("of 3");
    screen.click("/ filter");
    screen.see("Enter keep filter");
    screen.write("broken");
    screen.see("1 of 1");
    screen.click("Esc no filter");
    screen.see_all(&["of 3", "/ filter"]);
    screen.click("Esc closes");
    screen.gone("STARTED");
}

const SERVERS: &str = r#"
[[server]]
name = "garden"

[[server]]
name = "clock"

[[server]]
name = "pump"
"#;

#[test]
fn a_server_of_the_picker_is_marked_and_chosen_by_mouse() {
    let home = Home::new();
    home.configure("client.toml", SERVERS);
    let mut screen = Screen::topside(&home, (100, 24), &[]);
    screen.see_all(&["garden", "clock", "pump", "this machine"]);
    // The column of the marks is beside the names.
    screen.click_beside("clock", -1);
    screen.see_all(&["■clock", "1 marked"]);
    screen.click_beside("pump", -1);
    screen.see_all(&["■pump", "2 marked"]);
    screen.click_beside("clock", -1);
    screen.see("1 marked");
    screen.click_beside("■pump", 1);
    screen.see("▌■pump");
    // A click on the chosen one is Enter: a line for what is marked.
    screen.click_beside("▌■pump", 2);
    screen.see("Command on pump");
    screen.click("Esc closes");
    screen.gone("Command on pump");
    // Ends of the list, by keyboard.
    screen.write("g");
    screen.see("▌ garden");
    screen.write("G");
    // Below `this machine` are the servers that others announce on this LAN, if there are any.
    screen.until("the last row is chosen", |screen| {
        let contents = screen.contents();
        let rows = contents.lines().filter(|line| !line.contains("? help"));
        let mut names = rows.map(|line| line.chars().take(20).collect::<String>());
        let last = names.rfind(|name| !name.trim().is_empty());
        last.is_some_and(|name| name.trim_start().starts_with('▌'))
    });
}
