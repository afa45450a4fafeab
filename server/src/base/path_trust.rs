//! Owners and permissions of what the server trusts: a file or a program, every link on the way to it, and every directory
//! above it. Each must belong to root or to the server's own user, and only these may be able to change it.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use topside_shared::cmdline::quote;
use topside_shared::dirs::Dirs;

use crate::base::accounts::Accounts;
use crate::base::platform;

const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;
const OWNER_READ: u32 = 0o400;
const GROUP_READ: u32 = 0o040;
const OTHER_READ: u32 = 0o004;
const STICKY: u32 = 0o1000;
/// Links that are followed at most, as in the kernel.
const MAX_LINKS: usize = 40;

/// The user, beside root, that the server trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trust {
    uid: u32,
    /// The user that a program runs as, if it is another.
    run_as: Option<u32>,
}

/// What the server does with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    /// A program that it runs. A group may write the directories above it: on some systems `/usr/local` belongs to the
    /// administrators' group.
    Program,
    Directory,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Whether it is about a directory above the path, or a link to it.
    pub(crate) above: bool,
    /// The reason, with the command that corrects it.
    pub(crate) text: String,
}

impl Trust {
    pub(crate) fn of_this_process() -> Self {
        Self { uid: platform::own_uid(), run_as: None }
    }

    /// The user of a server with these directories: the packaged one has its own, which root checks for.
    pub(crate) fn of_server(dirs: &Dirs) -> Self {
        if *dirs == Dirs::system() { Self::of_state(&dirs.state) } else { Self::of_this_process() }
    }

    /// The user of the server with this state directory, which root may inspect.
    pub(crate) fn of_state(state: &Path) -> Self {
        match (platform::own_uid(), platform::owner_and_mode(state)) {
            (0, Ok((uid, _))) => Self { uid, run_as: None },
            _ => Self::of_this_process(),
        }
    }

    /// The same for what runs only as the user with this number, who may change it.
    pub(crate) fn of_run_as(self, uid: u32) -> Self {
        Self { run_as: Some(uid), ..self }
    }

    /// The server's user, if that is not root.
    pub(crate) fn unprivileged_user(self) -> Option<String> {
        (self.uid != 0).then(|| platform::user_name(self.uid))
    }

    fn includes(self, uid: u32) -> bool {
        uid == 0 || uid == self.uid || Some(uid) == self.run_as || platform::stands_for_root(uid)
    }

    /// Why an opened file is not trusted, apart from its directories.
    pub(crate) fn file(self, path: &Path, meta: &Metadata) -> Vec<Fault> {
        PathChecks::new(self).file(path, meta)
    }

    /// Why an opened file cannot hold a secret: other users may read it, or the server's user may not. A group may read it
    /// which has no member but the owner, or none but the server's user.
    pub(crate) fn secret_complaint(self, path: &Path, meta: &Metadata) -> Option<String> {
        let (mode, accounts) = (meta.mode(), Accounts::read());
        let is_own_group = accounts.is_private(self.uid, meta.gid());
        let by_group =
            mode & GROUP_READ != 0 && !is_own_group && !accounts.is_private(meta.uid(), meta.gid());
        let path = path.display().to_string();
        let quoted = quote(&path);
        let (who, change) = match (by_group, mode & OTHER_READ != 0) {
            (_, true) => ("every user", "go-r"),
            (true, false) => ("its group", "g-r"),
            (false, false) => {
                let is_readable = self.uid == 0
                    || (meta.uid() == self.uid && mode & OWNER_READ != 0)
                    || (is_own_group && mode & GROUP_READ != 0);
                let user = platform::user_name(self.uid);
                return (!is_readable).then(|| {
                    format!("the user {user} cannot read {path}: run `chown {user} {quoted}`")
                });
            }
        };
        Some(format!("{path} may be read by {who}: run `chmod {change} {quoted}`"))
    }

    /// Why `path` is not trusted, as [`PathChecks::faults`] says.
    pub(crate) fn faults(self, path: &Path, kind: Kind) -> Vec<Fault> {
        PathChecks::new(self).faults(path, kind)
    }

    /// Why an entry of a directory is not trusted, by its owner only.
    pub(crate) fn owner_fault(self, path: &Path) -> Option<Fault> {
        let meta = path.symlink_metadata().ok()?;
        self.owner_complaint(path, &meta).map(|text| Fault { above: false, text })
    }

    fn owner_complaint(self, path: &Path, meta: &Metadata) -> Option<String> {
        (!self.includes(meta.uid())).then(|| self.belongs(path, meta, "chown"))
    }

    fn belongs(self, path: &Path, meta: &Metadata, chown: &str) -> String {
        let path = path.display().to_string();
        let owner = match platform::user_name(meta.uid()) {
            name if name == meta.uid().to_string() => format!("the user with the number {name}"),
            name => format!("the user {name}"),
        };
        let user = platform::user_name(self.uid);
        let sudo = if platform::own_uid() == 0 { "" } else { "sudo " };
        format!(
            "{path} belongs to {owner}, who may change it: run `{sudo}{chown} {user} {}`",
            quote(&path)
        )
    }
}

/// Checks of the paths that one load of the configuration names. Each file, directory and link is read once, so that the
/// cost does not grow with the number of paths through one directory. The checks of the next load read all of them again.
#[derive(Debug)]
pub(crate) struct PathChecks {
    trust: Trust,
    /// None: it does not exist or cannot be read.
    entries: RefCell<HashMap<PathBuf, Option<Metadata>>>,
    /// Whether a group is private to a user, by their numbers.
    private_groups: RefCell<HashMap<(u32, u32), bool>>,
}

impl PathChecks {
    pub(crate) fn new(trust: Trust) -> Self {
        Self { trust, entries: RefCell::default(), private_groups: RefCell::default() }
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }

    /// Why `path` is not trusted: everything on the way to it, and itself, that others may change. The check ends at a part
    /// that does not exist or cannot be read.
    pub(crate) fn faults(&self, path: &Path, kind: Kind) -> Vec<Fault> {
        let mut faults = Vec::new();
        let Ok(path) = std::path::absolute(path) else { return faults };
        let mut left = parts(&path);
        let mut here = PathBuf::from("/");
        let mut links = 0;
        while let Some(holder) = self.entry(&here) {
            let is_end = left.is_empty();
            faults.extend(self.directory(&here, &holder, kind, is_end));
            let Some(part) = left.pop_front() else { break };
            if part == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&part);
            let Some(meta) = self.entry(&next) else { break };
            if meta.is_symlink() {
                links += 1;
                let Ok(target) = next.read_link() else { break };
                if links > MAX_LINKS {
                    break;
                }
                // In other directories only their owner can replace the link.
                if holder.mode() & OTHER_WRITE != 0 && !self.trust.includes(meta.uid()) {
                    let text = self.trust.belongs(&next, &meta, "chown -h");
                    faults.push(Fault { above: true, text });
                }
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                let rest = std::mem::replace(&mut left, parts(&target));
                left.extend(rest);
            } else if meta.is_dir() {
                here = next;
            } else {
                faults.extend(self.file(&next, &meta));
                break;
            }
        }
        let mut reported = std::collections::HashSet::new();
        faults.retain(|fault| reported.insert(fault.text.clone()));
        faults
    }

    /// The entry at `path`, where a link is not followed.
    fn entry(&self, path: &Path) -> Option<Metadata> {
        if let Some(known) = self.entries.borrow().get(path) {
            return known.clone();
        }
        let found = path.symlink_metadata().ok();
        self.entries.borrow_mut().insert(path.to_owned(), found.clone());
        found
    }

    fn file(&self, path: &Path, meta: &Metadata) -> Vec<Fault> {
        let fault = |text| Fault { above: false, text };
        let mode = self.writers(path, meta, true);
        self.trust.owner_complaint(path, meta).into_iter().chain(mode).map(fault).collect()
    }

    fn directory(&self, path: &Path, meta: &Metadata, kind: Kind, is_end: bool) -> Vec<Fault> {
        // In a sticky directory, such as /tmp, others cannot replace an entry that is not theirs; its owner is checked
        // with the entry. They can add entries.
        let sticky = meta.mode() & STICKY != 0 && !(is_end && kind == Kind::Directory);
        let mode = if sticky { None } else { self.writers(path, meta, kind != Kind::Program) };
        let above = !(is_end && kind == Kind::Directory);
        let faults = self.trust.owner_complaint(path, meta).into_iter().chain(mode);
        faults.map(|text| Fault { above, text }).collect()
    }

    /// Whether the group of this file or directory is the private group of its owner.
    fn is_private(&self, meta: &Metadata) -> bool {
        let (uid, gid) = (meta.uid(), meta.gid());
        let mut known = self.private_groups.borrow_mut();
        *known.entry((uid, gid)).or_insert_with(|| Accounts::read().is_private(uid, gid))
    }

    /// Which users beside the owner may write this, as a sentence; the owner's private group does not count.
    fn writers(&self, path: &Path, meta: &Metadata, by_group: bool) -> Option<String> {
        let mode = meta.mode();
        let other = mode & OTHER_WRITE != 0;
        let group = by_group && mode & GROUP_WRITE != 0 && !self.is_private(meta);
        let (who, change) = match (group, other) {
            (false, false) => return None,
            (true, false) => ("its group", "g-w"),
            (false, true) => ("every user", "o-w"),
            (true, true) => ("every user", "go-w"),
        };
        let path = path.display().to_string();
        Some(format!("{path} may be written by {who}: run `chmod {change} {}`", quote(&path)))
    }
}

/// The components of a path, without root and `.`.
fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_load_reads_a_directory_once_and_the_next_load_reads_it_again() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let files = ["one", "two"].map(|name| place.join(name));
        for file in &files {
            std::fs::write(file, "").unwrap();
        }
        let checks = PathChecks::new(Trust::of_this_process());
        assert_eq!(checks.faults(&files[0], Kind::File), []);
        set(&place, 0o777);
        assert_eq!(checks.faults(&files[1], Kind::File), [], "the directory was read before");
        let next = PathChecks::new(Trust::of_this_process());
        assert_eq!(next.faults(&files[1], Kind::File).len(), 1);
    }

    #[test]
    fn each_directory_and_link_on_the_way_counts() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let (open, inner) = (place.join("open"), place.join("open/inner"));
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir(place.join("links")).unwrap();
        std::fs::write(inner.join("file"), "").unwrap();
        symlink("../open/inner", place.join("links/relative")).unwrap();
        symlink(&inner, place.join("links/absolute")).unwrap();
        let trust = Trust::of_this_process();
        let paths = ["open/inner/file", "links/relative/file", "links/absolute/../inner/file"];
        for way in paths.map(|way| place.join(way)) {
            set(&open, 0o755);
            assert_eq!(trust.faults(&way, Kind::File), [], "{}", way.display());
            set(&open, 0o777);
            let text =
                format!("{0} may be written by every user: run `chmod o-w {0}`", open.display());
            let texts: Vec<_> =
                trust.faults(&way, Kind::File).into_iter().map(|f| f.text).collect();
            assert!(texts[0].starts_with(&text.replace("o-w", "")[..20]), "{texts:?}");
            assert_eq!(texts.len(), 1, "{texts:?}");
            // Others cannot replace what is not theirs.
            set(&open, 0o1777);
            assert_eq!(trust.faults(&way, Kind::File), [], "{}", way.display());
        }
        assert_eq!(trust.faults(&open, Kind::Directory).len(), 1, "they can add entries");
        set(&open, 0o755);
        symlink("loop", place.join("loop")).unwrap();
        assert_eq!(trust.faults(&place.join("loop"), Kind::File), []);
    }
}
