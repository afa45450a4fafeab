//! What real programs print, as they printed it, next to a terminal's idea of it.

use ratatui::style::{Color, Modifier, Style};

use super::block::{Block, Channel};
use super::store::Caps;

/// Columns of the terminal that is compared with.
const COLUMNS: u16 = 200;

/// Each character that is not blank, with its column, its colours and its attributes.
type Cells = Vec<(u16, String, Look)>;
type Look = (vt100::Color, vt100::Color, [bool; 4]);

/// As a terminal shows it, line by line.
fn in_a_terminal(bytes: &[u8]) -> Vec<Cells> {
    let mut terminal = vt100::Parser::new(60, COLUMNS, 0);
    // The kernel's terminal turns a line feed into both.
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.split_last() {
            Some((b'\n', line)) => {
                terminal.process(line);
                terminal.process(b"\r\n");
            }
            _ => terminal.process(line),
        }
    }
    let screen = terminal.screen();
    let mut lines: Vec<Cells> = (0..60)
        .map(|row| {
            let cell = |column| Some((column, screen.cell(row, column)?));
            let shown =
                (0..COLUMNS).filter_map(cell).filter(|(_, c)| !c.contents().trim().is_empty());
            shown
                .map(|(column, c)| {
                    let attributes = [c.bold(), c.italic(), c.underline(), c.inverse()];
                    (column, c.contents().to_owned(), (c.fgcolor(), c.bgcolor(), attributes))
                })
                .collect()
        })
        .collect();
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

/// As the pane keeps it, after it came in two pieces.
fn kept(bytes: &[u8], cut: usize) -> Vec<Cells> {
    let mut block = Block::new(1, Caps::default());
    block.push(Channel::Stdout, &bytes[..cut]);
    block.push(Channel::Stdout, &bytes[cut..]);
    let mut lines: Vec<Cells> = block
        .lines()
        .map(|number| {
            let line = block.line(number).unwrap();
            let styles: Vec<_> = line.styles().collect();
            let style_at = |at: usize| {
                let before = styles.iter().rev().find(|(start, _)| *start <= at);
                look(before.map_or(Style::new(), |(_, style)| style.to_style(true)))
            };
            let mut column = 0;
            let mut cells = Vec::new();
            for (at, cluster, width) in super::characters::clusters(line.text()) {
                if !cluster.trim().is_empty() {
                    cells.push((column, cluster.to_owned(), style_at(at)));
                }
                column += u16::try_from(width).unwrap();
            }
            cells
        })
        .collect();
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

fn look(style: Style) -> Look {
    let colour = |colour: Option<Color>| match colour {
        None | Some(Color::Reset) => vt100::Color::Default,
        Some(Color::Rgb(r, g, b)) => vt100::Color::Rgb(r, g, b),
        Some(Color::Indexed(n)) => vt100::Color::Idx(n),
        Some(named) => {
            let names = [
                Color::Black,
                Color::Red,
                Color::Green,
                Color::Yellow,
                Color::Blue,
                Color::Magenta,
                Color::Cyan,
                Color::Gray,
                Color::DarkGray,
                Color::LightRed,
                Color::LightGreen,
                Color::LightYellow,
                Color::LightBlue,
                Color::LightMagenta,
                Color::LightCyan,
                Color::White,
            ];
            let nth = names.iter().position(|name| *name == named).unwrap();
            vt100::Color::Idx(u8::try_from(nth).unwrap())
        }
    };
    let has = |modifier| style.add_modifier.contains(modifier);
    let attributes = [
        has(Modifier::BOLD),
        has(Modifier::ITALIC),
        has(Modifier::UNDERLINED),
        has(Modifier::REVERSED),
    ];
    (colour(style.fg), colour(style.bg), attributes)
}

/// The same as in a terminal, wherever the bytes are cut; and these are the last line's characters.
#[track_caller]
fn looks_right(bytes: &str, last: &str) {
    let bytes = bytes.as_bytes();
    let expected = in_a_terminal(bytes);
    for cut in 0..=bytes.len() {
        assert_eq!(kept(bytes, cut), expected, "cut at {cut}");
    }
    let text: String = expected.last().unwrap().iter().map(|(_, text, _)| text.as_str()).collect();
    assert_eq!(text, last);
}

#[test]
fn grep_erases_to_the_end_of_the_line_in_each_colour() {
    looks_right(
        "\x1b[32m\x1b[K2\x1b[m\x1b[K\x1b[36m\x1b[K:\x1b[m\x1b[KTWO \x1b[01;31m\x1b[Kzone\x1b[m\x1b[K\n",
        "2:TWOzone",
    );
}

#[test]
fn git_diff() {
    looks_right(
        "\x1b[1m--- a/a.txt\x1b[m\n\x1b[36m@@ -1,3 +1,3 @@\x1b[m\n one\x1b[m\n\x1b[31m-TWO zone\x1b[m\n\
         \x1b[32m+\x1b[m\x1b[32mtwo zone\x1b[m\n",
        "+twozone",
    );
}

#[test]
fn ls() {
    looks_right("\x1b[0m\x1b[01;34msub\x1b[0m\n\x1b[30;42mtmp\x1b[0m x.tar.gz\n", "tmpx.tar.gz");
}

#[test]
fn curl_draws_its_bar_over_itself() {
    looks_right("\r#########                  27.3%\r################################# 100.0%", &{
        "#".repeat(33) + "100.0%"
    });
}

#[test]
fn mkfs_counts_by_backspaces() {
    looks_right(
        "Discarding device blocks:     0/40960\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08           \
         \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08done                            \nnext\n\
         Allocating group tables: 0/5\x08\x08\x08   \x08\x08\x08done                            \n",
        "Allocatinggrouptables:done",
    );
}

#[test]
fn zstd_blanks_its_line_before_it_writes_another() {
    let blank = " ".repeat(79);
    looks_right(
        &format!("\r{blank}\r(L3) Buffered: 128 KiB => 0.00% \r{blank}\rbig : 0.00% (2.86 MiB)\n"),
        "big:0.00%(2.86MiB)",
    );
}

#[test]
fn nroff_prints_a_bold_letter_twice() {
    looks_right(
        "N\x08NA\x08AM\x08ME\x08E\n     zone - r\x08ru\x08un\x08n a _\x08v_\x08a_\x08l\n",
        "zone-runaval",
    );
}

#[test]
fn service_scripts_write_their_verdict_in_a_column_of_its_own() {
    looks_right("Starting valves\x1b[60G[  \x1b[0;32mOK\x1b[0;39m  ]\n", "Startingvalves[OK]");
    looks_right("Starting pumps\x1b[40C[ \x1b[31mfail\x1b[m ]\x1b[4D!\n", "Startingpumps[fa!l]");
}

#[test]
fn cargo_and_ninja_draw_over_their_line() {
    looks_right(
        "\x1b[1m\x1b[32m    Building\x1b[0m [===>      ] 4/9: serde\r\x1b[K\x1b[1m\x1b[32m   Compiling\x1b[0m serde\n\
         \x1b[1m\x1b[32m    Building\x1b[0m [======>   ] 7/9\r\x1b[K\x1b[1m\x1b[32m    Finished\x1b[0m dev\n",
        "Finisheddev",
    );
}

#[test]
fn bars_of_true_colour_and_of_the_256() {
    looks_right(
        "\x1b[2K\r\x1b[38;2;249;38;114m━━━━━━\x1b[0m\x1b[38;5;237m━━━━━━\x1b[0m \x1b[35m 50%\x1b[0m \
         \x1b[2K\r\x1b[38;2;114;156;31m━━━━━━━━━━━━\x1b[0m \x1b[35m100%\x1b[0m \x1b[7;4;3mdone\x1b[0m\n",
        "━━━━━━━━━━━━100%done",
    );
}

#[test]
fn wide_characters_and_marks_in_a_bar() {
    looks_right("下載 10%\r下載 e\u{301}t\u{e9} 漢字\n", "下載e\u{301}t\u{e9}漢字");
}

#[test]
fn a_title_and_a_clipboard_around_a_line_leave_the_line() {
    looks_right("\x1b]0;make\x07one\x1b]52;c;ZXZpbA==\x1b\\two\x1b[?25l\x1b[?25h\n", "onetwo");
}

#[test]
fn docker_and_npm_write_their_last_lines_anew() {
    looks_right(
        "pull\na: waits\nb: waits\n\x1b[2A\x1b[2K\ra: \x1b[32mdone\x1b[0m\x1b[1B\r\x1b[2Kb: half\x1b[1B\r\
         \x1b[1A\x1b[2K\rb: done\x1b[1B\rpulled\n",
        "pulled",
    );
    looks_right("top\nmid\n\x1b[1A\x1b[2K\x1b[Gstep 1\n\x1b[1A\x1b[2K\x1b[Gstep 2\nEND\n", "END");
    looks_right("one\ntwo\nthree\n\x1b[3F\x1b[Jonly\n", "only");
}
