//! Terminal input: decodes the bytes that a terminal sends into keys, pastes and mouse reports.
//!
//! The parser of the terminal library takes an ESC at the end of a read for the Escape key, and delivers the rest of an
//! unknown sequence as text. [`Decoder`] keeps its state between reads.

mod answer;
mod burst;
mod decoder;
mod paste;
mod sequence;

use crossterm::event::Event;
pub(crate) use decoder::Decoder;

/// What came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TerminalInput {
    /// A key, a paste, or something of the mouse or the focus.
    Event(Event),
    /// The answer to [`ASK_BACKGROUND`]: red, green and blue.
    Background([u8; 3]),
    /// The answer to [`ASK_TAKEN`].
    Taken,
}

/// Asks the terminal for the colour of its background (OSC 11).
pub(crate) const ASK_BACKGROUND: &str = "\x1b]11;?\x07";

/// Asks the terminal for its status (DSR 5), which it answers when it has processed all bytes before.
pub(crate) const ASK_TAKEN: &str = "\x1b[5n";

#[cfg(test)]
mod tests;
