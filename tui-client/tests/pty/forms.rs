//! A command's form in a terminal, with the server's own declaration behind it.

use super::harness::{Home, Screen};
use super::session::console;

const MENU: &str = r#"
[commands.water]
title = "Water a bed"
category = "Garden"
exec = ["/usr/bin/printf", "10 %%\\r100 %%\\n\\033[32m%s watered for %s\\033[0m\\n", "{bed}", "{minutes}"]
effect = "write"
role = "viewer"
confirm = "Water {bed} for {minutes} minutes?"

[[commands.water.args]]
name = "bed"
type = "enum"
choices = ["tomatoes", "herbs", "lawn"]
required = true

[[commands.water.args]]
name = "minutes"
type = "int"
default = 5
maximum = 15

[[commands.water.args]]
name = "dry"
type = "bool"
env = "DRY"
"#;

#[test]
fn a_form_is_filled_in_asked_about_and_run_and_its_line_remembered() {
    let home = Home::with_menu(MENU);
    let mut screen = console(&home);
    // The menu has come.
    screen.see("F3 menu");
    screen.write("\x1bOR");
    screen.see("Ctrl-O edit as a line");
    screen.write("water\r");
    screen.see_all(&["Water a bed", "( tomatoes ) ( herbs ) ( lawn )", "default 5 · int to 15"]);
    screen.write("h\t99");
    screen.see_all(&[
        "(●herbs )",
        "✗ must be a whole number of at most 15, not 99",
        "❯ water herbs",
    ]);
    screen.write("\x7f");
    screen.see("❯ water herbs 9");
    // Enter leads from the last field to the button, which has the focus then.
    screen.write("\r\r");
    screen.see("▐▸Run◂▌");
    screen.write("\r");
    screen.see("Water herbs for 9 minutes?");
    screen.write("y");
    screen.until("the run in its block", |screen| {
        let text = screen.contents();
        let has = |what| text.contains(what);
        has("herbs watered for 9") && has("100 %") && has("✓ succeeded") && !has("10 %\n")
    });
    // The line is in the history as if it had been typed.
    screen.write("\x1b[A");
    screen.until("the line in the input box", |screen| {
        screen.contents().matches("❯ water herbs 9").count() == 2
    });
}

#[test]
fn a_form_is_filled_in_and_run_with_the_mouse() {
    let home = Home::with_menu(MENU);
    let mut screen = console(&home);
    screen.see("F3 menu");
    let open = |screen: &mut Screen| {
        screen.write("\x1bOR");
        screen.see("Ctrl-O edit as a line");
        screen.write("water\r");
        screen.see("▐ Cancel ▌");
    };
    open(&mut screen);
    screen.click("( lawn )");
    screen.see_all(&["(●lawn )", "❯ water lawn"]);
    screen.click("[ ]");
    screen.see_all(&["[x]", "❯ water lawn --dry"]);
    screen.click("[x]");
    screen.see_all(&["[ ]", "❯ water lawn "]);
    screen.click("▐ Cancel ▌");
    screen.gone("▐ Run ▌");
    open(&mut screen);
    // It is there as it was left.
    screen.see("(●lawn )");
    screen.click("▐ Run ▌");
    screen.see("Water lawn for 5 minutes?");
    screen.click("▐ Run it ▌");
    screen.see_all(&["lawn watered for 5", "✓ succeeded"]);
}
