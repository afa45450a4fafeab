//! Control groups for runs, if the server's own was delegated to it (systemd's `Delegate=yes`, cgroup v2): `run-N` below it
//! holds every process of run N, also one with another session or environment.
//!
//! The server stays in its group: only a group that enables controllers for its children may have no processes of its own,
//! and this one enables none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, getxattr};
use rustix::process::Pid;
use topside_shared::RunId;

use crate::base::platform::{self, ProcessInfo};

/// The marks of a delegated group: systemd sets them, and a person can.
const MARKS: [&str; 2] = ["user.delegate", "trusted.delegate"];

/// The server's own group, which it may divide.
#[derive(Debug, Clone)]
pub(crate) struct Delegated(PathBuf);

#[derive(Debug, Clone)]
pub(crate) struct Cgroup(PathBuf);

impl Delegated {
    /// The server's own group, if it is delegated.
    pub(crate) fn find() -> Option<Self> {
        let found = own().ok_or("there is no cgroup v2").and_then(|own| {
            let is_marked = |mark: &&str| {
                let mut value = [0; 8];
                getxattr(&own, *mark, &mut value).is_ok_and(|length| value[..length] == *b"1")
            };
            if !MARKS.iter().any(is_marked) {
                return Err("it is not delegated");
            }
            let writes = access(own.join("cgroup.procs"), Access::WRITE_OK);
            writes.map_err(|_| "it may not be written")?;
            Ok(own)
        });
        match found {
            Ok(own) => {
                tracing::debug!(target: "topside", cgroup = %own.display(), "each run gets a cgroup");
                Some(Self(own))
            }
            Err(why) => {
                tracing::debug!(target: "topside", why, "runs get no cgroups");
                None
            }
        }
    }

    /// The group of a run, which may not exist.
    pub(crate) fn of(&self, run: RunId) -> Cgroup {
        Cgroup(self.0.join(format!("run-{}", run.0)))
    }

    pub(crate) fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.0) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("run-"));
            if number.is_some_and(|number| number.parse::<u64>().is_ok()) {
                // It may hold processes that a run has left behind on purpose.
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

impl Cgroup {
    /// Makes it for a child that was just started and not waited for, and for the descendants of that. If the parent of a
    /// process ends before the process is moved, the process stays in the server's own group. The orphans there that were
    /// started since the child are returned.
    pub(crate) fn add_tree(&self, first: u32) -> io::Result<Vec<ProcessInfo>> {
        match fs::create_dir(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => self.add(first)?,
        }
        self.add_children(first);
        Ok(self.orphans(first))
    }

    /// Orphans in the server's group that are not older than `first`.
    fn orphans(&self, first: u32) -> Vec<ProcessInfo> {
        let (Some(first), Some(above)) = (platform::process(first), self.0.parent()) else {
            return Vec::new();
        };
        let inside = Self(above.to_owned()).processes();
        let listed = inside.iter().filter_map(|pid| platform::process(platform::number(*pid)));
        let is_orphan = |process: &ProcessInfo| {
            process.pid != rustix::process::getpid()
                && process.start >= first.start
                && !process.parent.is_some_and(|parent| inside.contains(&parent))
        };
        listed.filter(is_orphan).collect()
    }

    fn add_children(&self, first: u32) {
        let Some(first) = i32::try_from(first).ok().and_then(Pid::from_raw) else { return };
        let mut inside = vec![first];
        while platform::newest_process() != Some(platform::number(first)) {
            let before = inside.len();
            for process in platform::processes() {
                let is_child = process.parent.is_some_and(|parent| inside.contains(&parent));
                if is_child && !inside.contains(&process.pid) {
                    inside.push(process.pid);
                    // It may have ended by itself.
                    let _ = self.add(platform::number(process.pid));
                }
            }
            if inside.len() == before {
                break;
            }
        }
    }

    fn add(&self, pid: u32) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), pid.to_string())
    }

    pub(crate) fn processes(&self) -> Vec<Pid> {
        let listed = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        listed.lines().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
    }

    /// Kills all its processes at once, if the system can (Linux 5.14); else the caller does, one by one.
    pub(crate) fn kill(&self) {
        // Older systems have no such file.
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }

    pub(crate) fn remove(&self) {
        // The next start tries again.
        let _ = fs::remove_dir(&self.0);
    }
}

/// The directory of this process's group, if cgroup v2 is mounted.
fn own() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    own_in(&mounts, Path::new(own))
}

fn own_in(mounts: &str, own: &Path) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let below = own.strip_prefix(root).ok()?;
        kind.starts_with("cgroup2 ").then(|| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_below_the_mounted_part_of_all_groups() {
        let mounts = "22 1 0:20 / / rw - ext4 /dev/sda rw\n\
                      31 24 0:27 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup none rw,cpu\n\
                      30 24 0:26 /pod /sys/fs/cgroup rw,relatime shared:9 - cgroup2 none rw\n";
        let own = |path: &str| own_in(mounts, Path::new(path));
        assert_eq!(own("/pod/topsided.service"), Some("/sys/fs/cgroup/topsided.service".into()));
        assert_eq!(own("/pod"), Some("/sys/fs/cgroup".into()));
        assert_eq!(own("/podium"), None);
        assert_eq!(own_in("", Path::new("/")), None);
    }
}
