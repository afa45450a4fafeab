//! Search for a text in the files of the log.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use topside_shared::Time;
use topside_shared::notifications::LogEntry;

use crate::base::log::log_file::{ROTATED, numbered};
use crate::base::platform;

/// The lines that are in memory, too.
pub(super) struct Recent {
    /// The time of the oldest of them.
    pub(super) since: Time,
    /// Those of this time.
    pub(super) oldest: HashSet<String>,
}

/// The newest entries of all files that contain `needle`, which is in lower case, newest first; those in `recent` are left
/// out. The fields of such an entry are in its message, as its line has them. Blocks.
pub(super) fn search(
    path: &Path,
    needle: &str,
    recent: Option<&Recent>,
    most: usize,
) -> io::Result<Vec<LogEntry>> {
    let mut found = Vec::new();
    for mut file in open(path)? {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let matching = text.lines().rev().filter(|line| line.to_lowercase().contains(needle));
        let entries = matching.filter_map(|line| Some((line, entry(line)?)));
        let older = entries.filter(|(line, entry)| {
            recent.is_none_or(|recent| {
                entry.time < recent.since
                    || (entry.time == recent.since && !recent.oldest.contains(*line))
            })
        });
        found.extend(older.map(|(_, entry)| entry).take(most - found.len()));
        if found.len() == most {
            break;
        }
    }
    Ok(found)
}

/// All files, newest first. One that is rotated meanwhile is opened once.
fn open(path: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    let older = (1..=ROTATED).map(|number| numbered(path, number));
    for path in std::iter::once(path.to_owned()).chain(older) {
        let Some(file) = platform::if_there(File::open(path))? else { continue };
        if seen.insert(platform::file_id(&file.metadata()?)) {
            files.push(file);
        }
    }
    Ok(files)
}

/// The entry of a line; none if it is not one of the server.
fn entry(line: &str) -> Option<LogEntry> {
    let (time, rest) = line.split_once(' ')?;
    let (level, message) = rest.split_once(' ')?;
    Some(LogEntry {
        time: serde_json::from_value(time.into()).ok()?,
        level: serde_json::from_value(level.into()).ok()?,
        message: message.trim_start().to_owned(),
        fields: serde_json::Map::new(),
    })
}
