//! A started program, from its first byte of output to the end of its process group.

use std::io::ErrorKind;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use topside_shared::notices::Stream;

use super::ended::{End, Ended};
use super::{Stop, pipe};
use crate::platform;
use crate::runs::output::Output;

/// Most bytes taken from a pipe at once: all that it usually holds.
const READ: usize = pipe::USUAL;
/// How long the pipes are listened to after the program itself has ended, while a process that it
/// left behind still holds them: so long after the last byte, and so long in all.
const QUIET: Duration = Duration::from_secs(1);
const LINGER: Duration = Duration::from_secs(3);
/// How often a group that was told to stop is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A running program. Dropping it, or the future of [`Process::run`], kills its whole group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Group,
    stdout: Receiver,
    stderr: Receiver,
    stop: Stop,
    started: std::time::Instant,
}

impl Process {
    pub(super) fn new(
        child: Child,
        group: Group,
        stdout: Receiver,
        stderr: Receiver,
        stop: Stop,
        started: std::time::Instant,
    ) -> Self {
        Self { child, group, stdout, stderr, stop, started }
    }

    /// The number of the program's process, and of its group.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Carries the output into `output` until the program has ended, by itself or because it was
    /// cancelled or took longer than `timeout`.
    ///
    /// A program that ends by itself may leave processes behind: they are left alone, and heard
    /// until they have been quiet for a second. One that is ended takes its whole group with it:
    /// `stop_signal` first, SIGKILL to whoever is left after `stop_timeout`.
    pub(crate) async fn run(
        self,
        output: &Output,
        cancel: CancellationToken,
        timeout: Option<Duration>,
    ) -> Ended {
        let Self { mut child, mut group, stdout, stderr, stop, started } = self;
        let exited = CancellationToken::new();
        let mut pump = pin!(pump(stdout, stderr, output, &exited));
        let mut flowing = true;
        let (end, status) = {
            // A disk or a flood that holds up the pump must not hold up a cancel.
            let mut watch = pin!(watch(&mut child, &mut group, stop, cancel, timeout));
            loop {
                tokio::select! {
                    biased;
                    ended = &mut watch => break ended,
                    () = &mut pump, if flowing => flowing = false,
                }
            }
        };
        let duration = started.elapsed();
        exited.cancel();
        if flowing {
            pump.await;
        }
        Ended::new(end, status, duration)
    }
}

/// Waits for the program's end, or brings it about.
async fn watch(
    child: &mut Child,
    group: &mut Group,
    stop: Stop,
    cancel: CancellationToken,
    timeout: Option<Duration>,
) -> (End, Option<ExitStatus>) {
    let end = tokio::select! {
        biased;
        status = child.wait() => {
            group.release();
            return (End::Exited, reaped(status));
        }
        () = cancel.cancelled() => End::Cancelled,
        () = limit(timeout) => End::TimedOut,
    };
    group.signal(stop.signal);
    // A group that somebody stopped must go on to be able to end.
    group.signal(Signal::CONT);
    let deadline = Instant::now() + stop.timeout;
    let mut status = None;
    tokio::select! {
        biased;
        ended = child.wait() => status = Some(ended),
        () = sleep_until(deadline) => {}
    }
    // The first process is gone; the others have the rest of the time to end in order. There is no
    // event for the end of a group. Its number stays taken as long as one of them lives.
    while status.is_some() && group.lives() && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    group.signal(Signal::KILL);
    let status = match status {
        Some(status) => status,
        None => child.wait().await,
    };
    group.release();
    (end, reaped(status))
}

fn reaped(status: std::io::Result<ExitStatus>) -> Option<ExitStatus> {
    status.inspect_err(|error| tracing::warn!(%error, "the end of a program is not known")).ok()
}

async fn limit(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Carries both pipes into `output` until both are at their end, or quiet after the program's end.
async fn pump(stdout: Receiver, stderr: Receiver, output: &Output, exited: &CancellationToken) {
    let mut buffer = Vec::new();
    let mut small = [true, true];
    let (mut stdout, mut stderr) = (Some(stdout), Some(stderr));
    let last = OnceLock::new();
    while stdout.is_some() || stderr.is_some() {
        let stream = tokio::select! {
            () = ready(stdout.as_ref()), if stdout.is_some() => Stream::Stdout,
            () = ready(stderr.as_ref()), if stderr.is_some() => Stream::Stderr,
            () = quiet(exited, &last) => break,
        };
        let end = match stream {
            Stream::Stdout => &mut stdout,
            Stream::Stderr => &mut stderr,
        };
        let Some(open) = end.as_ref() else { continue };
        buffer.resize(READ, 0);
        match open.try_read(&mut buffer) {
            Ok(0) => *end = None,
            Ok(length) => {
                // Only a program that fills its pipe gains by a larger one, which costs time to make.
                if length == READ && std::mem::take(&mut small[stream as usize]) {
                    pipe::enlarge(open);
                }
                output.append(stream, &buffer[..length]).await;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                tracing::warn!(%error, "a pipe of a program cannot be read");
                *end = None;
            }
        }
    }
}

async fn ready(pipe: Option<&Receiver>) {
    match pipe {
        // An error shows itself when the pipe is read.
        Some(pipe) => drop(pipe.readable().await),
        None => std::future::pending().await,
    }
}

/// Ends once the program has ended and nothing was heard for long enough; `last` is the moment after
/// which a process left behind is not listened to any more.
async fn quiet(exited: &CancellationToken, last: &OnceLock<Instant>) {
    exited.cancelled().await;
    let now = Instant::now();
    let end = *last.get_or_init(|| now + LINGER);
    sleep_until(end.min(now + QUIET)).await;
}

/// A process group that must not outlive its run.
#[derive(Debug)]
pub(in crate::commands) struct Group(Option<Pid>);

impl Group {
    /// The group that `child` leads.
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)))
    }

    /// Signals every process of the group; that there is none left is no error.
    pub(in crate::commands) fn signal(&self, signal: Signal) {
        if let Some(group) = self.0
            && let Err(error) = kill_process_group(group, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, group = group.as_raw_nonzero().get(), "a process group cannot be signalled");
        }
    }

    /// Whether any process of it still runs.
    pub(in crate::commands) fn lives(&self) -> bool {
        self.0.is_some_and(platform::group_lives)
    }

    /// From here on the group is left alone: its number may become somebody else's.
    pub(in crate::commands) fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
