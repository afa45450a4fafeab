//! Reads and discards the output of helper processes that outlive the program that started them.
//!
//! If the server closed its end of such a pipe, the next write would kill the helper with SIGPIPE; if it did not
//! read, the helper would block. One thread reads all of these pipes, at most [`MOST`] of them, and ends with the
//! last.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

/// Most pipes that are drained at once, each a descriptor of the server; further ones are closed at once.
const MOST: usize = 64;
/// Bytes read from one pipe in one pass over all of them.
const READ: usize = 64 * 1024;
/// The pause after a pass that read something: a helper that never stops writing is slowed down to 13 MB/s, so
/// that it does not take a processor.
const PAUSE: Duration = Duration::from_millis(5);

/// A pipe that is read until its writers have closed it.
struct Pipe {
    pipe: File,
    owner: String,
    bytes: u64,
    /// The log of the server that it belongs to.
    log: tracing::Dispatch,
}

struct State {
    /// Pipes that the thread has not taken over yet.
    incoming: Vec<Pipe>,
    /// Pipes in all.
    pipes: usize,
    /// Wakes the thread; none: it does not run.
    waker: Option<PipeWriter>,
}

static STATE: Mutex<State> = Mutex::new(State { incoming: Vec::new(), pipes: 0, waker: None });

/// Reads these pipes until their writers close them, and discards what comes. `owner` names in the log what they
/// belong to, such as `run 7`.
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
    let mut state = state();
    if state.pipes + pipes.len() > MOST {
        return Err(io::Error::other(format!("{MOST} such pipes are open already")));
    }
    match &mut state.waker {
        // A full pipe wakes the thread as well; it has 64 KiB, and at most 64 bytes are in it.
        Some(waker) => waker.write_all(&[0])?,
        None => {
            let (reader, writer) = io::pipe()?;
            std::thread::Builder::new().name("drain".into()).spawn(move || run(reader))?;
            state.waker = Some(writer);
        }
    }
    state.pipes += pipes.len();
    let log = tracing::dispatcher::get_default(Clone::clone);
    state.incoming.extend(pipes.into_iter().map(|pipe| Pipe {
        pipe: pipe.into(),
        owner: owner.to_owned(),
        bytes: 0,
        log: log.clone(),
    }));
    Ok(())
}

fn state() -> MutexGuard<'static, State> {
    // Each change is complete before anything in it can panic.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(mut woken: PipeReader) {
    let mut pipes: Vec<Pipe> = Vec::new();
    let mut buffer = vec![0; READ];
    loop {
        {
            let mut state = state();
            pipes.append(&mut state.incoming);
            state.pipes = pipes.len();
            if pipes.is_empty() {
                state.waker = None;
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
            // Nothing to do but to look at what came in.
            let _ = woken.read(&mut buffer[..MOST]);
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
