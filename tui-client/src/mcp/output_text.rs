//! Output of programs as plain text of bounded length: no control sequences, the newest part.

use std::collections::VecDeque;

use topside_shared::text::{continues_character, is_control};

/// Most bytes of output in one result.
pub(super) const MAX_OUTPUT: usize = 64 * 1024;
/// How far to look for the beginning of a line, where the beginning is cut off.
const MAX_CUT_LINE: usize = 1024;

/// The last bytes of the output of a run.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    /// Bytes in all, those included that are not kept.
    total: u64,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let newest = &bytes[bytes.len().saturating_sub(MAX_OUTPUT)..];
        let over = (self.bytes.len() + newest.len()).saturating_sub(MAX_OUTPUT);
        self.bytes.drain(..over.min(self.bytes.len()));
        self.bytes.extend(newest);
    }

    /// Records output that the server has not sent. What came before it is dropped, so that the text has no hole.
    pub(super) fn skip(&mut self, count: u64) {
        self.total += count;
        self.bytes.clear();
    }

    /// The text, and whether its beginning is missing. A text that is cut begins with a mark.
    pub(super) fn text(&self) -> (String, bool) {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        end_of_output(&bytes, self.total - bytes.len() as u64)
    }
}

/// The end of the output from byte `from` on, as [`plain`] returns it, and whether its beginning is missing. Such a text begins with
/// a mark.
pub(super) fn end_of_output(bytes: &[u8], from: u64) -> (String, bool) {
    let (text, cut) = plain(bytes, from > 0);
    match from > 0 || cut {
        true => (
            format!("[the beginning of the output is missing: {from} bytes or more]\n{text}"),
            true,
        ),
        false => (text, false),
    }
}

/// Bytes of output as text without control sequences, at most [`MAX_OUTPUT`] bytes of its end; whether it was cut for that.
/// With `is_cut` the bytes may begin within a line, of which the rest is left out.
pub(super) fn plain(bytes: &[u8], is_cut: bool) -> (String, bool) {
    let bytes = if is_cut { from_line(bytes) } else { bytes };
    let mut text = PlainText::default();
    let mut parser = vte::Parser::new();
    parser.advance(&mut text, bytes);
    let mut text = text.text;
    let over = text.len().saturating_sub(MAX_OUTPUT);
    text.drain(..text.ceil_char_boundary(over));
    (text, over > 0)
}

/// The bytes from the beginning of the first whole line, or of the first whole character.
fn from_line(bytes: &[u8]) -> &[u8] {
    let near = &bytes[..bytes.len().min(MAX_CUT_LINE)];
    if let Some(end) = near.iter().position(|byte| *byte == b'\n') {
        return &bytes[end + 1..];
    }
    &bytes[bytes.iter().take(3).take_while(|byte| continues_character(**byte)).count()..]
}

/// Keeps characters, line ends and tabs of what a program printed.
#[derive(Default)]
struct PlainText {
    text: String,
    /// Whether a carriage return came last.
    returned: bool,
}

impl PlainText {
    fn push(&mut self, c: char) {
        // What the program prints over a line stands on a line of its own.
        if std::mem::take(&mut self.returned) && !self.text.is_empty() && !self.text.ends_with('\n')
        {
            self.text.push('\n');
        }
        self.text.push(c);
    }
}

impl vte::Perform for PlainText {
    fn print(&mut self, c: char) {
        if !is_control(c) {
            self.push(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.returned = false;
                self.text.push('\n');
            }
            b'\t' => self.push('\t'),
            b'\r' => self.returned = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        plain(bytes, false).0
    }

    #[test]
    fn control_sequences_are_left_out() {
        assert_eq!(text(b"\x1b[31mred\x1b[0m\tx\n"), "red\tx\n");
        assert_eq!(text(b"a\x1b]0;title\x07b\x1b[2Jc\x07\x08"), "abc");
        assert_eq!(text("a\u{202e}b\u{9b}31mc".as_bytes()), "ab31mc");
        assert_eq!(text(b"\xff\xfe ok"), "\u{fffd}\u{fffd} ok");
        assert_eq!(text(b"\x1b"), "");
    }

    #[test]
    fn line_ends_are_one_character() {
        assert_eq!(text(b"a\r\nb\r\n"), "a\nb\n");
        assert_eq!(text(b"10%\r20%\r100%\n"), "10%\n20%\n100%\n");
        assert_eq!(text(b"\rx"), "x");
    }

    #[test]
    fn the_end_is_kept_and_the_cut_is_marked() {
        let mut tail = Tail::default();
        tail.push(b"first\n");
        assert_eq!(tail.text(), ("first\n".to_owned(), false));
        for _ in 0..30_000 {
            tail.push("é line\n".as_bytes());
        }
        tail.push(b"last\n");
        let (text, truncated) = tail.text();
        assert!(truncated && text.ends_with("é line\nlast\n"));
        let mut lines = text.lines();
        assert!(lines.next().unwrap().starts_with("[the beginning of the output is missing"));
        assert_eq!(lines.next(), Some("é line"));
        assert!(text.len() <= MAX_OUTPUT + 100, "{}", text.len());
        assert_eq!(tail.total, 6 + 30_000 * 8 + 5);
    }

    #[test]
    fn one_piece_longer_than_the_limit_is_cut() {
        let mut tail = Tail::default();
        tail.push(&vec![b'x'; 3 * MAX_OUTPUT]);
        let (text, truncated) = tail.text();
        assert!(truncated && text.ends_with('x') && text.len() <= MAX_OUTPUT + 100);
        // Bytes that are not UTF-8 become longer as text.
        let (text, cut) = plain(&vec![0xff; MAX_OUTPUT], false);
        assert!(cut && text.len() <= MAX_OUTPUT && text.ends_with('\u{fffd}'));
    }

    #[test]
    fn output_that_was_not_sent_leaves_no_hole() {
        let mut tail = Tail::default();
        tail.push(b"old\n");
        tail.skip(100);
        tail.push(b"end of a line\nnew\n");
        let (text, truncated) = tail.text();
        assert!(truncated && !text.contains("old") && text.ends_with("]\nnew\n"), "{text}");
    }
}
