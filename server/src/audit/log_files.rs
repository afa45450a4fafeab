//! The files of the audit log.
//!
//! `audit.jsonl` is the current file; `audit.N.jsonl` was closed, with line N as its last. `audit.head` holds the last line
//! that was synced, so that verification misses lines that were cut off at the end. It exists before the first line does.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::audit::chain::Link;
use crate::audit::entry::Line;
use crate::base::platform::{self, if_there};

pub(super) const FILE: &str = "audit.jsonl";
pub(super) const HEAD: &str = "audit.head";
/// Files that a server makes after it has opened the audit log.
const LATER: [&str; 2] = ["keys.json", "runs.db"];
/// Length of the head: 20 digits, a space, 64 digits, a line ending. It is constant, so that it is written in place.
pub(super) const HEAD_BYTES: u64 = 86;
/// Bytes that are read at once from the end of a file.
const PIECE: u64 = 64 * 1024;

/// Whether a server has run on this state directory, even if its audit log is missing.
pub(super) fn has_served(state: &Path) -> bool {
    LATER.iter().any(|name| std::fs::symlink_metadata(state.join(name)).is_ok())
}

pub(super) fn has_any(state: &Path) -> io::Result<bool> {
    let is_there = |name: &str| std::fs::symlink_metadata(state.join(name)).is_ok();
    Ok(is_there(FILE) || is_there(HEAD) || !closed(state)?.is_empty())
}

/// How the file of this name was changed since it was opened; none if it is in its place with this many bytes.
pub(super) fn changed(
    state: &Path,
    name: &str,
    file: &File,
    bytes: u64,
) -> io::Result<Option<&'static str>> {
    let Some(found) = if_there(std::fs::symlink_metadata(state.join(name)))? else {
        return Ok(Some("removed"));
    };
    let own = file.metadata()?;
    Ok(if platform::file_id(&found) != platform::file_id(&own) {
        Some("replaced")
    } else if found.len() < bytes {
        Some("truncated")
    } else if found.len() > bytes {
        Some("changed by another program")
    } else {
        None
    })
}

/// Moves a file of another program away from the name of the current file.
pub(super) fn move_foreign(state: &Path, seq: u64) -> io::Result<()> {
    move_to_unused(state, &format!("audit.foreign-{seq}"), "")
}

/// Renames the current file, if there is one, to a name that no file has.
fn move_to_unused(state: &Path, name: &str, extension: &str) -> io::Result<()> {
    let mut path = state.join(format!("{name}{extension}"));
    for copy in 1.. {
        if if_there(path.symlink_metadata())?.is_none() {
            break;
        }
        path = state.join(format!("{name}-{copy}{extension}"));
    }
    if_there(std::fs::rename(state.join(FILE), path)).map(drop)
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClosedFile {
    pub(super) last: u64,
    /// Numbers the files with the same `last`.
    copy: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

pub(super) fn closed(state: &Path) -> io::Result<Vec<ClosedFile>> {
    let mut found = Vec::new();
    let Some(entries) = if_there(std::fs::read_dir(state))? else { return Ok(found) };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some((last, copy)) = name.to_str().and_then(numbers) else { continue };
        found.push(ClosedFile { last, copy, path: entry.path(), bytes: entry.metadata()?.len() });
    }
    found.sort();
    Ok(found)
}

fn numbers(name: &str) -> Option<(u64, u64)> {
    let numbers = name.strip_prefix("audit.")?.strip_suffix(".jsonl")?;
    let (last, copy) = numbers.split_once('-').unwrap_or((numbers, "0"));
    Some((last.parse().ok()?, copy.parse().ok()?))
}

/// Closes the current file, if there is one; its last line has this number.
pub(super) fn close(state: &Path, last: u64) -> io::Result<()> {
    move_to_unused(state, &format!("audit.{last}"), ".jsonl")
}

pub(super) fn discard(state: &Path) -> io::Result<()> {
    if_there(std::fs::remove_file(state.join(FILE))).map(drop)
}

/// Makes a new current file; its name is on the disk when this returns.
pub(super) fn create(state: &Path) -> io::Result<File> {
    let mut options = platform::private_file();
    let file = options.read(true).append(true).create_new(true).open(state.join(FILE))?;
    sync_directory(state)?;
    Ok(file)
}

pub(super) fn open(state: &Path) -> io::Result<Option<File>> {
    if_there(OpenOptions::new().read(true).append(true).open(state.join(FILE)))
}

pub(super) fn open_to_read(state: &Path) -> io::Result<Option<File>> {
    if_there(File::open(state.join(FILE)))
}

/// Copies the torn end of the current file into a file of its own, and returns the name of that.
pub(super) fn set_aside(state: &Path, seq: u64, torn: &[u8]) -> io::Result<String> {
    let name = format!("audit.torn-{seq}");
    let mut file = platform::private_file().append(true).create(true).open(state.join(&name))?;
    file.write_all(torn)?;
    file.sync_all()?;
    sync_directory(state)?;
    Ok(name)
}

pub(super) fn sync_directory(state: &Path) -> io::Result<()> {
    File::open(state)?.sync_all()
}

/// Reads the next line without its ending; whether it had one. None at the end of the file.
pub(super) fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    if reader.read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    let is_complete = line.last() == Some(&b'\n');
    if is_complete {
        line.pop();
    }
    Ok(Some(is_complete))
}

/// The end of a file.
#[derive(Debug, Default)]
pub(super) struct FileEnd {
    /// Its last complete line.
    pub(super) last: Option<Vec<u8>>,
    /// An incomplete line after that.
    pub(super) torn: Vec<u8>,
    /// The length without `torn`.
    pub(super) whole: u64,
}

impl FileEnd {
    pub(super) fn of(file: &mut File) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let mut from = length;
        let mut bytes = Vec::new();
        loop {
            let is_end = |at: &usize| bytes[*at] == b'\n';
            let ends: Vec<usize> = (0..bytes.len()).rev().filter(is_end).take(2).collect();
            let begin = match (&ends[..], from) {
                ([_, before], _) => before + 1,
                (_, 0) => 0,
                _ => {
                    let piece = from.min(PIECE.max(length - from));
                    from -= piece;
                    let mut more = vec![0; usize::try_from(piece).unwrap_or_default()];
                    file.seek(SeekFrom::Start(from))?;
                    file.read_exact(&mut more)?;
                    more.append(&mut bytes);
                    bytes = more;
                    continue;
                }
            };
            let Some(end) = ends.first().copied() else {
                return Ok(Self { last: None, torn: bytes, whole: 0 });
            };
            let torn = bytes.split_off(end + 1);
            return Ok(Self {
                last: Some(bytes[begin..end].to_vec()),
                whole: length - torn.len() as u64,
                torn,
            });
        }
    }

    /// The link of its last line; none if that cannot be read.
    pub(super) fn link(&self) -> Option<Link> {
        let last = self.last.as_ref()?;
        let line: Line = serde_json::from_slice(last).ok()?;
        Some(Link::of(line.seq, last))
    }
}

/// The last line that was synced; none if there is no readable head.
pub(super) fn head(state: &Path) -> Option<Link> {
    let text = std::fs::read_to_string(state.join(HEAD)).ok()?;
    let (seq, hash) = text.trim_end().split_once(' ')?;
    (hash.len() == 64).then_some(Link { seq: seq.parse().ok()?, hash: hash.to_owned() })
}

/// The end of the log: the later one of the head, which stays behind after a power cut, and the last line.
pub(super) fn last(state: &Path) -> io::Result<Link> {
    let head = head(state).unwrap_or_default();
    let line = match open_to_read(state)? {
        Some(mut file) => FileEnd::of(&mut file)?.link().unwrap_or_default(),
        None => Link::default(),
    };
    Ok(if line.seq > head.seq { line } else { head })
}

/// Makes the head, unless there is one, before the first line after `link` is written.
pub(super) fn begin_head(state: &Path, link: &Link) -> io::Result<()> {
    let file = open_head(state)?;
    if file.metadata()?.len() == 0 {
        write_head(&file, link)?;
        sync_directory(state)?;
    }
    Ok(())
}

pub(super) fn open_head(state: &Path) -> io::Result<File> {
    let mut options = platform::private_file();
    let file = options.write(true).create(true).truncate(false).open(state.join(HEAD))?;
    if file.metadata()?.len() > HEAD_BYTES {
        file.set_len(HEAD_BYTES)?;
    }
    Ok(file)
}

/// Writes the link of the last synced line. The head is never synced itself; it is at worst behind.
pub(super) fn write_head(file: &File, link: &Link) -> io::Result<()> {
    let text = format!("{:020} {}\n", link.seq, link.hash);
    debug_assert_eq!(text.len() as u64, HEAD_BYTES);
    file.write_all_at(text.as_bytes(), 0)
}
