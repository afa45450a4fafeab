//! The look of the screen: styles by their role, and the signs with their stand-ins in ASCII.

pub(crate) mod glyphs;
pub(crate) mod styles;

pub(crate) use styles::Theme;
