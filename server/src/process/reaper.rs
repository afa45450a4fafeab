//! Reaps adopted processes: as the first process of a container (PID 1), or as a child subreaper, the server
//! becomes the parent of every process below it that loses its own, and after a restart it still has the children
//! that the program before it started. Without a reaper these stay as zombies.
//!
//! The exit statuses of the server's own children must not be taken by the reaper. So each child is registered
//! under a lock before the reaper can look at it.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::pipe;

use crate::base::platform;

/// The server's own children by pid, with their start times: a pid alone may be reused. Empty and unused where
/// there is no reaper.
static OWN: OnceLock<Mutex<HashMap<Pid, u64>>> = OnceLock::new();

/// Starts a thread that reaps adopted processes, where this process can have any. For the start of a program that
/// starts all its children through this module: the exit statuses of others would be lost.
///
/// # Errors
/// The system has no thread or no descriptors for it.
pub(crate) fn reap_adopted() -> io::Result<()> {
    let adopts = getpid().is_init() || platform::is_subreaper();
    if !adopts && platform::children().is_empty() {
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

/// Starts a child, so that the reaper knows it as the server's own.
pub(super) fn registered<C>(
    spawn: impl FnOnce() -> io::Result<C>,
    pid: impl FnOnce(&C) -> Option<u32>,
) -> io::Result<C> {
    let Some(own) = OWN.get() else { return spawn() };
    // Held until the child is registered: it may end at once.
    let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
    let child = spawn()?;
    if let Some(process) = pid(&child).and_then(platform::process) {
        own.insert(process.pid, process.start);
    }
    Ok(child)
}

fn reap(own: &Mutex<HashMap<Pid, u64>>) {
    let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
    let children = platform::children();
    // What is not listed any more has been waited for.
    own.retain(|pid, _| children.iter().any(|child| child.pid == *pid));
    for child in children {
        if child.has_ended && own.get(&child.pid) != Some(&child.start) {
            // The process has ended, so this does not block; it may have been reaped since it was listed.
            let _ = waitpid(Some(child.pid), WaitOptions::NOHANG);
        }
    }
}
