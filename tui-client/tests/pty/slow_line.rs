//! A slow line to the terminal: few bytes for a line and a key, no frame before the last one was taken.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::harness::{Home, Screen, Server, eventually};
use super::output::{command, pipe};

const SIZE: (u16, u16) = (120, 36);

/// A line of output with 67 characters, like no other.
fn line(number: usize) -> String {
    let digits = format!("{:x}", 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1));
    let line = format!("{number:06} {}", digits.repeat(5));
    line[..67].to_owned()
}

/// The console in which the command `lines`, with this script, has been started.
fn running(home: &Home, script: &str) -> (Server, Screen) {
    home.write_menu(&command("lines", script, ""));
    let server = Server::start(home);
    let mut screen = Screen::answering(home, SIZE, &["connect", "this machine"]);
    screen.see_all(&[" · connected · ", "CLIENTS", "F3 menu"]);
    screen.write("lines\r");
    screen.see("running");
    (server, screen)
}

/// The console with a command that prints the lines of a pipe, and as many of them as the screen has rows.
fn full_console(home: &Home, gate: &Path) -> (Server, Screen, File) {
    let (server, screen) = running(home, &format!("exec cat {}", gate.display()));
    let mut lines = OpenOptions::new().write(true).open(gate).unwrap();
    for number in 0..usize::from(SIZE.1) {
        writeln!(lines, "{}", line(number)).unwrap();
    }
    screen.see(&line(usize::from(SIZE.1) - 1));
    (server, screen, lines)
}

#[test]
fn a_line_of_output_takes_at_most_four_times_its_bytes() {
    let home = Home::new();
    let gate = pipe(&home, "gate");
    let (_server, screen, mut lines) = full_console(&home, &gate);
    let before = screen.count();
    for number in 100..120 {
        writeln!(lines, "{}", line(number)).unwrap();
        screen.see(&line(number));
    }
    let each = (screen.count() - before) / 20;
    assert!(each <= 4 * 67, "{each} bytes for a line");
}

#[test]
fn a_key_takes_at_most_thirty_bytes() {
    let home = Home::new();
    let gate = pipe(&home, "gate");
    let (_server, mut screen, _lines) = full_console(&home, &gate);
    let before = screen.count();
    let mut typed = String::new();
    for key in "some text that is no command".chars() {
        typed.push(key);
        screen.write(&key.to_string());
        screen.see(&format!("❯ {typed}"));
    }
    let each = (screen.count() - before) / typed.len();
    assert!(each <= 30, "{each} bytes for a key");
}

/// The terminal reads nothing while a program floods the screen: nothing of that waits in the terminal's driver.
#[test]
fn a_stopped_terminal_gets_the_last_state_when_it_reads_again() {
    let home = Home::new();
    let (gate, flooded) = (pipe(&home, "gate"), home.0.path().join("flooded"));
    let script = format!("cat {}; seq 1 20000; : > {}", gate.display(), flooded.display());
    let (_server, mut screen) = running(&home, &script);
    screen.stop_reading(true);
    std::fs::write(&gate, "begun\n").unwrap();
    eventually("the flood is over", || flooded.exists());
    screen.write("typed");
    screen.taken();
    let before = screen.count();
    screen.stop_reading(false);
    screen.see_all(&["20000", "✓ succeeded", "❯ typed"]);
    let since = screen.count() - before;
    // Two frames of this size at most: the one that was on its way, and the last.
    assert!(since < 12_000, "{since} bytes");
}

/// An answer that comes late is not typed into the shell that follows.
#[test]
fn no_answer_of_the_terminal_is_left_behind() {
    let home = Home::new();
    let mut screen = Screen::answering(&home, SIZE, &[]);
    screen.see("no server here");
    screen.write("q");
    let (status, text) = screen.ended();
    assert_eq!(status, 0);
    assert!(!text.contains("[0n"), "{text}");
}
