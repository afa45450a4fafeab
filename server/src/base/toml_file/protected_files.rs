//! Reads configuration files and checks the state directory; refuses files that other users could change.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::base::path_trust::{Fault, Kind, Trust};
use crate::base::toml_file::errors::{FileError, FileErrors, Position};

#[derive(Debug, Default)]
pub(crate) struct ProtectedFile {
    /// None if there is no such file, or it cannot be read.
    pub(crate) text: Option<String>,
    pub(crate) errors: Vec<FileError>,
}

/// The text of a file that others cannot change, called `what` in messages; none if there is no such file.
pub(crate) fn read(path: &Path, what: &str, trust: Trust) -> Result<Option<String>, FileErrors> {
    let ProtectedFile { text, errors } = look(path, what, trust);
    if errors.is_empty() { Ok(text) } else { Err(FileErrors::once(errors)) }
}

/// The same for a report of all errors: a refused file has its text too.
pub(crate) fn look(path: &Path, what: &str, trust: Trust) -> ProtectedFile {
    let mut file = ProtectedFile::default();
    match read_file(path, what, trust, &mut file.errors) {
        Ok(text) => file.text = text,
        Err(FileErrors(errors)) => file.errors.extend(errors),
    }
    file
}

fn read_file(
    path: &Path,
    what: &str,
    trust: Trust,
    refused: &mut Vec<FileError>,
) -> Result<Option<String>, FileErrors> {
    let file = path.display().to_string();
    let fail = |message: String| FileErrors::one(&file, None, message);
    let cannot = |error: std::io::Error| fail(format!("{what} cannot be read: {error}"));

    let mut opened = match File::open(path) {
        Ok(opened) => opened,
        // A broken link is an error; a missing file is not.
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    let meta = opened.metadata().map_err(cannot)?;
    if !meta.is_file() {
        return Err(fail(format!("{what} must be a plain file")));
    }
    // The opened file is checked, since its name may point to another one by now, and then the path to it.
    let real = path.canonicalize().map_err(cannot)?;
    let mut faults = trust.file(&real, &meta);
    for fault in trust.faults(path, Kind::File) {
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    refused.extend(faults.iter().map(|fault| refusal(&file, what, fault)));
    let mut bytes = Vec::new();
    opened.read_to_end(&mut bytes).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let lossy = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let at = Position::of(&lossy, valid);
        FileErrors::one(&file, Some(at), format_args!("{what} must be UTF-8, and this byte is not"))
    })?;
    Ok(Some(text))
}

/// The files with this extension in a directory, sorted by name, and why the directory is refused. Hidden files are left
/// out: editors write such files. Messages call the directory `what`.
pub(crate) fn list(
    directory: &Path,
    extension: &str,
    what: &str,
    trust: Trust,
) -> (Vec<PathBuf>, Vec<FileError>) {
    let name = directory.display().to_string();
    let cannot = |error: std::io::Error| {
        let FileErrors(errors) =
            FileErrors::one(&name, None, format_args!("{what} cannot be read: {error}"));
        (Vec::new(), errors)
    };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound && !directory.is_symlink() => {
            return (Vec::new(), Vec::new());
        }
        Err(error) => return cannot(error),
    };
    // Also if it is empty: a user who may write it may add commands.
    let faults = trust.faults(directory, Kind::Directory);
    let errors = faults.iter().map(|fault| refusal(&name, what, fault)).collect();
    let mut files = Vec::new();
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => return cannot(error),
        };
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        if !hidden && path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    (files, errors)
}

/// Why the state directory is refused: it holds the keys, pending hooks and the audit log.
pub(crate) fn state(directory: &Path, trust: Trust) -> Vec<FileError> {
    let name = directory.display().to_string();
    let mut faults = trust.faults(directory, Kind::Directory);
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    faults.extend(paths.iter().filter_map(|path| trust.owner_fault(path)));
    faults.iter().map(|fault| refusal(&name, "the state", fault)).collect()
}

fn refusal(file: &str, what: &str, fault: &Fault) -> FileError {
    let Fault { above, text } = fault;
    let place = if *above { ", for its directory" } else { ":" };
    FileError::new(file, None, format_args!("{what} is refused{place} {text}")).because_of(text)
}
