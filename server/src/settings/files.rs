//! `[files]` of `server.toml`: files that clients send for runs.

use std::time::Duration;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::settings::value_forms::{bytes, time};

/// `[files]`. In the file, 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSettings {
    /// Bytes of all files that are being sent, wait for a run or are used by one.
    pub keep_bytes: Option<u64>,
    /// How long a file is kept that no run uses and no piece is sent of.
    pub keep_unused: Option<Duration>,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self { keep_bytes: Some(1 << 30), keep_unused: Some(Duration::from_secs(600)) }
    }
}

pub(crate) fn read(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> FileSettings {
    table.refuse_unknown(&["keep_bytes", "keep_unused"], m);
    let default = FileSettings::default();
    FileSettings {
        keep_bytes: bytes::read(table, "keep_bytes", m).unwrap_or(default.keep_bytes),
        keep_unused: time::read(table, "keep_unused", m).unwrap_or(default.keep_unused),
    }
}
