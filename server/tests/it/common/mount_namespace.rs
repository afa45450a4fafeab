//! A mount namespace, held by a process: what is mounted in it is seen there only.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::skipped;

/// The namespace ends when this is dropped and no process is left in it.
pub(super) struct MountNamespace(Child);

impl MountNamespace {
    /// A namespace in which `sh` has run these commands, with `path` as `$0`; none if the system gives none.
    pub(super) fn new(commands: &str, path: impl AsRef<OsStr>) -> Option<Self> {
        let holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c"])
            .arg(format!("{commands} && echo up && exec cat"))
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut holder) = holder else {
            skipped("unshare");
            return None;
        };
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let namespace = Self(holder);
        (line == "up\n" || skipped("a mount namespace")).then_some(namespace)
    }

    /// The argument by which `nsenter` enters it.
    pub(super) fn argument(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.0.id())
    }

    /// A file of the namespace, as this process reaches it; `path` begins without a `/`.
    pub(super) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.0.id())).join(path)
    }
}

impl Drop for MountNamespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
