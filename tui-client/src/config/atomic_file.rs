//! Atomic replacement of a file of this user's: a reader sees the old text or the new one. Where a file cannot be
//! replaced, because it is a mount point, it is written in place.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::platform;

const PATIENCE: Duration = Duration::from_secs(2);
/// An older temporary file was left behind by a writer that died.
const STALE: Duration = Duration::from_secs(10);

/// The exclusive right to replace one file. It excludes other processes of this program too.
#[derive(Debug)]
pub(super) struct Replacement {
    path: PathBuf,
    /// The new file, beside the old. It can exist only once, so it serves as the lock.
    temporary: PathBuf,
    file: File,
    placed: bool,
}

impl Replacement {
    /// Starts a replacement, and makes the directory where there is none. A symbolic link is followed: the file that it
    /// points to is replaced.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        // A link stays a link, even one to a file that is not there yet.
        let path = match (path.canonicalize(), std::fs::read_link(path)) {
            (Ok(real), _) => real,
            (Err(_), Ok(to)) => path.parent().unwrap_or(Path::new(".")).join(to),
            (Err(_), Err(_)) => path.to_owned(),
        };
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        if !dir.is_dir() {
            platform::create_private_dir(dir)?;
        }
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(".new");
        let temporary = dir.join(name);
        let start = Instant::now();
        loop {
            let mut options = OpenOptions::new();
            match platform::private(options.write(true).create_new(true)).open(&temporary) {
                Ok(file) => return Ok(Self { path, temporary, file, placed: false }),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) if is_stale(&temporary) => {
                    let _ = std::fs::remove_file(&temporary);
                }
                Err(error) if start.elapsed() > PATIENCE => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Replaces the file by one with this text, and syncs it to the disk.
    pub(super) fn commit(self, text: &str) -> io::Result<()> {
        self.place(text, true)
    }

    /// The same without a sync, which takes milliseconds: after a power cut the file may be the old one, or broken.
    pub(super) fn commit_unsynced(self, text: &str) -> io::Result<()> {
        self.place(text, false)
    }

    fn place(mut self, text: &str, synced: bool) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        if let Ok(old) = std::fs::metadata(&self.path) {
            // The user decided who may read it. Root may rewrite another user's file.
            platform::give_owner(&self.file, &old)?;
            self.file.set_permissions(old.permissions())?;
        }
        if synced {
            self.file.sync_all()?;
        }
        match std::fs::rename(&self.temporary, &self.path) {
            Ok(()) => self.placed = true,
            // A file that is mounted by itself, as in a container. The new file stays until the old one is rewritten.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                let mut file = OpenOptions::new().write(true).truncate(true).open(&self.path)?;
                file.write_all(text.as_bytes())?;
                return file.sync_all();
            }
            Err(error) => return Err(error),
        }
        if !synced {
            return Ok(());
        }
        // Syncs the new name. Where the system cannot sync a directory, at most this change is lost, never the old file.
        if let Some(dir) = self.path.parent().and_then(|dir| File::open(dir).ok()) {
            let _ = dir.sync_all();
        }
        Ok(())
    }
}

/// Writes a file that only this user may read, in place of an older one.
#[cfg(feature = "hub")]
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    Replacement::begin(path)?.commit(text)
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // Once it is placed, the temporary name may belong to the next writer.
        if !self.placed {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

fn is_stale(path: &Path) -> bool {
    let modified = std::fs::metadata(path).and_then(|data| data.modified());
    modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > STALE))
}
