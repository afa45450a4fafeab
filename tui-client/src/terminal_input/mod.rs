//! Terminal input: decodes the bytes that a terminal sends into keys, pastes and mouse reports.
//!
//! The parser of the terminal library takes an ESC at the end of a read for the Escape key, and delivers the rest of an
//! unknown sequence as text. [`Decoder`] keeps its state between reads.

mod burst;
mod decoder;
mod sequence;

pub(crate) use decoder::Decoder;

#[cfg(test)]
mod tests;
