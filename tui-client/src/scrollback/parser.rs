//! Parser: from a program's bytes to lines, once, on arrival.
//!
//! Kept: text, SGR colours and attributes, and the sequences of programs that show progress, in their line (carriage
//! return, backspace, tab, CSI K, and moves within the line: CSI C, D, G) and in their last lines (moves up and down: CSI
//! A, B, E, F, and CSI J for what is below). All other control sequences are dropped whole.
//!
//! Plain text is decoded here; `vte` gets only what begins with an escape. It could decode text too, but loses a character
//! that is cut between two pieces, and stores a title without an end without limit. So the strings (OSC, DCS, SOS, PM,
//! APC) are skipped here as well.

use memchr::memchr;
use vte::{Params, Parser, Perform};

use super::characters::{Glyph, glyph, grouped};
use super::current_line::Erase;
use super::line::{Line, LineKind};
use super::rows::Rows;
use super::store::Store;
use super::style::TextStyle;

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const BEL: u8 = 0x07;

/// A control string without an end gets a marker from this length on.
const REPORTED_LENGTH: u64 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Text,
    Escape,
    /// After an escape and an intermediate byte.
    Designate,
    Csi,
    /// A string that is skipped, and the skipped bytes so far. OSC has more terminators than the others.
    Skip {
        osc: bool,
        skipped: u64,
    },
}

pub(crate) struct StreamParser {
    stage: Stage,
    parser: Parser,
    style: TextStyle,
    rows: Rows,
    /// The first bytes of a character that is cut by the end of a piece.
    cut: [u8; 4],
    cut_len: usize,
}

impl std::fmt::Debug for StreamParser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamParser")
            .field("stage", &self.stage)
            .field("rows", &self.rows)
            .finish()
    }
}

impl StreamParser {
    pub(crate) fn new(kind: LineKind) -> Self {
        Self {
            stage: Stage::Text,
            parser: Parser::new(),
            style: TextStyle::default(),
            rows: Rows::new(kind),
            cut: [0; 4],
            cut_len: 0,
        }
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8], store: &mut Store) {
        while !bytes.is_empty() {
            let used = match self.stage {
                Stage::Text => self.text_until_escape(bytes, store),
                Stage::Skip { osc, skipped } => self.skip(osc, skipped, bytes, store),
                Stage::Escape | Stage::Designate | Stage::Csi => self.control(bytes, store),
            };
            bytes = &bytes[used..];
        }
    }

    /// Ends the stream, or the part of it before a gap: an incomplete line is kept as a line, half a character becomes
    /// U+FFFD, half a control sequence is dropped. Returns a message about a dropped control string.
    pub(crate) fn finish(&mut self, store: &mut Store) -> Option<String> {
        self.cut_short(store);
        self.rows.finish(store);
        let lost = match self.stage {
            Stage::Skip { skipped, .. } if skipped >= REPORTED_LENGTH => Some(format!(
                "… {} bytes of a control string without an end not shown",
                grouped(skipped)
            )),
            _ => None,
        };
        self.stage = Stage::Text;
        self.parser = Parser::new();
        self.style = TextStyle::default();
        lost
    }

    /// Number of lines that are not in the store.
    pub(crate) fn open_lines(&self) -> usize {
        self.rows.count()
    }

    pub(crate) fn open_line(&self, nth: usize, number: u64) -> Line<'_> {
        self.rows.line(nth, number)
    }

    fn text_until_escape(&mut self, bytes: &[u8], store: &mut Store) -> usize {
        let end = memchr(ESC, bytes).unwrap_or(bytes.len());
        let mut text = &bytes[..end];
        while self.cut_len > 0 && !text.is_empty() {
            text = self.complete(text, store);
        }
        while !text.is_empty() {
            match std::str::from_utf8(text) {
                Ok(valid) => {
                    self.print(valid, store);
                    break;
                }
                Err(error) => {
                    let (valid, rest) = text.split_at(error.valid_up_to());
                    self.print(std::str::from_utf8(valid).unwrap_or_default(), store);
                    let Some(broken) = error.error_len() else {
                        self.cut[..rest.len()].copy_from_slice(rest);
                        self.cut_len = rest.len();
                        break;
                    };
                    self.replace(store);
                    text = &rest[broken..];
                }
            }
        }
        if end == bytes.len() {
            return end;
        }
        self.cut_short(store);
        self.stage = Stage::Escape;
        end
    }

    /// Continues a cut character; returns the bytes after it.
    fn complete<'a>(&mut self, text: &'a [u8], store: &mut Store) -> &'a [u8] {
        let Some((first, rest)) = text.split_first() else { return text };
        self.cut[self.cut_len] = *first;
        let whole = self.cut;
        match std::str::from_utf8(&whole[..=self.cut_len]) {
            Ok(character) => {
                self.cut_len = 0;
                self.print(character, store);
                rest
            }
            Err(error) if error.error_len().is_none() => {
                self.cut_len += 1;
                rest
            }
            Err(_) => {
                self.cut_short(store);
                text
            }
        }
    }

    /// Replaces a cut character that will not be completed.
    fn cut_short(&mut self, store: &mut Store) {
        if self.cut_len > 0 {
            self.cut_len = 0;
            self.replace(store);
        }
    }

    fn replace(&mut self, store: &mut Store) {
        self.rows.line.put("\u{fffd}", 1, self.style.replaced(), store);
    }

    fn print(&mut self, mut text: &str, store: &mut Store) {
        while !text.is_empty() {
            let (length, columns) = printable(text);
            let (run, rest) = text.split_at(length);
            self.rows.line.put(run, columns, self.style, store);
            let mut chars = rest.chars();
            match chars.next() {
                None => return,
                Some(c) if c.is_ascii() => self.screen(store).execute(c as u8),
                Some(c) => match glyph(c) {
                    Glyph::Replaced => self.replace(store),
                    Glyph::Mark => self.rows.line.mark(c),
                    Glyph::Dropped | Glyph::Wide(_) => {}
                },
            }
            text = chars.as_str();
        }
    }

    /// Parses control sequences until text or a string begins; returns the number of bytes. `vte` interprets them; here
    /// only their ends are found.
    fn control(&mut self, bytes: &[u8], store: &mut Store) -> usize {
        for (i, byte) in bytes.iter().enumerate() {
            self.stage = match (self.stage, *byte) {
                (_, ESC) => Stage::Escape,
                (_, CAN | SUB) => Stage::Text,
                (Stage::Escape, b'[') => Stage::Csi,
                (Stage::Escape, b']' | b'P' | b'X' | b'^' | b'_') => {
                    // `vte` waits after the escape until the string ends.
                    self.drive(&bytes[..i], store);
                    self.stage = Stage::Skip { osc: *byte == b']', skipped: 0 };
                    return i + 1;
                }
                (Stage::Escape, 0x20..=0x2f) => Stage::Designate,
                (Stage::Escape | Stage::Designate, 0x30..=0x7e) => Stage::Text,
                (Stage::Csi, 0x40..=0x7e) => Stage::Text,
                (stage, _) => stage,
            };
            if self.stage == Stage::Text {
                self.drive(&bytes[..=i], store);
                return i + 1;
            }
        }
        self.drive(bytes, store);
        bytes.len()
    }

    fn skip(&mut self, osc: bool, skipped: u64, bytes: &[u8], store: &mut Store) -> usize {
        let ends = |b: &u8| {
            // A title with a line end has lost its terminator: show the rest.
            matches!(*b, ESC | CAN | SUB) || (osc && matches!(*b, BEL | b'\n'))
        };
        let Some(end) = bytes.iter().position(ends) else {
            let skipped = skipped + bytes.len() as u64;
            self.stage = Stage::Skip { osc, skipped };
            return bytes.len();
        };
        if bytes[end] == ESC {
            self.stage = Stage::Escape;
            return end;
        }
        self.stage = Stage::Text;
        self.drive(&[CAN], store);
        if bytes[end] == b'\n' { end } else { end + 1 }
    }

    fn drive(&mut self, bytes: &[u8], store: &mut Store) {
        let mut screen = Performer { rows: &mut self.rows, style: &mut self.style, store };
        self.parser.advance(&mut screen, bytes);
    }

    fn screen<'a>(&'a mut self, store: &'a mut Store) -> Performer<'a> {
        Performer { rows: &mut self.rows, style: &mut self.style, store }
    }
}

/// The printable characters at the start of a text: bytes and columns.
fn printable(text: &str) -> (usize, usize) {
    let bytes = text.as_bytes();
    let (mut length, mut columns) = (0, 0);
    loop {
        let plain = bytes[length..].iter().take_while(|b| matches!(b, b' '..=b'~')).count();
        length += plain;
        columns += plain;
        for c in text[length..].chars() {
            match glyph(c) {
                Glyph::Wide(width) if !c.is_ascii() => {
                    length += c.len_utf8();
                    columns += usize::from(width);
                }
                Glyph::Wide(_) => break,
                _ => return (length, columns),
            }
        }
        if length == bytes.len() {
            return (length, columns);
        }
    }
}

/// The target of control characters and sequences.
struct Performer<'a> {
    rows: &'a mut Rows,
    style: &'a mut TextStyle,
    store: &'a mut Store,
}

impl Perform for Performer<'_> {
    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.rows.end(self.store),
            b'\r' => self.rows.line.carriage_return(),
            b'\t' => self.rows.line.tab(self.store),
            0x08 => self.rows.line.backspace(),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let first = params.iter().next().and_then(|p| p.first().copied()).unwrap_or(0);
        match (action, first) {
            ('m', _) => self.style.apply(params),
            ('K', 0) => self.rows.line.erase(Erase::Right),
            ('K', 1) => self.rows.line.erase(Erase::Left),
            ('K', 2) => self.rows.line.erase(Erase::All),
            ('G' | '`', column) => {
                self.rows.line.go_to(usize::from(column.saturating_sub(1)), self.store);
            }
            ('A', rows) => self.rows.up(rows.max(1), self.store),
            ('B', rows) => self.rows.down(rows.max(1), self.store),
            ('E', rows) => {
                self.rows.down(rows.max(1), self.store);
                self.rows.line.carriage_return();
            }
            ('F', rows) => {
                self.rows.up(rows.max(1), self.store);
                self.rows.line.carriage_return();
            }
            ('J', 0) => self.rows.erase_below(),
            ('C' | 'a', columns) => {
                let to = self.rows.line.cursor() + usize::from(columns.max(1));
                self.rows.line.go_to(to, self.store);
            }
            ('D', columns) => {
                let to = self.rows.line.cursor().saturating_sub(usize::from(columns.max(1)));
                self.rows.line.go_to(to, self.store);
            }
            _ => {}
        }
    }
}
