//! Scrollback: the output of commands, stored and shown.
//!
//! [`parser`] turns bytes into lines of text with style runs, once, on arrival; [`store`] keeps them. A [`Block`] is the
//! output of one command. A [`Pane`] stacks blocks and knows the geometry: [`viewport`] is the rows on the screen, which follow
//! the end or stay at a position. [`search`] finds text in all of it, and [`draw`] puts rows into a buffer.
//!
//! **Invariant:** stored text holds no control character and no bidirectional control, so that only text and colours of a
//! program reach the terminal.
//!
//! **Invariant:** the same bytes give the same lines, however they were cut on the way.
//!
//! This module does no I/O, reads no clock, and depends on no other module of the client.

mod block;
mod cells;
mod characters;
mod chunk;
mod current_line;
mod draw;
mod geometry;
mod line;
mod pane;
mod parser;
mod rows;
mod search;
mod store;
mod style;
mod viewport;

#[cfg(test)]
#[path = "programs_tests.rs"]
mod programs;
#[cfg(test)]
mod property_tests;

pub(crate) use block::Block;
pub use block::Channel;
pub(crate) use characters::{grouped, symbol};
pub use draw::Look;
pub(crate) use geometry::Part;
pub(crate) use line::LineKind;
pub use pane::Pane;
pub(crate) use search::Match;
pub use search::Needle;
pub(crate) use viewport::FrameRow;
#[cfg(test)]
use {pane::PaneCaps, store::Caps, style::TextStyle};
