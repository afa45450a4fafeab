//! Shapes of output that programs print: each through the real server to the real screen.

use super::cells::compare;
use super::harness::{Home, PATIENCE, Screen, Server};
use super::output::command;

const SIZE: (u16, u16) = (60, 20);

/// Runs a script of the shell on a screen without side panes, until its output is as wanted.
fn run(script: &str, what: &str, wanted: impl Fn(&[String]) -> bool) -> (Home, Server, Screen) {
    let home = Home::with_menu(&command("shape", script, ""));
    let server = Server::start(&home);
    let mut screen = Screen::topside(&home, SIZE, &[]);
    screen.connect("● running");
    screen.write("shape\r");
    let found = screen.look(PATIENCE, |screen, _| {
        let text = screen.contents();
        let ended = text.contains("✓ succeeded") || text.contains("✗ exit");
        (ended && wanted(&output(&text))).then_some(())
    });
    found.unwrap_or_else(|why| panic!("{what}: {why}"));
    // In other emulators too, no cell is left over from what the program wrote before.
    compare(&screen, &home, SIZE, what, |text| text.contains("shape"));
    (home, server, screen)
}

/// The rows of output on a screen: above the rule over the input, below the header where that is on the screen.
fn output(text: &str) -> Vec<String> {
    let rows: Vec<&str> = text.lines().skip(1).collect();
    let from = rows.iter().position(|row| row.contains("❯ shape ")).map_or(0, |at| at + 1);
    let rows = rows[from..].iter().take_while(|row| !row.starts_with("────"));
    let mut rows: Vec<String> =
        rows.map(|row| row.chars().skip(3).collect::<String>().trim_end().to_owned()).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

fn shows(script: &str, lines: &[&str]) -> (Home, Server, Screen) {
    let (home, server, mut screen) = run(script, &format!("{lines:?}"), |rows| rows == lines);
    // The same after it was cleared away, and was written a second time.
    screen.write("\x0c");
    compare(&screen, &home, SIZE, "the cleared screen", |text| !text.contains("❯ shape"));
    screen.write("shape\r");
    let ended = |text: &str| text.contains("✓ succeeded") || text.contains("✗ exit");
    compare(&screen, &home, SIZE, "the output again", |text| ended(text) && output(text) == lines);
    (home, server, screen)
}

#[test]
fn a_progress_bar_by_carriage_returns() {
    let script = "for i in 10 50 100; do printf '\\rcopied %3d%%' $i; done; printf '\\nDONE\\n'";
    shows(script, &["copied 100%", "DONE"]);
}

#[test]
fn many_carriage_returns_without_a_line_end() {
    let script = "seq -f '%.0f of 20000' 1 20000 | tr '\\n' '\\r'; echo; echo DONE";
    shows(script, &["20000 of 20000", "DONE"]);
}

#[test]
fn moves_up_rewrite_lines() {
    let script = "echo top; echo mid; for i in 1 2 3 4 5; do printf '\\033[1A\\033[2K\\033[Gstep %d\\n' $i; \
                  done; echo END";
    shows(script, &["top", "step 5", "END"]);
}

#[test]
fn several_progress_bars_are_redrawn() {
    let script = "printf 'pull\\na: 0\\nb: 0\\nc: 0\\n' >&2; for i in 1 2 3; do \
                  printf '\\033[3A\\r\\033[Ka: %d\\n\\r\\033[Kb: %d\\n\\r\\033[Kc: %d\\n' $i $i $i >&2; done; \
                  printf '\\033[2A\\033[Jrest\\n' >&2";
    let (_home, _server, screen) = run(script, "two lines", |rows| rows.len() == 3);
    let rows = output(&screen.see("rest"));
    let texts: Vec<&str> = rows.iter().map(|row| row.trim()).collect();
    assert_eq!(texts, ["pull", "a: 3", "rest"]);
}

#[test]
fn a_program_that_clears_the_screen_clears_nothing() {
    let script = "echo before; printf '\\033[2J\\033[H'; echo after; printf '\\033c'; echo last";
    shows(script, &["before", "after", "last"]);
}

#[test]
fn the_other_screen_of_a_program_is_not_entered() {
    let script = "printf '\\033[?1049h\\033[?25lin alt\\n\\033[?1049l\\033[?25hback\\n'";
    shows(script, &["in alt", "back"]);
}

#[test]
fn brackets_and_braces_are_text() {
    let script = "printf '\\033[2m26\\033[0m [\\033[32m\\033[1minfo  \\033[0m] {\"X\": [\"a.b\"]} [red]x[-] ${H} %%d\\n'";
    shows(script, &["26 [info  ] {\"X\": [\"a.b\"]} [red]x[-] ${H} %d"]);
}

#[test]
fn a_line_of_three_mebibytes_without_an_end() {
    let script = "head -c 3145728 /dev/zero | tr '\\0' 'x'";
    let all = |rows: &[String]| {
        rows.len() > 10 && rows.iter().all(|row| row.trim_matches('x').is_empty())
    };
    let (_home, _server, mut screen) = run(script, "rows of x", all);
    screen.write("echo on\r");
    screen.see("❯ echo on");
}

#[test]
fn a_line_longer_than_a_piece_and_a_line_after_it() {
    let script = "head -c 67000 /dev/zero | tr '\\0' 'y'; echo; echo TAIL";
    run(script, "the tail", |rows| {
        let Some((last, before)) = rows.split_last() else { return false };
        last == "TAIL"
            && before.len() > 10
            && before.iter().all(|row| row.trim_matches('y').is_empty())
    });
}

#[test]
fn bytes_that_are_no_utf8() {
    let script =
        "printf 'caf\\351 \\210 \\300\\257 nul[\\000]end \\377\\n'; printf 'good \\303\\251\\n'";
    // The emulator shows nothing for U+FFFD.
    let (_home, _server, screen) = shows(script, &["caf       nul[]end", "good é"]);
    assert!(screen.printed("\u{fffd}".as_bytes()));
}

#[test]
fn characters_whose_bytes_are_written_one_by_one() {
    let script = "for b in 355 225 234 352 270 200 040 360 237 230 200 040 157 153 012; do printf \"\\\\$b\"; done";
    shows(script, &["한글 😀 ok"]);
}

#[test]
fn the_last_line_before_a_failure_is_on_the_screen() {
    run("seq 1 20000; echo crucial; exit 1", "the last line", |rows| {
        rows.last().is_some_and(|row| row == "crucial") && rows.iter().any(|row| row == "20000")
    });
}

#[test]
fn a_last_line_without_an_end() {
    shows("printf 'last without newline'", &["last without newline"]);
}

#[test]
fn titles_links_and_clipboards_do_not_reach_the_terminal() {
    let script = "printf '\\033]0;pwned\\007A\\033]8;;http://x.example\\033\\\\link\\033]8;;\\033\\\\B\\033]52;c;aGFja2Vk\\007C\
                  \\033P1$qm\\033\\\\D\\033[6nE\\033[cF\\n'";
    let (_home, _server, screen) = shows(script, &["AlinkBCDEF"]);
    for bytes in [&b"pwned"[..], b"x.example", b"aGFja2Vk", b"\x1bP", b"\x1b[6n", b"\x1b[c"] {
        assert!(!screen.printed(bytes), "{bytes:?}");
    }
}

#[test]
fn a_spinner_by_backspaces() {
    let script =
        "printf 'work '; for c in / - '\\' '|' / -; do printf '%s\\b' \"$c\"; done; printf 'ok\\n'";
    shows(script, &["work ok"]);
}

#[test]
fn tabs_and_other_controls() {
    let script = "printf 'a\\tb\\tc\\n1234567\\t8\\tx\\f\\v\\a!\\n'";
    shows(script, &["a       b       c", "1234567 8       x!"]);
}
