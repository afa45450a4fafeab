//! The local socket: binds it, sets its permissions, and binds it again if it was removed.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;
use topside_shared::server_record::ServerRecord;

use crate::base::platform;
use crate::net::lock_file::ServerLock;

/// Descriptors that are reserved to answer on the local socket when no others are free. Sessions of admins take all but one
/// of them; other users get an answer to their first request while more than [`FOR_ADMINS`] are left.
pub(crate) const RESERVED: usize = 8;
pub(crate) const FOR_ADMINS: usize = 4;

/// Why the local socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process serves the socket, with this record.
    #[error("{} is served already{}", .0.display(), advice(.1.as_ref(), Some(.0)))]
    AlreadyServed(PathBuf, Option<ServerRecord>),
    /// Another process has the state directory, with this record.
    #[error("the state in {} is in use{}", .0.display(), advice(.1.as_ref(), None))]
    StateInUse(PathBuf, Option<ServerRecord>),
    /// The system has a limit for such paths.
    #[error(
        "the socket path {} has {} bytes and this system allows {}: set TOPSIDE_RUNTIME_DIR to a shorter directory",
        .0.display(), .0.as_os_str().len(), platform::MAX_SOCKET_PATH
    )]
    PathTooLong(PathBuf),
    /// Others could put a socket of their own there.
    #[error("others may write to {}: `chmod 700 {}`", .0.display(), .0.display())]
    OpenDirectory(PathBuf),
    /// The directory belongs to another user, with this number.
    #[error("{} belongs to another user (uid {}): set TOPSIDE_RUNTIME_DIR to a directory of your own", .0.display(), .1)]
    ForeignDirectory(PathBuf, u32),
    /// The path names a file that is not a socket.
    #[error("{} is not a socket: move it away", .0.display())]
    NotASocket(PathBuf),
    /// An error of the system with this path.
    #[error("{} cannot be served: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
}

impl ListenError {
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self + Copy + '_ {
        |source| Self::Io(path.to_owned(), source)
    }
}

/// Names the process that has a lock, and says what to do about it. `named` is the socket that the sentence names already.
fn advice(by: Option<&ServerRecord>, named: Option<&Path>) -> String {
    let Some(by) = by else {
        return " by another server: stop it first (`topside run --yes shutdown`)".to_owned();
    };
    // Its socket may be another one than ours.
    let socket = by.socket.as_deref().filter(|socket| socket.exists() && Some(*socket) != named);
    let at = socket.map(|socket| format!(", at {}", socket.display())).unwrap_or_default();
    let place = if by.is_in_screen() { "inside a `topside` program " } else { "" };
    format!(" by the server {place}with pid {}{at}: {by}", by.pid)
}

/// The sockets that a server listens on.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) local: LocalListener,
}

impl Listeners {
    /// Binds the local socket at `path`. With `open`, other users of the machine can connect; their identity decides what
    /// they may do.
    ///
    /// # Errors
    /// [`ListenError`], each a sentence that says what to do.
    pub fn local(path: &Path, open: bool) -> Result<Self, ListenError> {
        Ok(Self { local: LocalListener::bind(path, open)? })
    }
}

/// The local socket. Dropping it removes its file.
#[derive(Debug)]
pub(crate) struct LocalListener {
    pub(crate) listener: UnixListener,
    path: PathBuf,
    /// The file of the socket, by device and inode.
    file: (u64, u64),
    lock: Option<ServerLock>,
}

fn directory_mode(open: bool) -> u32 {
    if open { 0o711 } else { 0o700 }
}

fn socket_mode(open: bool) -> u32 {
    if open { 0o666 } else { 0o600 }
}

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
        // Of two servers that start at once, the lock lets one through; then an existing socket is a dead one.
        let lock = ServerLock::of_socket(path)?;
        let (listener, file) = bind(path, open)?;
        Ok(Self { listener, path: path.to_owned(), file, lock: Some(lock) })
    }

    /// Recreates the socket, its lock file and their directory if they were removed; whether the socket was. On an error
    /// everything stays as it is.
    pub(crate) fn restore(&mut self, open: bool) -> Result<bool, ListenError> {
        let is_there = self.is_in_place();
        if !is_there {
            prepare_directory(&self.path, open)?;
        }
        if let Some(lock) = &mut self.lock {
            lock.restore()?;
        }
        if !is_there {
            (self.listener, self.file) = bind(&self.path, open)?;
        }
        Ok(!is_there)
    }

    pub(crate) fn set(&mut self, record: ServerRecord) {
        if let Some(lock) = &mut self.lock {
            lock.set(record);
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the socket, and keeps other servers out as long as the lock lives.
    pub(crate) fn close(mut self) -> Option<ServerLock> {
        self.lock.take()
    }

    fn is_in_place(&self) -> bool {
        file_id(&self.path).is_ok_and(|file| file == self.file)
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        // Another file may have been put in its place.
        if self.is_in_place() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the directory of a socket if there is none, and checks that no other user can put a socket there.
fn prepare_directory(socket: &Path, open: bool) -> Result<(), ListenError> {
    let directory = socket.parent().unwrap_or(Path::new("/"));
    let failed = ListenError::io(directory);
    platform::private_directory(directory).map_err(failed)?;
    let (owner, mode) = platform::owner_and_mode(directory).map_err(failed)?;
    if owner != platform::own_uid() {
        return Err(ListenError::ForeignDirectory(directory.to_owned(), owner));
    }
    if mode & 0o022 != 0 {
        return Err(ListenError::OpenDirectory(directory.to_owned()));
    }
    platform::set_mode(directory, directory_mode(open)).map_err(failed)
}

/// Binds the socket at `path`, in place of a dead one; its file, by device and inode.
fn bind(path: &Path, open: bool) -> Result<(UnixListener, (u64, u64)), ListenError> {
    let failed = ListenError::io(path);
    if let Some(found) = platform::if_there(path.symlink_metadata()).map_err(failed)? {
        if !found.file_type().is_socket() {
            return Err(ListenError::NotASocket(path.to_owned()));
        }
        std::fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    platform::set_mode(path, socket_mode(open)).map_err(failed)?;
    Ok((listener, file_id(path).map_err(failed)?))
}

fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|found| platform::file_id(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

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
