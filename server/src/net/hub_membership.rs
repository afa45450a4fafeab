//! Which hub the box has joined: the string that `topsided join` was given, in a file of the state directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use topside_shared::hub::{HubAccess, HubAccessError, HubRole};

use crate::base::atomic_file;

const FILE: &str = "hub";
/// Longest file that is read: a string is shorter.
const MAX_FILE: u64 = 8 * 1024;

/// Why the file cannot be used, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MembershipError {
    #[error("{} cannot be {what}: {source}", path.display())]
    Io { path: PathBuf, what: &'static str, source: io::Error },
    #[error("others may read {}, which holds a secret: `chmod 600 {}`", .0.display(), .0.display())]
    Open(PathBuf),
    #[error("{} cannot be used: {why}; `topsided join` with the string of the hub writes it again", path.display())]
    Unreadable { path: PathBuf, why: HubAccessError },
}

/// The hub that the box has joined; none without the file.
pub(crate) fn read(state: &Path) -> Result<Option<HubAccess>, MembershipError> {
    let path = state.join(FILE);
    let failed = |source| MembershipError::Io { path: path.clone(), what: "read", source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        return Err(MembershipError::Open(path));
    }
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).map_err(failed)?;
    let found = HubAccess::find(&text, HubRole::Box);
    found.map(Some).map_err(|why| MembershipError::Unreadable { path, why })
}

/// Joins a hub, in place of the one before. The file belongs to the owner of the directory, also if root writes it.
pub(crate) fn write(state: &Path, access: &HubAccess) -> Result<(), MembershipError> {
    let path = state.join(FILE);
    let written = || {
        let owner = std::fs::metadata(state)?;
        let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match new {
            // The owner and the mode stay when the content is replaced.
            Ok(file) => std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        atomic_file::write(&path, format!("{access}\n").as_bytes())
    };
    written().map_err(|source| MembershipError::Io { path: path.clone(), what: "written", source })
}

/// Leaves the hub; whether the box had joined one.
pub(crate) fn remove(state: &Path) -> Result<bool, MembershipError> {
    let path = state.join(FILE);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(MembershipError::Io { path, what: "removed", source }),
    }
}
