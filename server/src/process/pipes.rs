//! Pipes for the output and the input of a program.

use std::io::{self, PipeReader, PipeWriter};

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::base::platform;
use crate::process::tracking::SpawnRecord;

/// What a pipe holds where nobody asked for more.
pub(crate) const USUAL: usize = 64 * 1024;

/// The pipes that the output of a run comes through, before its program has been started.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdout: (Receiver, PipeWriter),
    pub(crate) stderr: (Receiver, PipeWriter),
}

impl Pipes {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { stdout: pair()?, stderr: pair()? })
    }

    /// What whoever writes into them is known by from now on, where the system tells enough.
    pub(crate) fn birth(&self) -> Option<SpawnRecord> {
        let number = |(reader, _): &(Receiver, PipeWriter)| platform::pipe_number(reader).ok();
        SpawnRecord::now([number(&self.stdout)?, number(&self.stderr)?])
    }
}

/// A pipe whose reading end is the runtime's; the writing end is for the program alone.
pub(crate) fn pair() -> io::Result<(Receiver, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((Receiver::from_owned_fd(reader.into())?, writer))
}

/// A pipe whose writing end is the runtime's; the reading end is for the program alone.
pub(crate) fn writable() -> io::Result<(PipeReader, Sender)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader, Sender::from_owned_fd(writer.into())?))
}

/// The reading end of a pipe that gives this text and is then at its end. It is written beside everything
/// else: it may be longer than a pipe holds, and its reader may take its time, or end first.
pub(crate) fn filled(text: String) -> io::Result<PipeReader> {
    let (reader, writer) = io::pipe()?;
    let mut writer = Sender::from_owned_fd(writer.into())?;
    tokio::spawn(async move {
        if let Err(error) = writer.write_all(text.as_bytes()).await {
            tracing::debug!(%error, "a program did not read its input");
        }
    });
    Ok(reader)
}

/// Lets the pipe hold 1 MiB, so that a program seldom waits for the server. Best effort: the system
/// may have given this user all the pipe memory it gives.
#[cfg(target_os = "linux")]
pub(crate) fn enlarge(pipe: &Receiver) {
    if let Err(error) = rustix::pipe::fcntl_setpipe_size(pipe, 1 << 20) {
        tracing::debug!(%error, "a pipe keeps its usual size");
    }
}

/// Other systems let a pipe grow by themselves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn enlarge(_pipe: &Receiver) {}
