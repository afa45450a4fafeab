//! Reads and discards the output of helper processes that outlive the program that started them.
//!
//! If the server closed its end of such a pipe, the next write would kill the helper with SIGPIPE; if it did not read, the
//! helper would block. One thread reads all of these pipes, and ends with the last.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::base::mutex::Mutex;

/// Most pipes, each a descriptor of the server; further ones are closed at once.
const MAX_PIPES: usize = 64;
/// Most bytes read from one pipe before the others.
const READ: usize = 64 * 1024;
/// The pause after a pass that read something: it slows a helper that never stops writing down to 13 MB/s.
const PAUSE: Duration = Duration::from_millis(5);

struct Pipe {
    pipe: File,
    owner: String,
    bytes: u64,
    log: tracing::Dispatch,
}

struct Drain {
    /// Pipes that the thread does not read yet.
    incoming: Vec<Pipe>,
    pipes: usize,
    /// Wakes the thread; none if it does not run.
    waker: Option<PipeWriter>,
}

static DRAIN: Mutex<Drain> = Mutex::new(Drain { incoming: Vec::new(), pipes: 0, waker: None });

/// Reads these pipes until their writers close them, and discards the bytes. `owner` names the writer in the log, such as
/// `run 7`.
pub(crate) fn drain(pipes: Vec<OwnedFd>, owner: &str) {
    if pipes.is_empty() {
        return;
    }
    if let Err(error) = take_over(pipes, owner) {
        tracing::warn!(
            target: "topside", owner, %error,
            "the output of a process that outlives its program is closed, which may end that process"
        );
    }
}

fn take_over(pipes: Vec<OwnedFd>, owner: &str) -> io::Result<()> {
    let mut drain = DRAIN.lock();
    if drain.pipes + pipes.len() > MAX_PIPES {
        return Err(io::Error::other(format!("{MAX_PIPES} such pipes are open already")));
    }
    match &mut drain.waker {
        // The pipe holds 64 KiB, and at most 64 bytes are in it.
        Some(waker) => waker.write_all(&[0])?,
        None => {
            let (reader, writer) = io::pipe()?;
            std::thread::Builder::new().name("drain".into()).spawn(move || run(reader))?;
            drain.waker = Some(writer);
        }
    }
    drain.pipes += pipes.len();
    let log = tracing::dispatcher::get_default(Clone::clone);
    drain.incoming.extend(pipes.into_iter().map(|pipe| Pipe {
        pipe: pipe.into(),
        owner: owner.to_owned(),
        bytes: 0,
        log: log.clone(),
    }));
    Ok(())
}

fn run(mut woken: PipeReader) {
    let mut pipes: Vec<Pipe> = Vec::new();
    let mut buffer = vec![0; READ];
    loop {
        {
            let mut drain = DRAIN.lock();
            pipes.append(&mut drain.incoming);
            drain.pipes = pipes.len();
            if pipes.is_empty() {
                drain.waker = None;
                return;
            }
        }
        let mut ends: Vec<PollFd<'_>> = std::iter::once(PollFd::new(&woken, PollFlags::IN))
            .chain(pipes.iter().map(|pipe| PollFd::new(&pipe.pipe, PollFlags::IN)))
            .collect();
        if poll(&mut ends, None).is_err() {
            continue;
        }
        let mut ready =
            ends.iter().map(|end| !end.revents().is_empty()).collect::<Vec<_>>().into_iter();
        if ready.next() == Some(true) {
            // The new pipes are taken over in the next pass.
            let _ = woken.read(&mut buffer[..MAX_PIPES]);
        }
        let mut read = false;
        pipes.retain_mut(|pipe| {
            let is_ready = ready.next() == Some(true);
            read |= is_ready;
            !is_ready || pipe.read(&mut buffer)
        });
        if read {
            std::thread::sleep(PAUSE);
        }
    }
}

impl Pipe {
    /// Reads once; whether the pipe stays open.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        match self.pipe.read(buffer) {
            Ok(length @ 1..) => {
                self.bytes += length as u64;
                true
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                true
            }
            Ok(_) | Err(_) => {
                let Self { owner, bytes, .. } = self;
                tracing::dispatcher::with_default(&self.log, || {
                    tracing::info!(
                        target: "topside", owner, bytes,
                        "a process that outlived its program has closed its output; what it wrote since was not kept"
                    );
                });
                false
            }
        }
    }
}
