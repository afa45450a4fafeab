//! The pipes that a program writes its output into.

use std::io::{self, PipeWriter};

use tokio::net::unix::pipe::Receiver;

/// What a pipe holds where nobody asked for more.
pub(super) const USUAL: usize = 64 * 1024;

/// A pipe whose reading end is the runtime's; the writing end is for the program alone.
pub(super) fn pair() -> io::Result<(Receiver, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((Receiver::from_owned_fd(reader.into())?, writer))
}

/// Lets the pipe hold 1 MiB, so that a program seldom waits for the server. Best effort: the system
/// may have given this user all the pipe memory it gives.
#[cfg(target_os = "linux")]
pub(super) fn enlarge(pipe: &Receiver) {
    if let Err(error) = rustix::pipe::fcntl_setpipe_size(pipe, 1 << 20) {
        tracing::debug!(%error, "a pipe keeps its usual size");
    }
}

/// Other systems let a pipe grow by themselves.
#[cfg(not(target_os = "linux"))]
pub(super) fn enlarge(_pipe: &Receiver) {}
