//! The settings in the real program: colours, signs and keys, at the start and while it runs.

use super::harness::{Home, Screen};

/// What a terminal says when somebody comes back to it.
const FOCUS: &str = "\x1b[I";

fn configure(home: &Home, name: &str, text: &str) {
    let dir = home.0.path().join("config");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join(name), text).unwrap();
}

/// The colours of the letters that are on the screen.
fn colours(screen: &vt100::Screen) -> Vec<vt100::Color> {
    let (rows, columns) = screen.size();
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let mut colours = Vec::new();
    for cell in cells.filter_map(|(row, column)| screen.cell(row, column)) {
        if cell.contents().trim() != "" && !colours.contains(&cell.fgcolor()) {
            colours.push(cell.fgcolor());
        }
    }
    colours
}

#[test]
fn a_theme_is_taken_up_when_its_person_comes_back_from_the_editor() {
    let home = Home::new();
    configure(&home, "client.toml", "[screen]\ntheme = \"light\"\n");
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.see("no server here");
    let blue = vt100::Color::Idx(25);
    screen.until("the accent of the light theme", |screen| colours(screen).contains(&blue));
    screen.write("\r");
    screen.see(" · connected · ");
    configure(&home, "theme.toml", "base = \"light\"\naccent = \"#102030\"\n");
    configure(&home, "client.toml", "[screen]\ntheme = \"own\"\n");
    screen.write(FOCUS);
    let own = vt100::Color::Rgb(16, 32, 48);
    screen.until("the accent of the own theme", |screen| {
        let colours = colours(screen);
        colours.contains(&own) && !colours.contains(&blue)
    });
    // What is wrong is told, and the theme stays.
    configure(&home, "theme.toml", "base = \"light\"\nacent = \"#102030\"\n");
    screen.write(FOCUS);
    screen.see("theme.toml:2:1: a theme has no `acent`: did you mean accent?");
    screen.until("the theme as it was", |screen| colours(screen).contains(&own));
}

#[test]
fn no_color_takes_the_colours_from_every_theme() {
    let home = Home::new();
    configure(&home, "client.toml", "[screen]\ntheme = \"light\"\n");
    let screen = Screen::topside_with(&home, (100, 30), ("NO_COLOR", "1"));
    screen.see("no server here");
    screen.until("a screen without colours", |screen| colours(screen) == [vt100::Color::Default]);
}

#[test]
fn ascii_is_all_that_is_drawn_where_it_is_wanted_or_the_locale_has_no_more() {
    let connected = |screen: &mut Screen| {
        screen.see("no server here - Enter starts one");
        screen.write("\r");
        screen.see(" - connected - ");
        screen.write("uptime\r");
        let text = screen.see("done");
        assert!(text.is_ascii(), "{text}");
        screen.write("\x10");
        let text = screen.see("Enter does it");
        assert!(text.is_ascii(), "{text}");
    };
    let home = Home::new();
    connected(&mut Screen::topside(&home, (100, 30), &["--ascii"]));
    let home = Home::new();
    connected(&mut Screen::topside_with(&home, (100, 30), ("LC_ALL", "C")));
    let home = Home::new();
    configure(&home, "client.toml", "[screen]\nborders = \"ascii\"\n");
    connected(&mut Screen::topside(&home, (100, 30), &[]));
    // What is said in so many words goes before the locale.
    let home = Home::new();
    configure(&home, "client.toml", "[screen]\nborders = \"unicode\"\n");
    Screen::topside_with(&home, (100, 30), ("LC_ALL", "C")).see("no server here · Enter");
}

#[test]
fn keys_are_read_again_when_a_person_asks_for_it() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (120, 30), &[]);
    screen.see("no server here");
    screen.write("\r");
    screen.see_all(&[" · connected · ", "F2 clients"]);
    configure(&home, "keymap.toml", "clients = [\"ctrl-g\"]\n");
    let again = |screen: &mut Screen| {
        screen.write("\x10");
        screen.see("Enter does it");
        screen.write("read again\r");
    };
    again(&mut screen);
    screen.see("The settings are as the files say now.");
    screen.write("\x07");
    screen.see("Enter all of it");
    screen.write("\x1b");
    screen.see("Ctrl-G clients");
    configure(&home, "keymap.toml", "clients = [\"ctrl-g\"]\nmenu = [\"ctrl-g\"]\n");
    again(&mut screen);
    screen.see("keymap.toml:1:1: Ctrl-G means `menu` already");
    // The keys that were right stay.
    screen.write("\x07");
    screen.see("Enter all of it");
}

#[test]
fn the_mouse_stays_off_where_the_settings_say_so() {
    let home = Home::new();
    configure(&home, "client.toml", "[screen]\nmouse = false\n");
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.see("no server here");
    let mode = |screen: &vt100::Screen| screen.mouse_protocol_mode();
    screen.until("no reports", |screen| mode(screen) == vt100::MouseProtocolMode::None);
    screen.write("\x1b[20~");
    screen.until("reports", |screen| mode(screen) != vt100::MouseProtocolMode::None);
}
