//! Bracketed paste: the bytes up to its end, and its delivery as one event.

use crossterm::event::Event;

use super::burst::whole_characters;
use super::decoder::{Decoder, DecoderState};

const PASTE_END: &[u8] = b"\x1b[201~";
/// Most bytes of a paste that are kept. A server takes no longer line.
const MAX_PASTE: usize = 4 * 1024 * 1024;

impl Decoder {
    pub(super) fn begin_paste(&mut self) {
        self.pending.clear();
        self.state = DecoderState::Paste { matched: 0, open: false, escape_alone: false };
    }

    pub(super) fn paste_byte(
        &mut self,
        byte: u8,
        matched: usize,
        open: bool,
        events: &mut Vec<Event>,
    ) {
        let matched = if byte == PASTE_END[matched] {
            matched + 1
        } else {
            self.keep(&PASTE_END[..matched]);
            if byte == PASTE_END[0] {
                1
            } else {
                self.keep(&[byte]);
                0
            }
        };
        if matched == PASTE_END.len() {
            self.end_paste(events);
        } else {
            self.state = DecoderState::Paste { matched, open, escape_alone: false };
        }
    }

    /// Adds to the paste while there is room.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_PASTE.saturating_sub(self.pending.len());
        self.pending.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(super) fn deliver_paste(&mut self, events: &mut Vec<Event>) {
        // The beginning of a character stays until the rest arrives.
        let length = whole_characters(&self.pending);
        if length > 0 {
            let text = String::from_utf8_lossy(&self.pending[..length]).into_owned();
            events.push(Event::Paste(text));
        }
        self.pending.drain(..length);
    }

    pub(super) fn end_paste(&mut self, events: &mut Vec<Event>) {
        self.deliver_paste(events);
        self.ground();
    }
}
