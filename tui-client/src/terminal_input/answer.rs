//! Answers of the terminal: strings (OSC, DCS, APC, PM, SOS), which are never typed. One is understood: the background.

use crossterm::event::Event;

use super::Decoder;
use super::decoder::{DecoderState, MAX_SEQUENCE};

/// What is behind the ESC of an answer that says the background.
pub(super) const ANSWER_BEGIN: &[u8] = b"]11;rgb";

impl Decoder {
    /// The background that the terminal has said, once.
    pub(crate) fn take_background(&mut self) -> Option<[u8; 3]> {
        self.background.take()
    }

    /// How often the terminal has said that it took all bytes, once.
    pub(crate) fn take_taken(&mut self) -> usize {
        std::mem::take(&mut self.taken)
    }

    /// Behind an ESC that came alone: an answer, as far as it looks like one.
    pub(super) fn late_answer_byte(&mut self, byte: u8, events: &mut Vec<Event>) {
        if byte != ANSWER_BEGIN[self.pending.len()] {
            self.type_late(events);
            return self.take(byte, events);
        }
        self.pending.push(byte);
        if self.pending.len() == ANSWER_BEGIN.len() {
            self.pending.remove(0);
            self.state = DecoderState::String { introducer: ANSWER_BEGIN[0], escape: false };
            self.string_begun = true;
        }
    }

    /// It was no answer.
    pub(super) fn type_late(&mut self, events: &mut Vec<Event>) {
        let typed = std::mem::take(&mut self.pending);
        self.ground();
        for byte in typed {
            self.take(byte, events);
        }
    }

    /// What a terminal answers is not typed: a string is passed over to its end.
    pub(super) fn string_byte(
        &mut self,
        byte: u8,
        introducer: u8,
        escape: bool,
        events: &mut Vec<Event>,
    ) {
        match byte {
            b'\\' if escape => self.end_string(introducer),
            _ if escape => {
                self.ground();
                self.state = DecoderState::Escape { doubled: false };
                self.take(byte, events);
            }
            0x1b => self.state = DecoderState::String { introducer, escape: true },
            0x07 => self.end_string(introducer),
            // CAN and SUB cancel it.
            0x18 | 0x1a => self.ground(),
            // No string holds another control character: this is a key.
            0x00..=0x1f => self.abandon(byte, events),
            _ if self.pending.len() < MAX_SEQUENCE => self.pending.push(byte),
            _ => {}
        }
        self.string_begun = true;
    }

    fn end_string(&mut self, introducer: u8) {
        if introducer == ANSWER_BEGIN[0]
            && let Some(background) = parse(&self.pending)
        {
            self.background = Some(background);
            (self.asked, self.answers) = (false, true);
        }
        self.ground();
    }

    /// A string went silent in its middle.
    pub(super) fn give_answer_up(&mut self) {
        let begin = &ANSWER_BEGIN[1..];
        self.cut_answer = self.pending.starts_with(begin) || begin.starts_with(&self.pending);
        self.ground();
    }

    /// Drops the rest of an answer that stopped in its middle.
    pub(super) fn skip_rest_of_answer<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if !std::mem::take(&mut self.cut_answer) {
            return bytes;
        }
        let is_part = |byte: &u8| byte.is_ascii_hexdigit() || b";rg:/".contains(byte);
        let parts = bytes.iter().position(|byte| !is_part(byte)).unwrap_or(bytes.len());
        match &bytes[parts..] {
            [0x07, rest @ ..] | [0x1b, b'\\', rest @ ..] => rest,
            _ => bytes,
        }
    }
}

/// The colour in `11;rgb:RRRR/GGGG/BBBB`: from one to four hexadecimal digits each.
fn parse(answer: &[u8]) -> Option<[u8; 3]> {
    let text = std::str::from_utf8(answer).ok()?.strip_prefix("11;rgb")?;
    let parts = text.strip_prefix('a').unwrap_or(text).strip_prefix(':')?;
    let mut parts = parts.split('/').map(|part| {
        let most = 16_u32.checked_pow(u32::try_from(part.len()).ok()?)?.checked_sub(1)?;
        let value = u32::from_str_radix(part, 16)
            .ok()
            .filter(|_| !part.starts_with('+') && part.len() <= 4)?;
        u8::try_from(value * 255 / most).ok()
    });
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_one_to_four_digits_a_part() {
        assert_eq!(parse(b"11;rgb:ffff/8080/0000"), Some([255, 128, 0]));
        assert_eq!(parse(b"11;rgb:ff/80/00"), Some([255, 128, 0]));
        assert_eq!(parse(b"11;rgb:f/0/f"), Some([255, 0, 255]));
        assert_eq!(parse(b"11;rgba:ffff/ffff/ffff/8000"), Some([255; 3]));
        for other in [
            &b"10;rgb:ffff/ffff/ffff"[..],
            b"11;rgb:ffff/ffff",
            b"11;rgb:ffff/ffff/fffff",
            b"11;rgb://",
            b"11;rgb:+f/0/0",
            b"11;?",
            b"11;rgb",
        ] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }
}
