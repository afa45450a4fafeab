//! `[runs]` of `server.toml`: for how long runs are kept, and how much of them.

use std::time::Duration;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::settings::limits::{bytes, time};

/// `[runs]`. In the file, 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// For how long a run is kept, from its start.
    pub keep: Option<Duration>,
    /// How much rows and outputs may take together, in bytes.
    pub keep_bytes: Option<u64>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { keep: Some(Duration::from_secs(30 * 86_400)), keep_bytes: Some(1 << 30) }
    }
}

pub(crate) fn read(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Kept {
    table.refuse_unknown(&["keep", "keep_bytes"], m);
    let usual = Kept::default();
    Kept {
        keep: time(table, "keep", m).unwrap_or(usual.keep),
        keep_bytes: bytes(table, "keep_bytes", m)
            .map_or(usual.keep_bytes, |most| Some(most).filter(|most| *most > 0)),
    }
}
