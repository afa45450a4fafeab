//! What several targets need.

use std::path::PathBuf;

use tempfile::TempDir;
use topside_server::FileErrors;

/// A directory in memory where there is one: files are written at each step.
pub fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("there is a place for files");
    let path = directory.path().to_owned();
    (directory, path)
}

/// Each mistake of a file is one sentence on one line, at a place that is in the file.
pub fn mistakes(text: &str, errors: &FileErrors) {
    assert!(!errors.0.is_empty());
    for error in &errors.0 {
        let shown = error.to_string();
        assert!(!error.message.is_empty() && !shown.chars().any(char::is_control), "{shown:?}");
        let at = error.at.expect("a mistake has a place");
        let line = text.split('\n').nth(at.line - 1).expect("its line is in the file");
        assert!((1..=line.chars().count() + 1).contains(&at.column), "{shown:?}");
    }
}
