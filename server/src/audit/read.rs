//! Reads and verifies the audit log, also while a server writes it.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use topside_shared::Time;

use crate::audit::action::AuditAction;
use crate::audit::chain::Link;
use crate::audit::entry::Line;
use crate::audit::retained::Anchor;
use crate::audit::seek::seek_to;
use crate::audit::{log_files, retained};
use crate::base::platform;

/// A log that changed while it was read is read again this often, at this interval.
const ATTEMPTS: u32 = 5;
const INTERVAL: Duration = Duration::from_millis(50);

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct IntactLog {
    pub(crate) entries: Option<(u64, u64)>,
    pub(crate) files: usize,
    /// The number of older entries that were copied before their files were removed.
    pub(crate) kept: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// The first entry that was changed, and the file that holds it, or should.
    #[error("seq {seq} in {}: {why}", file.display())]
    Entry { seq: u64, file: PathBuf, why: &'static str },
    /// The head is missing; `last` is the last entry that exists.
    #[error(
        "{} is missing or unreadable: entries may have been cut off after seq {last}", file.display()
    )]
    Head { file: PathBuf, last: u64 },
    #[error("all of it is missing in {}, where a server has run", .0.display())]
    All(PathBuf),
}

/// The path of a file, and the open file.
type Opened = (PathBuf, File);

/// The log's files, oldest first. The current one is opened before the others are listed: if it is closed meanwhile, it is
/// found twice, not missed.
fn open(state: &Path) -> io::Result<Vec<Opened>> {
    let current = log_files::open_to_read(state)?;
    let number = current.as_ref().map(|file| file.metadata().map(|data| data.ino())).transpose()?;
    let mut opened = Vec::new();
    for closed in log_files::closed(state)? {
        // A file that does not exist was removed by rotation meanwhile.
        let Some(file) = platform::if_there(File::open(&closed.path))? else { continue };
        if Some(file.metadata()?.ino()) != number {
            opened.push((closed.path, file));
        }
    }
    opened.extend(current.map(|file| (state.join(log_files::FILE), file)));
    Ok(opened)
}

/// Passes each line of these files, without its ending, to `take`, with whether it has an ending and its file, until that
/// returns false.
fn each_line(
    opened: Vec<Opened>,
    mut take: impl FnMut(&[u8], bool, &Path) -> bool,
) -> io::Result<()> {
    let mut line = Vec::new();
    for (path, file) in opened {
        let mut reader = BufReader::new(file);
        while let Some(whole) = log_files::next_line(&mut reader, &mut line)? {
            if !take(&line, whole, &path) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn open_kept(state: &Path) -> io::Result<Vec<Opened>> {
    let mut opened = Vec::new();
    for name in [retained::OLDER, retained::FILE] {
        let path = state.join(name);
        if let Some(file) = platform::if_there(File::open(&path))? {
            opened.push((path, file));
        }
    }
    Ok(opened)
}

/// Passes each entry, oldest first, to `take`, until that returns false. The copies of removed lines come first, then the
/// log. Most entries from before `since` are left out.
pub(crate) fn each_entry(
    state: &Path,
    since: Option<Time>,
    mut take: impl FnMut(&[u8], bool, &Path) -> bool,
) -> io::Result<()> {
    let mut log = open(state)?;
    let mut kept = open_kept(state)?;
    if let Some(since) = since {
        for (_, file) in kept.iter_mut().chain(&mut log) {
            seek_to(file, since)?;
        }
    }
    let first = log.first().map(|(path, _)| retained::first_seq(path)).transpose()?.flatten();
    let mut goes_on = true;
    each_line(kept, |bytes, whole, file| {
        let seq = serde_json::from_slice::<Line>(bytes).ok().map(|line| line.seq);
        if first.is_some_and(|first| seq >= Some(first)) {
            return false;
        }
        goes_on = take(bytes, whole, file);
        goes_on
    })?;
    if goes_on { each_line(log, take) } else { Ok(()) }
}

/// Verifies the chain from the first line that is kept to the last.
pub(crate) fn verify(state: &Path) -> io::Result<Result<IntactLog, Damage>> {
    for _ in 1..ATTEMPTS {
        // A line may have been half written, or a file closed, while it was read.
        let intact = verify_once(state)?;
        if intact.is_ok() {
            return Ok(intact);
        }
        std::thread::sleep(INTERVAL);
    }
    verify_once(state)
}

fn verify_once(state: &Path) -> io::Result<Result<IntactLog, Damage>> {
    // First, so that no later line can be missed.
    let head = log_files::head(state);
    let has_head = head.is_some();
    let copies = match Copies::read(state)? {
        Ok(copies) => copies,
        Err(damage) => return Ok(Err(damage)),
    };
    let opened = open(state)?;
    let files = opened.len();
    let mut chain = Chain { head, ..Chain::default() };
    let mut damage = None;
    each_line(opened, |line, whole, file| {
        damage = chain.add(line, whole, file).err();
        damage.is_none()
    })?;
    if let Some(damage) = damage {
        return Ok(Err(damage));
    }
    let anchor = chain.anchor.take();
    let found = chain.end(state).and_then(|entries| {
        let (first, last) = entries.unwrap_or_default();
        if !has_head && (entries.is_some() || files > 0) {
            return Err(Damage::Head { file: state.join(log_files::HEAD), last });
        }
        if !has_head && log_files::has_served(state) {
            return Err(Damage::All(state.to_owned()));
        }
        let kept = copies.check(state, anchor.as_ref(), first)?;
        Ok(IntactLog { entries, files, kept })
    });
    Ok(found)
}

/// The copies of administrative lines that follow each other.
struct Copies(Vec<Copied>);

struct Copied {
    link: Link,
    file: PathBuf,
}

impl Copies {
    fn read(state: &Path) -> io::Result<Result<Self, Damage>> {
        let mut copies: Vec<Copied> = Vec::new();
        let mut damage = None;
        each_line(open_kept(state)?, |bytes, whole, file| {
            // A copy that is being written, or was cut by a crash, is not covered yet.
            if !whole {
                return false;
            }
            let before = copies.last().map(|copy| copy.link.clone());
            let next = before.as_ref().map_or(0, |before| before.seq + 1);
            let entry = |seq, why| Some(Damage::Entry { seq, file: file.to_owned(), why });
            let Ok(line) = serde_json::from_slice::<CopiedLine>(bytes) else {
                damage = entry(next, "the copied line cannot be read");
                return false;
            };
            match before {
                Some(before) if line.kept != before.hash => {
                    damage = entry(before.seq, "the copied line was changed");
                }
                Some(before) if line.seq <= before.seq => {
                    damage = entry(line.seq, "the copied line is in the wrong place");
                }
                _ => {}
            }
            copies.push(Copied { link: Link::of(line.seq, bytes), file: file.to_owned() });
            damage.is_none()
        })?;
        Ok(damage.map_or(Ok(Self(copies)), Err))
    }

    /// Compares the copies with the entry of the log that covers them; returns how many are older than the log's `first`.
    fn check(&self, state: &Path, anchor: Option<&Anchor>, first: u64) -> Result<usize, Damage> {
        let entry = |seq, file: &Path, why| Damage::Entry { seq, file: file.to_owned(), why };
        if let Some(Anchor { first, last }) = anchor {
            let missing =
                |seq| entry(seq, &state.join(retained::FILE), "the copied line is missing");
            if !self.0.iter().any(|copy| copy.link.seq == *first) {
                return Err(missing(*first));
            }
            match self.0.iter().find(|copy| copy.link.seq == last.seq) {
                None => return Err(missing(last.seq)),
                Some(copy) if copy.link.hash != last.hash => {
                    return Err(entry(last.seq, &copy.file, "the copied line was changed"));
                }
                Some(_) => {}
            }
        }
        // Copies that no entry covers yet are of files that still exist.
        let covered = anchor.map_or(0, |anchor| anchor.last.seq);
        let forged = |copy: &&Copied| copy.link.seq > covered && copy.link.seq < first;
        match self.0.iter().find(forged) {
            Some(copy) => Err(entry(copy.link.seq, &copy.file, "the copied line was added")),
            None => Ok(self.0.iter().filter(|copy| copy.link.seq < first).count()),
        }
    }
}

#[derive(Deserialize)]
struct CopiedLine {
    seq: u64,
    kept: String,
}

/// The chain up to the current line.
#[derive(Default)]
struct Chain {
    head: Option<Link>,
    first: u64,
    last: Option<(Link, PathBuf)>,
    doubt: Option<Doubt>,
    /// The last line that rotation has removed with its file.
    let_go: u64,
    /// The copies that the newest entry about that covers.
    anchor: Option<Anchor>,
}

/// The last line does not name the one before it. Either of them was changed: the last one if it gets the hash `mended`
/// by naming the one before, and the next line names that hash.
struct Doubt {
    before: Damage,
    itself: Damage,
    mended: String,
}

impl Chain {
    fn add(&mut self, bytes: &[u8], whole: bool, file: &Path) -> Result<(), Damage> {
        let fault = |seq, why| Damage::Entry { seq, file: file.to_owned(), why };
        let next = self.last.as_ref().map_or(1, |(last, _)| last.seq + 1);
        if !whole {
            return Err(fault(next, "the line is cut"));
        }
        let Ok(line) = serde_json::from_slice::<Line>(bytes) else {
            return Err(self.resolve(None).err().unwrap_or(fault(next, "the line cannot be read")));
        };
        self.resolve(Some(&line.prev))?;
        match &self.last {
            None => {
                self.first = line.seq;
                if line.seq == 0 || (line.seq == 1 && line.prev != Link::default().hash) {
                    return Err(fault(1, "the line was changed"));
                }
            }
            Some((last, _)) if line.seq != last.seq + 1 => {
                let why = match line.seq > last.seq {
                    true => "the line is missing",
                    false => "another line is in its place",
                };
                return Err(fault(next, why));
            }
            Some((last, before)) if line.prev != last.hash => {
                let why = "the line was changed";
                self.doubt = Some(Doubt {
                    before: Damage::Entry { seq: last.seq, file: before.clone(), why },
                    itself: fault(line.seq, why),
                    mended: mended(bytes, &line, last),
                });
            }
            Some(_) => {}
        }
        let link = Link::of(line.seq, bytes);
        if self.doubt.is_none()
            && let Some(head) = &self.head
            && head.seq == link.seq
            && head.hash != link.hash
        {
            return Err(fault(link.seq, "the line was changed"));
        }
        if line.action == AuditAction::AuditLetGo.name() {
            let seq = line.object.strip_prefix("up to seq ").and_then(|seq| seq.parse().ok());
            self.let_go = self.let_go.max(seq.unwrap_or_default());
            self.anchor = Anchor::of(&line).or(self.anchor.take());
        }
        self.last = Some((link, file.to_owned()));
        Ok(())
    }

    /// Resolves the doubt with the hash that the next line names.
    fn resolve(&mut self, hash: Option<&str>) -> Result<(), Damage> {
        match self.doubt.take() {
            None => Ok(()),
            Some(doubt) if hash == Some(&doubt.mended) => Err(doubt.itself),
            Some(doubt) => Err(doubt.before),
        }
    }

    fn end(mut self, state: &Path) -> Result<Option<(u64, u64)>, Damage> {
        let head = self.head.take();
        let last = self.last.take();
        let seq = last.as_ref().map_or(0, |(last, _)| last.seq);
        let hash = head.as_ref().filter(|head| head.seq == seq).map(|head| head.hash.clone());
        self.resolve(hash.as_deref())?;
        let missing = |seq| {
            let file =
                last.as_ref().map_or_else(|| state.join(log_files::FILE), |(_, file)| file.clone());
            Err(Damage::Entry { seq, file, why: "the line is missing" })
        };
        if head.is_some_and(|head| head.seq > seq) {
            return missing(seq + 1);
        }
        // Older lines were removed by rotation, or by another program.
        if self.first > 1 && self.let_go + 1 < self.first {
            return missing(self.let_go + 1);
        }
        Ok(last.map(|(last, _)| (self.first, last.seq)))
    }
}

/// The hash that a line would have if it named `last`.
fn mended(bytes: &[u8], line: &Line, last: &Link) -> String {
    let text = String::from_utf8_lossy(bytes);
    // `prev` is last in its line.
    let mended = match text.rfind(&line.prev) {
        Some(at) => format!("{}{}{}", &text[..at], last.hash, &text[at + line.prev.len()..]),
        None => text.into_owned(),
    };
    Link::of(line.seq, mended.as_bytes()).hash
}
