//! Lock files. One keeps other servers from a socket, one from a state directory. The system releases a lock however its
//! process ends. The file holds the [`ServerRecord`] of its process.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use topside_shared::dirs::{LocalServer, STATE_LOCK_NAME};
use topside_shared::server_record::ServerRecord;

use crate::base::platform;
use crate::net::local_socket::ListenError;

/// How long, and how often, a lock that is held is retried: a child that a killed server was about to start holds it until
/// it executes its own program.
const RETRY_FOR: Duration = Duration::from_millis(500);
const RETRY_EVERY: Duration = Duration::from_millis(10);

/// Keeps other servers, and verbs that do not find this one, from a socket or a state directory.
#[derive(Debug)]
pub(crate) struct ServerLock {
    resource: Resource,
    file: File,
    record: ServerRecord,
    /// The state directory, which is locked too: its lock file can be removed. None if the system cannot lock it.
    _directory: Option<File>,
}

#[derive(Debug)]
enum Resource {
    Socket(PathBuf),
    State(PathBuf),
}

impl Resource {
    fn lock_path(&self) -> PathBuf {
        match self {
            Self::Socket(path) => LocalServer::lock_of(path),
            Self::State(path) => path.join(STATE_LOCK_NAME),
        }
    }

    fn held(&self) -> ListenError {
        let by = ServerRecord::read(&self.lock_path());
        match self {
            Self::Socket(path) => ListenError::AlreadyServed(path.clone(), by),
            Self::State(path) => ListenError::StateInUse(path.clone(), by),
        }
    }

    /// Makes, locks and fills the lock file; retries for `patience` if it is held.
    fn lock(&self, record: &ServerRecord, patience: Duration) -> Result<File, ListenError> {
        let path = self.lock_path();
        let failed = ListenError::io(&path);
        let begun = Instant::now();
        loop {
            let mut options = platform::private_file();
            let file = options.create(true).truncate(false).write(true).open(&path);
            let file = file.map_err(failed)?;
            if try_lock(&file) == Tried::Held {
                if begun.elapsed() >= patience {
                    return Err(self.held());
                }
                std::thread::sleep(RETRY_EVERY);
            } else if is_in_place(&file, &path) {
                write(&file, record).map_err(failed)?;
                return Ok(file);
            }
            // A file that was removed between open and lock excludes no other server.
        }
    }
}

impl ServerLock {
    /// Locks the socket at `path`, in an existing directory.
    pub(crate) fn of_socket(path: &Path) -> Result<Self, ListenError> {
        Self::of(Resource::Socket(path.to_owned()), None)
    }

    /// The same for a socket in a directory that may not exist.
    pub(crate) fn of_socket_without_server(path: &Path) -> Result<Self, ListenError> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        platform::private_directory(directory).map_err(ListenError::io(directory))?;
        Self::of_socket(path)
    }

    /// Locks a state directory, which is made if there is none.
    pub(crate) fn of_state(state: &Path) -> Result<Self, ListenError> {
        platform::private_directory(state).map_err(ListenError::io(state))?;
        let resource = Resource::State(state.to_owned());
        // The directory first: its lock file may have been removed a moment ago.
        let directory = File::open(state).map_err(ListenError::io(state))?;
        let begun = Instant::now();
        let directory = loop {
            match try_lock(&directory) {
                Tried::Taken => break Some(directory),
                Tried::Unsupported => break None,
                Tried::Held if begun.elapsed() < RETRY_FOR => std::thread::sleep(RETRY_EVERY),
                Tried::Held => return Err(resource.held()),
            }
        };
        Self::of(resource, directory)
    }

    fn of(resource: Resource, directory: Option<File>) -> Result<Self, ListenError> {
        let record = ServerRecord::of_this_process();
        let file = resource.lock(&record, RETRY_FOR)?;
        Ok(Self { resource, file, record, _directory: directory })
    }

    /// Recreates the lock file if it was removed; whether it was. Fails if another process has locked it since.
    pub(crate) fn restore(&mut self) -> Result<bool, ListenError> {
        if is_in_place(&self.file, &self.resource.lock_path()) {
            return Ok(false);
        }
        self.file = self.resource.lock(&self.record, Duration::ZERO)?;
        Ok(true)
    }

    /// Writes this record into the file. Without it other programs only lack the pid in their messages.
    pub(crate) fn set(&mut self, record: ServerRecord) {
        self.record = record;
        if let Err(error) = write(&self.file, &self.record) {
            let path = self.resource.lock_path();
            tracing::warn!(target: "topside", %error, "{} does not name this server", path.display());
        }
    }
}

impl Drop for ServerLock {
    fn drop(&mut self) {
        // The file stays: removing it could free the lock of the next process.
        let _ = self.file.set_len(0);
    }
}

fn is_in_place(file: &File, path: &Path) -> bool {
    matches!((file.metadata(), std::fs::metadata(path)),
        (Ok(ours), Ok(named)) if platform::file_id(&ours) == platform::file_id(&named))
}

fn write(mut file: &File, record: &ServerRecord) -> io::Result<()> {
    file.set_len(0)?;
    io::Seek::rewind(&mut file)?;
    // A full disk must not prevent the start of a server.
    match file.write_all(record.to_line().as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
        written => written,
    }
}

#[derive(PartialEq)]
enum Tried {
    Taken,
    Held,
    /// The system cannot lock such a file.
    Unsupported,
}

fn try_lock(file: &File) -> Tried {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Tried::Taken,
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Tried::Held,
        Err(_) => Tried::Unsupported,
    }
}
