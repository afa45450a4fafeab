//! Small files of JSON in the state directory, each with one value.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::{atomic_file, platform};

/// The value of a file; none: there is no such file.
///
/// # Errors
/// It cannot be read, or does not have this value.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let text = platform::if_there(std::fs::read(path))?;
    Ok(text.map(|text| serde_json::from_slice(&text)).transpose()?)
}

/// Replaces the value of a file, as [`atomic_file::write`] does.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    atomic_file::write(path, &serde_json::to_vec(value)?)
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    platform::if_there(std::fs::remove_file(path)).map(drop)
}
