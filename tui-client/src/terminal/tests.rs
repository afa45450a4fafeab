use std::io::Read;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::*;

/// Set in the process that panics.
const CHILD: &str = "TOPSIDE_TEST_PANICKING_THREAD";

/// What the child does: the screen is up, and a thread panics.
fn panic_in(thread: &str) {
    catch_panics(&["ours"]);
    let mut terminal = Terminal::enter().unwrap();
    // As a panic in the middle of drawing leaves it.
    terminal.frame(size(), |_, buffer| {
        buffer.set_string(0, 0, "half a frame", ratatui::style::Style::new());
        None
    });
    let panicking = std::thread::Builder::new().name(thread.to_owned());
    panicking.spawn(|| panic!("a fault")).unwrap().join().unwrap_err();
    assert_eq!(UP.load(Ordering::SeqCst), thread != "ours");
    drop(terminal);
    print_kept_panics();
}

/// Runs this very test once more in a terminal, and returns the terminal and what was printed.
fn run_in_terminal(test: &str, thread: &str) -> (vt100::Parser, String) {
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    // By default it would be the home directory, which need not exist.
    command.cwd("/");
    command.args(["--exact", test, "--nocapture"]);
    command.env(CHILD, thread);
    command.env_remove("RUST_BACKTRACE");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let (mut printed, mut buffer) = (Vec::new(), [0; 4096]);
    // The end of a pseudo-terminal is an error on some systems.
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        printed.extend_from_slice(&buffer[..count]);
    }
    let text = String::from_utf8_lossy(&printed).into_owned();
    assert!(child.wait().unwrap().success(), "{text}");
    let mut parser = vt100::Parser::new(24, 80, 0);
    parser.process(&printed);
    (parser, text)
}

fn assert_undone(parser: &vt100::Parser) {
    let screen = parser.screen();
    assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor());
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
}

#[test]
fn a_locale_says_whether_it_has_more_than_ascii() {
    for utf8 in [None, Some("C.UTF-8"), Some("de_DE.utf8"), Some("UTF-8")] {
        assert!(super::is_utf8(utf8), "{utf8:?}");
    }
    for other in ["C", "POSIX", "en_GB.ISO-8859-1", "ru_RU.KOI8-R"] {
        assert!(!super::is_utf8(Some(other)), "{other}");
    }
}

#[test]
fn a_terminal_without_a_size_has_that_of_the_environment_and_none_is_without_limit() {
    let size = |width, height| Size { width, height };
    assert_eq!(usable_size(size(0, 0), None, None), size(80, 24));
    assert_eq!(usable_size(size(0, 0), Some(132), Some(43)), size(132, 43));
    assert_eq!(usable_size(size(0, 0), Some(0), Some(u16::MAX)), size(80, 400));
    assert_eq!(usable_size(size(1, 1), Some(132), Some(43)), size(1, 1));
    assert_eq!(usable_size(size(u16::MAX, u16::MAX), None, None), size(1000, 400));
}

#[test]
fn a_panic_of_the_screen_gives_the_terminal_back_and_is_reported_on_it() {
    if let Ok(thread) = std::env::var(CHILD) {
        return panic_in(&thread);
    }
    let name =
        "terminal::tests::a_panic_of_the_screen_gives_the_terminal_back_and_is_reported_on_it";
    let (parser, text) = run_in_terminal(name, "ours");
    assert_undone(&parser);
    let (_, after) = text.split_once("\x1b[?1049l").expect("the alternate screen is left");
    assert!(after.contains("a fault"), "{after}");
    assert!(!after.contains("half a frame") && !after.contains("\x1b[?2026h"), "{after:?}");
}

#[test]
fn a_panic_of_another_thread_is_reported_once_the_screen_is_down() {
    if let Ok(thread) = std::env::var(CHILD) {
        return panic_in(&thread);
    }
    let name = "terminal::tests::a_panic_of_another_thread_is_reported_once_the_screen_is_down";
    let (parser, text) = run_in_terminal(name, "a session");
    assert_undone(&parser);
    let (before, after) = text.split_once("\x1b[?1049l").expect("the alternate screen is left");
    assert!(!before.contains("a fault") && after.contains("a fault"), "{text}");
}
