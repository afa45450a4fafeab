//! State machine that decodes the input of a terminal, wherever a read ends.

use std::time::Duration;

use crossterm::event::{Event, KeyEvent, KeyModifiers};

use super::answer::ANSWER_BEGIN;
use super::burst::{is_paste, is_text, may_be_paste, text_length};
use super::sequence;

/// After this silence, an ESC alone is the Escape key.
const ESCAPE: Duration = Duration::from_millis(50);
/// After this silence, `ESC [` or `ESC O` alone is a character with Alt.
const INTRODUCER: Duration = Duration::from_secs(1);
/// The same for the beginning of a string, which a user rarely types.
const STRING: Duration = Duration::from_millis(200);
/// The same while the terminal's answer may begin with the ESC.
const ANSWER_ESCAPE: Duration = Duration::from_millis(250);
/// After this silence, a string that has begun is dropped.
const STRING_SILENCE: Duration = Duration::from_secs(2);
/// After this silence, the content of a paste is delivered, although its end has not come.
const PASTE_SILENCE: Duration = Duration::from_secs(1);
/// The pieces of a burst of text follow each other within this time.
const BURST: Duration = Duration::from_millis(20);

/// Without the ESC.
const PASTE_BEGIN: &[u8] = b"[200~";
/// Most bytes of one sequence that are kept. No key has more.
pub(super) const MAX_SEQUENCE: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum DecoderState {
    #[default]
    Ground,
    /// In a character of several bytes; with Alt where an ESC came before it.
    Utf8 { alt: bool },
    /// After an ESC, or after two.
    Escape { doubled: bool },
    /// After `ESC [`; with Alt where another ESC came before it.
    Csi { alt: bool },
    /// After `ESC [ [`.
    LinuxFunction,
    /// After `ESC [ M`.
    X10Mouse,
    /// After `ESC O`.
    Ss3 { alt: bool },
    /// In an OSC, DCS, APC, PM or SOS string, which began with ESC and this byte.
    String { introducer: u8, escape: bool },
    /// In what looks like an answer, the ESC of which was taken for the Escape key.
    LateAnswer,
    /// In a bracketed paste. `open`: its content so far was delivered, because its end did not come.
    Paste { matched: usize, open: bool, escape_alone: bool },
    /// In text that came in one read and may be a paste of a terminal without bracketed paste.
    Burst,
}

#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pub(super) state: DecoderState,
    /// The bytes of an incomplete character, sequence or paste.
    pub(super) pending: Vec<u8>,
    /// Whether a string has a byte after its introducer.
    pub(super) string_begun: bool,
    /// How many bytes of `[200~` have followed an ESC that was taken for the Escape key.
    late_paste: Option<usize>,
    /// Whether the terminal was asked for its background, and has not answered.
    pub(super) asked: bool,
    /// Whether it has answered before: it is asked again when it gets the focus.
    pub(super) answers: bool,
    /// Whether an answer went silent in its middle: its rest may come.
    pub(super) cut_answer: bool,
    /// The background as the terminal said it.
    pub(super) background: Option<[u8; 3]>,
    /// How many answers have come to the question for its status.
    pub(super) taken: usize,
}

impl Decoder {
    /// One that reads a terminal that was asked for its background.
    pub(crate) fn asked() -> Self {
        Self { asked: true, ..Self::default() }
    }

    /// Decodes the bytes of one read.
    pub(crate) fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let bytes = self.skip_rest_of_answer(bytes);
        if let (DecoderState::Paste { open: true, .. }, [0x03]) = (self.state, bytes) {
            // The end of the paste was lost: Ctrl-C alone comes from the user.
            self.end_paste(events);
        }
        let (mut at, mut looked_at) = (0, 0);
        while at < bytes.len() {
            if self.state == DecoderState::Ground && self.late_paste.is_none() && at >= looked_at {
                let length = text_length(&bytes[at..]);
                looked_at = at + length;
                if may_be_paste(&bytes[at..looked_at]) {
                    self.state = DecoderState::Burst;
                    self.keep(&bytes[at..looked_at]);
                    at = looked_at;
                    continue;
                }
            }
            self.take(bytes[at], events);
            at += 1;
        }
        if let (DecoderState::Paste { open: true, escape_alone, .. }, [0x1b]) =
            (&mut self.state, bytes)
        {
            *escape_alone = true;
        }
    }

    /// How long to wait for the rest of an incomplete input before [`Decoder::time_out`].
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self.state {
            DecoderState::Escape { .. } if self.asked => Some(ANSWER_ESCAPE),
            DecoderState::Escape { .. } => Some(ESCAPE),
            DecoderState::LateAnswer => Some(INTRODUCER),
            DecoderState::Csi { .. } | DecoderState::Ss3 { .. } if self.pending.is_empty() => {
                Some(INTRODUCER)
            }
            DecoderState::String { .. } if self.string_begun => Some(STRING_SILENCE),
            DecoderState::String { .. } if self.asked => Some(INTRODUCER),
            DecoderState::String { .. } => Some(STRING),
            DecoderState::Paste { open: true, escape_alone: true, .. } => Some(ESCAPE),
            DecoderState::Paste { open: true, .. } if self.pending.is_empty() => None,
            DecoderState::Paste { open: true, .. } => Some(BURST),
            DecoderState::Paste { open: false, .. } => Some(PASTE_SILENCE),
            DecoderState::Burst => Some(BURST),
            // Only the terminal sends the rest. After a timeout it would be taken for typed text.
            _ => None,
        }
    }

    /// Handles a silence of the length of [`Decoder::wait`].
    pub(crate) fn time_out(&mut self, events: &mut Vec<Event>) {
        match self.state {
            DecoderState::Escape { doubled } => {
                push_escapes(1 + usize::from(doubled), events);
                self.state = DecoderState::Ground;
                self.late_paste = Some(0);
                // A terminal that does not answer makes the Escape key slow once.
                self.asked = false;
            }
            DecoderState::Csi { alt } if self.pending.is_empty() => {
                self.introducer(b'[', alt, events);
                self.late_paste = Some(1);
            }
            DecoderState::Ss3 { alt } if self.pending.is_empty() => {
                self.introducer(b'O', alt, events);
            }
            DecoderState::String { introducer, .. } if !self.string_begun => {
                self.introducer(introducer, false, events);
                self.cut_answer = introducer == ANSWER_BEGIN[0];
            }
            DecoderState::String { .. } => {
                self.give_answer_up();
            }
            DecoderState::LateAnswer => self.type_late(events),
            DecoderState::Paste { open: true, escape_alone: true, .. } => {
                self.end_paste(events);
                push_escapes(1, events);
            }
            DecoderState::Paste { matched, open, .. } => {
                self.deliver_paste(events);
                if open {
                    // Half a character: its rest does not come.
                    self.pending.clear();
                }
                self.state = DecoderState::Paste { matched, open: true, escape_alone: false };
            }
            DecoderState::Burst => self.end_burst(events),
            _ => {}
        }
    }

    pub(super) fn take(&mut self, byte: u8, events: &mut Vec<Event>) {
        match self.state {
            DecoderState::Ground => self.ground_byte(byte, false, events),
            DecoderState::Utf8 { alt } => self.utf8_byte(byte, alt, events),
            DecoderState::Escape { doubled } => self.escape_byte(byte, doubled, events),
            DecoderState::Csi { alt } => self.csi_byte(byte, alt, events),
            DecoderState::LinuxFunction => {
                self.ground();
                events.extend(sequence::linux_function(byte));
            }
            DecoderState::X10Mouse => {
                self.pending.push(byte);
                if let [button, column, row] = self.pending[..] {
                    self.ground();
                    events.extend(sequence::x10_mouse([button, column, row]));
                }
            }
            DecoderState::Ss3 { alt } => match byte {
                b'0'..=b'9' | b';' if self.pending.len() < MAX_SEQUENCE => self.pending.push(byte),
                0x20..=0x7e => {
                    let event = sequence::ss3(&self.pending, byte);
                    self.end_sequence(event, alt, events);
                }
                _ => self.abandon(byte, events),
            },
            DecoderState::String { introducer, escape } => {
                self.string_byte(byte, introducer, escape, events);
            }
            DecoderState::LateAnswer => self.late_answer_byte(byte, events),
            DecoderState::Paste { matched, open, .. } => {
                self.paste_byte(byte, matched, open, events);
            }
            DecoderState::Burst if is_text(byte) => self.keep(&[byte]),
            DecoderState::Burst => {
                self.end_burst(events);
                self.take(byte, events);
            }
        }
    }

    pub(super) fn ground(&mut self) {
        self.state = DecoderState::Ground;
        self.pending.clear();
    }

    /// A byte of another kind in the middle of a sequence: what had begun means nothing.
    pub(super) fn abandon(&mut self, byte: u8, events: &mut Vec<Event>) {
        self.ground();
        self.take(byte, events);
    }

    fn ground_byte(&mut self, byte: u8, alt: bool, events: &mut Vec<Event>) {
        self.state = DecoderState::Ground;
        let late = self.late_paste.take();
        if let Some(matched) = late
            && byte == PASTE_BEGIN[matched]
        {
            if matched + 1 == PASTE_BEGIN.len() {
                return self.begin_paste();
            }
            self.late_paste = Some(matched + 1);
        } else if late == Some(0) && byte == ANSWER_BEGIN[0] {
            self.pending.push(byte);
            self.state = DecoderState::LateAnswer;
            return;
        }
        match byte {
            0x1b => self.state = DecoderState::Escape { doubled: false },
            0x80.. => {
                self.state = DecoderState::Utf8 { alt };
                self.utf8_byte(byte, alt, events);
            }
            _ => push_key(sequence::control(byte), alt, events),
        }
    }

    fn utf8_byte(&mut self, byte: u8, alt: bool, events: &mut Vec<Event>) {
        self.pending.push(byte);
        match std::str::from_utf8(&self.pending) {
            Ok(text) => {
                let c = text.chars().next().filter(|c| !c.is_control());
                self.ground();
                if let Some(c) = c {
                    push_key(sequence::character(c), alt, events);
                }
            }
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                // This byte may begin the next key, unless it is invalid itself.
                let alone = self.pending.len() == 1;
                self.ground();
                if !alone {
                    self.take(byte, events);
                }
            }
        }
    }

    fn escape_byte(&mut self, byte: u8, doubled: bool, events: &mut Vec<Event>) {
        match byte {
            b'[' => self.state = DecoderState::Csi { alt: doubled },
            b'O' => self.state = DecoderState::Ss3 { alt: doubled },
            _ => {
                push_escapes(usize::from(doubled), events);
                match byte {
                    0x1b => self.state = DecoderState::Escape { doubled: true },
                    b']' | b'P' | b'X' | b'^' | b'_' => {
                        self.state = DecoderState::String { introducer: byte, escape: false };
                        self.string_begun = false;
                    }
                    _ => self.ground_byte(byte, true, events),
                }
            }
        }
    }

    fn csi_byte(&mut self, byte: u8, alt: bool, events: &mut Vec<Event>) {
        match byte {
            b'[' if self.pending.is_empty() => self.state = DecoderState::LinuxFunction,
            b'M' if self.pending.is_empty() => self.state = DecoderState::X10Mouse,
            b'~' if self.pending == b"200" => {
                push_escapes(usize::from(alt), events);
                self.begin_paste();
            }
            // rxvt ends keys with Shift by a dollar sign, which is otherwise an intermediate byte.
            b'$' if is_number(&self.pending) => self.end_csi(byte, alt, events),
            0x20..=0x3f => {
                if self.pending.len() < MAX_SEQUENCE {
                    self.pending.push(byte);
                }
            }
            0x40..=0x7e => self.end_csi(byte, alt, events),
            _ => self.abandon(byte, events),
        }
    }

    fn end_csi(&mut self, last: u8, alt: bool, events: &mut Vec<Event>) {
        // `CSI 0 n`, or 3 where something is out of order.
        self.taken += usize::from(last == b'n' && is_number(&self.pending));
        let event = sequence::csi(&self.pending, last);
        self.end_sequence(event, alt, events);
    }

    /// `alt`: an ESC came before the sequence. It means Alt with a key, and the Escape key otherwise.
    fn end_sequence(&mut self, event: Option<Event>, alt: bool, events: &mut Vec<Event>) {
        self.ground();
        match event {
            Some(Event::Key(key)) => push_key(key, alt, events),
            event => {
                if alt {
                    events.push(Event::Key(sequence::control(0x1b)));
                }
                self.asked |= self.answers && event == Some(Event::FocusGained);
                events.extend(event);
            }
        }
    }

    /// An introducer with nothing after it: a character with Alt.
    fn introducer(&mut self, byte: u8, doubled: bool, events: &mut Vec<Event>) {
        self.ground();
        push_escapes(usize::from(doubled), events);
        push_key(sequence::character(char::from(byte)), true, events);
    }

    /// Delivers the burst as a paste, or as keys that a script typed.
    fn end_burst(&mut self, events: &mut Vec<Event>) {
        let burst = std::mem::take(&mut self.pending);
        self.ground();
        if is_paste(&burst) {
            self.pending = burst;
            self.end_paste(events);
        } else {
            for byte in burst {
                self.take(byte, events);
            }
        }
    }
}

fn push_escapes(count: usize, events: &mut Vec<Event>) {
    events.extend(std::iter::repeat_n(Event::Key(sequence::control(0x1b)), count));
}

fn push_key(mut key: KeyEvent, alt: bool, events: &mut Vec<Event>) {
    if alt {
        key.modifiers |= KeyModifiers::ALT;
    }
    events.push(Event::Key(key));
}

fn is_number(params: &[u8]) -> bool {
    !params.is_empty() && params.iter().all(u8::is_ascii_digit)
}
