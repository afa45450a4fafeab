//! Filter of a program's output for a terminal. It passes text, line ends, SGR colours, and the movements of programs that
//! show progress, within the lines that the program wrote itself. It removes everything else that could control the
//! terminal. A pipe gets the bytes unfiltered.

use std::fmt::Write;

use topside_shared::text::is_control;
use unicode_width::UnicodeWidthChar;
use vte::{Params, Parser, Perform};

/// Position of the cursor in the output since [`CursorPosition::leave`]. Both streams of a run move one cursor.
///
/// A line that the terminal wraps counts once, so the real cursor is never higher than this position: a move up by the
/// known rows stays in the output.
#[derive(Debug, Default)]
pub(super) struct CursorPosition {
    row: usize,
    column: usize,
    /// The lowest row so far.
    last_row: usize,
    /// Whether something was printed in that row.
    last_row_used: bool,
}

impl CursorPosition {
    /// The text that moves the cursor to the beginning of a line below the output. Later output cannot come back.
    pub(super) fn leave(&mut self) -> String {
        let mut out = String::new();
        let down = self.last_row - self.row;
        if down > 0 {
            // Writing to a String cannot fail.
            let _ = write!(out, "\x1b[{down}B");
        }
        if self.last_row_used {
            out.push('\n');
        } else if self.column > 0 {
            out.push('\r');
        }
        *self = Self::default();
        out
    }

    fn print(&mut self, width: usize) {
        self.column = self.column.saturating_add(width);
        self.last_row_used |= self.row == self.last_row;
    }

    fn next_line(&mut self) {
        (self.row, self.column) = (self.row + 1, 0);
        if self.row > self.last_row {
            (self.last_row, self.last_row_used) = (self.row, false);
        }
    }
}

/// Filters one stream of output. A sequence may be cut between two pieces.
#[derive(Default)]
pub(super) struct Filter {
    parser: Parser,
    clean: Clean,
}

#[derive(Default)]
struct Clean {
    out: String,
    /// Whether colours are removed too.
    plain: bool,
    /// Whether a colour was set and not reset.
    coloured: bool,
}

impl Filter {
    /// With `plain`, colours are removed too.
    pub(super) fn new(plain: bool) -> Self {
        Self { clean: Clean { plain, ..Clean::default() }, ..Self::default() }
    }

    /// Filters these bytes, with the cursor `at` this position.
    pub(super) fn pass(&mut self, at: &mut CursorPosition, bytes: &[u8]) -> String {
        self.parser.advance(&mut Writer { clean: &mut self.clean, at }, bytes);
        std::mem::take(&mut self.clean.out)
    }

    /// The text for the terminal at the end of a run's output: resets its colours.
    pub(super) fn end(&mut self) -> &'static str {
        self.parser = Parser::new();
        if std::mem::take(&mut self.clean.coloured) { "\x1b[0m" } else { "" }
    }
}

/// Writes the filtered output, and follows the cursor.
struct Writer<'w> {
    clean: &'w mut Clean,
    at: &'w mut CursorPosition,
}

impl Writer<'_> {
    fn sequence(&mut self, number: usize, action: char) {
        let _ = write!(self.clean.out, "\x1b[{number}{action}");
    }

    fn up(&mut self, rows: usize) {
        let rows = rows.min(self.at.row);
        if rows > 0 {
            self.at.row -= rows;
            self.sequence(rows, 'A');
        }
    }

    fn down(&mut self, rows: usize) {
        let rows = rows.min(self.at.last_row - self.at.row);
        if rows > 0 {
            self.at.row += rows;
            self.sequence(rows, 'B');
        }
    }

    fn left(&mut self, columns: usize) {
        // Some terminals continue at the end of the line above.
        let columns = columns.min(self.at.column);
        if columns > 0 {
            self.at.column -= columns;
            self.sequence(columns, 'D');
        }
    }

    fn line_begin(&mut self) {
        self.at.column = 0;
        self.clean.out.push('\r');
    }
}

impl Perform for Writer<'_> {
    fn print(&mut self, c: char) {
        if !is_control(c) {
            self.at.print(c.width().unwrap_or(0));
            self.clean.out.push(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.at.next_line(),
            b'\r' => self.at.column = 0,
            b'\t' => self.at.print(8 - self.at.column % 8),
            0x08 if self.at.column > 0 => self.at.column -= 1,
            _ => return,
        }
        self.clean.out.push(char::from(byte));
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let number = params.iter().next().and_then(|param| param.first().copied()).unwrap_or(0);
        let count = usize::from(number.max(1));
        match action {
            'm' => self.clean.colour(params),
            'K' if number <= 2 => self.sequence(usize::from(number), 'K'),
            'A' => self.up(count),
            'B' => self.down(count),
            'C' | 'a' => {
                self.at.column = self.at.column.saturating_add(count);
                self.sequence(count, 'C');
            }
            'D' => self.left(count),
            'E' => {
                self.down(count);
                self.line_begin();
            }
            'F' => {
                self.up(count);
                self.line_begin();
            }
            'G' | '`' => {
                self.at.column = count - 1;
                self.sequence(count, 'G');
            }
            _ => {}
        }
    }
}

impl Clean {
    fn colour(&mut self, params: &Params) {
        if self.plain {
            return;
        }
        let mut kept = String::new();
        let mut params = params.iter();
        while let Some(param) = params.next() {
            // Hidden text could be copied without being seen.
            if param == [8] {
                continue;
            }
            push_param(&mut kept, param);
            // 38;5;8 is one colour.
            if matches!(param, [38 | 48 | 58])
                && let Some(kind) = params.next()
            {
                push_param(&mut kept, kind);
                let count = match kind {
                    [5] => 1,
                    [2] => 3,
                    _ => 0,
                };
                for value in params.by_ref().take(count) {
                    push_param(&mut kept, value);
                }
            }
        }
        if kept.is_empty() {
            return;
        }
        self.coloured = !matches!(kept.as_str(), "0");
        let _ = write!(self.out, "\x1b[{kept}m");
    }
}

fn push_param(kept: &mut String, param: &[u16]) {
    if !kept.is_empty() {
        kept.push(';');
    }
    for (at, value) in param.iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        let _ = write!(kept, "{colon}{value}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pass(bytes: &[u8]) -> String {
        Filter::new(false).pass(&mut CursorPosition::default(), bytes)
    }

    /// A terminal that shows this, as a terminal with its usual line discipline.
    fn show(text: &str) -> vt100::Parser {
        let mut terminal = vt100::Parser::new(60, 20, 0);
        terminal.process(text.replace('\n', "\r\n").as_bytes());
        terminal
    }

    #[test]
    fn progress_looks_as_it_does_at_the_programs_own_terminal() {
        for output in [
            "Building [=>   ] 1/10: a\r\x1b[KFinished\n",
            "top\nmid\n\x1b[1A\x1b[2K\x1b[Gstep 1\n\x1b[1A\x1b[2K\x1b[Gstep 2\nEND\n",
            "work /\x08-\x08\\\x08ok\n",
            "one: waits\ntwo: waits\n\x1b[2A\x1b[2K\rone: done\x1b[1B\rtwo: \x1b[Kdone\n\n",
            "a\nb\n\x1b[2F1\x1b[E2\n",
            "12345\x1b[3Dx\x1b[2Cy\x1b[1K\n",
            "漢字\x08\x08x\n",
            "tab\tx\x1b[1Dy\n",
        ] {
            let passed = show(&pass(output.as_bytes()));
            let own = show(output);
            assert_eq!(passed.screen().contents(), own.screen().contents(), "{output:?}");
            assert_eq!(passed.screen().cursor_position(), own.screen().cursor_position());
        }
    }

    #[test]
    fn the_cursor_is_left_at_the_beginning_of_a_line_of_its_own() {
        for (output, want) in [
            ("", ""),
            ("x\n", ""),
            ("x", "\n"),
            ("50%\r", "\n"),
            ("x\n\x1b[5C", "\r"),
            ("a\nb\nc\n\x1b[2A", "\x1b[2B"),
            ("a\nb\nc\x1b[2A", "\x1b[2B\n"),
        ] {
            let mut at = CursorPosition::default();
            Filter::new(false).pass(&mut at, output.as_bytes());
            assert_eq!(at.leave(), want, "{output:?}");
            assert_eq!(at.leave(), "");
        }
    }

    #[test]
    fn text_and_colours_pass() {
        let text = "a\tb\r\né \x1b[1;31mred\x1b[0m \x1b[38;5;8mgrey \x1b[38:2::1:2:3mrgb\x1b[m\n";
        let want = text.replace("38:2::1", "38:2:0:1").replace("\x1b[m", "\x1b[0m");
        assert_eq!(pass(text.as_bytes()), want);
    }

    #[test]
    fn other_control_sequences_are_removed() {
        for bytes in [
            "\x1b[2J",
            "\x1b[10;10H",
            "\x1b]0;title\x07",
            "\x1b]52;c;ZXZpbA==\x1b\\",
            "\x1bc",
            "\x1b[?1049h",
            "\x1b[6n",
            "\x1bP+q\x1b\\",
            "\x07\x0e",
            "\x1b[5A",
            "\x1b[1B",
            "\x1b[3K",
            "\x1b[?K",
            "\x1b[J",
            "\x1b[1S",
            "\x1b[2d",
            "\x1b7",
            "\x1bM",
            "\u{9b}2J",
            "\u{202e}",
            "\x1b[8m",
            "\x1b[>4;1m",
        ] {
            let out = pass(format!("a{bytes}b").as_bytes());
            let left = out.replace("2J", "");
            assert_eq!(left, "ab", "{bytes:?}");
        }
    }

    #[test]
    fn a_colour_does_not_outlive_the_run() {
        let mut filter = Filter::new(false);
        let mut at = CursorPosition::default();
        filter.pass(&mut at, b"\x1b[31mred");
        assert_eq!(filter.end(), "\x1b[0m");
        filter.pass(&mut at, b"\x1b[31mred\x1b[0m");
        assert_eq!(filter.end(), "");
    }

    #[test]
    fn without_colours_only_text_passes() {
        let mut at = CursorPosition::default();
        let passed = Filter::new(true).pass(&mut at, b"\x1b[31mred\x1b[K\x1b[0m\n");
        assert_eq!(passed, "red\x1b[0K\n");
    }

    proptest! {
        #[test]
        fn no_bytes_however_cut_get_another_control_through(bytes: Vec<u8>, cut in 0usize..64) {
            let mut filter = Filter::new(false);
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let mut at = CursorPosition::default();
            let mut out = filter.pass(&mut at, a);
            out.push_str(&filter.pass(&mut at, b));
            let mut rest = out.as_str();
            while let Some(at) = rest.find(is_control) {
                rest = &rest[at..];
                if let Some(after) = rest.strip_prefix("\x1b[") {
                    let end = after.find(|c: char| !matches!(c, '0'..='9' | ';' | ':')).unwrap();
                    prop_assert!(after[end..].starts_with(['m', 'K', 'A', 'B', 'C', 'D', 'G']));
                    rest = &after[end..];
                } else {
                    prop_assert!(rest.starts_with(['\n', '\t', '\r', '\x08']), "{rest:?}");
                    rest = &rest[1..];
                }
            }
        }

        #[test]
        fn no_output_reaches_what_was_on_the_terminal_before(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "x", "a line that is longer than the terminal is wide", "\n", "\r", "\t", "\x08", "漢",
                    "\x1b[A", "\x1b[7A", "\x1b[999A", "\x1b[2B", "\x1b[3F", "\x1b[E", "\x1b[9D", "\x1b[50C",
                    "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[G", "\x1b[30G", "\x1b[H", "\x1b[2J", "\x1bM",
                ]),
                0..60,
            ),
            err in prop::collection::vec(any::<bool>(), 60),
        ) {
            let before: String = (1..=5).map(|line| format!("earlier {line}\n")).collect();
            let (mut at, mut filters) = (CursorPosition::default(), [false; 2].map(Filter::new));
            let mut all = before.clone();
            for (piece, err) in pieces.iter().zip(err) {
                all += &filters[usize::from(err)].pass(&mut at, piece.as_bytes());
            }
            all += &at.leave();
            let mut terminal = vt100::Parser::new(400, 20, 0);
            terminal.process(all.replace('\n', "\r\n").as_bytes());
            let shown = terminal.screen().contents();
            prop_assert!(shown.starts_with(before.trim_end()), "{}", shown);
            prop_assert_eq!(terminal.screen().cursor_position().1, 0);
        }
    }
}
