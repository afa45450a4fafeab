//! A text that is a key: it is held, drawn and copied where a person wants that, and never printed with the
//! state.

use std::fmt;

/// The text.
#[derive(Default, Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}
