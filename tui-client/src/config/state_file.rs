//! Small JSON files of the state directory.
//!
//! A file that cannot be read counts as absent, and a write error is ignored: it costs a key press or a warning, not data.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use super::atomic_file::Replacement;

/// The value in a file of a limited size; none if there is no such file, or it is malformed.
pub(super) fn read<T: DeserializeOwned>(path: &Path, most: u64) -> Option<T> {
    metadata(path, most)?;
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The metadata of a file that [`read`] reads. A pipe of this name would block the reader.
pub(super) fn metadata(path: &Path, most: u64) -> Option<Metadata> {
    let found = std::fs::metadata(path).ok()?;
    (found.is_file() && found.len() <= most).then_some(found)
}

/// Writes the value. Blocks for the disk.
pub(super) fn write(path: &Path, value: &impl Serialize) {
    if let Ok(json) = serde_json::to_string(value)
        && let Ok(replacement) = Replacement::begin(path)
    {
        let _ = replacement.commit(&json);
    }
}

/// Writes a value that is JSON already and that the next connection gives again. Does not wait for the disk.
pub(super) fn write_cached(path: &Path, json: &str) {
    if let Ok(replacement) = Replacement::begin(path) {
        let _ = replacement.commit_unsynced(json);
    }
}
