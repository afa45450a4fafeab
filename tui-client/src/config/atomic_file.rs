//! Atomic replacement of a file of this user's: a reader sees the old text or the new one. Where a file cannot be
//! replaced, because it is a mount point, it is written in place.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::platform;

/// How long another writer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// A new text older than this was left behind by a writer that died.
const STALE: Duration = Duration::from_secs(10);

/// The right to replace one file. While it lives, no other process of ours replaces that file.
#[derive(Debug)]
pub(super) struct Replacement {
    path: PathBuf,
    /// The new text, beside the old; that there can be only one makes it the lock as well.
    temporary: PathBuf,
    file: File,
    /// Whether the new text has taken its place.
    placed: bool,
}

impl Replacement {
    /// Begins, making the directory where there is none. A symbolic link is followed, so that it is
    /// the file behind it that is replaced.
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

    /// Puts `text` in the file's place and on the disk.
    pub(super) fn commit(mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        if let Ok(old) = std::fs::metadata(&self.path) {
            // Who may read it was the person's choice. Root may rewrite another user's file.
            platform::give_owner(&self.file, &old)?;
            self.file.set_permissions(old.permissions())?;
        }
        self.file.sync_all()?;
        match std::fs::rename(&self.temporary, &self.path) {
            Ok(()) => self.placed = true,
            // A file that is mounted by itself, as containers do. The new text stays on the disk until it is in place.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                let mut file = OpenOptions::new().write(true).truncate(true).open(&self.path)?;
                file.write_all(text.as_bytes())?;
                return file.sync_all();
            }
            Err(error) => return Err(error),
        }
        // The name itself is in the directory; a system that cannot sync one loses at most this
        // change, never the old file.
        if let Some(dir) = self.path.parent().and_then(|dir| File::open(dir).ok()) {
            let _ = dir.sync_all();
        }
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // Once it has taken its place, the name may be the next writer's.
        if !self.placed {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

fn is_stale(path: &Path) -> bool {
    let modified = std::fs::metadata(path).and_then(|data| data.modified());
    modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > STALE))
}
