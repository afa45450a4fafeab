//! Look of the screen: styles by their role, the built-in themes, and glyphs with their ASCII replacements.

pub(crate) mod choice;
mod colour;
pub(crate) mod glyphs;
mod palettes;
pub(crate) mod styles;

pub(crate) use choice::{Background, ColourDepth, TerminalColours, ThemeChoice};
pub(crate) use styles::Theme;
