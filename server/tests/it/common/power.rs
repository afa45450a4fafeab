//! A power cut: the server is killed, and each file of its state is again as it was when it was last synced.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use super::{Spawned, Topsided, require};

/// Keeps the synced copies of one server's files.
pub(crate) struct Power {
    library: PathBuf,
    copies: PathBuf,
    state: PathBuf,
}

impl Power {
    /// For this server; none where no C compiler is installed.
    pub(crate) fn new(topsided: &Topsided) -> Option<Self> {
        if !require("cc") {
            return None;
        }
        let library = topsided.path("synced.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/common/synced.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        assert!(cc.status().unwrap().success());
        let copies = topsided.path("synced");
        std::fs::create_dir(&copies).unwrap();
        Some(Self { library, copies, state: topsided.path("state") })
    }

    /// Has the program that `command` starts keep copies, beside what else is loaded into it.
    pub(crate) fn on(&self, mut command: Command) -> Command {
        let mut libraries = OsString::from(&self.library);
        let before = command.get_envs().find(|(name, _)| *name == "LD_PRELOAD");
        if let Some((_, Some(other))) = before {
            libraries.push(":");
            libraries.push(other);
        }
        command.env("LD_PRELOAD", libraries).env("SYNCED_COPIES", &self.copies);
        command
    }

    /// Starts the server, and waits until it serves.
    pub(crate) fn start(&self, topsided: &Topsided) -> Spawned {
        topsided.start_by(self.on(topsided.command()))
    }

    /// Kills the server, and undoes what it has not synced.
    pub(crate) fn cut(&self, server: &mut Spawned) {
        server.kill();
        self.roll_back(&self.state);
    }

    fn roll_back(&self, directory: &Path) {
        use std::os::unix::fs::MetadataExt as _;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            // `audit.head` is never synced; its directory entry mostly is there after a power cut.
            if about.is_dir() {
                self.roll_back(&path);
            } else if about.is_file() && path.file_name().is_some_and(|name| name != "audit.head") {
                let born = about.created().map(|time| time.duration_since(UNIX_EPOCH).unwrap());
                let born = born.unwrap_or_default();
                let name = format!("{}-{}-{}", about.ino(), born.as_secs(), born.subsec_nanos());
                match std::fs::read(self.copies.join(name)) {
                    Ok(bytes) => std::fs::write(&path, bytes).unwrap(),
                    Err(_) => std::fs::remove_file(&path).unwrap(),
                }
            }
        }
    }
}
