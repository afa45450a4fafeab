//! A cgroup in which the number of processes and threads is limited.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::{DEADLINE, require_root, skipped};

/// Such a cgroup; what is left in it is killed when this is dropped.
pub(crate) struct Pids(PathBuf);

impl Pids {
    /// None where the tests cannot make one.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !require_root() {
            return None;
        }
        let root = Path::new("/sys/fs/cgroup");
        let old = root.join("pids");
        let parent = if old.is_dir() { old } else { root.to_path_buf() };
        // In the old hierarchy there is no such file.
        let _ = std::fs::write(parent.join("cgroup.subtree_control"), "+pids");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("topside-test-{}-{number}", std::process::id()));
        if std::fs::create_dir(&path).is_err() {
            skipped("a cgroup");
            return None;
        }
        let pids = Self(path);
        (pids.0.join("pids.max").is_file() || skipped("the pids controller")).then_some(pids)
    }

    /// Puts a process into it; what that starts from then on is in it, too.
    pub(crate) fn add(&self, pid: u32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    /// Allows so many processes and threads; none: any number.
    pub(crate) fn limit(&self, most: Option<u32>) {
        let most = most.map_or_else(|| "max".to_owned(), |most| most.to_string());
        std::fs::write(self.0.join("pids.max"), most).unwrap();
    }

    /// The same command, which starts in it.
    pub(crate) fn start(&self, command: Command) -> Command {
        let mut inside = Command::new("/bin/sh");
        inside.args(["-c", "echo $$ > \"$0\"/cgroup.procs; exec \"$@\""]).arg(&self.0);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap_or_default());
        }
        inside.stdin(std::process::Stdio::null());
        inside
    }
}

impl Drop for Pids {
    fn drop(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while std::fs::remove_dir(&self.0).is_err() && Instant::now() < deadline {
            let left = std::fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
            for pid in left.lines().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(super::PAUSE);
        }
    }
}
