//! `[runs]` of `server.toml`: retention of runs.

use std::time::Duration;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::settings::value_forms::{bytes, time};

/// `[runs]`. In the file, 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// How long a run is kept, from its start.
    pub keep: Option<Duration>,
    /// Bytes that rows and outputs may take together.
    pub keep_bytes: Option<u64>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { keep: Some(Duration::from_secs(30 * 86_400)), keep_bytes: Some(1 << 30) }
    }
}

pub(crate) fn read(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Kept {
    table.refuse_unknown(&["keep", "keep_bytes"], m);
    let default = Kept::default();
    Kept {
        keep: time::read(table, "keep", m).unwrap_or(default.keep),
        keep_bytes: bytes::read(table, "keep_bytes", m).unwrap_or(default.keep_bytes),
    }
}
