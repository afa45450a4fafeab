//! Fetches results of runs. One that goes to a file arrives beside it, and takes its place once it is complete and its hash
//! is right. What a cut connection has left there is continued.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use sha2::{Digest as _, Sha256};
use topside_shared::RunId;
use topside_shared::methods::{RESULT_PIECE, RunFile, RunFilePiece};
use topside_shared::records::ResultFile;
use topside_shared::text;
use topside_shared::values::file_name;

use super::{Report, Step, TransferError, blocking, hash};
use crate::connect::{CallError, Handle};
use crate::text::base64;

/// Bytes that are requested ahead.
const AHEAD: u64 = 4 * RESULT_PIECE as u64;

/// A result, and the file that it goes to.
#[derive(Debug, Clone)]
pub(crate) struct Download {
    pub(crate) run_id: RunId,
    pub(crate) file: ResultFile,
    pub(crate) to: PathBuf,
}

/// Where a result goes. Its name is the server's: only the end of it is used. A file that is there is replaced only where
/// `output` names it; a directory there gets the result under its own name.
///
/// # Errors
/// A sentence: a file of that name is there.
pub(crate) fn place(file: &ResultFile, output: Option<&Path>) -> Result<PathBuf, String> {
    let name = file_name(&file.name);
    let to = match output {
        Some(path) if path.is_dir() => path.join(name),
        Some(path) => return Ok(path.to_owned()),
        None => name.into(),
    };
    match to.symlink_metadata() {
        Err(_) => Ok(to),
        Ok(_) => Err(format!("{} is there already: name another file", to.display())),
    }
}

/// Fetches a result into its file. An existing one is replaced.
pub(crate) async fn fetch(
    handle: &Handle,
    download: &Download,
    report: Report<'_>,
) -> Result<(), TransferError> {
    let Download { run_id, file, to } = download;
    let unwritable = |error: io::Error| {
        TransferError::Local(format!("{} cannot be written: {error}", to.display()))
    };
    let part = part_path(to, &file.sha256);
    let (path, size) = (part.clone(), file.size);
    let opened = blocking(move || open(&path, size)).await.map_err(unwritable)?;
    let (mut target, mut hash, from) = opened;
    let mut pieces = Pieces::new(handle, *run_id, file, from);
    while let Some(piece) = pieces.next(report).await? {
        let written = blocking(move || {
            target.write_all(&piece)?;
            hash.update(&piece);
            Ok((target, hash))
        });
        (target, hash) = written.await.map_err(unwritable)?;
    }
    if let Err(error) = check(file, hash) {
        let path = part.clone();
        // The error that counts is the other one.
        let _ = blocking(move || std::fs::remove_file(path)).await;
        return Err(error);
    }
    let to = to.clone();
    let renamed = blocking(move || {
        target.sync_all()?;
        std::fs::rename(part, to)
    });
    renamed.await.map_err(unwritable)
}

/// Fetches a result piece by piece; an error comes last where its hash is another than the server's list says.
pub(crate) async fn fetch_pieces(
    handle: &Handle,
    run_id: RunId,
    file: &ResultFile,
    mut take: impl AsyncFnMut(Vec<u8>),
) -> Result<(), TransferError> {
    let mut hash = Sha256::new();
    let mut pieces = Pieces::new(handle, run_id, file, 0);
    while let Some(piece) = pieces.next(&mut |_| {}).await? {
        hash.update(&piece);
        take(piece).await;
    }
    check(file, hash)
}

/// The pieces of a result from a place on. Several are requested at once.
struct Pieces<'f> {
    handle: &'f Handle,
    run_id: RunId,
    file: &'f ResultFile,
    /// Where the next piece to be returned begins, and the next to be requested.
    done: u64,
    next: u64,
    pending: FuturesOrdered<PieceRequest<'f>>,
}

type PieceRequest<'f> = BoxFuture<'f, Result<RunFilePiece, CallError>>;

impl<'f> Pieces<'f> {
    fn new(handle: &'f Handle, run_id: RunId, file: &'f ResultFile, from: u64) -> Self {
        Self { handle, run_id, file, done: from, next: from, pending: FuturesOrdered::new() }
    }

    async fn next(&mut self, report: Report<'_>) -> Result<Option<Vec<u8>>, TransferError> {
        let Self { handle, run_id, file, .. } = *self;
        report(Step { name: &file.name, done: self.done, size: file.size });
        while self.next < file.size && self.next < self.done + AHEAD {
            let request = RunFile { run_id, name: file.name.clone(), from: self.next };
            self.pending.push_back(Box::pin(async move { handle.call(&request).await }));
            self.next += RESULT_PIECE as u64;
        }
        let Some(answer) = self.pending.next().await else { return Ok(None) };
        let piece = base64::decode(&answer?.data.0).unwrap_or_default();
        if piece.is_empty() || piece.len() as u64 > file.size - self.done {
            return Err(changed(file));
        }
        self.done += piece.len() as u64;
        if piece.len() != RESULT_PIECE {
            // A server with other pieces: the requests under way are for other places. Or it was the last piece.
            self.pending = FuturesOrdered::new();
            self.next = self.done;
        }
        Ok(Some(piece))
    }
}

fn check(file: &ResultFile, hash: Sha256) -> Result<(), TransferError> {
    if format!("{:x}", hash.finalize()) == file.sha256 { Ok(()) } else { Err(changed(file)) }
}

fn changed(file: &ResultFile) -> TransferError {
    let name = text::quote(&file.name, text::MAX_REASON);
    TransferError::Local(format!(
        "{name} is another file than the server's list of results says: it was changed there"
    ))
}

/// Opens the file that a download arrives in; returns it with the hash and the length of what is there already.
fn open(part: &Path, size: u64) -> io::Result<(File, Sha256, u64)> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(false).open(part)?;
    if file.metadata()?.len() > size {
        file.set_len(0)?;
    }
    let (hash, done) = hash(&mut file, size)?;
    file.seek(SeekFrom::Start(done))?;
    Ok((file, hash, done))
}

/// The file of an incomplete download. The hash in its name keeps it apart from another result of the same name.
fn part_path(to: &Path, sha256: &str) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let hash: String = sha256.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    to.with_file_name(format!(".{name}.{hash}.part"))
}
