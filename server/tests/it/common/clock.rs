//! A wall clock that jumps while the server runs.

use std::path::PathBuf;
use std::process::Command;

use super::program::run;
use super::{Topsided, require};

/// The clock of one server.
pub(crate) struct Clock {
    library: String,
    file: PathBuf,
}

impl Clock {
    /// None where `faketime` is not installed.
    pub(crate) fn new(topsided: &Topsided) -> Option<Self> {
        if !require("faketime") {
            return None;
        }
        // Not by the program `faketime` itself, which would stand between the test and the server.
        let library = run(Command::new("faketime").args(["-f", "+0d", "printenv", "LD_PRELOAD"]));
        let clock =
            Self { library: library.stdout.trim().to_owned(), file: topsided.path("clock") };
        clock.set("+0");
        Some(clock)
    }

    /// Has the program that `command` starts use this clock.
    pub(crate) fn on(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        command
    }

    /// From now on the clock is so far off.
    pub(crate) fn set(&self, offset: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{offset}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }
}
