//! Finding a program when the menu loads, so that a run never searches.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Where programs are looked for, and the `PATH` that each run gets.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why there is no such program, as the end of a sentence that began with its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::commands) enum Absent {
    #[error("is neither an absolute path nor a bare name to be found on {PATH}")]
    Relative,
    #[error("is not on {PATH}: give its absolute path")]
    NotOnPath,
    #[error("does not exist")]
    NotThere,
    #[error("is not a plain file")]
    NotAFile,
    #[error("may not be executed by this user: run `chmod +x` on it")]
    NotExecutable,
    #[error("cannot be reached: {0}")]
    Unreachable(String),
}

/// The absolute path of a program, given by such a path or by a bare name.
pub(in crate::commands) fn find_program(name: &str) -> Result<String, Absent> {
    if name.starts_with('/') {
        return executable(Path::new(name)).map(|()| name.to_owned());
    }
    if name.is_empty() || name.contains('/') || name.contains('\0') {
        return Err(Absent::Relative);
    }
    std::env::split_paths(PATH)
        .map(|directory| directory.join(name))
        .find(|path| executable(path).is_ok())
        .and_then(|path: PathBuf| path.into_os_string().into_string().ok())
        .ok_or(Absent::NotOnPath)
}

fn executable(path: &Path) -> Result<(), Absent> {
    match path.metadata().as_ref().map(Metadata::is_file) {
        Ok(true) if access(path, Access::EXEC_OK).is_ok() => Ok(()),
        Ok(true) => Err(Absent::NotExecutable),
        Ok(false) => Err(Absent::NotAFile),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Absent::NotThere),
        Err(error) => Err(Absent::Unreachable(error.to_string())),
    }
}
