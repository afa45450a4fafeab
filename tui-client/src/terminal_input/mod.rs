//! Terminal input: from the bytes that a terminal sends to keys, pastes and mouse reports.
//!
//! The terminal library's own parser takes an ESC at the end of a read for the Escape key, and types
//! the rest of a sequence that it does not know. [`Decoder`] keeps its state between reads, so that
//! it does not matter where a read ends.

mod burst;
mod decoder;
mod sequence;

pub(crate) use decoder::Decoder;

#[cfg(test)]
mod tests;
