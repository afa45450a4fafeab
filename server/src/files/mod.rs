//! Files of commands: `receive_upload` receives those that clients send, and `uploads` has them until a run takes them;
//! `run_directory` has the directory of a run that takes files or has results, and `results` the files that the run leaves
//! there.
//!
//! All of them are below `files` in the state directory, except kept results, which are beside the output of their run. A
//! start of the server deletes what an earlier one left there.

pub(crate) mod receive_upload;
pub(crate) mod results;
pub(crate) mod run_directory;
mod uploads;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use topside_shared::{FileId, RunId};

use crate::base::mutex::Mutex;
use crate::base::platform;
use crate::files::uploads::Uploads;

const DIRECTORY: &str = "files";
const UPLOADS: &str = "uploads";
const RUNS: &str = "runs";

/// The files of one server. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    /// Private to this module, never held across an `.await`.
    uploads: Mutex<Uploads>,
    changed: tokio::sync::Notify,
}

impl Files {
    pub(crate) fn new(state: &Path) -> Self {
        let directory = state.join(DIRECTORY);
        let (uploads, changed) = (Mutex::default(), tokio::sync::Notify::new());
        Self(Arc::new(Shared { directory, uploads, changed }))
    }

    /// Deletes the uploads that an earlier server left. Blocks for the disk.
    pub(crate) fn clean_uploads(&self) {
        remove(&self.uploads_directory());
    }

    /// Deletes the directories of runs that an earlier server left. Blocks for the disk.
    pub(crate) fn clean_runs(&self) {
        remove(&self.runs_directory());
    }

    fn runs_directory(&self) -> PathBuf {
        self.0.directory.join(RUNS)
    }

    fn uploads_directory(&self) -> PathBuf {
        self.0.directory.join(UPLOADS)
    }

    fn upload_path(&self, id: FileId) -> PathBuf {
        self.uploads_directory().join(id.0.to_string())
    }

    fn run_path(&self, run: RunId) -> PathBuf {
        self.runs_directory().join(run.0.to_string())
    }
}

/// Deletes a directory with all that is in it; links in it are not followed. Logs why it cannot. Blocks for the disk.
pub(crate) fn remove(directory: &Path) {
    if let Err(error) = platform::if_there(std::fs::remove_dir_all(directory)) {
        let path = directory.display();
        tracing::warn!(target: "topside", %error, %path, "files of runs cannot be removed");
    }
}

/// Deletes a file, if it is there; logs why it cannot. Blocks for the disk.
fn remove_file(path: &Path) {
    if let Err(error) = platform::if_there(std::fs::remove_file(path)) {
        tracing::warn!(target: "topside", %error, path = %path.display(), "a file cannot be removed");
    }
}
