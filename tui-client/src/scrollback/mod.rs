//! The scrollback: what commands printed, kept and shown.
//!
//! Bytes are parsed once, on arrival ([`parser`]), into lines of text with style runs ([`store`]).
//! A [`Block`] is the output of one command; a [`Pane`] stacks blocks and knows the geometry: which
//! row of which line of which block is on the screen ([`view`]), whether the reader follows the end
//! or stands still. [`search`] finds text in all of it and [`draw`] puts rows into a buffer.
//!
//! **Invariant:** stored text holds no control character and no bidirectional control; whatever a
//! program prints, nothing but text and colours reaches the terminal.
//!
//! **Invariant:** the same bytes give the same lines, however they were cut on the way.
//!
//! There is no I/O and no clock here, and nothing that depends on the other rooms of the client.

mod block;
mod cells;
mod characters;
mod chunk;
mod current_line;
pub mod draw;
mod geometry;
mod line;
mod pane;
pub mod parser;
mod rows;
pub mod search;
pub mod store;
mod style;
pub mod view;

#[cfg(test)]
#[path = "programs_tests.rs"]
mod programs;
#[cfg(test)]
mod properties;

pub use block::{Block, Channel};
pub use characters::grouped;
pub(crate) use characters::symbol;
pub use draw::Look;
pub use line::{Line, LineKind};
pub use pane::{Pane, PaneCaps};
pub use search::{Match, Needle};
pub use store::Caps;
pub use style::TextStyle;
pub use view::{Frame, FrameRow, Part, Position};
