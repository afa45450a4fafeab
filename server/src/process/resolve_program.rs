//! Finds programs on the path when the menu loads, so that a run does not search.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

use crate::base::platform;

/// The `PATH` of each run, and of the search.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why there is no such program: the rest of a sentence that begins with its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Absent {
    #[error("is neither an absolute path nor a bare name to be found on {PATH}")]
    Relative,
    #[error("begins with `~`, which only a shell expands: write {0}")]
    Tilde(String),
    #[error("is not on {PATH}: install it, or give its absolute path")]
    NotOnPath,
    #[error("does not exist")]
    NotThere,
    #[error("is a directory")]
    Directory,
    #[error("is not a plain file")]
    NotAFile,
    #[error("is on a file system that is mounted with `noexec`: put it elsewhere")]
    NoExec,
    #[error("may not be executed by this user: run `chmod +x` on it")]
    NotExecutable,
    #[error("cannot be reached: {0}")]
    Unreachable(String),
}

/// The absolute path of a program, by an absolute path or a bare name.
pub(crate) fn find_program(name: &str) -> Result<String, Absent> {
    if name.starts_with('/') {
        return executable(Path::new(name)).map(|()| name.to_owned());
    }
    if name.starts_with('~') {
        return Err(Absent::Tilde(without_tilde(name)));
    }
    if name.is_empty() || name.contains('/') || name.contains('\0') {
        return Err(Absent::Relative);
    }
    let path = search(name, OsStr::new(PATH)).ok_or(Absent::NotOnPath)?;
    path.into_os_string().into_string().map_err(|_| Absent::NotOnPath)
}

/// What to write in place of a path that begins with `~`: the absolute path where the home is known, else a description of it.
pub(crate) fn without_tilde(path: &str) -> String {
    let home = std::env::var("HOME").ok().filter(|home| home.starts_with('/'));
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => format!("{}/{rest}", home.trim_end_matches('/')),
        _ => "its absolute path".to_owned(),
    }
}

/// The program with this bare name in the first directory of `path` that has it.
pub(crate) fn search(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|directory| directory.join(name))
        .find(|path| executable(path).is_ok())
}

/// Whether this user may execute the file at `path`.
pub(crate) fn executable(path: &Path) -> Result<(), Absent> {
    let meta = platform::if_there(path.metadata())
        .map_err(|error| Absent::Unreachable(error.to_string()))?
        .ok_or(Absent::NotThere)?;
    if meta.is_dir() {
        return Err(Absent::Directory);
    }
    if !meta.is_file() {
        return Err(Absent::NotAFile);
    }
    if access(path, Access::EXEC_OK).is_ok() {
        return Ok(());
    }
    let is_barred =
        statvfs(path).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::NOEXEC));
    Err(if is_barred { Absent::NoExec } else { Absent::NotExecutable })
}
