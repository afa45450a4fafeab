//! A new file that is either complete or absent, and never replaces another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use topside_shared::dirs::Dirs;

use crate::platform;

/// Names that are tried where one is taken: `out.txt`, `out-2.txt` and so on.
const NAMES: u32 = 1000;

/// A file that is written under a temporary name. Dropping it removes it.
#[derive(Debug)]
pub(super) struct NewFile {
    dir: PathBuf,
    name: String,
    part: PathBuf,
    file: File,
}

impl NewFile {
    /// Creates it in the current directory, or else in the state directory.
    pub(super) fn create(dirs: &Dirs, name: &str) -> Result<Self, String> {
        let here = std::env::current_dir().and_then(|dir| Self::create_in(&dir, name));
        here.or_else(|_| {
            let dir = dirs.state.join("saved");
            let made = platform::create_private_dir(&dir);
            made.and_then(|()| Self::create_in(&dir, name)).map_err(|error| words(&error, &dir))
        })
    }

    fn create_in(dir: &Path, name: &str) -> io::Result<Self> {
        for nth in 1..NAMES {
            let part = dir.join(format!(".{name}.{}-{nth}.part", std::process::id()));
            let mut options = OpenOptions::new();
            match platform::private(options.write(true).create_new(true)).open(&part) {
                Ok(file) => {
                    let (dir, name) = (dir.to_owned(), name.to_owned());
                    return Ok(Self { dir, name, part, file });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|error| words(&error, &self.dir))
    }

    /// Gives the file its name; returns its path.
    pub(super) fn keep(self) -> Result<PathBuf, String> {
        // Some disks say only here that they are full.
        self.file.sync_all().map_err(|error| words(&error, &self.dir))?;
        let (stem, extension) = self.name.rsplit_once('.').unwrap_or((&self.name, "txt"));
        for nth in 1..NAMES {
            let path = self.dir.join(match nth {
                1 => self.name.clone(),
                n => format!("{stem}-{n}.{extension}"),
            });
            match self.name_it(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(words(&error, &self.dir)),
            }
        }
        let (name, dir) = (&self.name, self.dir.display());
        Err(format!("{name} and {} names like it are taken in {dir}", NAMES - 2))
    }

    /// Never replaces a file: a link fails where there is one, and a rename does not.
    fn name_it(&self, path: &Path) -> io::Result<()> {
        match fs::hard_link(&self.part, path) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
                ) =>
            {
                // A file system without links: the name is taken first, then the complete file replaces it.
                let mut options = OpenOptions::new();
                platform::private(options.write(true).create_new(true)).open(path)?;
                fs::rename(&self.part, path).inspect_err(|_| drop(fs::remove_file(path)))
            }
            linked => linked,
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.part);
    }
}

/// Why a file cannot be written, as the end of a sentence.
fn words(error: &io::Error, dir: &Path) -> String {
    let dir = dir.display();
    match error.kind() {
        io::ErrorKind::StorageFull => format!("the disk of {dir} is full"),
        io::ErrorKind::QuotaExceeded => format!("your quota on the disk of {dir} is used up"),
        io::ErrorKind::FileTooLarge => format!("it is larger than a file in {dir} may be"),
        _ => format!("{dir} cannot be written to: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(dir: &Path, text: &str) -> PathBuf {
        let mut file = NewFile::create_in(dir, "out.txt").unwrap();
        file.write(text.as_bytes()).unwrap();
        file.keep().unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_is_there_is_never_written_over_and_its_part_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (save(dir.path(), "one"), save(dir.path(), "two"));
        assert_eq!(fs::read_to_string(first).unwrap(), "one");
        assert_eq!(second.file_name().unwrap(), "out-2.txt");
        assert_eq!(names(dir.path()), ["out-2.txt", "out.txt"]);
    }

    #[test]
    fn no_other_user_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mode = fs::metadata(save(dir.path(), "one")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = NewFile::create_in(dir.path(), "out.txt").unwrap();
        file.write(b"half").unwrap();
        assert!(!dir.path().join("out.txt").exists(), "not before it is whole");
        drop(file);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn where_every_name_is_taken_that_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        for nth in 2..NAMES {
            fs::write(dir.path().join(format!("out-{nth}.txt")), "").unwrap();
        }
        fs::write(dir.path().join("out.txt"), "").unwrap();
        let file = NewFile::create_in(dir.path(), "out.txt").unwrap();
        let why = file.keep().unwrap_err();
        assert!(why.starts_with("out.txt and 998 names like it are taken in "), "{why}");
        assert_eq!(names(dir.path()).len(), 999);
    }

    #[test]
    fn a_full_disk_is_reported_in_words() {
        let error = io::Error::from_raw_os_error(28);
        assert_eq!(words(&error, Path::new("/home/ann")), "the disk of /home/ann is full");
    }
}
