//! Shortages of the system: no free descriptors, processes, memory or disk space. A request that meets one is answered
//! with `busy`, so that the client retries it.

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io;

use rustix::io::Errno;
use topside_shared::{ErrorKind, RpcError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Shortage {
    #[error(
        "no file descriptors are free: try again later, or raise the limit (`ulimit -n`, `LimitNOFILE=`)"
    )]
    Descriptors,
    /// Processes and threads.
    #[error(
        "no more processes or threads can be started: try again later, or raise the limit (`ulimit -u`, `TasksMax=`)"
    )]
    Processes,
    #[error("no memory is free: try again later")]
    Memory,
    #[error("the disk is full: free some space, then try again")]
    Disk,
}

impl Shortage {
    /// The shortage behind an error of the system.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        match Errno::from_io_error(error)? {
            Errno::MFILE | Errno::NFILE => Some(Self::Descriptors),
            // The error of a failed start of a process or thread.
            Errno::AGAIN => Some(Self::Processes),
            Errno::NOMEM | Errno::NOBUFS => Some(Self::Memory),
            Errno::NOSPC | Errno::DQUOT => Some(Self::Disk),
            _ => None,
        }
    }

    /// The shortage that caused an error, found in its chain of sources.
    pub(crate) fn cause(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(shortage) = error.downcast_ref::<Self>() {
                return Some(*shortage);
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                // An error of this type can hold another one.
                if let Some(shortage) = Self::of(error) {
                    return Some(shortage);
                }
                if let Some(shortage) = error.get_ref().and_then(|inner| Self::cause(inner)) {
                    return Some(shortage);
                }
            }
            if let Some(error) = error.downcast_ref::<rusqlite::Error>() {
                return Self::of_sqlite(error);
            }
            next = error.source();
        }
        None
    }

    /// SQLite hides the error of the system: if it cannot open a file, this opens one to find out.
    fn of_sqlite(error: &rusqlite::Error) -> Option<Self> {
        match error.sqlite_error_code()? {
            rusqlite::ErrorCode::DiskFull => Some(Self::Disk),
            rusqlite::ErrorCode::OutOfMemory => Some(Self::Memory),
            rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::SystemIoFailure => Self::now(),
            _ => None,
        }
    }

    /// Whether no file can be opened now. For errors that do not say why a file was not opened.
    pub(crate) fn now() -> Option<Self> {
        File::open("/dev/null").err().and_then(|error| Self::of(&error))
    }
}

/// The answer to a request that failed: `busy` if a shortage caused it, else of this kind.
pub(crate) fn rpc_error(error: impl Error + 'static, otherwise: ErrorKind) -> RpcError {
    answer(Shortage::cause(&error), &error, otherwise)
}

pub(crate) fn answer(
    shortage: Option<Shortage>,
    error: &impl Display,
    otherwise: ErrorKind,
) -> RpcError {
    let text = error.to_string();
    match shortage {
        Some(shortage) if text.contains(&shortage.to_string()) => {
            RpcError::new(ErrorKind::Busy, text)
        }
        Some(shortage) => RpcError::new(ErrorKind::Busy, format_args!("{text}: {shortage}")),
        None => RpcError::new(otherwise, text),
    }
}
