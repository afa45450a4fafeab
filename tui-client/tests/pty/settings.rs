//! The settings in the real program: colours, signs and keys, at the start and while it runs.

use std::time::Duration;

use super::harness::{Home, PATIENCE, Screen, eventually, occurrences};

/// What a terminal sends when it gets the focus.
const FOCUS: &str = "\x1b[I";

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
fn a_changed_theme_applies_when_the_terminal_gets_the_focus() {
    let home = Home::new();
    home.configure("client.toml", "[screen]\ntheme = \"light\"\n");
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.see("no server here");
    let blue = vt100::Color::Idx(25);
    screen.until("the accent of the light theme", |screen| colours(screen).contains(&blue));
    screen.write("\r");
    screen.see(" · connected · ");
    home.configure("theme.toml", "base = \"light\"\naccent = \"#102030\"\n");
    home.configure("client.toml", "[screen]\ntheme = \"own\"\n");
    screen.write(FOCUS);
    // The terminal of the tests says 256 colours.
    let own = vt100::Color::Idx(234);
    screen.until("the accent of the own theme", |screen| {
        let colours = colours(screen);
        colours.contains(&own) && !colours.contains(&blue)
    });
    // What is wrong is said, and the rest of the file applies.
    home.configure("theme.toml", "base = \"light\"\nacent = \"red\"\ngood = \"#102030\"\n");
    screen.write(FOCUS);
    screen.see("theme.toml:2:1: a theme has no `acent`: did you mean accent?");
    screen.until("the right style", |screen| {
        let colours = colours(screen);
        colours.contains(&own) && colours.contains(&blue)
    });
}

#[test]
fn a_wrong_theme_and_a_wrong_key_are_reported_until_closed_and_the_rest_applies() {
    let home = Home::new();
    let client = "[screen]\ntheme = \"lihgt\"\nborders = \"ascii\"\n";
    home.configure("client.toml", client);
    home.configure("keymap.toml", "clients = [\"f10\", \"f99\"]\nruns = [\"alt-g\"]\n");
    let mut screen = Screen::topside(&home, (120, 30), &[]);
    screen.see_all(&[
        "client.toml:2:9: there is no theme `lihgt`",
        "did you mean light?",
        "nord",
        "1 of 2",
    ]);
    screen.until("ASCII signs", |screen| !screen.contents().contains('─'));
    // No other key closes it.
    screen.write("\x1b[B\x1b[A");
    screen.see("did you mean light?");
    screen.write("\r");
    screen.see_all(&["keymap.toml:1:19: there is no key `f99`", "2 of 2"]);
    screen.write("\x1b");
    screen.gone("keymap.toml");
    screen.see("no server here");
    screen.write("\r");
    screen.see(" - connected - ");
    screen.write("\x1bg");
    screen.see(" Runs ");
}

/// The question for the terminal's background.
const QUESTION: &[u8] = b"\x1b]11;?\x07";
const WHITE: &str = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\";
const BLACK: &str = "\x1b]11;rgb:0000/0000/0000\x07";
/// The accents of the dark and the light theme.
const CYAN: vt100::Color = vt100::Color::Idx(6);
const BLUE: vt100::Color = vt100::Color::Idx(25);

fn asked(screen: &Screen) {
    let asked = |printed: &[u8]| occurrences(printed, QUESTION) > 0;
    screen.look(PATIENCE, |_, printed| asked(printed).then_some(())).unwrap();
}

fn has(screen: &Screen, colour: vt100::Color) {
    screen.until(&format!("{colour:?}"), |screen| colours(screen).contains(&colour));
}

#[test]
fn a_terminal_that_says_that_its_background_is_light_gets_the_light_theme() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    asked(&screen);
    screen.write(WHITE);
    has(&screen, BLUE);
    screen.see("no server here");
    // The terminal was given another background meanwhile.
    screen.write(FOCUS);
    let twice = |printed: &[u8]| occurrences(printed, QUESTION) == 2;
    screen.look(PATIENCE, |_, printed| twice(printed).then_some(())).unwrap();
    screen.write(BLACK);
    has(&screen, CYAN);
}

#[test]
fn an_answer_in_pieces_is_understood_and_not_typed() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    asked(&screen);
    for byte in WHITE.chars() {
        screen.write(&byte.to_string());
        screen.taken();
    }
    has(&screen, BLUE);
    screen.connect("no server here");
    assert!(!screen.see("❯").contains("rgb"));
}

#[test]
fn a_late_answer_is_discarded_and_not_typed() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    asked(&screen);
    let asked_at = std::time::Instant::now();
    screen.see("no server here");
    has(&screen, CYAN);
    screen.write("\r");
    screen.see(" · connected · ");
    eventually("the answer is late", || asked_at.elapsed() > Duration::from_millis(1500));
    screen.write("\x1b");
    screen.taken();
    screen.write(&WHITE[1..]);
    screen.write("uptime\r");
    let text = screen.see("succeeded");
    assert!(text.contains("❯ uptime") && !text.contains("rgb") && !text.contains("11;"), "{text}");
    assert!(
        screen
            .until("the dark theme", |screen| !colours(screen).contains(&BLUE))
            .contains("succeeded")
    );
}

#[test]
fn a_terminal_that_does_not_answer_is_dark_or_what_the_environment_says() {
    let home = Home::new();
    let screen = Screen::topside(&home, (100, 30), &[]);
    screen.see("no server here");
    has(&screen, CYAN);
    let home = Home::new();
    let screen = Screen::topside_with(&home, (100, 30), ("COLORFGBG", "0;15"));
    screen.see("no server here");
    has(&screen, BLUE);
}

#[test]
fn a_terminal_without_colours_and_one_that_is_no_terminal_are_not_asked() {
    for variable in [("NO_COLOR", "1"), ("TERM", "linux")] {
        let home = Home::new();
        let mut screen = Screen::topside_with(&home, (100, 30), variable);
        screen.see("no server here");
        assert!(!screen.printed(QUESTION), "{variable:?}");
        screen.write("q");
        screen.ended();
    }
    let home = Home::new();
    let screen =
        Screen::shell(&home, (100, 30), "TERM=dumb $TOPSIDE </dev/null; $TOPSIDE </dev/null | cat");
    screen.ended();
    assert!(!screen.printed(QUESTION));
}

#[test]
fn a_palette_has_its_background_and_the_colours_that_the_terminal_has() {
    let shown = |variables: &str| {
        let home = Home::new();
        home.configure("client.toml", "[screen]\ntheme = \"nord\"\n");
        let line = format!("exec env {variables} $TOPSIDE");
        let screen = Screen::shell(&home, (100, 30), &line);
        screen.see("no server here");
        let cell = |screen: &vt100::Screen| screen.cell(20, 50).unwrap().bgcolor();
        screen
            .look(PATIENCE, |screen, _| {
                Some(cell(screen)).filter(|ground| *ground != vt100::Color::Default)
            })
            .unwrap()
    };
    assert_eq!(shown("COLORTERM=truecolor"), vt100::Color::Rgb(0x2e, 0x34, 0x40));
    assert_eq!(shown("-u COLORTERM"), vt100::Color::Idx(237));
    assert_eq!(shown("-u COLORTERM TERM=xterm"), vt100::Color::Idx(0));
}

#[test]
fn a_theme_is_previewed_and_kept_with_the_comments_or_restored() {
    let home = Home::new();
    home.configure("client.toml", "# Mine.\n[screen]\ntheme = \"dark\" # by night\n");
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.see("no server here");
    screen.write("\x10");
    screen.see("Enter does it");
    screen.write("theme\r");
    screen.see_all(&["▌ dark", "Enter keep"]);
    screen.write("\x1b[B");
    screen.see("▌ light");
    has(&screen, BLUE);
    let file = home.client_toml();
    screen.write("\x1b");
    screen.until("the theme before", |screen| {
        !screen.contents().contains("Enter keep") && !colours(screen).contains(&BLUE)
    });
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"dark\""));
    // By mouse: the row of the theme, then the button.
    screen.write("\x10");
    screen.see("Enter does it");
    screen.write("theme\r");
    screen.click("  light ");
    screen.see("▌ light");
    has(&screen, BLUE);
    screen.click("▸Keep◂");
    screen.see("Theme: light.");
    eventually("the file", || {
        std::fs::read_to_string(&file).unwrap()
            == "# Mine.\n[screen]\ntheme = \"light\" # by night\n"
    });
}

#[test]
fn no_color_takes_the_colours_from_every_theme() {
    let home = Home::new();
    home.configure("client.toml", "[screen]\ntheme = \"light\"\n");
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
        let text = screen.see("succeeded");
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
    home.configure("client.toml", "[screen]\nborders = \"ascii\"\n");
    connected(&mut Screen::topside(&home, (100, 30), &[]));
    // What is said in so many words goes before the locale.
    let home = Home::new();
    home.configure("client.toml", "[screen]\nborders = \"unicode\"\n");
    Screen::topside_with(&home, (100, 30), ("LC_ALL", "C")).see("no server here · Enter");
}

#[test]
fn the_keymap_is_read_again_on_request() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (120, 30), &[]);
    screen.see("no server here");
    screen.write("\r");
    screen.see_all(&[" · connected · ", "F2 clients"]);
    home.configure("keymap.toml", "clients = [\"ctrl-g\"]\n");
    let again = |screen: &mut Screen| {
        screen.write("\x10");
        screen.see("Enter does it");
        screen.write("read again\r");
    };
    again(&mut screen);
    screen.see("The settings are as the files say now.");
    screen.write("\x07");
    screen.see("Enter details");
    screen.write("\x1b");
    screen.see("Ctrl-G clients");
    home.configure("keymap.toml", "clients = [\"ctrl-g\"]\nmenu = [\"ctrl-g\"]\n");
    again(&mut screen);
    screen.see("keymap.toml:1:1: Ctrl-G means `menu` already");
    // That action has its own key again; the other one has the new key.
    screen.write("\x1b");
    screen.see_all(&["F2 clients", "Ctrl-G menu"]);
}

#[test]
fn the_mouse_stays_off_where_the_settings_say_so() {
    let home = Home::new();
    home.configure("client.toml", "[screen]\nmouse = false\n");
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.see("no server here");
    let mode = |screen: &vt100::Screen| screen.mouse_protocol_mode();
    screen.until("no reports", |screen| mode(screen) == vt100::MouseProtocolMode::None);
    screen.write("\x1bm");
    screen.until("reports", |screen| mode(screen) != vt100::MouseProtocolMode::None);
}
