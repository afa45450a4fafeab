//! What a terminal sends, in pieces: every split of every key is tested beside the decoder; here
//! is what must hold however slowly the pieces come.

use std::time::Duration;

use super::harness::{Home, Screen};

fn console(home: &Home) -> Screen {
    let mut screen = Screen::topside(home, (100, 30), &[]);
    screen.connect("no server here");
    screen
}

/// A slow line: the next piece comes after this pause, or later.
fn write_slowly(screen: &mut Screen, pieces: &[&str]) {
    for piece in pieces {
        screen.write(piece);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Its first line was run.
#[test]
fn a_paste_in_pieces_is_not_run() {
    let home = Home::new();
    let mut screen = console(&home);
    let paste = "\x1b[200~echo one\recho two\r\x1b[201~";
    for at in [1, 2, 4, 6, 15, 25, paste.len() - 5, paste.len() - 1] {
        write_slowly(&mut screen, &[&paste[..at], &paste[at..]]);
        let text = screen.see("2 lines were pasted");
        assert!(!text.contains("succeeded"), "{at}: {text}");
        screen.write("\x1b");
        screen.gone("were pasted");
    }
    screen.write("echo three\r");
    let text = screen.see("✓ succeeded");
    assert!(!text.contains("echo one") && !text.contains("echo two"), "{text}");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn a_paste_that_a_terminal_does_not_mark_is_not_run() {
    let home = Home::new();
    let mut screen = console(&home);
    screen.write("echo one\recho two\r");
    let text = screen.see("2 lines were pasted");
    assert!(!text.contains("succeeded"), "{text}");
    screen.write("\x1b");
    screen.gone("were pasted");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}

/// The answer to a question about colours was typed.
#[test]
fn what_a_terminal_answers_is_not_typed() {
    let home = Home::new();
    let mut screen = console(&home);
    let answers = [
        "\x1b]11;rgb:1c1c/1c1c/1c1c\x1b\\",
        "\x1b]10;rgb:ffff/ffff/ffff\x07",
        "\x1bP>|XTerm(390)\x1b\\",
        "\x1b_Gi=31;OK\x1b\\",
        "\x1b[?64;1;2c",
        "\x1b[>41;390;0c",
        "\x1b[?2026;2$y",
        "\x1b[12;40R",
        "\x1b[0n",
        "\x1b[99;99~",
    ];
    screen.write("echo a");
    for answer in answers {
        screen.write(answer);
        write_slowly(&mut screen, &[&answer[..4], &answer[4..]]);
    }
    screen.write("b");
    screen.see("❯ echo ab");
    screen.write("\r");
    screen.see("✓ succeeded");
    screen.write("\x03\x03");
    assert_eq!(screen.ended().0, 0);
}

/// A search showed one match at a time, and nothing to click.
#[test]
fn a_search_in_earlier_lines_lists_the_matches_and_takes_a_click() {
    let home = Home::new();
    let mut screen = console(&home);
    for (nth, line) in ["echo alpha one", "echo beta", "echo alpha two"].iter().enumerate() {
        screen.write(&format!("{line}\r"));
        screen.until("the command has run", |screen| {
            screen.contents().matches("✓ succeeded").count() == nth + 1
        });
    }
    screen.write("\x12alpha");
    screen.until("the matches, the newest next to the line", |screen| {
        let text = screen.contents();
        let row = |wanted: &str| text.lines().position(|row| row.contains(wanted));
        let line = "earlier: alpha ❯ echo alpha two";
        let rows = [row("│  echo alpha one"), row("│ ▌echo alpha two"), row(line)];
        matches!(rows, [Some(older), Some(newer), Some(line)] if older + 1 == newer && newer < line)
    });
    screen.write("\x1b[A");
    screen.see("earlier: alpha ❯ echo alpha one");
    screen.write("\x1b[B");
    screen.see("earlier: alpha ❯ echo alpha two");
    screen.click_beside("│  echo alpha one", 4);
    let text = screen.gone("earlier:");
    assert!(text.contains("❯ echo alpha one"), "{text}");
    assert_eq!(text.matches("✓ succeeded").count(), 3, "a click runs nothing: {text}");
    screen.write("\x03\x03\x03");
    assert_eq!(screen.ended().0, 0);
}
