//! Replaces a file atomically: readers see the old content or the new, also after a power cut.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::base::platform;

/// Replaces the content of a file, and keeps its owner and mode; a new file is private. The content is on the disk when
/// this returns. Only one caller at a time may write a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The name is fixed, so that crashes leave one such file at most.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let mut options = platform::private_file();
    let mut file = options.write(true).create(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    if let Ok(old) = std::fs::metadata(path) {
        platform::give_owner_and_mode(&file, &old)?;
    }
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
