//! Taking connections in: the local socket, who may use it, and the loop that accepts on any.

use std::future::poll_fn;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::net::{UnixListener, UnixStream};
use topside_shared::{Connection, ErrorKind, Role, RpcError};

use crate::clients::{Identity, Owner, Scope};
use crate::outbox::Outbox;
use crate::server::Server;
use crate::{platform, refusal, session};

/// Pauses after an accept that failed, doubled up to a second: an error that stays would otherwise be
/// met a million times in two seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a lock is tried that another process has, and how often: at once after a kill it may be held by
/// nobody who serves.
const LOCK_LINGERS: Duration = Duration::from_millis(500);
const LOCK_LOOK: Duration = Duration::from_millis(10);

/// Why the local socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another server serves it.
    #[error("{} is served already: stop that server first (`topside run --yes shutdown`)", .0.display())]
    AlreadyServed(PathBuf),
    /// Another server has the state directory, and its socket elsewhere.
    #[error(
        "a server runs on {}, and its socket is elsewhere: set TOPSIDE_RUNTIME_DIR (or XDG_RUNTIME_DIR) as it is set there",
        .0.display()
    )]
    StateInUse(PathBuf),
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
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
    lock: Option<SocketLock>,
}

/// Keeps other servers from the socket; the system lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct SocketLock {
    _file: std::fs::File,
}

impl SocketLock {
    /// Keeps servers from the socket at `path`, whose directory is made where there is none.
    ///
    /// # Errors
    /// [`ListenError`]; [`ListenError::AlreadyServed`] where another process has it.
    pub(crate) fn take(path: &Path) -> Result<Self, ListenError> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        let failed = |source| ListenError::Io { path: directory.to_owned(), source };
        platform::private_directory(directory).map_err(failed)?;
        Self::lock(path)
    }

    fn lock(path: &Path) -> Result<Self, ListenError> {
        let lock_path = path.with_extension("lock");
        let file = platform::private(std::fs::OpenOptions::new().create(true).write(true))
            .open(&lock_path)
            .map_err(|source| ListenError::Io { path: lock_path.clone(), source })?;
        let begun = std::time::Instant::now();
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            // A program that a killed server was about to start holds it until it is another program.
            if begun.elapsed() >= LOCK_LINGERS {
                return Err(ListenError::AlreadyServed(path.to_owned()));
            }
            std::thread::sleep(LOCK_LOOK);
        }
        Ok(Self { _file: file })
    }
}

/// Keeps other servers, and verbs that do not find this one, from a state directory.
#[derive(Debug)]
pub(crate) struct StateLock {
    _lock: SocketLock,
}

impl StateLock {
    /// Takes it, for the state in this directory.
    ///
    /// # Errors
    /// [`ListenError`]; [`ListenError::StateInUse`] where another process has it.
    pub(crate) fn take(state: &Path) -> Result<Self, ListenError> {
        match SocketLock::take(&state.join("state")) {
            Ok(lock) => Ok(Self { _lock: lock }),
            Err(ListenError::AlreadyServed(_)) => Err(ListenError::StateInUse(state.to_owned())),
            Err(error) => Err(error),
        }
    }
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
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ListenError::Io { path, source }
        };
        let directory = path.parent().unwrap_or(Path::new("/"));
        platform::private_directory(directory).map_err(failed(directory))?;
        let (owner, mode) = platform::owner_and_mode(directory).map_err(failed(directory))?;
        if owner != platform::own_uid() {
            let directory = directory.to_owned();
            return Err(ListenError::ForeignDirectory { directory, owner });
        }
        if mode & 0o022 != 0 {
            return Err(ListenError::OpenDirectory(directory.to_owned()));
        }
        platform::set_mode(directory, directory_mode(open)).map_err(failed(directory))?;

        // Of two servers that start at once, the lock lets one through; then whatever is left there
        // is dead.
        let lock = SocketLock::lock(path)?;
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(ListenError::NotASocket(path.to_owned()));
            }
            Ok(_) => std::fs::remove_file(path).map_err(failed(path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(path)(error)),
        }
        let listener = UnixListener::bind(path).map_err(failed(path))?;
        platform::set_mode(path, socket_mode(open)).map_err(failed(path))?;
        let inode = std::fs::symlink_metadata(path).map_err(failed(path))?.ino();
        Ok(Self { listener, path: path.to_owned(), inode, lock: Some(lock) })
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
        // Only our own: somebody may have put another in its place.
        if std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Accepts for ever; ends with the future.
pub(crate) async fn accept<C>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<C>>,
    mut admit: impl FnMut(C),
) {
    let mut pause = FIRST_PAUSE;
    loop {
        match poll_fn(&mut poll).await {
            Ok(connection) => {
                pause = FIRST_PAUSE;
                admit(connection);
            }
            Err(error) => {
                if pause == FIRST_PAUSE {
                    tracing::warn!(target: "topside", %error, "no connection can be accepted now");
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Accepts on the local socket for ever.
pub(crate) async fn accept_local(server: &Arc<Server>, local: &LocalListener) {
    let poll = |cx: &mut Context<'_>| local.listener.poll_accept(cx);
    accept(poll, |(stream, _)| admit(server, stream)).await;
}

fn admit(server: &Arc<Server>, stream: UnixStream) {
    let peer = match stream.peer_cred() {
        Ok(peer) => peer,
        Err(error) => {
            tracing::warn!(target: "topside", %error, "a connection does not say whose it is");
            return;
        }
    };
    let uid = peer.uid();
    let user = server.users.name(uid);
    let address = peer.pid().map_or_else(|| "pid ?".to_owned(), |pid| format!("pid {pid}"));
    let Some(role) = local_role(server, uid, &user) else {
        tracing::warn!(target: "topside", address, user, "connection refused");
        server.counters.refused(ErrorKind::Forbidden);
        server.spawn(refuse(stream, user));
        return;
    };
    let outbox = Arc::new(Outbox::new(server.now().config.limits.max_outbox));
    let identity = Identity { owner: Owner::User(uid), user, role, scope: Scope::Whole };
    let registered = server.clients.register(address, Connection::Same, identity, outbox);
    server.spawn(session::run(Arc::clone(server), stream, registered));
}

/// What a user of this machine may do here; `None`: nothing.
pub(crate) fn local_role(server: &Server, uid: u32, user: &str) -> Option<Role> {
    if uid == 0 || uid == platform::own_uid() {
        return Some(Role::Admin);
    }
    server.now().config.local.allow.get(user).copied()
}

/// Tells somebody of this machine what to do who may not come in.
async fn refuse(stream: UnixStream, user: String) {
    let error = RpcError::new(
        ErrorKind::Forbidden,
        format_args!(
            "{user} may not use this server: ask its owner for a line in [local] allow of server.toml"
        ),
    );
    refusal::answer(stream, &error).await;
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
        assert!(matches!(second, ListenError::AlreadyServed(_)), "{second}");
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
