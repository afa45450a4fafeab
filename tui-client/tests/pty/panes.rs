//! The panes of the console in a real terminal: focus, filter, hide, zoom, long lines, by keyboard and by mouse; and that a
//! second start remembers what was chosen.

use super::harness::{Home, Screen, Server};

/// Wide enough for both side panes.
const WIDE: (u16, u16) = (160, 40);
const F2: &str = "\x1bOQ";
const F3: &str = "\x1bOR";
const ALT_C: &str = "\x1bc";
const ALT_H: &str = "\x1bh";
const SHIFT_RIGHT: &str = "\x1b[1;2C";

const COMMANDS: &str = r#"
[commands.wide]
title = "One long line and a short one"
category = "Garden"
effect = "read"
exec = ["/bin/sh", "-c", "printf '%s<middle>%s<end>\n' $(printf %0150d 0) $(printf %0150d 0); echo short"]

[commands.water]
title = "Open a valve"
category = "Garden"
effect = "write"
exec = ["/bin/echo", "{zone}"]
[[commands.water.args]]
name = "zone"
type = "int"
required = true
"#;

fn serve() -> (Home, Server) {
    let home = Home::with_menu(COMMANDS);
    let server = Server::start(&home);
    (home, server)
}

fn connect(home: &Home, size: (u16, u16)) -> Screen {
    let mut screen = Screen::topside(home, size, &[]);
    screen.connect("answers in");
    screen
}

#[test]
fn the_menu_takes_the_keys_filters_in_place_and_esc_returns_them() {
    let (home, _server) = serve();
    let mut screen = connect(&home, WIDE);
    screen.see_all(&["MENU", "Garden", "water …", "▸ Topside (", "CLIENTS"]);
    screen.write(F3);
    screen.see_all(&["MENU ❯", "Esc input", "* favourite"]);
    screen.write("wat");
    let shown = screen.see("▌  water …");
    let menu = |line: &str| line.chars().take(34).collect::<String>();
    assert!(!shown.lines().any(|line| menu(line).contains("wide")), "{shown}");
    screen.write("*\x1b");
    screen.see("★ water …");
    screen.gone("MENU ❯");
    screen.write("wide\r");
    screen.see_all(&["<middle>", "short"]);
}

#[test]
fn the_mouse_gives_the_focus_unfolds_and_opens() {
    let (home, _server) = serve();
    let mut screen = connect(&home, WIDE);
    screen.click("▸ Topside (");
    screen.see("▾ Topside (");
    screen.click("MENU");
    screen.see("MENU ❯");
    screen.click("CLIENTS");
    screen.see_all(&["Esc input", "Enter details", "/ filter"]);
    // The first click chooses, the second one opens.
    screen.click("water …");
    screen.see("▌  water …");
    screen.click("water …");
    screen.see("zone*");
    screen.write("\x1b");
    screen.gone("zone*");
    screen.click(" you ");
    screen.see("Enter details");
    screen.click(" you ");
    screen.see("bytes");
}

#[test]
fn panes_are_hidden_and_zoomed_by_one_key_and_a_second_start_remembers_it() {
    let (home, _server) = serve();
    let mut screen = connect(&home, WIDE);
    screen.see_all(&["MENU", "CLIENTS"]);
    screen.write(ALT_H);
    screen.gone("MENU");
    screen.write(ALT_C);
    screen.gone("CLIENTS");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);

    let mut screen = connect(&home, WIDE);
    let shown = screen.see("F3 menu");
    assert!(!shown.contains("MENU") && !shown.contains("CLIENTS"), "{shown}");
    screen.write(F2);
    screen.see("Enter details");
    screen.write("\x1b\x1bz");
    screen.gone(" · connected · ");
    screen.gone("CLIENTS");
    screen.write("\x1bz");
    screen.see_all(&[" · connected · ", "CLIENTS"]);
    drop(screen);

    // A narrower terminal has a choice of its own.
    let screen = connect(&home, (120, 30));
    screen.see("CLIENTS");
}

#[test]
fn long_lines_have_one_row_each_and_scroll_sideways() {
    let (home, _server) = serve();
    let mut screen = connect(&home, (100, 30));
    screen.see("F3 menu");
    screen.write("wide\r");
    screen.see_all(&["<middle>", "<end>", "short"]);
    screen.write("\x1br");
    let shown = screen.gone("<middle>");
    assert!(shown.contains("short") && shown.contains('›'), "{shown}");
    for _ in 0..3 {
        screen.write(SHIFT_RIGHT);
    }
    screen.see_all(&["<middle>", "‹", "›"]);
    screen.write("<<<<");
    screen.gone("<middle>");
    screen.write("/end>\r");
    screen.see("<end>");
    screen.write("\x1b\x1br");
    screen.see_all(&["<middle>", "<end>", "short"]);
    drop(screen);
}
