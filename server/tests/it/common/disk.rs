//! A state directory on a disk of its own, which can be filled and freed.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::mount_namespace::MountNamespace;
use super::program::{Said, run};
use super::{Spawned, Topsided, require_root};

/// A state directory on a disk of its own, which is there for as long as this is.
pub(crate) struct Disk {
    namespace: MountNamespace,
    pub(crate) topsided: Topsided,
}

impl Disk {
    pub(crate) fn new() -> Option<Self> {
        if !require_root() {
            return None;
        }
        let topsided = Topsided::new();
        let state = topsided.path("state");
        std::fs::create_dir_all(&state).unwrap();
        let mount = "mount -t tmpfs -o size=2m,mode=700 tmpfs \"$0\"";
        Some(Self { namespace: MountNamespace::new(mount, &state)?, topsided })
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
        let mut command = self.topsided.command_by("nsenter");
        command.arg(self.namespace.argument()).arg(env!("CARGO_BIN_EXE_topsided"));
        command
    }

    fn filler(&self) -> PathBuf {
        let state = self.topsided.path("state");
        self.namespace.path(state.strip_prefix("/").unwrap()).join("filler")
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
