//! Receives uploads, in the requests `file/open`, `file/write` and `file/close`.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use topside_shared::methods::{FileOpen, FileOpened, MAX_FILE_PIECE, MAX_FILE_WRITES};
use topside_shared::values::check_file_name;
use topside_shared::{ClientId, ErrorKind, FileId, RpcError, text};

use crate::base::blocking::blocking;
use crate::base::identity::Owner;
use crate::base::limit::Limit;
use crate::base::platform;
use crate::base::random;
use crate::base::shortage::{self, Shortage};
use crate::files::Files;
use crate::files::uploads::{Upload, UploadData, UploadState};
use crate::settings::files::FileSettings;

/// Most files of one user or key that no run has taken.
const MAX_UPLOADS: usize = 32;
/// Time without a piece after which another connection may continue an upload: the server notices a lost network later.
const STALLED: Duration = Duration::from_secs(10);

/// Who sends an upload.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) owner: Owner,
    pub(crate) client: ClientId,
    pub(crate) is_connected: &'a (dyn Fn(ClientId) -> bool + Send + Sync),
}

impl Upload {
    /// Whether this sender may continue it, as its own or because the connection that sent it has ended or stalled.
    fn takes(&self, by: Sender<'_>) -> bool {
        self.client == by.client
            || !(by.is_connected)(self.client)
            || self.state == UploadState::Incomplete && self.used.elapsed() >= STALLED
    }
}

impl Files {
    /// Begins an upload, or continues one that a connection of the same owner left incomplete or unused.
    ///
    /// # Errors
    /// `tooLarge`, or `busy` with the limit.
    pub(crate) async fn open(
        &self,
        by: Sender<'_>,
        file: FileOpen,
        settings: FileSettings,
    ) -> Result<FileOpened, RpcError> {
        self.remove_unused(settings.keep_unused);
        if let Some((id, data)) = self.adopt(by, &file) {
            return Ok(FileOpened { file_id: id, received: data.lock().await.received });
        }
        let (size, directory) = (file.size, self.uploads_directory());
        let id = self.reserve(by, file, settings.keep_bytes)?;
        let path = self.upload_path(id);
        let created = blocking(move || create(&directory, &path, size)).await;
        let created = created.unwrap_or_else(|error| Err(io::Error::other(error)));
        match created {
            Ok(()) => Ok(FileOpened { file_id: id, received: 0 }),
            Err(error) => {
                self.forget(id);
                Err(not_written(&error))
            }
        }
    }

    /// An upload of the same file by the same owner, of a connection that has ended or stalled.
    fn adopt(
        &self,
        by: Sender<'_>,
        file: &FileOpen,
    ) -> Option<(FileId, Arc<tokio::sync::Mutex<UploadData>>)> {
        let mut uploads = self.0.uploads.lock();
        let (id, upload) = uploads.files.iter_mut().find(|(_, upload)| {
            upload.owner == by.owner
                && upload.size == file.size
                && upload.sha256 == file.sha256
                && upload.name == file.name
                && upload.state != UploadState::Taken
                && upload.client != by.client
                && upload.takes(by)
        })?;
        upload.client = by.client;
        upload.used = Instant::now();
        Some((*id, Arc::clone(&upload.data)))
    }

    /// Takes the room of a file from the quota.
    fn reserve(
        &self,
        by: Sender<'_>,
        file: FileOpen,
        keep_bytes: Option<u64>,
    ) -> Result<FileId, RpcError> {
        let FileOpen { name, size, sha256 } = file;
        let mut uploads = self.0.uploads.lock();
        let own = uploads.files.values().filter(|upload| upload.owner == by.owner).count();
        if own >= MAX_UPLOADS {
            let message = format_args!(
                "you have sent {own} files that no run has used, which is the limit: use them, or wait until the \
                 server deletes them"
            );
            return Err(RpcError::new(ErrorKind::Busy, message)
                .with("limit", Limit::MaxUploads)
                .with("most", MAX_UPLOADS as u64));
        }
        if let Some(most) = keep_bytes {
            fits(size, uploads.reserved, most)?;
        }
        let mut id = random_id();
        while uploads.files.contains_key(&id) {
            id.0 += 1;
        }
        let data = UploadData { received: 0, hash: Sha256::new() };
        let data = Arc::new(tokio::sync::Mutex::new(data));
        uploads.reserved += size;
        let (owner, client, used) = (by.owner, by.client, Instant::now());
        let state = UploadState::Incomplete;
        let upload = Upload { owner, client, name, size, sha256, data, writes: 0, state, used };
        uploads.files.insert(id, upload);
        self.0.changed.notify_one();
        Ok(id)
    }

    /// Adds a piece to an upload; returns how many bytes the server has by then. A piece that arrived before is not written
    /// again.
    ///
    /// # Errors
    /// `notFound`, `invalidParams` with `received`, `busy`, or `internal` where the disk refuses it.
    pub(crate) async fn write(
        &self,
        by: Sender<'_>,
        id: FileId,
        offset: u64,
        piece: Vec<u8>,
    ) -> Result<u64, RpcError> {
        if piece.len() > MAX_FILE_PIECE {
            let given = piece.len();
            let message = format_args!(
                "`data` of file/write must be at most {MAX_FILE_PIECE} bytes, not {given}"
            );
            return Err(RpcError::invalid_argument("data", message));
        }
        let (data, size) = self.begin_write(by, id)?;
        let _pending = PendingWrite { files: self.clone(), id };
        let mut data = data.lock_owned().await;
        let (received, end) = (data.received, offset.saturating_add(piece.len() as u64));
        if end <= received {
            return Ok(received);
        }
        if offset != received {
            let message = format_args!(
                "`offset` is {offset}, and {received} bytes have arrived: continue there"
            );
            return Err(RpcError::invalid_argument("offset", message).with("received", received));
        }
        if end > size {
            let message = format_args!(
                "the file has {size} bytes as file/open said, and this piece ends at {end}"
            );
            return Err(RpcError::invalid_argument("data", message));
        }
        let path = self.upload_path(id);
        let written = blocking(move || {
            let file = platform::private_file().write(true).open(path)?;
            file.write_all_at(&piece, data.received)?;
            data.hash.update(&piece);
            data.received = end;
            Ok(())
        });
        written
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| not_written(&error))?;
        Ok(end)
    }

    fn begin_write(
        &self,
        by: Sender<'_>,
        id: FileId,
    ) -> Result<(Arc<tokio::sync::Mutex<UploadData>>, u64), RpcError> {
        let mut uploads = self.0.uploads.lock();
        let upload = uploads.own(by.owner, id)?;
        if upload.state != UploadState::Incomplete {
            return Err(RpcError::invalid_argument("fileId", "this file is complete already"));
        }
        if !upload.takes(by) {
            let message = format_args!("connection {} sends this file", upload.client);
            return Err(RpcError::invalid_argument("fileId", message));
        }
        upload.client = by.client;
        if upload.writes >= MAX_FILE_WRITES {
            let message = format_args!(
                "{MAX_FILE_WRITES} pieces of this file wait for the disk: wait for an answer"
            );
            return Err(RpcError::new(ErrorKind::Busy, message)
                .with("limit", Limit::MaxFileWrites)
                .with("most", MAX_FILE_WRITES as u64));
        }
        upload.writes += 1;
        upload.used = Instant::now();
        Ok((Arc::clone(&upload.data), upload.size))
    }

    /// Checks that an upload has arrived completely, and unchanged; returns its name, its size and its hash. One with another
    /// hash is deleted.
    ///
    /// # Errors
    /// `notFound`, or `invalidParams`.
    pub(crate) async fn complete(
        &self,
        by: Sender<'_>,
        id: FileId,
    ) -> Result<(String, u64, String), RpcError> {
        let (data, name, size, sha256) = {
            let mut uploads = self.0.uploads.lock();
            let upload = uploads.own(by.owner, id)?;
            (Arc::clone(&upload.data), upload.name.clone(), upload.size, upload.sha256.clone())
        };
        let data = data.lock_owned().await;
        if data.received < size {
            let received = data.received;
            let message =
                format_args!("{received} of {size} bytes have arrived: send the others first");
            return Err(RpcError::invalid_argument("fileId", message).with("received", received));
        }
        let arrived = format!("{:x}", data.hash.clone().finalize());
        drop(data);
        if arrived != sha256 {
            self.forget(id);
            let message = format_args!(
                "the content of {name} has the SHA-256 {arrived}, not {sha256} as file/open said: send it again"
            );
            return Err(RpcError::invalid_argument("fileId", message));
        }
        let mut uploads = self.0.uploads.lock();
        let upload = uploads.own(by.owner, id)?;
        upload.used = Instant::now();
        if upload.state == UploadState::Incomplete {
            upload.state = UploadState::Complete;
        }
        Ok((name, size, sha256))
    }
}

/// A request `file/write` that is not done.
struct PendingWrite {
    files: Files,
    id: FileId,
}

impl Drop for PendingWrite {
    fn drop(&mut self) {
        if let Some(upload) = self.files.0.uploads.lock().files.get_mut(&self.id) {
            upload.writes -= 1;
            upload.used = Instant::now();
        }
    }
}

/// Checks the name and the hash of an upload.
pub(crate) fn check_request(file: &FileOpen) -> Result<(), RpcError> {
    if let Err(wrong) = check_file_name(&file.name) {
        let shown = text::quote(&file.name, text::MAX_NAME);
        return Err(RpcError::invalid_argument("name", format_args!("the name `{shown}` {wrong}")));
    }
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if file.sha256.len() != 64 || !file.sha256.bytes().all(is_hex) {
        let message = "`sha256` of file/open must be 64 lower-case hex digits";
        return Err(RpcError::invalid_argument("sha256", message));
    }
    Ok(())
}

/// Refuses a file that does not fit in the quota, before its first byte is sent.
fn fits(size: u64, reserved: u64, most: u64) -> Result<(), RpcError> {
    let (shown, quota) = (text::bytes(size), text::bytes(most));
    let limited = |error: RpcError| error.with("limit", Limit::KeepBytes).with("most", most);
    if size > most {
        let message = format_args!(
            "the file has {shown}, and the server keeps at most {quota}: `keep_bytes` of [files] in server.toml"
        );
        return Err(limited(RpcError::new(ErrorKind::TooLarge, message)));
    }
    if size > most.saturating_sub(reserved) {
        let free = text::bytes(most.saturating_sub(reserved));
        let message = format_args!(
            "the file has {shown}, and {free} of the {quota} for files of all users are free: try again when other \
             runs have used theirs"
        );
        return Err(limited(RpcError::new(ErrorKind::Busy, message)));
    }
    Ok(())
}

/// Makes the file of an upload, if the disk has room for it.
fn create(directory: &Path, path: &Path, size: u64) -> io::Result<()> {
    platform::private_directory(directory)?;
    let disk = rustix::fs::statvfs(directory)?;
    if disk.f_bavail.saturating_mul(disk.f_frsize) < size {
        return Err(rustix::io::Errno::NOSPC.into());
    }
    platform::private_file().write(true).create_new(true).open(path).map(drop)
}

fn not_written(error: &io::Error) -> RpcError {
    let message = format!("the file cannot be kept in the state directory: {error}");
    shortage::answer(Shortage::of(error), &message, ErrorKind::Internal)
}

/// An id that no earlier server has given, so that an upload is never continued by mistake; exact in JSON.
fn random_id() -> FileId {
    FileId(u64::from_le_bytes(random::bytes().unwrap_or_default()) >> 12)
}
