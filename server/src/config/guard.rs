//! Who besides the owner may write a file that the server obeys: its configuration, and each program
//! of the menu.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::mistakes::{FileErrors, Position};

const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Why `path` cannot be trusted, with the command that mends it; none where only its owner (and the
/// owner's private group) may write it.
pub(crate) fn fault(path: &Path, meta: &Metadata) -> Option<String> {
    let mode = meta.mode();
    // In a sticky directory, such as /tmp, nobody can replace what another owns.
    if meta.is_dir() && mode & STICKY != 0 {
        return None;
    }
    let other = mode & OTHER_WRITE != 0;
    let group = mode & GROUP_WRITE != 0 && !Accounts::read().private(meta.uid(), meta.gid());
    let (who, what) = match (group, other) {
        (false, false) => return None,
        (true, false) => ("its group", "g-w"),
        (false, true) => ("everybody", "o-w"),
        (true, true) => ("everybody", "go-w"),
    };
    let path = path.display().to_string();
    Some(format!("{path} may be written by {who}: run `chmod {what} {}`", quoted(&path)))
}

/// Why a program in this place cannot be trusted, with the command that mends it: everybody may put another one
/// there. A group may: on some systems that of `/usr/local` belongs to the administrators.
pub(crate) fn directory_fault(program: &Path) -> Option<String> {
    let directory = program.parent()?;
    let mode = directory.metadata().ok()?.mode();
    let open = mode & OTHER_WRITE != 0 && mode & STICKY == 0;
    let path = directory.display().to_string();
    let mend = quoted(&path);
    open.then(|| {
        format!("its directory {path} may be written by everybody: run `chmod o-w {mend}`")
    })
}

/// The text of a file that others cannot write, called `what` in messages; none where there is no
/// such file.
///
/// # Errors
/// Why the file cannot be obeyed.
pub(crate) fn read(path: &Path, what: &str) -> Result<Option<String>, FileErrors> {
    let file = path.display().to_string();
    let fail = |message: String| FileErrors::one(&file, None, message);
    let cannot = |error: std::io::Error| fail(format!("{what} cannot be read: {error}"));

    let mut opened = match File::open(path) {
        Ok(opened) => opened,
        // A link to nowhere is a mistake; no file at all is not.
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    // What is judged is what was opened, whatever the name points to by now.
    let meta = opened.metadata().map_err(cannot)?;
    if !meta.is_file() {
        return Err(fail(format!("{what} must be a plain file")));
    }
    let real = path.canonicalize().map_err(cannot)?;
    if let Some(fault) = fault(&real, &meta) {
        return Err(fail(format!("{what} is refused: {fault}")));
    }
    for entry in [path, &real] {
        let directory = match entry.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let meta = directory.metadata().map_err(cannot)?;
        if let Some(fault) = fault(directory, &meta) {
            return Err(fail(format!("{what} is refused, for its directory {fault}")));
        }
    }
    let mut bytes = Vec::new();
    opened.read_to_end(&mut bytes).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let lossy = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let at = Position::of(&lossy, valid);
        FileErrors::one(&file, Some(at), format_args!("{what} must be UTF-8, and this byte is not"))
    })?;
    Ok(Some(text))
}

/// The files with this extension in a directory that others cannot write, sorted by name; none where
/// there is no such directory. Hidden ones are left out: editors keep their own so. `what` they are
/// parts of is said in messages.
///
/// # Errors
/// Why the directory cannot be obeyed.
pub(crate) fn list(
    directory: &Path,
    extension: &str,
    what: &str,
) -> Result<Vec<PathBuf>, FileErrors> {
    let name = directory.display().to_string();
    let fail = |message: String| FileErrors::one(&name, None, message);
    let cannot = |error: std::io::Error| fail(format!("{what} cannot be read: {error}"));

    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound && !directory.is_symlink() => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(cannot(error)),
    };
    // An empty one too: whoever may write it may add to the menu. So may whoever can put another
    // directory in its place.
    let real = directory.canonicalize().map_err(cannot)?;
    let above = [directory, &real].map(|path| path.parent().unwrap_or(path));
    for path in [real.as_path(), above[0], above[1]] {
        let meta = path.metadata().map_err(cannot)?;
        if let Some(fault) = fault(path, &meta) {
            return Err(fail(format!("{what} is refused, for the directory {fault}")));
        }
    }
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(cannot)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        if !hidden && path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// `text` as a shell reads it as one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The machine's own lists of accounts and groups. Accounts of a directory service are not in them;
/// a group that they share is then known by its number, which differs from the owner's.
#[derive(Debug, Default)]
struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    fn read() -> Self {
        let read = |path| {
            std::fs::read(path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .unwrap_or_default()
        };
        Self { passwd: read("/etc/passwd"), group: read("/etc/group") }
    }

    /// Whether `gid` is the group of `uid` and of nobody else.
    fn private(&self, uid: u32, gid: u32) -> bool {
        let mut owner = None;
        let mut shared = false;
        let mut own = None;
        for line in self.passwd.lines() {
            let mut fields = line.split(':');
            let (name, id, primary) = (fields.next(), fields.nth(1), fields.next());
            let (Some(name), Some(id), Some(primary)) = (name, number(id), number(primary)) else {
                continue;
            };
            if id == uid {
                owner = Some(name);
                own = Some(primary);
            } else if primary == gid {
                shared = true;
            }
        }
        let members = self
            .group
            .lines()
            .filter(|line| number(line.split(':').nth(2)) == Some(gid))
            .flat_map(|line| line.split(':').nth(3).unwrap_or_default().split(','))
            .map(str::trim)
            .filter(|member| !member.is_empty());
        !shared && own.unwrap_or(uid) == gid && members.into_iter().all(|name| Some(name) == owner)
    }
}

fn number(field: Option<&str>) -> Option<u32> {
    field?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(passwd: &str, group: &str) -> Accounts {
        Accounts { passwd: passwd.to_owned(), group: group.to_owned() }
    }

    #[test]
    fn a_group_that_only_its_owner_is_in_is_private() {
        let a = accounts(
            "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
            "ann:x:1000:ann\nstaff:x:50:\n",
        );
        assert!(a.private(1000, 1000));
        assert!(a.private(0, 0));
        assert!(!a.private(1000, 50), "another group");
        assert!(a.private(1234, 1234), "an account that is not listed has the group of its number");
        assert!(!a.private(1234, 50));
    }

    #[test]
    fn a_group_with_somebody_else_in_it_is_not_private() {
        let member = accounts("ann:x:1000:1000::/:/bin/sh\n", "ann:x:1000:ann,bob\n");
        assert!(!member.private(1000, 1000));
        let primary = accounts("ann:x:1000:100::/:/b\nbob:x:1001:100::/:/b\n", "users:x:100:\n");
        assert!(!primary.private(1000, 100));
    }

    #[test]
    fn a_path_is_quoted_only_where_a_shell_would_break_it() {
        assert_eq!(quoted("/opt/a-b.sh"), "/opt/a-b.sh");
        assert_eq!(quoted("/opt/it's $HOME"), r"'/opt/it'\''s $HOME'");
    }
}
