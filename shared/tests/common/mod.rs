//! Files of the repository, for the tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The files at or below `path` with one of these extensions, sorted in each folder.
pub(crate) fn files(path: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        return entries.iter().flat_map(|entry| files(entry, extensions)).collect();
    }
    let is_wanted =
        path.extension().is_some_and(|own| extensions.iter().any(|wanted| own == *wanted));
    if is_wanted { vec![path.to_owned()] } else { Vec::new() }
}
