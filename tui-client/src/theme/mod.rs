//! Look of the screen: styles by their role, and glyphs with their ASCII replacements.

pub(crate) mod glyphs;
pub(crate) mod styles;

pub(crate) use styles::Theme;
