//! Terminals of unusual sizes.

use super::harness::{Home, Screen};

/// A terminal that knows no size, as a serial line: nothing was drawn.
#[test]
fn a_terminal_without_a_size_is_drawn_at_the_usual_one() {
    let home = Home::new();
    for (line, rows) in [
        ("unset COLUMNS LINES; exec $TOPSIDE", 24),
        ("export COLUMNS=60 LINES=15; exec $TOPSIDE", 15),
    ] {
        let line = format!("stty rows 0 cols 0; {line}");
        let mut screen = Screen::shell(&home, (100, 30), &line);
        screen.until("the picker and its last row", |screen| {
            let text = screen.contents();
            text.contains("not running") && text.lines().count() == rows
        });
        screen.write("q");
        assert_eq!(screen.ended().0, 0);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_largest_terminal_size_takes_no_more_memory_than_a_large_screen() {
    let home = Home::new();
    let line = "stty rows 65535 cols 65535; exec $TOPSIDE";
    let mut screen = Screen::shell(&home, (100, 30), line);
    screen.see("SERVERS");
    let status = std::fs::read_to_string(format!("/proc/{}/status", screen.pid)).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 200 * 1024, "{peak}");
    screen.write("q");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn no_size_is_too_small_and_any_size_may_follow_another() {
    let home = Home::new();
    let mut screen = Screen::topside(&home, (1, 1), &[]);
    for (columns, rows) in [(2, 1), (1, 2), (3, 3), (1000, 3), (3, 300), (1, 1), (100, 30)] {
        screen.resize(columns, rows);
    }
    screen.connect("no server here");
    screen.write("echo one\r");
    screen.see("✓ succeeded");
    for (columns, rows) in [(1, 1), (2, 1), (100, 30)] {
        screen.resize(columns, rows);
    }
    screen.see_all(&["❯", "echo one"]);
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}
