//! A running program: collects its output, and ends it with all its processes.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::Child;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use topside_shared::notifications::Stream;

use crate::base::platform;
use crate::output::Output;
use crate::process::cgroup::Cgroup;
use crate::process::drain::drain;
use crate::process::exit_status::{End, ProgramExit};
use crate::process::pipes;
use crate::process::process_tree::ProcessTree;
use crate::process::program::Stop;
use crate::process::tracking::LeaderProcess;

/// Most bytes taken from a pipe at once: all that it usually holds.
const READ: usize = pipes::USUAL;
/// After so many bytes a flood lets everybody else have a turn.
const TURN: usize = 4 * READ;
/// How long the pipes are listened to after the program itself has ended, while a process that it
/// left behind still holds them: so long after the last byte, and so long in all.
const QUIET: Duration = Duration::from_secs(1);
const LINGER: Duration = Duration::from_secs(3);
/// How soon those that were told to stop are looked at again, at first and later.
const LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_millis(100);

/// A running program. Dropping it, or the future of [`Process::run`], kills it with all that it started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    tree: ProcessTree,
    /// Where it is a pipe that somebody may write.
    pub(crate) stdin: Option<Sender>,
    stdout: Receiver,
    stderr: Receiver,
    stop: Stop,
    started: std::time::Instant,
}

/// What ends a run before its time.
#[derive(Debug, Clone)]
pub(crate) struct Until {
    /// Somebody asks it to.
    pub(crate) cancel: CancellationToken,
    /// It has taken so long.
    pub(crate) timeout: Option<Duration>,
    /// The server has no more time for it.
    pub(crate) over: CancellationToken,
}

impl Process {
    pub(crate) fn new(
        child: Child,
        tree: ProcessTree,
        stdout: Receiver,
        stderr: Receiver,
        stop: Stop,
        started: std::time::Instant,
    ) -> Self {
        Self { child, tree, stdin: None, stdout, stderr, stop, started }
    }

    /// The program's process, where the system tells of it.
    pub(crate) fn first(&self) -> Option<&LeaderProcess> {
        self.tree.family().first.as_ref()
    }

    /// The writing end of its input, where it may be answered. Its input ends with that.
    pub(crate) fn take_input(&mut self) -> Option<Sender> {
        self.stdin.take()
    }

    /// Gives it a cgroup of its own once it is run.
    pub(crate) fn contained(mut self, cgroup: Option<Cgroup>) -> Self {
        self.tree.family_mut().cgroup = cgroup;
        self
    }

    /// Carries the output into `output` until the program has ended, by itself or for one of the reasons in
    /// `until`.
    ///
    /// A program that ends by itself may leave processes behind: they are left alone. Their output belongs to the run
    /// until they have been quiet for a second, for three seconds at most; what they write later is read and
    /// discarded, so that no closed pipe ends them. One that is ended takes all that it started with it, the
    /// whole group and who has left that: `stop_signal` first, SIGKILL to whoever is left after
    /// `stop_timeout`. Who lives in the end is in [`ProgramExit::escaped`].
    pub(crate) async fn run(self, output: &Output, until: Until) -> ProgramExit {
        let Self { mut child, mut tree, stdin: _, stdout, stderr, stop, started } = self;
        tree.contain().await;
        let exited = CancellationToken::new();
        let mut pump = pin!(pump(stdout, stderr, output, &exited));
        let mut open = None;
        let (end, status, escaped) = {
            // A disk or a flood that holds up the pump must not hold up a cancel.
            let mut watch = pin!(watch(&mut child, &mut tree, stop, &until));
            loop {
                tokio::select! {
                    biased;
                    ended = &mut watch => break ended,
                    pipes = &mut pump, if open.is_none() => open = Some(pipes),
                }
            }
        };
        let duration = started.elapsed();
        exited.cancel();
        let open = match open {
            Some(open) => open,
            None => tokio::select! {
                open = pump => open,
                // The server ends, and can hold no pipe for anybody.
                () = until.over.cancelled() => Vec::new(),
            },
        };
        let is_held = !open.is_empty();
        drain(open, &format!("run {}", tree.family().run.0));
        let escaped = match escaped {
            Some(escaped) => escaped,
            None => tree.left(duration, is_held).await,
        };
        tree.uncontain().await;
        ProgramExit::new(end, status, duration, escaped)
    }
}

/// Waits for the program's end, or brings it about; then also who escaped it.
async fn watch(
    child: &mut Child,
    tree: &mut ProcessTree,
    stop: Stop,
    until: &Until,
) -> (End, Option<ExitStatus>, Option<Vec<u32>>) {
    let end = tokio::select! {
        biased;
        status = child.wait() => {
            tree.release();
            return (End::Exited, reaped(status), None);
        }
        () = until.cancel.cancelled() => End::Cancelled,
        () = limit(until.timeout) => End::TimedOut,
        () = until.over.cancelled() => End::Cancelled,
    };
    let mut status = None;
    tokio::select! {
        biased;
        () = until.over.cancelled() => {}
        () = stopped(child, tree, stop, &mut status) => {}
    }
    let escaped = tree.kill().await;
    // One that cannot be killed is not waited for.
    let lives = child.id().is_some_and(|pid| escaped.contains(&pid));
    let status = match status {
        None if lives => None,
        None => reaped(child.wait().await),
        Some(status) => reaped(status),
    };
    (end, status, Some(escaped))
}

/// Asks a program to end with all that it started, and gives them their time for it.
async fn stopped(
    child: &mut Child,
    tree: &mut ProcessTree,
    stop: Stop,
    status: &mut Option<std::io::Result<ExitStatus>>,
) {
    // Too far away for the clock is never.
    let deadline = Instant::now() + stop.timeout.min(Duration::from_secs(365 * 86_400));
    tree.stop(stop.signal).await;
    tokio::select! {
        biased;
        ended = child.wait() => *status = Some(ended),
        () = sleep_until(deadline) => return,
    }
    // The first process is gone; the others have the rest of the time to end in order. There is no
    // event for that.
    let mut apart = LOOK;
    while Instant::now() < deadline && tree.lives(stop.signal).await {
        sleep_until(deadline.min(Instant::now() + apart)).await;
        apart = (apart * 2).min(LONGEST_LOOK);
    }
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

/// Carries both pipes into `output` until both are at their end, or quiet after the program's end. Returns the pipes
/// that other processes still have open.
async fn pump(
    stdout: Receiver,
    stderr: Receiver,
    output: &Output,
    exited: &CancellationToken,
) -> Vec<OwnedFd> {
    let mut buffer = Vec::new();
    let mut small = [true, true];
    let (mut stdout, mut stderr) = (Some(stdout), Some(stderr));
    let last = OnceLock::new();
    let mut turn = 0;
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
                    pipes::enlarge(open);
                }
                output.append(stream, &buffer[..length]).await;
                turn += length;
                if turn >= TURN {
                    turn = 0;
                    // Neither the pipe nor an output whose file is full makes this wait by themselves.
                    tokio::task::yield_now().await;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                tracing::warn!(%error, "a pipe of a program cannot be read");
                *end = None;
            }
        }
    }
    let open = [stdout, stderr].into_iter().flatten();
    open.filter_map(|pipe| pipe.into_nonblocking_fd().ok()).collect()
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
pub(crate) struct Group(Option<Pid>);

impl Group {
    /// The group that `child` leads.
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)))
    }

    /// Signals every process of the group; that there is none left is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(group) = self.0
            && let Err(error) = kill_process_group(group, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, group = group.as_raw_nonzero().get(), "a process group cannot be signalled");
        }
    }

    /// Whether any process of it still runs.
    pub(crate) fn lives(&self) -> bool {
        self.0.is_some_and(platform::group_lives)
    }

    /// Whether it has this number.
    pub(crate) fn is(&self, group: Pid) -> bool {
        self.0 == Some(group)
    }

    /// From here on the group is left alone: its number may become somebody else's.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use crate::process::pipes;
    use std::future::poll_fn;
    use std::io::Write as _;
    use std::task::Poll;

    use super::*;

    /// A program that printed faster than it was read kept everybody else waiting for as long as it went on.
    #[tokio::test]
    async fn a_flood_takes_turns_with_everybody_else() {
        const SIZE: usize = 3 * TURN + READ / 2;
        let ((stdout, mut writer), (stderr, _)) = (pipes::pair().unwrap(), pipes::pair().unwrap());
        pipes::enlarge(&stdout);
        writer.write_all(&vec![b'y'; SIZE]).unwrap();
        drop(writer);
        let (output, exited) = (Output::in_memory(), CancellationToken::new());
        let pump = pump(stdout, stderr, &output, &exited);
        tokio::pin!(pump);
        let mut before = 0;
        while poll_fn(|context| Poll::Ready(pump.as_mut().poll(context))).await.is_pending() {
            let now = output.bytes();
            assert!(now - before <= TURN as u64, "{} bytes at once", now - before);
            before = now;
            tokio::task::yield_now().await;
        }
        assert_eq!(output.bytes(), SIZE as u64);
    }
}
