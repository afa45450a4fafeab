//! One process of a worker: its messages in both directions, and its end.

use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use topside_shared::frame::Lines;

use crate::process::daemon::Piped;
use crate::process::drain::drain;
use crate::process::running_program::Group;
use crate::workers::worker_messages::{MAX_LINE, Message};
use crate::workers::{Resident, stderr_log, worker_messages};

/// How long the process is waited for after the end of its streams, and the reverse.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// First and longest pause between two checks for the end of a group.
const LOOK: Duration = Duration::from_millis(10);
const MOST_PAUSE: Duration = Duration::from_millis(160);

/// Why a process ended.
pub(super) enum ProcessEnd {
    Exited(Option<ExitStatus>),
    /// It broke the protocol; the text follows "it".
    Fault(String),
    /// It did not answer this cancelled call in time.
    Overdue(u64),
    Stopped,
}

impl Resident {
    /// Passes messages both ways until one side ends it. Afterwards every process of its group has ended.
    pub(super) async fn attend(&self, piped: Piped) -> ProcessEnd {
        let Piped { mut child, mut group, mut stdin, mut stdout, mut stderr } = piped;
        let (mut heard, mut logged) = (false, false);
        let mut at_end = false;
        let end = {
            let mut hearing = pin!(self.hear(&mut stdout));
            let mut errors = pin!(stderr_log::log(self.name(), &mut stderr));
            let end = {
                let mut writing = pin!(self.write(&mut stdin));
                loop {
                    tokio::select! {
                        status = child.wait() => break ProcessEnd::Exited(status.ok()),
                        said = &mut hearing => {
                            heard = true;
                            at_end = said.is_ok();
                            break match said {
                                Ok(()) => closed(&mut child, "output").await,
                                Err(fault) => ProcessEnd::Fault(format!("wrote {fault}")),
                            };
                        }
                        () = &mut writing => break closed(&mut child, "input").await,
                        () = &mut errors, if !logged => logged = true,
                        id = self.calls.overdue() => break ProcessEnd::Overdue(id),
                        () = self.stop.cancelled() => break ProcessEnd::Stopped,
                    }
                }
            };
            drop(stdin);
            // Only a worker that still answers gets time to end.
            let gently = matches!(end, ProcessEnd::Stopped);
            // Its output is read to the end: it may hold answers, or the reason of its end. A process that left the
            // group may hold the streams open, and is not waited for.
            let mut finish = pin!(self.finish(&mut child, &mut group, gently));
            let mut finished = None;
            while !(heard && logged && finished.is_some()) {
                let last = finished.unwrap_or_else(Instant::now) + LAST_WORDS;
                tokio::select! {
                    said = &mut hearing, if !heard => {
                        heard = true;
                        at_end = said.is_ok();
                    }
                    () = &mut errors, if !logged => logged = true,
                    () = &mut finish, if finished.is_none() => finished = Some(Instant::now()),
                    () = sleep_until(last), if finished.is_some() => break,
                }
            }
            end
        };
        // A process that left the group may have the pipes open, and a closed pipe would end it.
        let open = [(at_end, stdout), (logged, stderr)].into_iter().filter(|(at_end, _)| !at_end);
        let open = open.filter_map(|(_, pipe)| pipe.into_nonblocking_fd().ok()).collect();
        drain(open, &format!("worker {}", self.name()));
        end
    }

    /// Writes messages; ends when the pipe is closed.
    async fn write(&self, stdin: &mut ChildStdin) {
        loop {
            let line = self.calls.next_line().await;
            if stdin.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// Reads messages to the end of standard output. The error is a breach of the protocol, after "it wrote".
    async fn hear(&self, stdout: &mut Receiver) -> Result<(), String> {
        let mut lines = Lines::new(MAX_LINE);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let mut input = match stdout.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(length) => &buffer[..length],
            };
            while let Some(line) = lines.next(&mut input) {
                let line =
                    line.map_err(|_| format!("a line of more than {} KiB", MAX_LINE / 1024))?;
                self.take(worker_messages::read(line, !self.knows_secrets)?).await?;
            }
        }
    }

    async fn take(&self, message: Message) -> Result<(), String> {
        match message {
            Message::Output { id, stream, text } => {
                let run = self.calls.run(id);
                let run = run.ok_or_else(|| {
                    format!("output of call {id}, which has ended or was never sent")
                })?;
                run.output.append(stream, text.as_bytes()).await;
            }
            Message::Answer { id, answer } => {
                if !self.calls.answer(id, answer) {
                    return Err(format!(
                        "an answer to call {id}, which has ended or was never sent"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Ends the whole group. Its standard input is closed already; `gently`: with time to end by that alone.
    async fn finish(&self, child: &mut Child, group: &mut Group, gently: bool) {
        let longest = self.declared.stop_timeout.min(Duration::from_secs(365 * 86_400));
        let until = |now: Instant| {
            let until = now + longest;
            self.deadline.get().map_or(until, |deadline| until.min(*deadline))
        };
        if gently && gone(child, group, until(Instant::now())).await {
            return group.release();
        }
        group.signal(Signal::TERM);
        group.signal(Signal::CONT);
        if !gone(child, group, until(Instant::now())).await {
            group.signal(Signal::KILL);
            // An error would mean that the process was waited for already.
            drop(child.wait().await);
        }
        group.release();
    }
}

/// A stream was closed, mostly the first sign of the worker's end.
async fn closed(child: &mut Child, stream: &str) -> ProcessEnd {
    match timeout(LAST_WORDS, child.wait()).await {
        Ok(status) => ProcessEnd::Exited(status.ok()),
        Err(_) => ProcessEnd::Fault(format!("closed its standard {stream}")),
    }
}

/// Waits for the end of a whole group; whether it came in time. The kernel has no event for it.
async fn gone(child: &mut Child, group: &Group, deadline: Instant) -> bool {
    if timeout_at(deadline, child.wait()).await.is_err() {
        return false;
    }
    let mut pause = LOOK;
    while group.lives() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(pause).await;
        // Each check looks at every process of the box.
        pause = (pause * 2).min(MOST_PAUSE);
    }
    true
}
