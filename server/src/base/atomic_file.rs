//! Replaces a file atomically: readers see the old content or the new, also after a power cut.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::base::platform;

/// Puts `bytes` in the place of what the file holds, for its owner alone where it is new, else with the
/// owner and the mode that it has. When this returns, they are on
/// the disk; whatever happens before, the file is as it was. Only one at a time may write a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The name is fixed, so that crashes leave one such file at most.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let whole = path.with_file_name(name);
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    let mut file = platform::private(&mut options).open(&whole)?;
    file.write_all(bytes)?;
    if let Ok(old) = std::fs::metadata(path) {
        platform::give_owner_and_mode(&file, &old)?;
    }
    file.sync_all()?;
    std::fs::rename(&whole, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
