//! Input of a run: a pipe to its program, and a bounded buffer for what the pipe does not take yet.
//!
//! What is typed for a run may be a password. It goes to the program and nowhere else: it is in no row,
//! no file, no log and no error.

use std::collections::VecDeque;
use std::io::{self, ErrorKind as Io};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread};
use tokio::net::unix::pipe::Sender;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use topside_shared::command::Stdin;
use topside_shared::methods::MaskedText;
use topside_shared::{ErrorKind, RpcError, RunId};

use crate::base::limit::Limit;
use crate::base::mutex::Mutex;

/// Most bytes that wait for a program to read them, in its pipe and in the server together.
pub(crate) const MAX_UNREAD: usize = 64 * 1024;

/// The input of one run. Writing to it never waits: what finds no room is refused.
pub(crate) struct Input(Option<Arc<InputPipe>>);

struct InputPipe {
    /// Private to this type, never held across an `.await`.
    state: Mutex<PipeState>,
    /// Notified when there is something to write, or no more will come.
    changed: Notify,
}

#[derive(Default)]
struct PipeState {
    /// Once its program has been started, until one of the two closes it.
    pipe: Option<Arc<Sender>>,
    /// What has not gone into the pipe yet.
    waiting: VecDeque<u8>,
    end: Option<InputEnd>,
}

/// Why no more input is taken.
#[derive(Clone, Copy)]
enum InputEnd {
    /// `eof` was sent.
    Eof,
    /// The program has closed its end, or has ended.
    Closed,
}

impl Input {
    /// The input of a run with a command that declares this.
    pub(crate) fn of(stdin: Stdin) -> Self {
        let shared = || Arc::new(InputPipe { state: Mutex::default(), changed: Notify::new() });
        Self((stdin == Stdin::Prompt).then(shared))
    }

    /// The program was started: this is its pipe, until the run has ended.
    pub(crate) fn open(&self, pipe: Sender, ended: CancellationToken) {
        let Some(shared) = &self.0 else { return };
        let (shared, pipe) = (Arc::clone(shared), Arc::new(pipe));
        shared.state.lock().pipe = Some(Arc::clone(&pipe));
        tokio::spawn(async move {
            tokio::select! {
                () = shared.carry(&pipe) => {}
                () = ended.cancelled() => shared.state.lock().close(InputEnd::Closed),
            }
        });
    }

    /// Sends bytes to the program.
    ///
    /// # Errors
    /// `invalidParams`, `busy` with the limit, or `notFound` after its program has closed it.
    pub(crate) fn push(&self, run: RunId, bytes: &[u8]) -> Result<(), RpcError> {
        let shared = self.shared(run)?;
        if bytes.len() > MaskedText::MOST {
            let message = format_args!(
                "run/input takes {} bytes at once, not {}: send them in parts",
                MaskedText::MOST,
                bytes.len()
            );
            let error = RpcError::invalid_argument("data", message);
            return Err(error.with("most", MaskedText::MOST as u64));
        }
        let mut state = shared.state.lock();
        state.flush();
        state.is_open(run)?;
        if state.unread() + bytes.len() > MAX_UNREAD {
            let message = format_args!(
                "run {run} has not read what was sent before, of which {MAX_UNREAD} bytes may wait: \
                 send this again later"
            );
            return Err(RpcError::new(ErrorKind::Busy, message)
                .with("limit", Limit::MaxUnreadInput)
                .with("most", MAX_UNREAD as u64));
        }
        state.waiting.extend(bytes);
        state.write();
        // What is in the pipe was taken, also where its reader has ended by now.
        let taken = if state.waiting.is_empty() && state.pipe.is_some() {
            Ok(())
        } else {
            state.flush();
            state.is_open(run)
        };
        drop(state);
        shared.changed.notify_one();
        taken
    }

    /// Ends the input; buffered bytes are still delivered.
    ///
    /// # Errors
    /// `invalidParams` for a command that takes no input, or `notFound` after its end.
    pub(crate) fn end(&self, run: RunId) -> Result<(), RpcError> {
        let shared = self.shared(run)?;
        let mut state = shared.state.lock();
        state.flush();
        state.is_open(run)?;
        state.end = Some(InputEnd::Eof);
        if state.waiting.is_empty() {
            state.pipe = None;
        }
        drop(state);
        shared.changed.notify_one();
        Ok(())
    }

    fn shared(&self, run: RunId) -> Result<&Arc<InputPipe>, RpcError> {
        self.0.as_ref().ok_or_else(|| {
            let message = format_args!(
                "run {run} takes no input: its command is not declared with `stdin` = \"prompt\""
            );
            RpcError::invalid_argument("runId", message)
        })
    }
}

impl InputPipe {
    /// Writes the buffer into the pipe as the program reads, until either side has ended.
    async fn carry(&self, pipe: &Sender) {
        loop {
            let waits = {
                let mut state = self.state.lock();
                state.flush();
                if state.pipe.is_none() {
                    return;
                }
                !state.waiting.is_empty()
            };
            if !waits {
                self.changed.notified().await;
                continue;
            }
            if pipe.writable().await.is_err() {
                return self.state.lock().close(InputEnd::Closed);
            }
            // Tried through the runtime, so that it knows when to wait again.
            let mut state = self.state.lock();
            let PipeState { waiting, .. } = &mut *state;
            match pipe.try_write(waiting.as_slices().0) {
                Ok(written) => drop(waiting.drain(..written)),
                Err(error) if error.kind() == Io::WouldBlock => {}
                Err(error) => state.fail(&error),
            }
        }
    }
}

impl PipeState {
    /// Writes what the pipe takes now. Not through the runtime, which may not know yet that there is room, or that the
    /// other end is closed.
    fn write(&mut self) {
        let Some(pipe) = self.pipe.clone() else { return };
        while !self.waiting.is_empty() {
            match rustix::io::write(&pipe, self.waiting.as_slices().0) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return self.fail(&error.into()),
            }
        }
    }

    /// The same, and checks whether the other end is closed.
    fn flush(&mut self) {
        self.write();
        let Some(pipe) = self.pipe.clone() else { return };
        if self.end.is_some() && self.waiting.is_empty() {
            self.pipe = None;
        } else if is_closed(&pipe) {
            self.close(InputEnd::Closed);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if error.kind() != Io::BrokenPipe {
            tracing::warn!(%error, "the input of a program cannot be written");
        }
        self.close(InputEnd::Closed);
    }

    fn close(&mut self, end: InputEnd) {
        self.pipe = None;
        self.waiting = VecDeque::new();
        self.end.get_or_insert(end);
    }

    /// Bytes that the program has not read.
    fn unread(&self) -> usize {
        // A system that does not tell counts what is here.
        let piped = self.pipe.as_ref().map(|pipe| ioctl_fionread(pipe).unwrap_or(0));
        self.waiting.len() + usize::try_from(piped.unwrap_or(0)).unwrap_or(MAX_UNREAD)
    }

    fn is_open(&self, run: RunId) -> Result<(), RpcError> {
        let message = match self.end {
            None => return Ok(()),
            Some(InputEnd::Eof) => format!("the input of run {run} is at its end already"),
            Some(InputEnd::Closed) => format!("the program of run {run} has closed its input"),
        };
        Err(RpcError::new(ErrorKind::NotFound, message))
    }
}

/// Whether the other end of a pipe is closed, which a write to a full pipe does not report.
fn is_closed(pipe: &Sender) -> bool {
    let mut ends = [PollFd::new(pipe, PollFlags::OUT)];
    poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
        && ends[0].revents().contains(PollFlags::ERR)
}
