//! Uploads: files that clients have sent or are sending, each to be taken by one run. One that is not used for a time is
//! deleted.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::Sha256;
use tokio::time::{Instant, sleep_until};
use topside_shared::{ClientId, ErrorKind, FileId, RpcError};

use crate::base::blocking;
use crate::base::identity::Owner;
use crate::files::{Files, remove_file};

/// The wait of a check without uploads.
const IDLE: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(super) struct Uploads {
    pub(super) files: HashMap<FileId, Upload>,
    /// Sizes of all uploads, and of those that runs have taken and not given back: the part of the quota that is in use.
    pub(super) reserved: u64,
}

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) owner: Owner,
    /// The connection that sends it.
    pub(super) client: ClientId,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) data: Arc<tokio::sync::Mutex<UploadData>>,
    /// Requests that wait for the disk.
    pub(super) writes: usize,
    pub(super) state: UploadState,
    pub(super) used: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UploadState {
    Incomplete,
    Complete,
    /// A run has it, or waits for its turn with it.
    Taken,
}

/// Written in the order of the requests: the lock is a fair one.
#[derive(Debug)]
pub(super) struct UploadData {
    pub(super) received: u64,
    pub(super) hash: Sha256,
}

/// A complete upload that a run takes.
#[derive(Debug, Clone)]
pub(crate) struct TakenFile {
    pub(super) id: FileId,
    pub(crate) name: String,
    pub(crate) size: u64,
}

impl Files {
    /// Takes a complete upload of this owner for a run: no other run gets it.
    ///
    /// # Errors
    /// `notFound`, or `invalidParams` for one that is not complete.
    pub(super) fn take(&self, owner: Owner, id: FileId) -> Result<TakenFile, RpcError> {
        let mut uploads = self.0.uploads.lock();
        let upload = uploads.own(owner, id)?;
        if upload.state == UploadState::Incomplete {
            let message = format_args!(
                "the file {} is not complete: end it with file/close first",
                upload.name
            );
            return Err(RpcError::invalid_argument("args", message));
        }
        upload.state = UploadState::Taken;
        Ok(TakenFile { id, name: upload.name.clone(), size: upload.size })
    }

    /// Gives an upload back that no run has used.
    pub(super) fn give_back(&self, id: FileId) {
        let mut uploads = self.0.uploads.lock();
        if let Some(upload) = uploads.files.get_mut(&id) {
            upload.state = UploadState::Complete;
            upload.used = Instant::now();
        }
        drop(uploads);
        self.0.changed.notify_one();
    }

    /// Moves an upload to the place where its run finds it. Its room in the quota is the run's from then on. Blocks for the
    /// disk.
    pub(super) fn move_to(&self, id: FileId, to: &Path) -> io::Result<()> {
        std::fs::rename(self.upload_path(id), to)?;
        self.0.uploads.lock().files.remove(&id);
        Ok(())
    }

    pub(super) fn release(&self, bytes: u64) {
        let mut uploads = self.0.uploads.lock();
        uploads.reserved = uploads.reserved.saturating_sub(bytes);
    }

    pub(super) fn forget(&self, id: FileId) {
        let mut uploads = self.0.uploads.lock();
        let upload = uploads.files.remove(&id);
        uploads.reserved = uploads.reserved.saturating_sub(upload.map_or(0, |upload| upload.size));
        drop(uploads);
        let path = self.upload_path(id);
        blocking::start(move || remove_file(&path));
    }

    /// Deletes the uploads that were not used for this time; returns when the next one is due.
    pub(super) fn remove_unused(&self, keep: Option<Duration>) -> Instant {
        let now = Instant::now();
        let Some(keep) = keep else { return now + IDLE };
        let (mut due, mut next) = (Vec::new(), now + IDLE);
        for (id, upload) in &self.0.uploads.lock().files {
            let end = upload.used + keep;
            match upload.state {
                UploadState::Taken => {}
                _ if upload.writes > 0 => next = next.min(now + keep),
                _ if end <= now => due.push(*id),
                _ => next = next.min(end),
            }
        }
        for id in due {
            tracing::info!(target: "topside", file = id.0, "a file that no run has used is deleted");
            self.forget(id);
        }
        next
    }

    /// Deletes uploads that are not used, for ever.
    pub(crate) async fn expire_unused(&self, keep: impl Fn() -> Option<Duration>) {
        loop {
            let next = self.remove_unused(keep());
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.0.changed.notified() => {}
            }
        }
    }
}

impl Uploads {
    /// The upload of this owner that no run has taken.
    pub(super) fn own(&mut self, owner: Owner, id: FileId) -> Result<&mut Upload, RpcError> {
        let own =
            |upload: &&mut Upload| upload.owner == owner && upload.state != UploadState::Taken;
        self.files.get_mut(&id).filter(own).ok_or_else(|| {
            let message = format_args!(
                "there is no file {id} of yours: a run has used it, or the server has deleted it; send it again"
            );
            RpcError::new(ErrorKind::NotFound, message)
        })
    }
}
