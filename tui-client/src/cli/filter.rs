//! What of a program's output a terminal is given: text, line ends and SGR colours. All else that
//! could steer the terminal is taken out; a pipe gets the bytes as they are, and never comes by here.

use std::fmt::Write;

use topside_shared::text::is_control;
use vte::{Params, Parser, Perform};

/// Cleans one stream of output; a sequence cut between two pieces is understood.
#[derive(Default)]
pub(super) struct Filter {
    parser: Parser,
    clean: Clean,
}

#[derive(Default)]
struct Clean {
    out: String,
    /// Whether colours are taken out too.
    plain: bool,
    /// Whether a colour was set that has not been taken back.
    coloured: bool,
}

impl Filter {
    /// A filter that takes colours out too, if `plain`.
    pub(super) fn new(plain: bool) -> Self {
        Self { clean: Clean { plain, ..Clean::default() }, ..Self::default() }
    }

    /// What the terminal is given for these bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> String {
        self.parser.advance(&mut self.clean, bytes);
        std::mem::take(&mut self.clean.out)
    }

    /// What the terminal is given at the end of a run's output: its colours are the run's own.
    pub(super) fn end(&mut self) -> &'static str {
        self.parser = Parser::new();
        if std::mem::take(&mut self.clean.coloured) { "\x1b[0m" } else { "" }
    }
}

impl Perform for Clean {
    fn print(&mut self, c: char) {
        if !is_control(c) {
            self.out.push(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        // Programs that show progress go back to the beginning of the line; nothing else moves.
        if matches!(byte, b'\n' | b'\t' | b'\r') {
            self.out.push(char::from(byte));
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if action != 'm' || !intermediates.is_empty() || ignore || self.plain {
            return;
        }
        let mut kept = String::new();
        let mut params = params.iter();
        while let Some(param) = params.next() {
            // Hidden text could be copied without having been seen.
            if param == [8] {
                continue;
            }
            push_param(&mut kept, param);
            // 38;5;8 is a colour: its numbers belong together.
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
        // Writing to a String cannot fail.
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
        Filter::new(false).pass(bytes)
    }

    #[test]
    fn text_and_colours_pass() {
        let text = "a\tb\r\né \x1b[1;31mred\x1b[0m \x1b[38;5;8mgrey \x1b[38:2::1:2:3mrgb\x1b[m\n";
        let want = text.replace("38:2::1", "38:2:0:1").replace("\x1b[m", "\x1b[0m");
        assert_eq!(pass(text.as_bytes()), want);
    }

    #[test]
    fn what_steers_the_terminal_does_not() {
        for bytes in [
            "\x1b[2J",
            "\x1b[10;10H",
            "\x1b]0;title\x07",
            "\x1b]52;c;ZXZpbA==\x1b\\",
            "\x1bc",
            "\x1b[?1049h",
            "\x1b[6n",
            "\x1bP+q\x1b\\",
            "\x07\x08\x0e",
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
        filter.pass(b"\x1b[31mred");
        assert_eq!(filter.end(), "\x1b[0m");
        filter.pass(b"\x1b[31mred\x1b[0m");
        assert_eq!(filter.end(), "");
    }

    #[test]
    fn without_colours_only_text_passes() {
        assert_eq!(Filter::new(true).pass(b"\x1b[31mred\x1b[0m\n"), "red\n");
    }

    proptest! {
        #[test]
        fn no_bytes_however_cut_get_another_control_through(bytes: Vec<u8>, cut in 0usize..64) {
            let mut filter = Filter::new(false);
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let mut out = filter.pass(a);
            out.push_str(&filter.pass(b));
            let mut rest = out.as_str();
            while let Some(at) = rest.find(is_control) {
                rest = &rest[at..];
                if let Some(after) = rest.strip_prefix("\x1b[") {
                    let end = after.find(|c: char| !matches!(c, '0'..='9' | ';' | ':')).unwrap();
                    prop_assert!(after[end..].starts_with('m'));
                    rest = &after[end..];
                } else {
                    prop_assert!(rest.starts_with(['\n', '\t', '\r']), "{rest:?}");
                    rest = &rest[1..];
                }
            }
        }
    }
}
