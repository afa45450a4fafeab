//! Sends files for a run.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use serde_json::{Map, Value};
use sha2::Digest as _;
use topside_shared::FileId;
use topside_shared::command::Command;
use topside_shared::methods::{
    FileClose, FileOpen, FileWrite, MAX_FILE_PIECE, MAX_FILE_WRITES, MaskedText,
};
use topside_shared::text::{MAX_QUOTED, quote};
use topside_shared::values::{check_file, file_name};

use super::{Report, Step, TransferError, blocking, expanded, hash};
use crate::connect::Handle;
use crate::text::base64;

/// A file of this device for an argument of a command.
#[derive(Debug, Clone)]
pub(crate) struct LocalFile {
    argument: String,
    /// Its place in the list of an argument that takes several.
    place: Option<usize>,
    path: PathBuf,
    /// Its name on the server.
    name: String,
    size: u64,
    /// Once its content was read.
    sha256: Option<String>,
}

/// The files that these arguments name, checked against the declaration: nothing is sent of one that does not pass.
///
/// # Errors
/// The first that is missing, or that its argument does not take.
pub(crate) fn local_files(
    command: &Command,
    args: &Map<String, Value>,
) -> Result<Vec<LocalFile>, String> {
    let mut files = Vec::new();
    for arg in command.file_args() {
        let paths: Vec<(Option<usize>, &str)> = match args.get(&arg.name) {
            Some(Value::String(path)) => vec![(None, path)],
            Some(Value::Array(paths)) => paths
                .iter()
                .enumerate()
                .filter_map(|(at, path)| Some((Some(at), path.as_str()?)))
                .collect(),
            _ => Vec::new(),
        };
        for (place, path) in paths {
            let (name, shown) = (file_name(path), quote(path, 4 * MAX_QUOTED));
            let path = expanded(path);
            let found = std::fs::metadata(&path).map_err(|error| {
                format!("{}: the file {shown} cannot be read: {error}", arg.name)
            })?;
            if !found.is_file() {
                return Err(format!("{}: {shown} is no regular file", arg.name));
            }
            check_file(arg, &name, found.len()).map_err(|error| error.to_string())?;
            let (argument, size) = (arg.name.clone(), found.len());
            files.push(LocalFile { argument, place, path, name, size, sha256: None });
        }
    }
    Ok(files)
}

/// Sends these files, and puts their ids into the arguments that name them. A file that an earlier connection has sent in
/// part is continued.
pub(crate) async fn send(
    handle: &Handle,
    files: &mut [LocalFile],
    args: &mut Map<String, Value>,
    report: Report<'_>,
) -> Result<(), TransferError> {
    for file in files {
        let id = Value::from(file.send(handle, report).await?.0);
        match (args.get_mut(&file.argument), file.place) {
            (Some(Value::Array(values)), Some(place)) if place < values.len() => values[place] = id,
            (Some(one), _) => *one = id,
            (None, _) => {}
        }
    }
    Ok(())
}

impl LocalFile {
    async fn send(&mut self, handle: &Handle, report: Report<'_>) -> Result<FileId, TransferError> {
        let path = self.path.clone();
        let file =
            blocking(move || File::open(path)).await.map_err(|error| self.unreadable(&error))?;
        let file = Arc::new(file);
        let sha256 = match &self.sha256 {
            Some(sha256) => sha256.clone(),
            None => {
                let own = Arc::clone(&file);
                let read = blocking(move || hash(&mut own.try_clone()?, u64::MAX)).await;
                let (hash, size) = read.map_err(|error| self.unreadable(&error))?;
                if size != self.size {
                    return Err(self.changed());
                }
                self.sha256.insert(format!("{:x}", hash.finalize())).clone()
            }
        };
        let open = FileOpen { name: self.name.clone(), size: self.size, sha256 };
        let opened = handle.call(&open).await?;
        let id = opened.file_id;
        let mut next = opened.received.min(self.size);
        report(Step { name: &self.name, done: next, size: self.size });
        // Several at once, so that slow answers do not hold up the next pieces. They are sent in this order.
        let mut pending = FuturesOrdered::new();
        loop {
            while pending.len() < MAX_FILE_WRITES && next < self.size {
                let length = (self.size - next).min(MAX_FILE_PIECE as u64) as usize;
                let (own, at) = (Arc::clone(&file), next);
                let piece = blocking(move || {
                    let mut piece = vec![0; length];
                    own.read_exact_at(&mut piece, at).map(|()| piece)
                });
                let piece = piece.await.map_err(|error| match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => self.changed(),
                    _ => self.unreadable(&error),
                })?;
                let data = MaskedText(base64::encode(&piece));
                let request = FileWrite { file_id: id, offset: next, data };
                pending.push_back(async move { handle.call(&request).await });
                next += length as u64;
            }
            let Some(answer) = pending.next().await else { break };
            report(Step { name: &self.name, done: answer?.received, size: self.size });
        }
        handle.call(&FileClose { file_id: id }).await?;
        Ok(id)
    }

    fn unreadable(&self, error: &std::io::Error) -> TransferError {
        let path = quote(&self.path.to_string_lossy(), 4 * MAX_QUOTED);
        TransferError::Local(format!("the file {path} cannot be read: {error}"))
    }

    fn changed(&self) -> TransferError {
        let path = quote(&self.path.to_string_lossy(), 4 * MAX_QUOTED);
        TransferError::Local(format!("the file {path} was changed while it was sent: try again"))
    }
}
