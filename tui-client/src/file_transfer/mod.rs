//! Files between this device and a server: sends those that the arguments of a command name, and fetches results of runs.
//! Prints nothing.

mod download;
mod paths;
mod upload;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::connect::CallError;

pub(crate) use download::{Download, fetch, fetch_pieces, place};
pub(crate) use paths::paths;
pub(crate) use upload::{LocalFile, local_files, send};

/// Bytes of one read.
const READ: usize = 64 * 1024;

/// How far one file is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) name: &'a str,
    pub(crate) done: u64,
    pub(crate) size: u64,
}

/// Takes each step.
pub(crate) type Report<'r> = &'r mut (dyn FnMut(Step<'_>) + Send);

/// Why a file was not sent or fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    /// A file of this device, as one sentence.
    #[error("{0}")]
    Local(String),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl TransferError {
    /// Whether the connection was lost: another one can continue.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self, Self::Call(CallError::Lost))
    }
}

/// The path as a shell means it: `~/` is the home directory of the user.
pub(crate) fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path.into(),
    }
}

/// Does work that blocks for the disk on another thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The hash of what a reader has, up to this many bytes; and how many there were.
fn hash(reader: &mut File, most: u64) -> io::Result<(Sha256, u64)> {
    let mut hash = Sha256::new();
    let mut reader = BufReader::with_capacity(READ, reader.take(most));
    let size = io::copy(&mut reader, &mut hash)?;
    Ok((hash, size))
}
