//! Lock files. One keeps other servers from a socket, one keeps them from a state directory. The system frees a lock
//! however its process ends. The file holds the [`ServerRecord`] of the process that has it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use topside_shared::dirs::{LocalServer, STATE_LOCK_NAME};
use topside_shared::server_record::ServerRecord;

use crate::base::platform;
use crate::net::local_socket::ListenError;

/// How long a lock is tried that another process has, and how often: a child that a killed server was about to start
/// holds it until it executes its own program.
const LOCK_LINGERS: Duration = Duration::from_millis(500);
const LOCK_LOOK: Duration = Duration::from_millis(10);

/// A lock file that this process has.
#[derive(Debug)]
struct LockFile {
    path: PathBuf,
    file: File,
    record: ServerRecord,
}

/// Why a lock file could not be taken.
enum NotTaken {
    /// By another process, with the record that it left.
    Held(Option<ServerRecord>),
    Io(io::Error),
}

impl LockFile {
    /// Takes it, for `patience` at most.
    fn take(path: &Path, record: &ServerRecord, patience: Duration) -> Result<Self, NotTaken> {
        let begun = Instant::now();
        loop {
            let mut options = std::fs::OpenOptions::new();
            let file = platform::private(options.create(true).truncate(false).write(true))
                .open(path)
                .map_err(NotTaken::Io)?;
            if try_lock(&file) == Tried::Held {
                if begun.elapsed() >= patience {
                    return Err(NotTaken::Held(ServerRecord::read(path)));
                }
                std::thread::sleep(LOCK_LOOK);
                continue;
            }
            let lock = Self { path: path.to_owned(), file, record: record.clone() };
            // The file may have been removed between open and lock; then this lock keeps nobody out.
            if lock.is_in_place() {
                lock.write().map_err(NotTaken::Io)?;
                return Ok(lock);
            }
        }
    }

    /// Whether the file that is locked still has its name.
    fn is_in_place(&self) -> bool {
        let id =
            |found: io::Result<std::fs::Metadata>| found.map(|found| (found.dev(), found.ino()));
        matches!((id(self.file.metadata()), id(std::fs::metadata(&self.path))),
            (Ok(ours), Ok(there)) if ours == there)
    }

    /// Makes the file again where it was removed.
    fn restore(&mut self) -> Result<bool, NotTaken> {
        if self.is_in_place() {
            return Ok(false);
        }
        *self = Self::take(&self.path, &self.record, Duration::ZERO)?;
        Ok(true)
    }

    /// Puts this record into the file. Without it other programs only lack the pid in their messages.
    fn set(&mut self, record: ServerRecord) {
        self.record = record;
        if let Err(error) = self.write() {
            let path = self.path.display();
            tracing::warn!(target: "topside", %error, "{path} does not name this server");
        }
    }

    fn write(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        let mut file = &self.file;
        io::Seek::rewind(&mut file)?;
        // A full disk must not keep a server from its start.
        match file.write_all(self.record.to_line().as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
            written => written,
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // The file stays: removing it could free the lock of the next process.
        let _ = self.file.set_len(0);
    }
}

#[derive(PartialEq)]
enum Tried {
    Taken,
    Held,
    /// The system has no lock for such a file.
    Unsupported,
}

fn try_lock(file: &File) -> Tried {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Tried::Taken,
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Tried::Held,
        Err(_) => Tried::Unsupported,
    }
}

/// Keeps other servers from a socket.
#[derive(Debug)]
pub(crate) struct SocketLock {
    lock: LockFile,
    socket: PathBuf,
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

    /// The same, in a directory that is there.
    pub(crate) fn lock(path: &Path) -> Result<Self, ListenError> {
        let file = LocalServer::lock_of(path);
        match LockFile::take(&file, &ServerRecord::of_this_process(), LOCK_LINGERS) {
            Ok(lock) => Ok(Self { lock, socket: path.to_owned() }),
            Err(error) => Err(served_by(path, error)),
        }
    }

    /// Makes the lock file again where it was removed; whether it was.
    ///
    /// # Errors
    /// [`ListenError::AlreadyServed`] where another server was quicker.
    pub(crate) fn restore(&mut self) -> Result<bool, ListenError> {
        self.lock.restore().map_err(|error| served_by(&self.socket, error))
    }

    /// Records how this server is found.
    pub(crate) fn set(&mut self, record: ServerRecord) {
        self.lock.set(record);
    }
}

fn served_by(socket: &Path, error: NotTaken) -> ListenError {
    match error {
        NotTaken::Held(by) => ListenError::AlreadyServed { socket: socket.to_owned(), by },
        NotTaken::Io(source) => ListenError::Io { path: LocalServer::lock_of(socket), source },
    }
}

/// Keeps other servers, and verbs that do not find this one, from a state directory.
#[derive(Debug)]
pub(crate) struct StateLock {
    lock: LockFile,
    /// The directory itself, locked as well: its lock file can be removed. None where the system has no such lock.
    _directory: Option<File>,
    state: PathBuf,
}

impl StateLock {
    /// Takes it, for the state in this directory.
    ///
    /// # Errors
    /// [`ListenError`]; [`ListenError::StateInUse`] where another process has it.
    pub(crate) fn take(state: &Path) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Io { path: state.to_owned(), source };
        platform::private_directory(state).map_err(failed)?;
        let path = state.join(STATE_LOCK_NAME);
        // The directory first: a lock file may have been removed from it a moment ago.
        let directory = File::open(state).map_err(failed)?;
        let begun = Instant::now();
        let directory = loop {
            match try_lock(&directory) {
                Tried::Taken => break Some(directory),
                Tried::Unsupported => break None,
                Tried::Held if begun.elapsed() < LOCK_LINGERS => std::thread::sleep(LOCK_LOOK),
                Tried::Held => {
                    let by = ServerRecord::read(&path);
                    return Err(ListenError::StateInUse { state: state.to_owned(), by });
                }
            }
        };
        match LockFile::take(&path, &ServerRecord::of_this_process(), LOCK_LINGERS) {
            Ok(lock) => Ok(Self { lock, _directory: directory, state: state.to_owned() }),
            Err(error) => Err(state_in_use(state, error)),
        }
    }

    /// Makes the lock file again where it was removed; whether it was.
    ///
    /// # Errors
    /// [`ListenError::StateInUse`] where another process has it now.
    pub(crate) fn restore(&mut self) -> Result<bool, ListenError> {
        self.lock.restore().map_err(|error| state_in_use(&self.state, error))
    }

    /// Records how this server is found.
    pub(crate) fn set(&mut self, record: ServerRecord) {
        self.lock.set(record);
    }
}

fn state_in_use(state: &Path, error: NotTaken) -> ListenError {
    match error {
        NotTaken::Held(by) => ListenError::StateInUse { state: state.to_owned(), by },
        NotTaken::Io(source) => ListenError::Io { path: state.join(STATE_LOCK_NAME), source },
    }
}
