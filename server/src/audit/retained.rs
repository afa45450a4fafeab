//! Administrative lines of files that rotation removes: they are copied to a file of their own.
//!
//! A copy is the line with one more field, `kept`: the SHA-256 of the copy before it. The entry that records the removal
//! (`audit/let-go`) names the first and the last copy and the hash of the last, so the chain of the log covers the copies.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use serde::Deserialize;

use crate::audit::action::AuditAction;
use crate::audit::chain::Link;
use crate::audit::entry::Line;
use crate::audit::log_files::{self, ClosedFile, FileEnd};
use crate::base::platform;

pub(super) const FILE: &str = "audit.kept.jsonl";
/// The copies before those of [`FILE`].
pub(super) const OLDER: &str = "audit.kept-older.jsonl";

/// Whether a line of this action survives rotation: those about keys, clients, fleets, broadcasts, the server and the audit log, so far
/// as only an admin or the server itself can cause them.
pub(super) fn is_administrative(action: &str) -> bool {
    let group = action.split('/').next().unwrap_or_default();
    // These count events of strangers and other users.
    ![AuditAction::KeyRefused, AuditAction::AuditLost]
        .iter()
        .any(|counted| counted.name() == action)
        && matches!(group, "key" | "client" | "fleet" | "broadcast" | "server" | "audit")
}

/// The copies that an `audit/let-go` entry covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) first: u64,
    pub(super) last: Link,
}

impl Anchor {
    pub(super) fn argv(&self) -> Vec<String> {
        let Link { seq, hash } = &self.last;
        vec![format!("first={}", self.first), format!("last={seq}"), format!("sha256={hash}")]
    }

    pub(super) fn of(line: &Line) -> Option<Self> {
        let value = |name: &str| line.argv.iter().find_map(|argument| argument.value(name));
        let seq = value("last")?.parse().ok()?;
        let last = Link { seq, hash: value("sha256")?.to_owned() };
        Some(Self { first: value("first")?.parse().ok()?, last })
    }
}

#[derive(Debug)]
pub(super) struct Copied {
    /// All copies; none if there are none.
    pub(super) anchor: Option<Anchor>,
    /// Whether [`rotate`] is due once the entry with the anchor is on the disk.
    pub(super) is_full: bool,
}

#[derive(Deserialize)]
struct Brief<'l> {
    seq: u64,
    #[serde(borrow)]
    action: Cow<'l, str>,
}

/// Copies the administrative lines of these files, unless they are copied already. The copies are on the disk when this
/// returns.
pub(super) fn copy(state: &Path, removing: &[ClosedFile], max_bytes: u64) -> io::Result<Copied> {
    let path = state.join(FILE);
    let mut file = platform::private_file().read(true).append(true).create(true).open(&path)?;
    let end = FileEnd::of(&mut file)?;
    // A copy that was cut by a crash is made again.
    file.set_len(end.whole)?;
    let mut last = match end.link() {
        Some(link) => link,
        None => match platform::if_there(File::open(state.join(OLDER)))? {
            Some(mut older) => FileEnd::of(&mut older)?.link().unwrap_or_default(),
            None => Link::default(),
        },
    };
    let mut bytes = end.whole;
    let mut out = BufWriter::new(&file);
    let mut line = Vec::new();
    for ClosedFile { path, .. } in removing {
        let mut reader = BufReader::new(File::open(path)?);
        while log_files::next_line(&mut reader, &mut line)?.is_some() {
            let Ok(brief) = serde_json::from_slice::<Brief<'_>>(&line) else { continue };
            if brief.seq <= last.seq || !is_administrative(&brief.action) || !line.ends_with(b"}") {
                continue;
            }
            let seq = brief.seq;
            line.pop();
            line.extend_from_slice(format!(",\"kept\":\"{}\"}}", last.hash).as_bytes());
            last = Link::of(seq, &line);
            line.push(b'\n');
            out.write_all(&line)?;
            bytes += line.len() as u64;
        }
    }
    out.flush()?;
    drop(out);
    file.sync_all()?;
    log_files::sync_directory(state)?;
    let is_full = bytes >= max_bytes;
    let oldest = if is_full { None } else { first_seq(&state.join(OLDER))? };
    let first = match oldest {
        Some(first) => Some(first),
        None => first_seq(&path)?,
    };
    Ok(Copied { anchor: first.map(|first| Anchor { first, last }), is_full })
}

pub(super) fn rotate(state: &Path) -> io::Result<()> {
    platform::if_there(std::fs::rename(state.join(FILE), state.join(OLDER)))?;
    log_files::sync_directory(state)
}

pub(super) fn first_seq(path: &Path) -> io::Result<Option<u64>> {
    let Some(file) = platform::if_there(File::open(path))? else { return Ok(None) };
    let mut line = Vec::new();
    log_files::next_line(&mut BufReader::new(file), &mut line)?;
    Ok(serde_json::from_slice::<Brief<'_>>(&line).ok().map(|brief| brief.seq))
}
