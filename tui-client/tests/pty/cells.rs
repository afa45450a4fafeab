//! Every cell of the screen, in several terminals: what the changes of the picture have made of it is what one full
//! picture makes of it.

use rustix::process::{Pid, Signal, kill_process};

use super::emulators::emulators;
use super::harness::{Home, PATIENCE, Screen, occurrences};
use super::output::command;

/// Joined characters, and some whose width terminals do not agree about.
const CLUSTERS: &str = "\
⚠\u{fe0f} disk full ⚡ ✔\u{fe0e} ok ❤\u{fe0f} 🛜 new
🇩🇪🇺🇸🇫 flags
👍🏽 thumbs 👍🏿👩🏽\u{200d}💻 coder 👨\u{200d}👩\u{200d}👧\u{200d}👦 family 🏳\u{fe0f}\u{200d}🌈🥲🏻
1\u{fe0f}\u{20e3} step one #\u{fe0f}\u{20e3} two
हिन\u{94d}द\u{940} नमस\u{94d}त\u{947} क\u{94d}ष ก\u{e33} ภาษาไทย தமிழ\u{bcd} বাংলা
|中文字符|한글|ｗｉｄｅ|ㅎㅏㄴ|\u{1112}\u{1161}\u{11ab}|日本
e\u{301} Z\u{338}\u{322}\u{31b}a\u{336} \u{200b}zero שלום عليكم
";

/// More lines than the screen has rows, all of them unlike their neighbours.
fn text() -> String {
    let mut text = String::new();
    for (nth, line) in CLUSTERS.lines().cycle().take(42).enumerate() {
        text += &format!("{}{line}\n", "x".repeat(nth % 5));
        text += &format!("plain {nth}\n");
    }
    text + "the end\n"
}

const CLEAR: &[u8] = b"\x1b[2J";

/// All bytes since the terminal was last erased by the program, once a frame is complete and `wanted` is on it.
fn picture(
    screen: &Screen,
    what: &str,
    erased: usize,
    wanted: impl Fn(&str) -> bool,
) -> (usize, Vec<u8>) {
    let found = screen.look(PATIENCE, |screen, printed| {
        let count = |mark| occurrences(printed, mark);
        let clears = count(CLEAR);
        // A short change is no synchronized update, and is written at once.
        let complete = count(b"\x1b[?2026h") == count(b"\x1b[?2026l");
        if !complete || clears < erased || !wanted(&screen.contents()) {
            return None;
        }
        let start = printed.windows(CLEAR.len()).rposition(|at| at == CLEAR).unwrap_or(0);
        Some((clears, printed[start..].to_vec()))
    });
    found.unwrap_or_else(|why| panic!("waited for {what}, {why}"))
}

/// Waits for a picture, has the program draw all of it once more, and compares the cells in each emulator.
pub(crate) fn compare(
    screen: &Screen,
    home: &Home,
    size: (u16, u16),
    what: &str,
    wanted: impl Fn(&str) -> bool,
) {
    let (clears, changed) = picture(screen, what, 0, &wanted);
    // The program draws everything again, whether the size has changed or not.
    kill_process(Pid::from_raw(screen.pid).unwrap(), Signal::WINCH).unwrap();
    let (_, whole) = picture(screen, what, clears + 1, &wanted);
    for (name, show) in emulators() {
        let before = show(home.0.path(), size, &changed);
        let after = show(home.0.path(), size, &whole);
        assert!(before.len() >= usize::from(size.1));
        // The first row has a clock.
        for (row, (before, after)) in before.iter().zip(&after).enumerate().skip(1) {
            assert_eq!(before, after, "{what}: row {row} in {name}");
        }
    }
}

#[test]
fn no_cell_is_left_over_after_scrolling_typing_clearing_and_resizing() {
    let home = Home::with_menu(&command("clusters", &format!("printf %s '{}'", text()), ""));
    let size = (80, 24);
    let mut screen = Screen::topside(&home, size, &[]);
    screen.connect("no server here");
    screen.write("clusters\r");
    // The pane of live runs, which a wide screen has, may change after the output.
    let ended = |text: &str| {
        text.contains("the end") && text.contains("✓ succeeded") && !text.contains("● clusters")
    };
    compare(&screen, &home, size, "the output", ended);
    for (key, what, line) in [
        ("\x1b[5~", "a page up", "plain 29"),
        ("\x1b[5~", "another page up", "plain 20"),
        ("\x1b[6~", "a page down", "plain 29"),
    ] {
        screen.write(key);
        let wanted = |text: &str| text.contains(line) && !text.contains("the end");
        compare(&screen, &home, size, what, wanted);
    }
    screen.write("\x1b[1;5F");
    compare(&screen, &home, size, "the end again", ended);
    let typed = "a👍🏿漢⚠\u{fe0f}กำन\u{93f}z";
    screen.write(typed);
    compare(&screen, &home, size, "a typed text", |text| {
        text.lines().any(|line| line.contains(" ❯ a") && line.contains('z'))
    });
    for gone in ["z", "न", "ก", "⚠", "漢"] {
        screen.write("\x7f");
        let wanted = |text: &str| {
            let input = text.lines().find(|line| line.contains(" ❯ a"));
            input.is_some_and(|line| !line.contains(gone))
        };
        compare(&screen, &home, size, "a text after a backspace", wanted);
    }
    screen.write("\x15\x0c");
    let cleared = |text: &str| !text.contains("plain") && !text.contains("❯ a");
    compare(&screen, &home, size, "the cleared screen", cleared);
    for size in [(60, 15), (121, 40), (80, 24)] {
        let (clears, _) = picture(&screen, "a frame", 0, |_| true);
        screen.resize(size.0, size.1);
        picture(&screen, "a frame of another size", clears + 1, |_| true);
        screen.write("clusters\r");
        compare(&screen, &home, size, "the output at another size", ended);
        screen.write("\x0c");
        compare(&screen, &home, size, "it cleared", |text| !text.contains("the end"));
    }
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}
