//! A named pipe: programs say through it that they have come to a place, wait in it to be let on,
//! and show by its end that none of them lives any more.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::DEADLINE;

/// See the module.
pub(crate) struct Fifo {
    path: PathBuf,
    /// The reading end, opened before any program can open the other.
    reader: File,
    /// The writing end, once the gate was opened.
    writer: Option<File>,
}

impl Fifo {
    /// A new pipe in `directory`.
    pub(crate) fn new(directory: &Path, name: &str) -> Self {
        let path = directory.join(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(&path).unwrap();
        Self { path, reader, writer: None }
    }

    /// Its path, for a script.
    pub(crate) fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Waits for a whole line that a program wrote.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            assert_eq!(self.read(&mut byte), 1, "the programs ended after {line:?}");
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Waits until every program that had the pipe open has ended.
    pub(crate) fn all_gone(&mut self) {
        let mut bytes = [0; 4096];
        while self.read(&mut bytes) > 0 {}
    }

    /// Lets one program go on that waits, or will wait, by reading a line of the pipe.
    pub(crate) fn open(&mut self) {
        // It stays open: a program that comes later would else wait for a writer.
        let mut writer = OpenOptions::new().write(true).open(&self.path).unwrap();
        writer.write_all(b"\n").unwrap();
        self.writer = Some(writer);
    }

    fn read(&mut self, bytes: &mut [u8]) -> usize {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: 0 };
            let mut fds = [PollFd::new(&self.reader, PollFlags::IN)];
            let ready = match poll(&mut fds, Some(&left)) {
                // The end of a program that the server of this process runs.
                Err(rustix::io::Errno::INTR) => continue,
                ready => ready.unwrap(),
            };
            assert!(ready > 0, "nothing happened at {}", self.path.display());
            match self.reader.read(bytes) {
                Ok(count) => return count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
