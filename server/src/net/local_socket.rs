//! The local socket: binds it, sets its permissions, and binds it again where it was removed.

use crate::base::platform;
use crate::net::lock_file::SocketLock;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;
use topside_shared::server_record::ServerRecord;

/// Descriptors that are reserved to answer on the local socket when no others are free. Sessions of admins take all but one
/// of them; other users get an answer to their first request while more than [`FOR_ADMINS`] are left.
pub(crate) const RESERVED: usize = 8;
pub(crate) const FOR_ADMINS: usize = 4;

/// Why the local socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process serves it.
    #[error("{} is served already{}", socket.display(), advice(by.as_ref()))]
    AlreadyServed {
        /// The socket.
        socket: PathBuf,
        /// What that process recorded of itself.
        by: Option<ServerRecord>,
    },
    /// Another process has the state directory.
    #[error("the state in {} is in use{}", state.display(), advice(by.as_ref()))]
    StateInUse {
        /// The directory.
        state: PathBuf,
        /// What that process recorded of itself.
        by: Option<ServerRecord>,
    },
    /// The system has a limit for such paths.
    #[error(
        "the socket path {} has {} bytes and this system allows {}: set TOPSIDE_RUNTIME_DIR to a shorter directory",
        .0.display(), .0.as_os_str().len(), platform::MAX_SOCKET_PATH
    )]
    PathTooLong(PathBuf),
    /// Others could put a socket of their own there.
    #[error("others may write to {}: `chmod 700 {}`", .0.display(), .0.display())]
    OpenDirectory(PathBuf),
    /// The directory is another user's.
    #[error("{} belongs to another user (uid {owner}): set TOPSIDE_RUNTIME_DIR to a directory of your own", .directory.display())]
    ForeignDirectory {
        /// The directory.
        directory: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Something that is no socket has its name.
    #[error("{} is not a socket: move it away", .0.display())]
    NotASocket(PathBuf),
    /// The system said no.
    #[error("{} cannot be served: {source}", path.display())]
    Io {
        /// What was being made.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Names the process that has a lock, and says what to do about it.
fn advice(by: Option<&ServerRecord>) -> String {
    match by {
        None => " by another server: stop it first (`topside run --yes shutdown`)".to_owned(),
        Some(by) => match by.socket.as_ref().filter(|socket| socket.exists()) {
            // The socket may be one that is not looked at here.
            Some(socket) => {
                format!(" by the server with pid {}, at {}: {by}", by.pid, socket.display())
            }
            None => format!(" by the server with pid {}: {by}", by.pid),
        },
    }
}

/// What a server listens on.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) local: LocalListener,
}

impl Listeners {
    /// Binds the local socket at `path`. `open` lets other users of the machine reach it; who they are
    /// decides then what they may.
    ///
    /// # Errors
    /// [`ListenError`], each a sentence that says what to do.
    pub fn local(path: &Path, open: bool) -> Result<Self, ListenError> {
        Ok(Self { local: LocalListener::bind(path, open)? })
    }
}

/// The local socket. Dropping it takes its file away.
#[derive(Debug)]
pub(crate) struct LocalListener {
    pub(crate) listener: UnixListener,
    path: PathBuf,
    /// The file of the socket, by device and inode.
    file: (u64, u64),
    lock: Option<SocketLock>,
}

fn directory_mode(open: bool) -> u32 {
    if open { 0o711 } else { 0o700 }
}

fn socket_mode(open: bool) -> u32 {
    if open { 0o666 } else { 0o600 }
}

/// Lets other users of the machine reach the socket at `path`, or no longer.
///
/// # Errors
/// What the system said.
pub(crate) fn set_open(path: &Path, open: bool) -> io::Result<()> {
    platform::set_mode(path.parent().unwrap_or(Path::new("/")), directory_mode(open))?;
    platform::set_mode(path, socket_mode(open))
}

impl LocalListener {
    fn bind(path: &Path, open: bool) -> Result<Self, ListenError> {
        if path.as_os_str().len() > platform::MAX_SOCKET_PATH {
            return Err(ListenError::PathTooLong(path.to_owned()));
        }
        prepare_directory(path, open)?;
        // Of two servers that start at once, the lock lets one through; then what is left there is dead.
        let lock = SocketLock::lock(path)?;
        let (listener, file) = bind(path, open)?;
        Ok(Self { listener, path: path.to_owned(), file, lock: Some(lock) })
    }

    /// Makes the socket again, its lock file and their directory, where they were removed; whether the socket was.
    ///
    /// # Errors
    /// [`ListenError`]: everything stays as it is.
    pub(crate) fn restore(&mut self, open: bool) -> Result<bool, ListenError> {
        let is_there = file_id(&self.path).is_ok_and(|file| file == self.file);
        if !is_there {
            prepare_directory(&self.path, open)?;
        }
        if let Some(lock) = &mut self.lock {
            lock.restore()?;
        }
        if is_there {
            return Ok(false);
        }
        (self.listener, self.file) = bind(&self.path, open)?;
        Ok(true)
    }

    /// Records how this server is found.
    pub(crate) fn set(&mut self, record: ServerRecord) {
        if let Some(lock) = &mut self.lock {
            lock.set(record);
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the socket away, and keeps other servers out as long as the lock lives.
    pub(crate) fn close(mut self) -> Option<SocketLock> {
        self.lock.take()
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        // Only its own: another file may have been put in its place.
        if file_id(&self.path).is_ok_and(|file| file == self.file) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the directory of a socket where there is none, and checks that no other user can put a socket there.
fn prepare_directory(socket: &Path, open: bool) -> Result<(), ListenError> {
    let directory = socket.parent().unwrap_or(Path::new("/"));
    let failed = |source| ListenError::Io { path: directory.to_owned(), source };
    platform::private_directory(directory).map_err(failed)?;
    let (owner, mode) = platform::owner_and_mode(directory).map_err(failed)?;
    if owner != platform::own_uid() {
        let directory = directory.to_owned();
        return Err(ListenError::ForeignDirectory { directory, owner });
    }
    if mode & 0o022 != 0 {
        return Err(ListenError::OpenDirectory(directory.to_owned()));
    }
    platform::set_mode(directory, directory_mode(open)).map_err(failed)
}

/// Binds the socket at `path`, in the place of a dead one; its file, by device and inode.
fn bind(path: &Path, open: bool) -> Result<(UnixListener, (u64, u64)), ListenError> {
    let failed = |source| ListenError::Io { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::NotASocket(path.to_owned()));
        }
        Ok(_) => std::fs::remove_file(path).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    platform::set_mode(path, socket_mode(open)).map_err(failed)?;
    let file = file_id(path).map_err(failed)?;
    Ok((listener, file))
}

/// What the system knows a file by: device and inode.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let found = std::fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::platform;

    #[tokio::test]
    async fn a_socket_is_served_once_and_its_file_goes_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/topsided.sock");
        let first = LocalListener::bind(&path, false).unwrap();
        let second = LocalListener::bind(&path, false).unwrap_err();
        assert!(matches!(second, ListenError::AlreadyServed { .. }), "{second}");
        drop(first);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        platform::set_mode(directory.path(), 0o700).unwrap();
        let path = directory.path().join("topsided.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(LocalListener::bind(&path, false).unwrap());
        std::fs::write(&path, "precious").unwrap();
        let error = LocalListener::bind(&path, false).unwrap_err();
        assert!(matches!(error, ListenError::NotASocket(_)), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_path_passes_at_the_systems_limit_and_not_one_byte_longer() {
        let directory = tempfile::tempdir().unwrap();
        platform::set_mode(directory.path(), 0o700).unwrap();
        let room = platform::MAX_SOCKET_PATH - directory.path().as_os_str().len() - 1;
        let path = |length| directory.path().join("s".repeat(length));
        drop(LocalListener::bind(&path(room), false).unwrap());
        let error = LocalListener::bind(&path(room + 1), false).unwrap_err();
        assert!(matches!(error, ListenError::PathTooLong(_)), "{error}");
    }

    #[tokio::test]
    async fn a_directory_that_others_may_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o722, 0o770, 0o702] {
            platform::set_mode(directory.path(), mode).unwrap();
            let error =
                LocalListener::bind(&directory.path().join("topsided.sock"), false).unwrap_err();
            assert!(matches!(error, ListenError::OpenDirectory(_)), "{mode:o}: {error}");
        }
    }
}
