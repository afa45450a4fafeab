//! Results: the files that a run leaves in its directory and its command declares. They are moved beside the output of the
//! run, and are kept and deleted with it.
//!
//! The program decides what stands in the directory, so nothing in it is trusted: only regular files with one name are
//! taken, each is opened relative to its directory without following links, and what was opened is what is kept. Of a
//! program that ran as another user than the server, only files of that user are taken: it may have moved others there.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, open, openat, renameat, statat};
use sha2::{Digest, Sha256};
use topside_shared::records::ResultFile;
use topside_shared::text;

use crate::base::platform;
use crate::process::run_user::RunUser;

/// Most files that one run leaves.
pub(crate) const MAX_RESULTS: usize = 100;
/// Most files and directories that are looked at, and the depth of directories.
const MAX_ENTRIES: usize = 10_000;
const MAX_DEPTH: usize = 16;
/// Bytes of one read.
const PIECE: usize = 64 * 1024;
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The results of one run.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) files: Vec<ResultFile>,
    /// Bytes that they take on the disk.
    pub(crate) disk_bytes: u64,
    /// What was not kept and why, each as one sentence.
    pub(crate) left_out: Vec<String>,
}

/// The file of a result, by its place in the row of its run.
pub(crate) fn path(results: &Path, place: usize) -> PathBuf {
    results.join(place.to_string())
}

/// Moves the files below `directory` that match one of `patterns` to the directory `into`, which must not be there. Together
/// they may have `most` bytes. `user`: the one that the program ran as, if that is not the server's own. Blocks for the disk.
pub(crate) fn collect(
    directory: &Path,
    patterns: &[Pattern],
    into: &Path,
    most: Option<u64>,
    user: Option<&RunUser>,
) -> Collected {
    let mut walk = Walk {
        patterns,
        into,
        most,
        user,
        target: None,
        device: None,
        entries: 0,
        kept: Collected::default(),
    };
    if let Err(error) = walk.root(directory) {
        walk.kept.left_out.push(format!("results of this run are missing: {error}"));
    }
    walk.kept
}

struct Walk<'a> {
    patterns: &'a [Pattern],
    into: &'a Path,
    most: Option<u64>,
    user: Option<&'a RunUser>,
    /// The directory of the results, once there is one.
    target: Option<OwnedFd>,
    device: Option<u64>,
    entries: usize,
    kept: Collected,
}

impl Walk<'_> {
    fn root(&mut self, directory: &Path) -> io::Result<()> {
        let root = open(directory, DIRECTORY, Mode::empty())?;
        let root = File::from(root);
        self.device = Some(root.metadata()?.dev());
        self.directory(&root, "", 0)
    }

    fn directory(&mut self, directory: &File, before: &str, depth: usize) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            // A name that is not UTF-8 matches no pattern.
            let name = entry.file_name().to_str().unwrap_or_default().to_owned();
            if !matches!(&*name, "" | "." | "..") {
                self.entries += 1;
                names.push(name);
            }
            if self.entries > MAX_ENTRIES {
                self.kept.left_out.push(format!(
                    "results are missing: the run has left more than {MAX_ENTRIES} files"
                ));
                return Ok(());
            }
        }
        names.sort_unstable();
        for name in names {
            let path = format!("{before}{name}");
            match self.entry(directory, &name, &path, depth) {
                // A process that goes on has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.leave_out(&path, &error.to_string()),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn entry(&mut self, directory: &File, name: &str, path: &str, depth: usize) -> io::Result<()> {
        let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory if depth < MAX_DEPTH => {
                let inner = File::from(openat(directory, name, DIRECTORY, Mode::empty())?);
                // Another file system has its own files.
                if Some(inner.metadata()?.dev()) == self.device {
                    self.directory(&inner, &format!("{path}/"), depth + 1)?;
                }
                Ok(())
            }
            FileType::Directory => Ok(()),
            _ if !self.is_result(path) => Ok(()),
            FileType::RegularFile => self.file(directory, name, path),
            FileType::Symlink => {
                self.leave_out(path, "it is a link");
                Ok(())
            }
            _ => {
                self.leave_out(path, "it is no regular file");
                Ok(())
            }
        }
    }

    fn is_result(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches_with(path, OPTIONS))
    }

    fn leave_out(&mut self, path: &str, why: &str) {
        if self.kept.left_out.len() < MAX_RESULTS {
            let path = text::quote(path, text::MAX_REASON);
            self.kept.left_out.push(format!("the result {path} is not kept: {why}"));
        }
    }

    fn file(&mut self, directory: &File, name: &str, path: &str) -> io::Result<()> {
        if self.kept.files.len() == MAX_RESULTS {
            self.leave_out(path, &format!("a run has at most {MAX_RESULTS} results"));
            return Ok(());
        }
        if path.contains(text::is_control) {
            self.leave_out(path, "its name has control characters");
            return Ok(());
        }
        // It does not wait for the other end of a pipe that has taken the place of the file.
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(openat(directory, name, flags, Mode::empty())?);
        let opened = file.metadata()?;
        // Another name may be outside, and its owner another user.
        if !opened.is_file() || opened.nlink() != 1 {
            self.leave_out(path, "it is a link to another file");
            return Ok(());
        }
        if self.user.is_some_and(|user| user.uid != opened.uid()) {
            self.leave_out(path, "it belongs to another user than the program ran as");
            return Ok(());
        }
        let sum: u64 = self.kept.files.iter().map(|file| file.size).sum();
        if self.most.is_some_and(|most| opened.len() > most.saturating_sub(sum)) {
            let why = format!(
                "it has {}, which does not fit in `keep_bytes` of [runs]",
                text::bytes(opened.len())
            );
            self.leave_out(path, &why);
            return Ok(());
        }
        let place = self.kept.files.len();
        let kept = self::path(self.into, place);
        renameat(directory, name, self.target()?, place.to_string())?;
        let moved = std::fs::symlink_metadata(&kept)?;
        if platform::file_id(&moved) != platform::file_id(&opened) {
            std::fs::remove_file(&kept)?;
            self.leave_out(path, "it was replaced at this moment");
            return Ok(());
        }
        if self.user.is_some() {
            // It counts for the server from now on.
            fchown(&file, Some(platform::own_uid()), None)?;
        }
        platform::set_mode(&kept, 0o600)?;
        let (size, sha256) = hash(file)?;
        self.kept.disk_bytes += crate::output::disk_bytes(&kept)?;
        self.kept.files.push(ResultFile { name: path.to_owned(), size, sha256 });
        Ok(())
    }

    fn target(&mut self) -> io::Result<impl AsFd> {
        let target = match self.target.take() {
            Some(target) => target,
            None => {
                platform::private_directory(self.into)?;
                open(self.into, DIRECTORY, Mode::empty())?
            }
        };
        Ok(self.target.insert(target))
    }
}

/// The size and the SHA-256 of a file, read in pieces.
fn hash(file: File) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let size = io::copy(&mut BufReader::with_capacity(PIECE, file), &mut hash)?;
    Ok((size, format!("{:x}", hash.finalize())))
}
