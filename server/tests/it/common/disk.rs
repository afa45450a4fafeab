//! A state directory on a disk of its own, which can be filled and freed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::program::{Said, run};
use super::{Spawned, Topsided, require_root, skipped};

/// A state directory on a disk of its own, which is there for as long as this is.
pub(crate) struct Disk {
    pub(crate) topsided: Topsided,
    /// Holds the mount namespace.
    holder: Child,
}

impl Disk {
    pub(crate) fn new() -> Option<Self> {
        if !require_root() {
            return None;
        }
        let topsided = Topsided::new();
        let state = topsided.path("state");
        std::fs::create_dir_all(&state).unwrap();
        let mount = "mount -t tmpfs -o size=2m,mode=700 tmpfs \"$0\" && echo up && exec cat";
        let holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", mount])
            .arg(&state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut holder) = holder else {
            skipped("unshare");
            return None;
        };
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let disk = Self { topsided, holder };
        (line == "up\n" || skipped("a mount namespace")).then_some(disk)
    }

    /// Starts the server, for which the disk is there.
    pub(crate) fn start(&self) -> Spawned {
        self.topsided.start_by(self.here())
    }

    /// Runs a verb of `topsided` to its end, for which the disk is there.
    pub(crate) fn verb(&self, args: &[&str]) -> Said {
        run(self.here().args(args))
    }

    fn here(&self) -> Command {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        let mut command = self.topsided.command_by("nsenter");
        command.arg(namespace).arg(env!("CARGO_BIN_EXE_topsided"));
        command
    }

    fn filler(&self) -> PathBuf {
        let state = self.topsided.path("state");
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(state.strip_prefix("/").unwrap()).join("filler")
    }

    /// Leaves no room for another page.
    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        while file.write_all(&[b'x'; 512]).is_ok() {}
    }

    /// Gives the room back.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
