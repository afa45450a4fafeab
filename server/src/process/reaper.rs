//! Reaps adopted processes. As the first process of a container (PID 1), or as a child subreaper, the server becomes the
//! parent of every orphan below it, and after a restart it still has the children of the program before it. Without a
//! reaper these stay as zombies.
//!
//! The reaper must not take the exit statuses of the server's own children. So each child is registered under a lock before
//! the reaper can see it.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::pipe;

use crate::base::mutex::Mutex;
use crate::base::platform;

/// The server's own children by pid, with their start times: a pid alone may be reused. Unset without a reaper.
static OWN: OnceLock<Mutex<HashMap<Pid, u64>>> = OnceLock::new();

/// Starts a thread that reaps adopted processes, if this process can have any. For a program that starts all its children
/// through this module: the exit statuses of others would be lost.
pub(crate) fn reap_adopted() -> io::Result<()> {
    let adopts = getpid().is_init() || platform::is_subreaper();
    if !adopts && !platform::has_children() {
        return Ok(());
    }
    let (mut reader, writer) = UnixStream::pair()?;
    pipe::register(SIGCHLD, writer)?;
    let own = OWN.get_or_init(Mutex::default);
    let run = move || {
        let mut signals = [0; 64];
        loop {
            reap(own);
            if reader.read(&mut signals).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("reaper".into()).spawn(run)?;
    Ok(())
}

/// Starts a child and registers it as the server's own.
pub(super) fn registered<C>(
    spawn: impl FnOnce() -> io::Result<C>,
    pid: impl FnOnce(&C) -> Option<u32>,
) -> io::Result<C> {
    let Some(own) = OWN.get() else { return spawn() };
    // Held until the child is registered: it may end at once.
    let mut own = own.lock();
    let child = spawn()?;
    if let Some(process) = pid(&child).and_then(platform::process) {
        own.insert(process.pid, process.start);
    }
    Ok(child)
}

fn reap(own: &Mutex<HashMap<Pid, u64>>) {
    let mut own = own.lock();
    let children = platform::children();
    // A child that is not listed has been waited for.
    own.retain(|pid, _| children.iter().any(|child| child.pid == *pid));
    for child in children {
        if child.has_ended && own.get(&child.pid) != Some(&child.start) {
            // The process has ended, so this does not block; it may have been reaped since it was listed.
            let _ = waitpid(Some(child.pid), WaitOptions::NOHANG);
        }
    }
}
