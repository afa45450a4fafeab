//! What the program does to its terminal: sizes, signals, job control, and how it is left.

use super::harness::{Home, Screen, eventually, exists};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Runs the program so that the shell can say afterwards how the terminal was left.
const CHECKED: &str = "trap : TERM INT QUIT; $TOPSIDE; echo STATUS=$?; stty -a";

fn assert_sane(text: &str) {
    for mode in ["icanon", "echo", "isig", "icrnl", "opost"] {
        assert!(text.split_whitespace().any(|word| word == mode), "{mode} is off in\n{text}");
    }
}

fn pid(screen: &Screen) -> Pid {
    Pid::from_raw(screen.pid).unwrap()
}

#[test]
fn a_terminal_is_left_as_it_was_found() {
    let home = Home::new();
    let mut screen = Screen::shell(&home, (100, 30), CHECKED);
    screen.see("no server here");
    screen.until("the modes of a screen", |screen| {
        screen.alternate_screen() && screen.bracketed_paste()
    });
    screen.write("q");
    let (_, text) = screen.ended();
    assert!(text.contains("STATUS=0"), "{text}");
    assert_sane(&text);
    screen.assert_modes_are_undone();
}

#[test]
fn a_termination_ends_the_server_inside_and_leaves_the_terminal_sane() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::QUIT, 131)] {
        let home = Home::new();
        let mut screen = Screen::shell(&home, (100, 30), CHECKED);
        screen.connect("no server here");
        kill_process_group(pid(&screen), signal).unwrap();
        let (_, text) = screen.ended();
        assert!(text.contains(&format!("STATUS={status}")), "{text}");
        assert_sane(&text);
        screen.assert_modes_are_undone();
        assert!(!exists(&home.socket()), "the server inside ended in order");
    }
}

#[test]
fn a_window_that_is_closed_ends_the_program_and_its_server_in_order() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.connect("no server here");
    let mut other = Screen::topside(&home, (100, 30), &["connect", "this machine"]);
    other.see("2 clients");
    screen.hang_up();
    screen.ended_without_terminal();
    other.see("the program that held the server was closed");
    assert!(!exists(&home.socket()));
    other.write("\x03\x03");
    assert_eq!(other.ended().0, 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_stopped_program_gives_the_terminal_back_and_takes_it_again() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.see("no server here");
    kill_process(pid(&screen), Signal::TSTP).unwrap();
    screen.until("the shell's own screen", |screen| {
        !screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor()
    });
    // Waited for by its parent, the program would be known to have stopped; here the system tells.
    let stat = format!("/proc/{}/stat", screen.pid);
    eventually("the program has stopped", || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    });
    kill_process(pid(&screen), Signal::CONT).unwrap();
    screen.until("the picker again", |screen| {
        screen.alternate_screen() && screen.contents().contains("no server here")
    });
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
    screen.assert_modes_are_undone();
}

#[test]
fn a_resize_hides_the_panes_without_room_and_brings_them_back() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (140, 30), &[]);
    screen.see("no server here");
    screen.write("\r");
    screen.see("MENU");
    screen.write("echo one\r");
    screen.see("✓ succeeded");
    screen.write("typed");
    screen.resize(120, 24);
    screen.until("the menu hidden", |screen| {
        let text = screen.contents();
        !text.contains("MENU") && text.contains("CLIENTS")
    });
    screen.resize(60, 15);
    screen.until("the list hidden", |screen| {
        let text = screen.contents();
        !text.contains("CLIENTS") && text.contains("❯ typed") && text.contains("echo one")
    });
    screen.resize(20, 6);
    screen.see("terminal too small");
    screen.resize(140, 30);
    screen.see_all(&["MENU", "❯ typed", "echo one"]);
    screen.write("\x03\x03\x03");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn a_pasted_text_of_several_lines_arrives_as_one_and_is_not_run() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.connect("no server here");
    screen.write("\x1b[200~echo one\rks\r\x1b[201~");
    let text = screen.see("2 lines were pasted");
    assert!(!text.contains("succeeded"), "{text}");
    screen.write("\x1b");
    screen.gone("were pasted");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn a_block_is_copied_by_the_terminals_own_clipboard() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (100, 30), &[]);
    screen.connect("no server here");
    screen.write("echo to the clipboard\r");
    screen.see("✓ succeeded");
    screen.write("\x1b[17~");
    screen.see("sent to the terminal's clipboard");
    // `to the clipboard` and a line end, in base64.
    assert!(screen.printed(b"\x1b]52;c;dG8gdGhlIGNsaXBib2FyZAo=\x07"));
    screen.write("\x1b[18~");
    screen.see("topside-echo-");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
    let saved: Vec<_> = std::fs::read_dir(home.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    assert_eq!(saved.len(), 1, "{saved:?}");
    assert_eq!(std::fs::read_to_string(&saved[0]).unwrap(), "to the clipboard\n");
}

#[test]
fn without_colours_what_is_found_is_still_marked() {
    let home = Home::new();
    let mut screen = Screen::topside_with(&home, (100, 30), ("NO_COLOR", "1"));
    screen.connect("no server here");
    screen.write("echo needle\r");
    screen.see("✓ succeeded");
    screen.write("/needle");
    screen.until("the match in reverse", |screen| {
        let (rows, columns) = screen.size();
        let cells = (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x)));
        let cells: Vec<_> = cells.filter_map(|(y, x)| screen.cell(y, x)).collect();
        let plain = |colour| colour == vt100::Color::Default;
        assert!(cells.iter().all(|cell| plain(cell.fgcolor()) && plain(cell.bgcolor())));
        cells.iter().filter(|cell| cell.inverse()).count() == "needle".len()
    });
    screen.write("\x1b");
    screen.gone("other matches");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}
