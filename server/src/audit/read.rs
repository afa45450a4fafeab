//! Reading the audit log, while a server writes it or not: line by line, and whether its chain is whole.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::LET_GO;
use super::chain::Link;
use super::entry::Line;
use super::files;

/// How often, and how far apart, a log is read again that changed while it was read.
const TIMES: u32 = 5;
const APART: Duration = Duration::from_millis(50);

/// What a sound log holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its first and last entry; none: it holds nothing.
    pub(crate) entries: Option<(u64, u64)>,
    /// In so many files.
    pub(crate) files: usize,
}

/// The first entry that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seq {seq} in {}: {why}", file.display())]
pub(crate) struct Fault {
    /// Its number.
    pub(crate) seq: u64,
    pub(crate) file: PathBuf,
    pub(crate) why: &'static str,
}

/// An opened file of the log.
struct Opened {
    path: PathBuf,
    file: File,
}

/// The log's files, oldest first. The one that grows is opened before the others are looked for: where it
/// is closed meanwhile, it is found twice, not missed.
fn open(state: &Path) -> io::Result<Vec<Opened>> {
    let growing = files::open_to_read(state)?;
    let number = growing.as_ref().map(|file| file.metadata().map(|data| data.ino())).transpose()?;
    let mut opened = Vec::new();
    for closed in files::closed(state)? {
        // One that is not there has been let go meanwhile.
        let Some(file) = files::if_there(File::open(&closed.path))? else { continue };
        if Some(file.metadata()?.ino()) != number {
            opened.push(Opened { path: closed.path, file });
        }
    }
    opened.extend(growing.map(|file| Opened { path: state.join(files::FILE), file }));
    Ok(opened)
}

/// Gives each line, without its ending, to `take`, with its file, until that has enough; whether it ends as it
/// should is told with it.
///
/// # Errors
/// What the system said.
pub(crate) fn each_line(
    state: &Path,
    mut take: impl FnMut(&[u8], bool, &Path) -> bool,
) -> io::Result<usize> {
    let opened = open(state)?;
    let files = opened.len();
    let mut line = Vec::new();
    for Opened { path, file } in opened {
        let mut reader = BufReader::new(file);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let whole = line.last() == Some(&b'\n');
            if whole {
                line.pop();
            }
            if !take(&line, whole, &path) {
                return Ok(files);
            }
        }
    }
    Ok(files)
}

/// Follows the chain from the first line that is kept to the last.
///
/// # Errors
/// What the system said.
pub(crate) fn verify(state: &Path) -> io::Result<Result<Found, Fault>> {
    let mut times = 1;
    loop {
        let found = follow(state)?;
        // A line may have been half written, or a file closed, as it was read.
        if found.is_ok() || times == TIMES {
            return Ok(found);
        }
        times += 1;
        std::thread::sleep(APART);
    }
}

fn follow(state: &Path) -> io::Result<Result<Found, Fault>> {
    // First, so that no later line can be missed.
    let head = files::head(state);
    let mut chain = Chain { head, ..Chain::default() };
    let mut fault = None;
    let files = each_line(state, |line, whole, file| {
        fault = chain.add(line, whole, file).err();
        fault.is_none()
    })?;
    Ok(match fault {
        Some(fault) => Err(fault),
        None => chain.end(state).map(|entries| Found { entries, files }),
    })
}

/// The chain up to some line.
#[derive(Default)]
struct Chain {
    head: Option<Link>,
    first: u64,
    last: Option<(Link, PathBuf)>,
    /// The last line does not follow the one before it. That one was changed, unless the last would have this
    /// hash, had it named that one.
    doubt: Option<Doubt>,
    /// Up to which line files were let go.
    let_go: u64,
}

struct Doubt {
    before: Fault,
    itself: Fault,
    mended: String,
}

impl Chain {
    fn add(&mut self, bytes: &[u8], whole: bool, file: &Path) -> Result<(), Fault> {
        let fault = |seq, why| Fault { seq, file: file.to_owned(), why };
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
                    before: Fault { seq: last.seq, file: before.clone(), why },
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
        if line.action == LET_GO {
            let seq = line.object.strip_prefix("up to seq ").and_then(|seq| seq.parse().ok());
            self.let_go = self.let_go.max(seq.unwrap_or_default());
        }
        self.last = Some((link, file.to_owned()));
        Ok(())
    }

    /// Says which line was changed, now that the hash is known that the later one had.
    fn resolve(&mut self, hash: Option<&str>) -> Result<(), Fault> {
        match self.doubt.take() {
            None => Ok(()),
            Some(doubt) if hash == Some(&doubt.mended) => Err(doubt.itself),
            Some(doubt) => Err(doubt.before),
        }
    }

    fn end(mut self, state: &Path) -> Result<Option<(u64, u64)>, Fault> {
        let head = self.head.take();
        let last = self.last.take();
        let seq = last.as_ref().map_or(0, |(last, _)| last.seq);
        let hash = head.as_ref().filter(|head| head.seq == seq).map(|head| head.hash.clone());
        self.resolve(hash.as_deref())?;
        let file = |last: &Option<(Link, PathBuf)>| {
            last.as_ref().map_or_else(|| state.join(files::FILE), |(_, file)| file.clone())
        };
        if head.is_some_and(|head| head.seq > seq) {
            return Err(Fault { seq: seq + 1, file: file(&last), why: "the line is missing" });
        }
        // What is older was let go, or somebody took it away.
        if self.first > 1 && self.let_go + 1 < self.first {
            let seq = self.let_go + 1;
            return Err(Fault { seq, file: file(&last), why: "the line is missing" });
        }
        Ok(last.map(|(last, _)| (self.first, last.seq)))
    }
}

/// The hash that a line would have, had it named `last`.
fn mended(bytes: &[u8], line: &Line, last: &Link) -> String {
    let text = String::from_utf8_lossy(bytes);
    // `prev` is last in its line.
    let mended = match text.rfind(&line.prev) {
        Some(at) => format!("{}{}{}", &text[..at], last.hash, &text[at + line.prev.len()..]),
        None => text.into_owned(),
    };
    Link::of(line.seq, mended.as_bytes()).hash
}
