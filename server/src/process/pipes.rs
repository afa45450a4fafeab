//! Pipes for the output and the input of a program.

use std::io::{self, PipeReader, PipeWriter};

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::base::platform;
use crate::process::run_processes::SpawnRecord;

/// Default capacity of a pipe.
pub(crate) const USUAL: usize = 64 * 1024;

/// The pipes for the output of a run, before its program is started.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdout: (Receiver, PipeWriter),
    pub(crate) stderr: (Receiver, PipeWriter),
    /// Identifies processes that write into them, if the system shows enough.
    pub(crate) spawn_record: Option<SpawnRecord>,
}

impl Pipes {
    pub(crate) fn new() -> io::Result<Self> {
        let (stdout, stderr) = (pair()?, pair()?);
        let number = |(reader, _): &(Receiver, PipeWriter)| platform::pipe_number(reader).ok();
        let numbers = number(&stdout).zip(number(&stderr));
        let spawn_record = numbers.and_then(|(stdout, stderr)| SpawnRecord::now([stdout, stderr]));
        Ok(Self { stdout, stderr, spawn_record })
    }
}

pub(crate) fn pair() -> io::Result<(Receiver, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((Receiver::from_owned_fd(reader.into())?, writer))
}

pub(crate) fn writable() -> io::Result<(PipeReader, Sender)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader, Sender::from_owned_fd(writer.into())?))
}

/// The reading end of a pipe with this text. A task writes it: it may be longer than a pipe holds, and its reader may be
/// slow, or end first.
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

/// Sets the capacity to 1 MiB, so that a program seldom waits for the server, if the system allows this user that much pipe
/// memory.
#[cfg(target_os = "linux")]
pub(crate) fn enlarge(pipe: &Receiver) {
    if let Err(error) = rustix::pipe::fcntl_setpipe_size(pipe, 1 << 20) {
        tracing::debug!(%error, "a pipe keeps its usual size");
    }
}

/// Other systems enlarge pipes themselves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn enlarge(_pipe: &Receiver) {}
