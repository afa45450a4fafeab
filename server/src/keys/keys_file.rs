//! `keys.json`, read and written as a whole.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use topside_shared::methods::KeyRow;

use crate::base::atomic_file;
use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::{FileErrors, Position};
use crate::base::toml_file::protected_files;
use crate::keys::KeyError;

/// The version of the file format.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Document<R> {
    version: u32,
    keys: R,
}

pub(super) fn read(path: &Path) -> Result<Vec<KeyRow>, FileErrors> {
    let trust = Trust::of_state(path.parent().unwrap_or(Path::new("/")));
    let Some(text) = protected_files::read(path, "the list of keys", trust)? else {
        return Ok(Vec::new());
    };
    let file = path.display().to_string();
    let document: Document<Vec<KeyRow>> = serde_json::from_str(&text).map_err(|error| {
        let at = Position { line: error.line(), column: error.column() };
        let message = "this is not a list of keys: put back a copy of it, or move it away to begin \
                       with no keys at all";
        FileErrors::one(&file, Some(at), message)
    })?;
    if document.version != VERSION {
        let message = format!(
            "this list of keys has the form {}, and this version of topsided knows {VERSION}: \
             update topsided",
            document.version
        );
        return Err(FileErrors::one(&file, None, message));
    }
    Ok(document.keys)
}

/// Replaces the file. When this returns, the keys are on the disk.
pub(super) fn write(path: &Path, keys: &[KeyRow]) -> Result<(), KeyError> {
    let write = || {
        let mut json = serde_json::to_vec_pretty(&Document { version: VERSION, keys })?;
        json.push(b'\n');
        atomic_file::write(path, &json)
    };
    write().map_err(|source: io::Error| KeyError::Write { path: path.to_owned(), source })
}
