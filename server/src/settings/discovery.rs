//! `[router]` and `[discovery]`: how clients find an open TCP port.

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;

/// `[router]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Router {
    /// Whether the router is asked to forward the port from the internet.
    pub map: bool,
}

/// `[discovery]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discovery {
    /// Whether the server is announced on the LAN.
    pub announce: bool,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { announce: true }
    }
}

pub(crate) fn router(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Router {
    table.refuse_unknown(&["map"], m);
    Router { map: table.boolean("map", m) }
}

pub(crate) fn discovery(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Discovery {
    table.refuse_unknown(&["announce"], m);
    match table.get("announce") {
        Some(_) => Discovery { announce: table.boolean("announce", m) },
        None => Discovery::default(),
    }
}
