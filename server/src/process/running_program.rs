//! A running program: reads its output, and ends it with all its processes.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
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

use crate::base::{deadline, platform};
use crate::output::Output;
use crate::process::cgroup::Cgroup;
use crate::process::drain::drain;
use crate::process::exit_status::{EndCause, ProgramExit};
use crate::process::pipes;
use crate::process::program_spec::Stop;
use crate::process::run_processes::LeaderProcess;
use crate::process::stop_processes::ProcessTree;

/// Most bytes read from a pipe at once: its default capacity.
const READ: usize = pipes::USUAL;
/// Bytes after which a fast program yields to other tasks.
const TURN: usize = 4 * READ;
/// How long the pipes are read after the program has ended, while a process that it left behind holds them: after the last
/// byte, and in total.
const QUIET: Duration = Duration::from_secs(1);
const LINGER: Duration = Duration::from_secs(3);
/// The interval of the checks whether stopped processes have ended, at first and later.
const CHECK: Duration = Duration::from_millis(10);
const LONGEST_CHECK: Duration = Duration::from_millis(100);

/// A running program. Dropping it, or the future of [`Process::run`], kills it with all that it started.
#[derive(Debug)]
pub(crate) struct Process {
    pub(super) child: Child,
    pub(super) tree: ProcessTree,
    /// The writing end of its input, if that is a pipe.
    pub(super) stdin: Option<Sender>,
    pub(super) stdout: Receiver,
    pub(super) stderr: Receiver,
    pub(super) stop: Stop,
    pub(super) started: std::time::Instant,
}

#[derive(Debug, Clone)]
pub(crate) struct Until {
    pub(crate) cancel: CancellationToken,
    pub(crate) timeout: Option<Duration>,
    /// The server ends.
    pub(crate) server_ends: CancellationToken,
}

impl Process {
    /// The program's process, if the system shows it.
    pub(crate) fn leader(&self) -> Option<&LeaderProcess> {
        self.tree.processes.leader.as_ref()
    }

    /// The writing end of its input, if it is a pipe. Its input ends when that is dropped.
    pub(crate) fn take_input(&mut self) -> Option<Sender> {
        self.stdin.take()
    }

    /// Sets the cgroup that it gets once it is run.
    pub(crate) fn contained(mut self, cgroup: Option<Cgroup>) -> Self {
        self.tree.processes.cgroup = cgroup;
        self
    }

    /// Copies its output into `output` until it has ended, by itself or for one of the reasons in `until`.
    ///
    /// Processes that a program leaves behind when it ends by itself are left alone. Their output belongs to the run until
    /// they have been quiet for a second, for three seconds at most; later output is discarded, so that no closed pipe ends
    /// them. A program that is stopped is stopped with all its processes: `stop_signal` first, SIGKILL after `stop_timeout`.
    /// Processes that are still alive are in [`ProgramExit::escaped`].
    pub(crate) async fn run(self, output: &Output, until: Until) -> ProgramExit {
        let Self { mut child, mut tree, stdin: _, stdout, stderr, stop, started } = self;
        tree.contain().await;
        let exited = CancellationToken::new();
        let mut pump = pin!(pump(stdout, stderr, output, &exited));
        let mut open = None;
        let (end, status, escaped) = {
            // A slow disk or fast output that holds up the pump must not hold up a cancel.
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
                // The server ends, and cannot keep a pipe open.
                () = until.server_ends.cancelled() => Vec::new(),
            },
        };
        let is_held = !open.is_empty();
        drain(open, &format!("run {}", tree.processes.run.0));
        let escaped = match escaped {
            Some(escaped) => escaped,
            None => tree.left(duration, is_held).await,
        };
        tree.uncontain().await;
        let exit_code = status.and_then(|status| status.code());
        let signal = status.and_then(|status| status.signal());
        ProgramExit { end, exit_code, signal, duration, escaped }
    }
}

/// Waits for the program's end, or stops it; then also returns the processes that escaped.
async fn watch(
    child: &mut Child,
    tree: &mut ProcessTree,
    stop: Stop,
    until: &Until,
) -> (EndCause, Option<ExitStatus>, Option<Vec<u32>>) {
    let end = tokio::select! {
        biased;
        status = child.wait() => {
            tree.release();
            return (EndCause::Exited, reaped(status), None);
        }
        () = until.cancel.cancelled() => EndCause::Cancelled,
        () = sleep(until.timeout.unwrap_or_default()), if until.timeout.is_some() => EndCause::TimedOut,
        () = until.server_ends.cancelled() => EndCause::Cancelled,
    };
    let mut status = None;
    let have_ended = tokio::select! {
        biased;
        () = until.server_ends.cancelled() => false,
        have_ended = stopped(child, tree, stop, &mut status) => have_ended,
    };
    let escaped = if have_ended { tree.ended().await } else { tree.kill().await };
    // A process that cannot be killed is not waited for.
    let lives = child.id().is_some_and(|pid| escaped.contains(&pid));
    let status = match status {
        None if lives => None,
        None => reaped(child.wait().await),
        Some(status) => reaped(status),
    };
    (end, status, Some(escaped))
}

/// Signals a program with all its processes, and waits for their end until the stop timeout; whether all have ended.
async fn stopped(
    child: &mut Child,
    tree: &mut ProcessTree,
    stop: Stop,
    status: &mut Option<std::io::Result<ExitStatus>>,
) -> bool {
    let deadline = deadline::after(stop.timeout);
    tree.stop(stop.signal).await;
    tokio::select! {
        biased;
        ended = child.wait() => *status = Some(ended),
        () = sleep_until(deadline) => return false,
    }
    // The leader has ended; the others have the rest of the time. There is no event for their end.
    let mut interval = CHECK;
    while Instant::now() < deadline {
        if !tree.lives(stop.signal).await {
            return true;
        }
        sleep_until(deadline.min(Instant::now() + interval)).await;
        interval = (interval * 2).min(LONGEST_CHECK);
    }
    false
}

fn reaped(status: std::io::Result<ExitStatus>) -> Option<ExitStatus> {
    status.inspect_err(|error| tracing::warn!(%error, "the end of a program is not known")).ok()
}

/// Copies both pipes into `output` until they are closed, or quiet after the program's end. Returns the pipes that other
/// processes still have open.
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
                // Only a program that fills its pipe gains from a larger one, which takes time to make.
                if length == READ && std::mem::take(&mut small[stream as usize]) {
                    pipes::enlarge(open);
                }
                output.append(stream, &buffer[..length]).await;
                turn += length;
                if turn >= TURN {
                    turn = 0;
                    // Nothing else may make this task wait: the pipe is never empty, and an output at its limit writes no
                    // file.
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
        // An error is reported when the pipe is read.
        Some(pipe) => drop(pipe.readable().await),
        None => std::future::pending().await,
    }
}

/// Ends once the program has ended and the pipes were quiet for long enough; `last` is the end of that time at the latest.
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
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)))
    }

    /// Signals every process of the group; an empty group is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(group) = self.0
            && let Err(error) = kill_process_group(group, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, group = group.as_raw_nonzero().get(), "a process group cannot be signalled");
        }
    }

    pub(crate) fn lives(&self) -> bool {
        self.0.is_some_and(platform::group_lives)
    }

    pub(crate) fn is(&self, group: Pid) -> bool {
        self.0 == Some(group)
    }

    /// Stops signalling: its number may be reused.
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
    use std::future::poll_fn;
    use std::io::Write as _;
    use std::task::Poll;

    use super::*;

    /// A program that printed faster than it was read blocked all other tasks.
    #[tokio::test]
    async fn fast_output_yields_to_other_tasks() {
        const SIZE: usize = 3 * TURN + READ / 2;
        let ((stdout, mut writer), (stderr, _)) = (pipes::pair().unwrap(), pipes::pair().unwrap());
        pipes::enlarge(&stdout);
        writer.write_all(&vec![b'y'; SIZE]).unwrap();
        drop(writer);
        let (output, exited) =
            (Output::kept_in(std::path::PathBuf::new(), 0), CancellationToken::new());
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
